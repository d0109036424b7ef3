"""Which objects are pulled, under which stream names, and with which of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from types import MappingProxyType

from connectors.base import Definition, Stream, StreamMap
from connectors.errors import ConfigError, SchemaDrift
from connectors.gainsight.beside import Side
from connectors.gainsight.query import GSID, Condition, Literal, among
from connectors.gainsight.schema import COMPANY, NUMERIC, FieldInfo, ObjectInfo, Schema
from connectors.gainsight.settings import AttendeeSettings, GainsightSettings

COMPANIES, OWNERS, MEETINGS, MILESTONES = "companies", "owners", "meetings", "milestones"
ATTENDEES = "meetings>persons"
TIMELINE = "activity_timeline"
_NEVER = 876_000  # hours, a century: the configuration's 0, for an engine that takes no answer for its own cadence


@dataclass(frozen=True, slots=True)
class Source:
    """An object behind a stream; `where` chooses among its records, `optional` objects may be absent."""

    object: str
    optional: bool = True
    where: tuple[Condition, ...] = ()


_STANDARD = (COMPANIES, MEETINGS, "calls")
_OF_THE_TENANT = ("contracts", "deals", "tickets", "surveys")
USERS = "gsuser"
USER_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"name": ("Name",), "email": ("Email",), "active": ("IsActiveUser", "IsActive")}
)
"""Unified fields of an owner, with the names under which tenants have them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The field map laid over the tenant: streams to pull, unified fields without a field, and the fields missing."""

    streams: tuple[Stream, ...]
    not_connected: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, tuple[str, ...]]


class Streams:
    """The field map laid over the tenant's descriptions, computed once per connection."""

    def __init__(
        self, field_map: Mapping[str, StreamMap], schema: Schema, settings: GainsightSettings, own: str
    ) -> None:
        self._sources = _sources(settings)
        unknown = sorted(set(field_map) - {*_STANDARD, *_OF_THE_TENANT, MILESTONES})
        if unknown:
            known = ", ".join((*_STANDARD, *_OF_THE_TENANT, MILESTONES))
            raise ConfigError(f"Gainsight has no stream {', '.join(unknown)}.", hint=f"Known streams: {known}.")
        homeless = [name for name in _OF_THE_TENANT if name not in self._sources and _is_mapped(field_map.get(name))]
        if homeless:
            raise ConfigError(
                f"{', '.join(homeless)}: fields are mapped, but no object is named that has them.",
                hint=f"Name it in the connection, for instance objects: {{{homeless[0]}: My_Object__gc}}.",
            )
        self._map = field_map
        self._schema = schema
        self._attendees = settings.timeline.attendees
        self._every = timedelta(hours=settings.pull.full_every_hours or _NEVER)
        self._sides = _sides(settings)
        target = settings.target
        self._target = Side(target.object, target.company) if target is not None else None
        self._own = own
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
        if stream not in self._sources:
            raise ConfigError(f"Gainsight has no stream {stream!r} here.", hint=f"Known: {', '.join(self._sources)}.")
        return self._sources[stream]

    def conditions(self, stream: str) -> tuple[Condition, ...]:
        """What chooses among the records of a stream's object, with values of the fields' types."""
        info = self.info(stream)
        return tuple(_typed(one, self._schema.field(info, one.field)) for one in self.source(stream).where)

    def info(self, stream: str) -> ObjectInfo:
        """The description of the object behind a records stream; raises `SchemaDrift` when it is gone."""
        name = self.source(stream).object
        info = self._schema.object(name)
        if info is None:
            raise no_object(name)
        return info

    def field(self, stream: str, name: str) -> FieldInfo | None:
        """The field behind a property of a stream, in its object, in one that a lookup leads to, or beside it."""
        side, own = self._place(stream, name)
        if side is None:
            return self._schema.field(self.info(stream), name)
        found = self._schema.object(side.object)
        return found.fields.get(own) if found is not None else None

    def beside(self, stream: Stream) -> dict[Side, dict[str, str]]:
        """The sides whose changes are a stream's: property → field of the side, none where nothing of it is read."""
        found: dict[Side, dict[str, str]] = {}
        if stream.name == COMPANIES and self._target is not None and self._usable_target(self._target):
            found[self._target] = {}
        for name in stream.properties:
            side, own = self._place(stream.name, name)
            if side is not None:
                found.setdefault(side, {})[name] = own
        return found

    def _place(self, stream: str, name: str) -> tuple[Side | None, str]:
        """The side that a property is in, None where it is in the object itself, and its name there."""
        if stream != COMPANIES:
            return None, name
        before, dot, rest = name.partition(".")
        if dot and before in self._sides:
            return self._sides[before], rest
        target = self._target
        if target is not None and (name.startswith(self._own) or name in self.idle(stream)):
            info = self._schema.object(target.object)
            if info is not None and info.has(name) and self._usable_target(target):
                return target, name
        return None, name

    def _usable_target(self, target: Side) -> bool:
        """Whether the object that is to hold Keepwell's fields is there; until then `fields plan` says what lacks."""
        info = self._schema.object(target.object)
        return info is not None and info.has(target.company)

    def idle(self, stream: str) -> frozenset[str]:
        """Fields of a stream that feed no unified field: Keepwell's own, unless somebody maps them."""
        return frozenset(name for name, unified in self._map[stream].custom.items() if not unified)

    def unread(self) -> dict[str, str]:
        """Objects that the connection names and of which the field map reads nothing, by the key that names them."""
        named = {name: one.object for name, one in self._sources.items() if name in (*_OF_THE_TENANT, MILESTONES)}
        found = {name: object_ for name, object_ in named.items() if not _is_mapped(self._map.get(name))}
        mapped = self._map.get(COMPANIES)
        before = {name.partition(".")[0] for name in (*mapped.properties, *mapped.custom)} if mapped else set()
        return found | {name: side.object for name, side in self._sides.items() if name not in before}

    def definitions(self) -> dict[str, dict[str, Definition]]:
        """Field definitions of the mapped objects that the tenant has."""
        found: dict[str, dict[str, Definition]] = {}
        for stream in self.selection().streams:
            if stream.kind == "records":
                mapped = {*self._map[stream.name].properties}
                found[stream.name] = {
                    name: Definition(one.type, one.active, mapped=name in mapped, custom=one.custom)
                    for name, one in self.info(stream.name).fields.items()
                }
        return found

    def _select(self) -> Selection:
        streams: list[Stream] = []
        gaps: dict[str, tuple[str, ...]] = {}
        missing: dict[str, tuple[str, ...]] = {}
        if self._schema.object(USERS) is not None:
            streams.append(Stream(OWNERS, "owner", "reference", properties=tuple(USER_FIELDS), optional=True))
        for name, source in self._sources.items():
            wanted = self._map.get(name)
            if wanted is None or not _is_mapped(wanted):
                continue
            info = self._schema.object(source.object)
            lost = self._lost(info, source) if info is not None else []
            if info is None or lost:
                if not source.optional or wanted.explicit:
                    raise no_object(source.object) if info is None else missing_fields(info, lost)
                missing[name] = (source.object,)
                gaps[name] = tuple(sorted({unified for fields in wanted.custom.values() for unified in fields}))
                continue
            present, absent = self._split(name, wanted, info)
            gaps[name] = wanted.unfilled(present)
            missing[name] = tuple(prop for prop in absent if set(wanted.custom[prop]) & set(gaps[name]))
            streams.append(
                Stream(name, wanted.entity, "records", tuple(present), optional=source.optional, full_every=self._every)
            )
        if self._attendees is not None and any(stream.name == MEETINGS for stream in streams):
            self._check_attendees(self._attendees)
            streams.append(Stream(ATTENDEES, "attendance", "links", ids_from=MEETINGS, optional=True))
        return Selection(tuple(streams), _filled(gaps), _filled(missing))

    def _lost(self, info: ObjectInfo, source: Source) -> list[str]:
        """What the object lacks of that which choosing among its records and following them takes."""
        needed = (GSID, *(one.field for one in source.where))
        return [name for name in needed if self._schema.field(info, name) is None]

    def _split(self, stream: str, wanted: StreamMap, info: ObjectInfo) -> tuple[list[str], list[str]]:
        """Fields of `wanted` that are there, and custom ones that are not; raises `SchemaDrift` for others."""
        names = tuple(dict.fromkeys((*wanted.properties, *wanted.custom)))
        self._check_sides(stream, names)
        present = [name for name in names if self.field(stream, name) is not None]
        absent = [name for name in names if name not in present]
        lost = [name for name in absent if name not in wanted.custom or name in wanted.explicit]
        if lost:
            raise missing_fields(info, lost)
        return present, absent

    def _check_attendees(self, named: AttendeeSettings) -> None:
        """Raise `SchemaDrift` where the object of attendees, or one of the fields that were named, is not there."""
        needed = {named.object: (named.meeting, named.person), TIMELINE: (named.meeting_key,)}
        for name, fields in needed.items():
            self._check_object(name, fields)

    def _check_object(self, name: str, fields: Iterable[str]) -> None:
        info = self._schema.object(name)
        if info is None:
            raise no_object(name)
        if lost := [one for one in dict.fromkeys(fields) if not info.has(one)]:
            raise missing_fields(info, lost)

    def _check_sides(self, stream: str, names: Sequence[str]) -> None:
        """Raise `SchemaDrift` where an object beside the stream's, or a field of it that is read, is not there."""
        read: dict[Side, list[str]] = {}
        for name in names:
            side, own = self._place(stream, name)
            if side is not None:
                read.setdefault(side, list(side.needs)).append(own)
        for side, fields in read.items():
            self._check_object(side.object, fields)


