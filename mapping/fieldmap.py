"""Field maps: which CRM property feeds which unified field.

A map is parsed from two mappings, the shipped defaults and the operator's override, and answers two questions:
which properties to request for a stream, and how to read one unified field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mapping.records import ENTITIES

MILESTONE = re.compile(r"ms\.([a-z][a-z0-9_]{0,59})")
"""How a field map names the day on which an account reached a milestone: `ms.kick_off`."""

PSEUDO_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "account": frozenset({"merged_refs", "merged_into_ref"}),
        "deal": frozenset({"is_closed", "is_won"}),
        "ticket": frozenset({"milestone", "milestone_due_on"}),
    }
)
"""Names a map may give that are not stored: they feed merges, the deal's `state`, and tickets that are milestones."""

_STREAM_KEYS = frozenset({"entity", "optional", "fields", "custom"})
_RULE_KEYS = frozenset({"property", "first_of", "rules", "values", "unit", "offset_days"})
_LONGEST_OFFSET = 3660
_SOURCES = ("property", "first_of", "rules")


class FieldMapError(ValueError):
    """A field map that cannot be used; `path` leads to the key at fault."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(f"{'.'.join(map(str, path))}: {message}")
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class Case:
    """One `rules` entry: when every property has the given value, the field is `value`."""

    when: tuple[tuple[str, str], ...]
    value: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How one unified field is read: from the first property that has a value, or by the first case that holds.

    `custom` says that the property has no standard home and may be absent; `explicit` that the operator named it,
    so that its absence is a mistake and not a missing integration.
    """

    properties: tuple[str, ...]
    cases: tuple[Case, ...] = ()
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unit: str | None = None
    offset_days: int = 0
    custom: bool = False
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class StreamMap:
    """One stream: the entity its records become and the rule of every field that is mapped."""

    name: str
    entity: str
    rules: Mapping[str, Rule]
    optional: bool = False

    @property
    def properties(self) -> tuple[str, ...]:
        """The vendor's property names to request, each once, in map order."""
        return tuple(dict.fromkeys(name for rule in self.rules.values() for name in rule.properties))

    @property
    def milestones(self) -> Mapping[str, Rule]:
        """Milestone → how the day on which it was reached is read."""
        found = ((MILESTONE.fullmatch(name), rule) for name, rule in self.rules.items())
        return {match[1]: rule for match, rule in found if match is not None}

    @property
    def custom(self) -> frozenset[str]:
        """Properties without a standard home that the operator did not name: they may be absent."""
        required = {
            name for rule in self.rules.values() if not rule.custom or rule.explicit for name in rule.properties
        }
        return frozenset(self.properties) - required

    @property
    def explicit(self) -> frozenset[str]:
        """Properties that the operator named."""
        return frozenset(name for rule in self.rules.values() if rule.explicit for name in rule.properties)


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The streams of one connection."""

    streams: Mapping[str, StreamMap]

    @classmethod
    def parse(cls, default: Mapping[str, object], override: Mapping[str, object] | None = None) -> FieldMap:
        """Read the shipped map and lay the operator's over it.

        `override` is stream → unified field → property name, rule, or None to switch the field off. Raises
        `FieldMapError` with the path of the first key that is not understood.
        """
        streams = {name: _stream(name, body) for name, body in default.items()}
        for name, fields in (override or {}).items():
            if name not in streams:
                raise FieldMapError((name,), f"there is no such stream; this CRM has {', '.join(sorted(streams))}")
            streams[name] = _laid_over(streams[name], fields)
        return cls(MappingProxyType(streams))

    def properties(self, stream: str) -> tuple[str, ...]:
        """The vendor's property names that `stream` needs."""
        return self.streams[stream].properties

    def __iter__(self) -> Iterator[StreamMap]:
        return iter(self.streams.values())


def _stream(name: str, body: object) -> StreamMap:
    parts = _mapping((name,), body)
    _known_keys((name,), parts, _STREAM_KEYS)
    entity = parts.get("entity")
    if not isinstance(entity, str) or entity not in ENTITIES:
        raise FieldMapError((name, "entity"), f"has to be one of {', '.join(ENTITIES)}")
    rules: dict[str, Rule] = {}
    for section in ("fields", "custom"):
        for field_name, rule in _mapping((name, section), parts.get(section) or {}).items():
            path = (name, section, field_name)
            _known_field(path, entity, field_name)
            rules[field_name] = _rule(path, rule, custom=section == "custom", explicit=False)
    return StreamMap(name, entity, MappingProxyType(rules), optional=parts.get("optional") is True)


