"""Raw records become unified rows, field by field; what cannot be read is set aside alone, with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

from mapping.domains import registered_domain
from mapping.fieldmap import PSEUDO_FIELDS, Rule, StreamMap
from mapping.records import ENTITIES, Field, FieldType, Link, Quarantined
from mapping.values import READERS, Unreadable, flag, is_empty, number_decimal, text

Value = str | int | float | bool | Decimal | date | None

LONGEST_TEXT = 65_536
"""Characters of a unified text: as many as HubSpot keeps of one. Names and the like have a hundred."""
_SLUG = re.compile(r"[^0-9a-z]+")
_SLUGGED = frozenset(
    {"key", "kind", "reference_status", "renewal_forecast", "renewal_status_override", "outcome", "direction"}
)
_NOT_NEGATIVE = frozenset(
    {"employees", "arr", "acv", "tcv", "term_months", "features_used", "features_licensed", "data_volume",
     "data_volume_contracted", "logins_per_user_week", "goals_achieved", "goals_agreed", "hours_saved",
     "hours_saved_target", "roi_target", "expansion_discussions", "duration", "quantity_used", "quantity_licensed",
     "users_active", "users_licensed", "users_provisioned", "users_activated", "leads_achieved", "leads_goal",
     "sales_goal", "executives_engaged", "delivery_budget", "delivery_cost"}
)  # fmt: skip
_VALUES = frozenset({"arr", "acv", "tcv"})
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"probability": (0, 1), "external_score": (0, 100), "sentiment": (-1, 1), "escalation_level": (1, 4)}
)
_FIELDS: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {entity: MappingProxyType({item.name: item for item in fields}) for entity, fields in ENTITIES.items()}
)


USAGE_FIGURES = tuple(item.name for item in ENTITIES["reading"] if item.name not in ("account_ref", "read_on"))
"""The figures of usage that are remembered month by month."""


class Raw(Protocol):
    """What is needed of a raw record."""

    @property
    def id(self) -> str: ...

    @property
    def properties(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Normalised:
    """A unified row (id, connection, stream and every field of the entity) and what could not be read.

    `milestones` are rows of that entity: those which an account record holds as dates, or the one which a ticket of an
    onboarding pipeline stands for; such a ticket asks nobody for support and is not to be stored as a ticket.
    `reading` is a row of that entity: the usage figures of an account record that says of which day they are.
    """

    row: dict[str, Value]
    problems: tuple[Quarantined, ...]
    milestones: tuple[dict[str, Value], ...] = ()
    reading: dict[str, Value] | None = None


def normalise(
    record: Raw, stream: StreamMap, connection: str, *, refs: Mapping[str, str] | None = None, zone: tzinfo = UTC
) -> Normalised:
    """Read `record` with `stream`'s rules.

    `refs` gives reference fields that the CRM keeps as associations (field → id); a mapped property wins over
    them. `zone` is the tenant's, for instants that fill a date field. Never raises on data.
    """
    known = _FIELDS[stream.entity]
    row: dict[str, Value] = {"id": record.id, "connection": connection, "stream": stream.name}
    problems: list[Quarantined] = []
    for name, item in known.items():
        row[name] = None
        rule = stream.rules.get(name)
        if rule is None:
            continue
        raw = _raw(record.properties, rule)
        if raw is None:
            continue
        try:
            row[name] = _read(stream.entity, item, rule, raw, zone)
        except Unreadable as problem:
            problems.append(Quarantined(connection, stream.name, record.id, name, str(problem), _shown(raw)))
    _derive(record, stream, row)
    for name, value in (refs or {}).items():
        if name in known and row[name] is None:
            row[name] = value
    told = _ticket_milestone(record, stream, row, zone, problems) or _milestones(
        record, stream, connection, zone, problems
    )
    milestones = tuple(told)
    return Normalised(row, tuple(problems), milestones, _reading(row) if stream.entity == "account" else None)


def primary_target(links: Iterable[Link]) -> str | None:
    """The record a child belongs to: its primary link, else the lowest id, so that the choice never wavers."""
    ranked = sorted(links, key=lambda link: (not link.primary, len(link.to_id), link.to_id))
    return ranked[0].to_id if ranked else None


def attendance_row(link: Link, connection: str, stream: str) -> dict[str, Value]:
    """The attendance row of a meeting → contact link."""
    return {
        "id": f"{link.from_id}:{link.to_id}",
        "connection": connection,
        "stream": stream,
        "meeting_ref": link.from_id,
        "contact_ref": link.to_id,
    }


def _milestones(
    record: Raw, stream: StreamMap, connection: str, zone: tzinfo, problems: list[Quarantined]
) -> Iterator[dict[str, Value]]:
    """What an account record tells of milestones, each as a row of its own."""
    for key, rule in stream.milestones.items():
        raw = _raw(record.properties, rule)
        if raw is None:
            continue
        try:
            reached = _read("milestone", _FIELDS["milestone"]["completed_on"], rule, raw, zone)
        except Unreadable as problem:
            problems.append(Quarantined(connection, stream.name, record.id, f"ms.{key}", str(problem), _shown(raw)))
            continue
        yield {
            "id": f"{record.id}:{key}",
            "connection": connection,
            "stream": stream.name,
            "account_ref": record.id,
            "key": key,
            "due_on": None,
            "completed_on": reached,
        }


def _reading(row: Mapping[str, Value]) -> dict[str, Value] | None:
    """The usage figures of an account; those of a month share an id, so that the last ones of each month stay."""
    read_on, figures = row["usage_as_of"], {name: row[name] for name in USAGE_FIGURES}
    if not isinstance(read_on, date) or all(value is None for value in figures.values()):
        return None
    keys = {"id": f"{row['id']}:{read_on:%Y-%m}", "connection": row["connection"], "stream": row["stream"]}
    return {**keys, "account_ref": row["id"], "read_on": read_on, **figures}


def _ticket_milestone(
    record: Raw, stream: StreamMap, row: Mapping[str, Value], zone: tzinfo, problems: list[Quarantined]
) -> tuple[dict[str, Value], ...]:
    """The milestone that a ticket stands for: reached on the day on which the ticket was closed."""
    rule = stream.rules.get("milestone") if stream.entity == "ticket" else None
    key = _milestone_key(record, rule) if rule is not None else None
    if key is None:
        return ()
    closed, due = row["closed_at"], None
    planned = stream.rules.get("milestone_due_on")
    raw = _raw(record.properties, planned) if planned is not None else None
    if planned is not None and raw is not None:
        try:
            due = _read("milestone", _FIELDS["milestone"]["due_on"], planned, raw, zone)
        except Unreadable as problem:
            said = (record.id, "milestone_due_on", str(problem), _shown(raw))
            problems.append(Quarantined(str(row["connection"]), stream.name, *said))
    return (
        {
            "id": record.id,
            "connection": row["connection"],
            "stream": stream.name,
            "account_ref": row["account_ref"],
            "key": key,
            "due_on": due,
            "completed_on": closed.astimezone(zone).date() if isinstance(closed, datetime) else None,
        },
    )


def _milestone_key(record: Raw, rule: Rule) -> str | None:
    """Which milestone a ticket is; with `values`, a ticket that says anything else is an ordinary one."""
    raw = _raw(record.properties, rule)
    try:
        if raw is None or not rule.values:
            return None if raw is None else _slug(text(raw))
        return _slug(_translated(rule, raw))
    except Unreadable:
        return None


def _raw(properties: Mapping[str, object], rule: Rule) -> object:
    if rule.cases:
        for case in rule.cases:
            if all(_says(properties.get(name), wanted) for name, wanted in case.when):
                return case.value
        return None
    for name in rule.properties:
        raw = properties.get(name)
        if not is_empty(raw):
            return raw
    return None


def _says(raw: object, wanted: str) -> bool:
    try:
        return not is_empty(raw) and text(raw).casefold() == wanted.casefold()
    except Unreadable:
        return False


def _read(entity: str, item: Field, rule: Rule, raw: object, zone: tzinfo) -> Value:
    if rule.values:
        raw = _translated(rule, raw)
    if rule.unit is not None:
        raw = number_decimal(raw) / (100 if rule.unit == "percent" else 1000)
    if item.name == "domain":
        return _domain(raw)
    value = READERS[item.type](raw, zone)
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise Unreadable(f"is longer than {LONGEST_TEXT:,} characters")
        if item.name in _SLUGGED and ";" in value:
            raise Unreadable("has several values where one is wanted")
        return _slug(value) if item.name in _SLUGGED else (value or None)
    if rule.offset_days and item.type is FieldType.DATE and isinstance(value, date):
        return value + timedelta(days=rule.offset_days)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        _within_reason(entity, item.name, value)
    return value if isinstance(value, (int, float, bool, Decimal, date)) else None


def _translated(rule: Rule, raw: object) -> str:
    said = text(raw)
    by_fold = {key.casefold(): value for key, value in rule.values.items()}
    found = rule.values.get(said, by_fold.get(said.casefold()))
    if found is None:
        raise Unreadable(f"is none of the values in the field map ({', '.join(rule.values)})")
    return found


def _domain(raw: object) -> str:
    found = registered_domain(text(raw))
    if found is None:
        raise Unreadable("is not a domain or website")
    return found


def _slug(value: str) -> str | None:
    return _SLUG.sub("_", value.casefold()).strip("_") or None


def _within_reason(entity: str, name: str, value: float | Decimal) -> None:
    # A deal that makes a contract smaller has a negative value.
    lowers = entity == "deal" and name in _VALUES
    if name in _NOT_NEGATIVE and value < 0 and not lowers:
        raise Unreadable("is negative")
    low, high = _RANGES.get(name, (None, None))
    if low is not None and high is not None and not low <= value <= high:
        raise Unreadable(f"is outside {low:g} to {high:g}")


def _derive(record: Raw, stream: StreamMap, row: dict[str, Value]) -> None:
    if stream.entity == "deal" and row["state"] is None:
        row["state"] = _deal_state(record, stream)
    if stream.entity == "deal" and row["state"] != "won":
        # The fallback property is the close date, which open and lost deals have too.
        row["closed_won_at"] = None


def _deal_state(record: Raw, stream: StreamMap) -> str | None:
    known = {}
    for name in sorted(PSEUDO_FIELDS["deal"]):
        rule = stream.rules.get(name)
        raw = _raw(record.properties, rule) if rule else None
        try:
            known[name] = None if is_empty(raw) else flag(raw)
        except Unreadable:
            known[name] = None
    if known["is_won"]:
        return "won"
    if known["is_closed"] is None:
        return None
    return "lost" if known["is_closed"] else "open"


def _shown(raw: object) -> str:
    try:
        shown = raw if isinstance(raw, str) else repr(raw)
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        shown = "a number of thousands of digits"
    return shown.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")[:200]