def _sides(settings: GainsightSettings) -> dict[str, Side]:
    """Objects beside Company, by what stands before the dot in the field map."""
    usage = settings.usage
    return {"usage": Side(usage.object, usage.company, usage.as_of, usage.days)} if usage is not None else {}


def missing_fields(info: ObjectInfo, lost: Sequence[str]) -> SchemaDrift:
    """The error for fields that are not there, with the spelling the tenant has where only the case differs."""
    spelled = [f"{name} is spelled {other}" for name in lost if (other := info.exact(name))]
    return SchemaDrift(
        f"The Gainsight object {info.name} has no field {', '.join(lost)}.",
        hint=f"In the configuration, {', '.join(spelled)}."
        if spelled
        else "Add it in Administration > Data Management, or name another field in the configuration.",
    )


def _is_mapped(wanted: StreamMap | None) -> bool:
    return wanted is not None and bool(wanted.properties or wanted.custom)


def _sources(settings: GainsightSettings) -> dict[str, Source]:
    found = {COMPANIES: Source(COMPANY, optional=False)}
    for name, types in ((MEETINGS, settings.timeline.meetings), ("calls", settings.timeline.calls)):
        found[name] = Source(TIMELINE, where=(among("TypeName", types),))
    for name in _OF_THE_TENANT:
        named = getattr(settings.objects, name)
        if named:
            found[name] = Source(named, optional=False)
    if settings.milestones is not None:
        where = tuple(
            among(field, value if isinstance(value, tuple) else (value,))
            for field, value in settings.milestones.where.items()
        )
        found[MILESTONES] = Source(settings.milestones.object, optional=False, where=where)
    return found