def _laid_over(stream: StreamMap, fields: object) -> StreamMap:
    rules = dict(stream.rules)
    for field_name, rule in _mapping((stream.name,), fields).items():
        path = (stream.name, field_name)
        _known_field(path, stream.entity, field_name)
        if rule is None:
            rules.pop(field_name, None)
            continue
        custom = rules[field_name].custom if field_name in rules else True
        rules[field_name] = _rule(path, rule, custom=custom, explicit=True)
    return StreamMap(stream.name, stream.entity, MappingProxyType(rules), stream.optional)


def _rule(path: tuple[str | int, ...], body: object, *, custom: bool, explicit: bool) -> Rule:
    if isinstance(body, str) and body.strip():
        return Rule((body.strip(),), custom=custom, explicit=explicit)
    parts = _mapping(path, body)
    _known_keys(path, parts, _RULE_KEYS)
    sources = [key for key in _SOURCES if key in parts]
    if len(sources) != 1:
        raise FieldMapError(path, "needs exactly one of property, first_of and rules")
    cases = _cases((*path, "rules"), parts["rules"]) if "rules" in parts else ()
    unit = parts.get("unit")
    if unit not in (None, "percent", "milliseconds"):
        raise FieldMapError((*path, "unit"), "has to be percent or milliseconds")
    offset = parts.get("offset_days", 0)
    if not isinstance(offset, int) or isinstance(offset, bool) or abs(offset) > _LONGEST_OFFSET:
        raise FieldMapError((*path, "offset_days"), f"has to be a whole number of days, at most {_LONGEST_OFFSET}")
    return Rule(
        _properties(path, parts, cases), cases, _values((*path, "values"), parts.get("values")),
        unit if isinstance(unit, str) else None, offset, custom, explicit,
    )  # fmt: skip


def _properties(path: tuple[str | int, ...], parts: Mapping[str, object], cases: tuple[Case, ...]) -> tuple[str, ...]:
    if cases:
        return tuple(dict.fromkeys(name for case in cases for name, _ in case.when))
    names = parts.get("first_of", [parts.get("property")])
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise FieldMapError(path, "property has to be a property name, first_of a list of them")
    return tuple(str(name) for name in names)


def _cases(path: tuple[str | int, ...], body: object) -> tuple[Case, ...]:
    if not isinstance(body, list) or not body:
        raise FieldMapError(path, "has to be a list of {when: {property: value}, value: …}")
    cases = []
    for index, item in enumerate(body):
        parts = _mapping((*path, index), item)
        _known_keys((*path, index), parts, frozenset({"when", "value"}))
        when = _mapping((*path, index, "when"), parts.get("when"))
        if not when or not isinstance(parts.get("value"), str):
            raise FieldMapError((*path, index), "needs `when` with at least one property and a text `value`")
        cases.append(Case(tuple((name, str(value)) for name, value in when.items()), str(parts["value"])))
    return tuple(cases)


def _values(path: tuple[str | int, ...], body: object) -> Mapping[str, str]:
    if body is None:
        return MappingProxyType({})
    return MappingProxyType({key: str(value) for key, value in _mapping(path, body).items()})


def _mapping(path: tuple[str | int, ...], body: object) -> Mapping[str, object]:
    if not isinstance(body, Mapping):
        raise FieldMapError(path, "has to be a mapping")
    return {str(key): value for key, value in body.items()}


def _known_keys(path: tuple[str | int, ...], parts: Mapping[str, object], known: frozenset[str]) -> None:
    for key in parts:
        if key not in known:
            raise FieldMapError((*path, key), f"unknown key; known are {', '.join(sorted(known))}")


def _known_field(path: tuple[str | int, ...], entity: str, name: str) -> None:
    known = {item.name for item in ENTITIES[entity]} | PSEUDO_FIELDS.get(entity, frozenset())
    if entity == "deal":
        known.add("state")
    if name in known or (entity == "account" and MILESTONE.fullmatch(name)):
        return
    milestones = " and milestones such as ms.kick_off" if entity == "account" else ""
    raise FieldMapError(path, f"{entity} has no field {name!r}; it has {', '.join(sorted(known))}{milestones}")
