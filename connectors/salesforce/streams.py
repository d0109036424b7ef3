"""Which objects are pulled, under which stream names, and with which of their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from types import MappingProxyType

from connectors.base import Definition, Stream, StreamMap
from connectors.errors import ConfigError, SchemaDrift
from connectors.salesforce.history import FIRST_WON, NEEDS
from connectors.salesforce.schema import ObjectInfo, Schema
from connectors.salesforce.settings import MilestoneSettings, PullSettings


@dataclass(frozen=True, slots=True)
class Source:
    """An object behind a stream.

    `optional` objects need a licence or a setting; `archives` says that old rows move out of reach of plain queries;
    `where` chooses among its records and `needs` names the fields that this takes, without which the object counts as
    absent; `renamed` are the unified names of a reference list's fields.
    """

    object: str
    optional: bool = False
    archives: bool = False
    where: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


RECORDS: Mapping[str, Source] = MappingProxyType(
    {
        "accounts": Source("Account"),
        "opportunities": Source("Opportunity"),
        "cases": Source("Case"),
        "contracts": Source("Contract", optional=True),
        "events": Source("Event", optional=True, archives=True),
        "tasks": Source("Task", optional=True, archives=True, where=("TaskSubtype = 'Call'",), needs=("TaskSubtype",)),
    }
)
REFERENCES: Mapping[str, tuple[str, Source]] = MappingProxyType(
    {
        "owners": (
            "owner",
            Source("User", optional=True, renamed={"Name": "name", "Email": "email", "IsActive": "active"}),
        ),
        "stages": (
            "stage",
            Source(
                "OpportunityStage",
                optional=True,
                renamed={
                    "MasterLabel": "label",
                    "IsClosed": "is_closed",
                    "IsWon": "is_won",
                    "DefaultProbability": "probability",
                },
            ),
        ),
    }
)
MILESTONES = "milestones"
ATTENDEES = "events>contacts"


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of laying the field map over the org: streams to pull, and unified fields without a property.

    `missing` are the fields behind the latter, `silent` those whose changes do not move `SystemModstamp`.
    """

    streams: tuple[Stream, ...]
    not_connected: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, tuple[str, ...]]
    silent: Mapping[str, tuple[str, ...]]


