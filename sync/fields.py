"""Provisioning: the properties that Keepwell owns in each CRM, compared, created, or exported for somebody who may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from connectors.base import FieldFinding, FieldProvisioner
from mapping.records import FieldSpec
from mapping.tasks import TASK_KEY
from store import leases
from store.errors import LeaseHeld
from sync.deps import Deps
from sync.errors import Busy, UsageError
from sync.session import lease_key


@runtime_checkable
class Packager(Protocol):
    """What the provisioner of a CRM has besides when its fields can be made from files; `use` says how."""

    form: str
    use: str

    def export(self, specs: Sequence[FieldSpec], folder: Path) -> list[Path]:
        """Write the files; returns their paths, raises `ConfigError` when `folder` cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class FieldExport:
    """The properties of one object of a CRM by their names there.

    `files` were written below `folder` where the CRM takes files; `use` says what an administrator does with them.
    """

    connection: str
    object_name: str
    properties: dict[str, FieldSpec]
    folder: Path | None = None
    files: tuple[Path, ...] = ()
    use: str = ""


def fields_plan(deps: Deps) -> dict[str, list[FieldFinding]]:
    """What each CRM has and lacks, by connection; changes nothing."""
    return {name: fields_plan_of(deps, name) for name in deps.connectors}


def fields_plan_of(deps: Deps, name: str) -> list[FieldFinding]:
    """The same for one CRM."""
    return [finding for _, provisioner, specs in _wanted(deps, name) for finding in provisioner.plan(specs)]


def _wanted(deps: Deps, name: str) -> Iterator[tuple[str, FieldProvisioner, Sequence[FieldSpec]]]:
    """What Keepwell owns of the accounts, and of tasks where alerts become some."""
    connector = deps.connectors[name]
    yield connector.account_object, connector.fields(), deps.specs_of(name)
    tasks = connector.tasks()
    if tasks is not None:
        yield tasks.object_name, tasks.fields(), (TASK_KEY,)


def fields_apply(deps: Deps) -> dict[str, list[FieldFinding]]:
    """Create what is missing and return the findings as they are then; raises `Busy` while a run is under way."""
    done: dict[str, list[FieldFinding]] = {}
    for name in deps.connectors:
        owner = deps.new_id()
        try:
            lease = leases.acquire(deps.store, deps.workspace, lease_key(name), owner, deps.timing.lease_ttl)
        except LeaseHeld as held:
            raise Busy(f"{name} is in use by run {held.owner}.", hint="Wait for that run to end.") from held
        try:
            done[name] = [
                finding
                for _, provisioner, specs in _wanted(deps, name)
                for finding in provisioner.apply(provisioner.plan(specs))
            ]
        finally:
            leases.release(deps.store, lease)
    return done


def fields_export(deps: Deps, folder: Path | None = None, form: str | None = None) -> list[FieldExport]:
    """Definitions for every CRM; with `folder`, also a package below it for each CRM that takes one.

    With `form`, only the package of that form, in `folder` itself. Asks no CRM anything. Raises `ConfigError` when the
    folder cannot be used, `UsageError` when not exactly one connection takes that form.
    """
    if form is not None:
        name, whole = _taking(deps, folder, form)
        return [_exported(name, *one, whole) for one in _wanted(deps, name)]
    return [
        _exported(name, *one, None if folder is None else folder / (f"{name}_{one[0].lower()}" if number else name))
        for name in deps.connectors
        for number, one in enumerate(_wanted(deps, name))
    ]


def _exported(
    name: str, object_name: str, provisioner: FieldProvisioner, specs: Sequence[FieldSpec], folder: Path | None
) -> FieldExport:
    properties = {provisioner.property_name(spec): spec for spec in specs}
    if folder is None or not isinstance(provisioner, Packager):
        return FieldExport(name, object_name, properties)
    files = tuple(provisioner.export(specs, folder))
    return FieldExport(name, object_name, properties, folder, files, provisioner.use)


def _taking(deps: Deps, folder: Path | None, form: str) -> tuple[str, Path]:
    """The one connection that takes packages of a form, and where to; raises `UsageError`."""
    if folder is None:
        raise UsageError("`--format` says what is written, and not where to.", hint="Add `--out FOLDER`.")
    packagers = {name: one for name, connector in deps.connectors.items()
                 if isinstance(one := connector.fields(), Packager)}  # fmt: skip
    fitting = [name for name, one in packagers.items() if one.form == form]
    if len(fitting) == 1:
        return fitting[0], folder
    said = f"several connections take it: {', '.join(fitting)}" if fitting else "no connection takes it"
    forms = " or ".join(sorted({one.form for one in packagers.values()}))
    other = f"`--format` can be {forms} here. " if forms and not fitting else ""
    raise UsageError(
        f"A package of the form {form!r} cannot be written: {said}.",
        hint=f"{other}Without `--format`, `--out FOLDER` has a folder for each connection.",
    )
