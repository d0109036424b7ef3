"""Which rows a search has to look at: a span of one of the index's two orders where that will do, else all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import Any, cast

from sandbox.hubspot.filters import key_of
from sandbox.hubspot.index import Bounds, Row
from sandbox.hubspot.objects import OBJECT_TYPES
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.schema import Property

ID = "hs_object_id"
_RANGES = {"EQ", "GT", "GTE", "LT", "LTE", "BETWEEN"}
_OPEN: Bounds = (None, None)

Groups = list[list[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Sorting:
    """The one sort rule of a search; without one, rows come by id."""

    prop: Property
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows among which all matches are; `exact` when all of them match, `sorted` when they are in ascending order."""

    rows: Sequence[Row]
    exact: bool
    sorted: bool


@dataclass(frozen=True, slots=True)
class _Span:
    rows: Sequence[Row]
    names: frozenset[str]  # properties whose ranges it answers exactly
    orders: frozenset[str]  # properties by which it is sorted


def choose(portal: Portal, kind: str, groups: Groups, by: Sorting) -> Plan:
    """Return the smallest span that holds every match of filters that are known to make sense."""
    table, modified = portal.index.table(kind), OBJECT_TYPES[kind].modified
    as_text, properties = portal.index.ids_as_text, portal.schemas[kind].properties
    ids = _union([_interval(group, properties[ID], as_text=as_text) for group in groups])
    times = _union([_interval(group, properties[modified]) for group in groups])
    one = frozenset((ID,))
    # The rows of one instant are sorted by id.
    within = not as_text and len(groups) == 1 and times[0] is not None and times[0] == times[1]
    both = frozenset((modified, ID)) if within else frozenset((modified,))
    spans = [
        _Span(table.by_id(ids), frozenset() if as_text else one, one),
        _Span(table.by_time(times, ids if within else _OPEN), both, both),
    ]
    best = min(spans, key=lambda span: (len(span.rows), by.prop.name not in span.orders))
    exact = not groups or (len(groups) == 1 and all(_is_range(item, best.names) for item in groups[0]))
    return Plan(best.rows, exact, by.prop.name in best.orders)


def _is_range(item: Mapping[str, Any], names: frozenset[str]) -> bool:
    return item.get("propertyName") in names and item.get("operator") in _RANGES


def _interval(group: Sequence[Mapping[str, Any]], prop: Property, *, as_text: bool = False) -> Bounds:
    """Return the closed interval to which a group confines a property of whole numbers, or of their texts."""
    low: Any = None
    high: Any = None
    for item in group:
        if not _is_range(item, frozenset((prop.name,))):
            continue
        operator, value = item["operator"], str(item.get("value"))
        top = str(item.get("highValue")) if operator == "BETWEEN" else value
        if operator not in ("LT", "LTE"):
            start = value if as_text else _first(prop, value, after=operator == "GT")
            low = start if low is None else max(low, start)
        if operator not in ("GT", "GTE"):
            stop = top if as_text else _last(prop, top, before=operator == "LT")
            high = stop if high is None else min(high, stop)
    return low, high


def _first(prop: Property, text: str, *, after: bool) -> int:
    key = _number(prop, text)
    return floor(key) + 1 if after else ceil(key)


def _last(prop: Property, text: str, *, before: bool) -> int:
    key = _number(prop, text)
    return ceil(key) - 1 if before else floor(key)


def _number(prop: Property, text: str) -> Decimal | int:
    """Return what a filter compares with; that it is a number was seen when the filter was compiled."""
    return cast(Decimal | int, key_of(prop, text))


def _union(intervals: Sequence[Bounds]) -> Bounds:
    """Return the interval around all of them; without any, everything."""
    lows, highs = [low for low, _ in intervals], [high for _, high in intervals]
    low = None if None in lows else min(lows, default=None)
    return low, None if None in highs else max(highs, default=None)
