"""The properties that Keepwell owns in one CRM: their names there, which of them exist, how values compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from connectors.base import Connector, Records
from connectors.errors import MissingScope
from mapping import entries
from mapping.canonical import canonical
from mapping.fieldmap import FieldMap
from mapping.records import FieldSpec
from mapping.tasks import TASK_KEY, task_fields
from sync.errors import InvariantError

Makes = Literal["task", "entry"]
"""What the records of an object are that Keepwell makes: a task for an alert, an entry on a timeline for a fall."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Writable properties of one object of a connection; `absent` are not there (or have another type) and so are not
    planned.

    `stream` is the stream that reads the object, empty where none does. Beside the accounts' stand the `tasks` that
    alerts become and the `entries` that falls of health become, where the configuration asks for them; `makes` says of
    those what they are, `settles_after` for how many seconds a lost request for one may still be carried out.
    """

    connection: str
    object_name: str
    stream: str
    by_field: Mapping[str, str]
    specs: Mapping[str, FieldSpec]
    absent: tuple[str, ...]
    tasks: Owned | None = None
    entries: Owned | None = None
    makes: Makes | None = None
    settles_after: float = 0.0

    def canonical(self, property_name: str, raw: object) -> str | None:
        """Canonical text of a raw value of one of these properties."""
        return canonical(self.specs[property_name], raw)

    @property
    def properties(self) -> tuple[str, ...]:
        """Every property that exists, in the order of the fields."""
        return tuple(self.by_field.values())

    def places(self) -> tuple[Owned, ...]:
        """The objects of the connection that are written to, the accounts first."""
        return tuple(one for one in (self, self.tasks, self.entries) if one is not None)

    def records(self, connector: Connector) -> Records:
        """Where the connection's records of this object are read and written."""
        found: Records | None = connector
        if self.makes is not None:
            found = connector.tasks() if self.makes == "task" else connector.entries()
        if found is None:
            raise InvariantError(f"{connector.name} has no records of {self.object_name}.", hint="Run again.")
        return found


def account_stream(field_map: FieldMap) -> str:
    """Name of the stream that carries accounts."""
    for stream in field_map:
        if stream.entity == "account":
            return stream.name
    raise InvariantError("The field map has no stream of accounts.", hint="Add one under `fields`.")


def owned_properties(connector: Connector, field_map: FieldMap, specs: Iterable[FieldSpec]) -> Owned:
    """Ask the CRM which of the writable properties exist; costs a call or two.

    Raises `MissingScope` when the credentials may not look at any of them.
    """
    writable = [spec for spec in specs if spec.writable]
    findings = connector.fields().plan(writable)
    if all(finding.action == "unreadable" for finding in findings):
        raise MissingScope(
            f"{connector.name}: which properties exist cannot be read: {findings[0].detail}",
            hint="Grant the credentials read access to the properties; `keepwell doctor` names what is missing.",
        )
    there = {finding.spec.name: finding.property for finding in findings if finding.action == "exists"}
    return Owned(
        connection=connector.name,
        object_name=connector.account_object,
        stream=account_stream(field_map),
        by_field=there,
        specs={there[spec.name]: spec for spec in writable if spec.name in there},
        absent=tuple(f"{f.property} ({f.action})" for f in findings if f.action != "exists"),
        tasks=_owned_tasks(connector),
        entries=_owned_entries(connector),
    )


def _owned_tasks(connector: Connector) -> Owned | None:
    """The properties of tasks: those that every CRM has, as long as it has the key as well; else none of them."""
    tasks = connector.tasks()
    if tasks is None:
        return None
    (key,) = tasks.fields().plan([TASK_KEY])
    named = (
        {}
        if key.action != "exists"
        else {
            spec.name: (tasks.names[spec.name], spec)
            for spec in task_fields(whole_days=tasks.whole_days)
            if spec.name in tasks.names
        }
    )
    return Owned(
        connection=connector.name,
        object_name=tasks.object_name,
        stream="",
        by_field={name: prop for name, (prop, _) in named.items()},
        specs=dict(named.values()),
        absent=() if named else (f"{tasks.object_name} {key.property} ({key.detail or key.action})",),
        makes="task",
        settles_after=tasks.settles_after,
    )


def _owned_entries(connector: Connector) -> Owned | None:
    """The properties of entries, all of them or none."""
    found = connector.entries()
    if found is None:
        return None
    absent = tuple(f"{found.object_name} {name}" for name in found.lacking())
    named = {} if absent else {spec.name: (found.names[spec.name], spec) for spec in entries.FIELDS}
    return Owned(
        connection=connector.name,
        object_name=found.object_name,
        stream="",
        by_field={name: prop for name, (prop, _) in named.items()},
        specs=dict(named.values()),
        absent=absent,
        makes="entry",
    )


def owned_unasked(connector: Connector, field_map: FieldMap, specs: Iterable[FieldSpec]) -> Owned:
    """The writable properties as they are named, taken to be there: for questions that are answered without the CRM."""
    provisioner = connector.fields()
    named = {spec.name: (provisioner.property_name(spec), spec) for spec in specs if spec.writable}
    return Owned(
        connection=connector.name,
        object_name=connector.account_object,
        stream=account_stream(field_map),
        by_field={name: prop for name, (prop, _) in named.items()},
        specs=dict(named.values()),
        absent=(),
    )