class Streams:
    """The field map laid over the org's describes, computed once per connection."""

    def __init__(
        self,
        field_map: Mapping[str, StreamMap],
        schema: Schema,
        pull: PullSettings,
        milestones: MilestoneSettings | None = None,
    ) -> None:
        self._sources = _sources(milestones)
        unknown = sorted(set(field_map) - {*self._sources, MILESTONES})
        if unknown:
            known = ", ".join(self._sources)
            raise ConfigError(f"Salesforce has no stream {', '.join(unknown)}.", hint=f"Known streams: {known}.")
        self._map = field_map
        self._schema = schema
        self._pull = pull
        self._lock = Lock()
        self._selection: Selection | None = None

    def selection(self) -> Selection:
        """Streams and gaps; raises `SchemaDrift` when a needed object or field is missing."""
        with self._lock:
            if self._selection is None:
                self._selection = self._select()
            return self._selection

    def source(self, stream: str) -> Source:
        """The object behind a records stream."""
        return self._sources[stream]

    def objects(self) -> list[str]:
        """The objects behind the records streams that are pulled."""
        return [self.source(stream.name).object for stream in self.selection().streams if stream.kind == "records"]

    def definitions(self) -> dict[str, dict[str, Definition]]:
        """Field definitions of the mapped objects that the org has."""
        found: dict[str, dict[str, Definition]] = {}
        for stream, wanted in self._map.items():
            source = self._sources.get(stream)
            info = self._schema.object(source.object) if source is not None else None
            if info is not None:
                mapped = {info.exact(name) for name in wanted.properties}
                found[stream] = {
                    name: Definition(one.type, one.values, mapped=name in mapped, custom=one.custom)
                    for name, one in info.fields.items()
                }
        return found

    def info(self, stream: str) -> ObjectInfo:
        """The description of the object behind a records stream; raises `SchemaDrift` when it is gone."""
        source = self.source(stream)
        info = self._schema.object(source.object)
        if info is None:
            raise _no_object(source.object)
        return info

    def _select(self) -> Selection:
        streams: list[Stream] = []
        gaps: dict[str, tuple[str, ...]] = {}
        missing: dict[str, tuple[str, ...]] = {}
        silent: dict[str, tuple[str, ...]] = {}
        for name, source in self._sources.items():
            wanted = self._map.get(name)
            if wanted is None:
                continue
            info = self._schema.object(source.object)
            if info is None or not all(info.has(field) for field in source.needs):
                if not source.optional or wanted.explicit:
                    raise _no_object(source.object)
                missing[name] = (source.object,)
                gaps[name] = tuple(sorted({unified for fields in wanted.custom.values() for unified in fields}))
                continue
            present, absent = _split(wanted, info, self._elsewhere(source))
            gaps[name] = wanted.unfilled(present)
            missing[name] = tuple(prop for prop in absent if wanted.custom[prop])
            silent[name] = tuple(prop for prop in present if self._is_silent(info, prop))
            every = self._full_every(silent=bool(silent[name]))
            streams.append(
                Stream(name, wanted.entity, properties=tuple(present), optional=source.optional, full_every=every)
            )
        streams += self._references(with_events=any(stream.name == "events" for stream in streams))
        return Selection(tuple(streams), _filled(gaps), _filled(missing), _filled(silent))

    def _is_silent(self, info: ObjectInfo, prop: str) -> bool:
        """Whether a field changes without moving the stamp: formulas and roll-ups, and what the user knows of."""
        field = info.fields.get(prop)
        return bool(field and field.calculated) or f"{info.name}.{prop}" in self._pull.volatile_fields

    def _full_every(self, *, silent: bool) -> timedelta | None:
        """How long increments may stand in for a full read, None for ever."""
        cadences = (self._pull.full_every_hours, self._pull.formula_every_hours if silent else 0)
        return min((timedelta(hours=hours) for hours in cadences if hours), default=None)

    def _elsewhere(self, source: Source) -> frozenset[str]:
        """Names that a map may ask for beside the fields of the object, since another object has them."""
        if source.object != "Opportunity":
            return frozenset()
        history = self._schema.object("OpportunityHistory")
        known = history is not None and all(history.has(name) for name in NEEDS)
        return frozenset({FIRST_WON}) if known else frozenset()

    def _references(self, *, with_events: bool) -> list[Stream]:
        found = [
            Stream(name, entity, kind="reference", properties=tuple(source.renamed), optional=source.optional)
            for name, (entity, source) in REFERENCES.items()
            if self._schema.object(source.object) is not None
        ]
        if with_events:
            found.append(Stream(ATTENDEES, "attendance", kind="links", ids_from="events", optional=True))
        return found


def _sources(milestones: MilestoneSettings | None) -> Mapping[str, Source]:
    if milestones is None:
        return RECORDS
    where = (f"({milestones.where})",) if milestones.where else ()
    return {**RECORDS, MILESTONES: Source(milestones.object, archives=milestones.object == "Task", where=where)}


def _filled(lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: entries for name, entries in lists.items() if entries}


def _split(wanted: StreamMap, info: ObjectInfo, elsewhere: frozenset[str]) -> tuple[list[str], list[str]]:
    """Fields of `wanted` that the user sees, and custom ones that are not there; raises `SchemaDrift` for others."""
    present: list[str] = []
    absent: list[str] = []
    lost: list[str] = []
    for prop in dict.fromkeys((*wanted.properties, *wanted.custom)):
        if info.has(prop) or prop in elsewhere:
            present.append(prop)
        elif prop in wanted.custom and prop not in wanted.explicit:
            absent.append(prop)
        else:
            lost.append(prop)
    if lost:
        raise missing_fields(info, lost)
    return present, absent


def missing_fields(info: ObjectInfo, lost: Sequence[str]) -> SchemaDrift:
    """The error for mapped fields that are not there, with the spelling the org has where only the case differs."""
    meant = {prop: info.exact(prop) for prop in lost}
    spelled = ", ".join(f"{prop} is spelled {other}" for prop, other in meant.items() if other)
    return SchemaDrift(
        f"{info.name} has no field {', '.join(lost)}, or the integration user may not see it.",
        hint=f"In the field map, {spelled}."
        if spelled
        else "Grant read access to it by a permission set, or map another field.",
    )


def _no_object(name: str) -> SchemaDrift:
    return SchemaDrift(
        f"The org has no object {name}, or the integration user may not see it.",
        hint="Grant read access to the object (and View All, so that no record is left out) by a permission set.",
    )