def _typed(condition: Condition, info: FieldInfo | None) -> Condition:
    """A condition with values as the field's type has them, however they were written; raises `ConfigError`."""
    if info is None:
        return condition
    read = {"BOOLEAN": _flag, **dict.fromkeys(NUMERIC, _number)}.get(info.type, _text)
    try:
        return replace(condition, values=tuple(read(value) for value in condition.values))
    except ValueError:
        given = ", ".join(map(repr, condition.values))
        raise ConfigError(
            f"{condition.field} is a {info.type} field, which cannot be {given}.",
            hint="Give `where` a number for a number field, and true or false for a check box.",
        ) from None


def _flag(value: Literal) -> bool:
    if str(value).casefold() not in ("true", "false"):
        raise ValueError("true or false was wanted")
    return str(value).casefold() == "true"


def _number(value: Literal) -> int | float:
    if isinstance(value, bool):
        raise ValueError("a number was wanted")  # noqa: TRY004  (as for a text that is none)
    return value if isinstance(value, int | float) else float(value)


def _text(value: Literal) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled(lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: entries for name, entries in lists.items() if entries}


def no_object(name: str) -> SchemaDrift:
    """The error for an object that is not there."""
    return SchemaDrift(
        f"The tenant has no object {name}, or these credentials may not see it.",
        hint="Check its name in Administration > Data Management.",
    )
