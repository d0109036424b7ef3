"""Provisioning: the properties that Keepwell owns in each CRM, compared, created, or exported for somebody who may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from connectors.base import FieldFinding
from mapping.records import FieldSpec
from store import leases
from store.errors import LeaseHeld
from sync.deps import Deps
from sync.errors import Busy
from sync.session import lease_key


@runtime_checkable
class Packager(Protocol):
    """What the provisioner of a CRM has besides when its fields can be deployed from files."""

    def export(self, specs: Sequence[FieldSpec], folder: Path) -> list[Path]:
        """Write the files; returns their paths, raises `ConfigError` when `folder` cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class FieldExport:
    """The properties of one CRM by their names there; `files` were written below `folder` where it takes files."""

    connection: str
    properties: dict[str, FieldSpec]
    folder: Path | None = None
    files: tuple[Path, ...] = ()


def fields_plan(deps: Deps) -> dict[str, list[FieldFinding]]:
    """What each CRM has and lacks, by connection; changes nothing."""
    return {name: connector.fields().plan(deps.specs) for name, connector in deps.connectors.items()}


def fields_apply(deps: Deps) -> dict[str, list[FieldFinding]]:
    """Create what is missing and return the findings as they are then; raises `Busy` while a run is under way."""
    done: dict[str, list[FieldFinding]] = {}
    for name, connector in deps.connectors.items():
        owner = deps.new_id()
        try:
            lease = leases.acquire(deps.store, deps.workspace, lease_key(name), owner, deps.timing.lease_ttl)
        except LeaseHeld as held:
            raise Busy(f"{name} is in use by run {held.owner}.", hint="Wait for that run to end.") from held
        try:
            provisioner = connector.fields()
            done[name] = provisioner.apply(provisioner.plan(deps.specs))
        finally:
            leases.release(deps.store, lease)
    return done


def fields_export(deps: Deps, folder: Path | None = None) -> list[FieldExport]:
    """Definitions for every CRM; with `folder`, also a package below it for each CRM that takes one.

    Asks no CRM anything. Raises `ConfigError` when the folder cannot be used.
    """
    found = []
    for name, connector in deps.connectors.items():
        provisioner = connector.fields()
        properties = {provisioner.property_name(spec): spec for spec in deps.specs}
        if folder is not None and isinstance(provisioner, Packager):
            files = provisioner.export(deps.specs, folder / name)
            found.append(FieldExport(name, properties, folder / name, tuple(files)))
        else:
            found.append(FieldExport(name, properties))
    return found
