"""`POST /{type}/search`: limits, filter groups, one sort rule, offsets up to 10,000."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from sandbox.hubspot.call import is_number, objects_in
from sandbox.hubspot.errors import invalid
from sandbox.hubspot.filters import Getter, Predicate, compile_filter, key_of
from sandbox.hubspot.index import Row
from sandbox.hubspot.objects import OBJECT_TYPES, object_type
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.ranges import ID, Groups, Sorting, choose
from sandbox.hubspot.schema import Property

MAX_ROWS = 10_000
MAX_LIMIT = 200
_MAX_GROUPS, _MAX_FILTERS, _MAX_TOTAL = 5, 6, 18
_UNSEARCHABLE = {"hs_body_preview_html", "hs_email_html", "hs_body_preview"}
_MODIFIED = {"lastmodifieddate", "hs_lastmodifieddate"}

Rows = Sequence[Row]


def run(portal: Portal, kind: str, body: Mapping[str, Any]) -> tuple[int, Rows, int]:
    """Return (total, rows of the page, offset of the page); raises ApiError 400 for what HubSpot refuses."""
    limit, offset = _window(body)
    portal.index.catch_up(portal.clock())
    question = orjson.dumps([body.get(key) for key in ("filterGroups", "filters", "sorts", "query")])
    rows = portal.index.remembered(kind, question)
    if rows is None:
        rows = _matching(portal, kind, body)
        if not _volatile(portal, kind, question.decode()):
            portal.index.remember(kind, question, rows)
    return len(rows), rows[offset : offset + limit], offset


def _volatile(portal: Portal, kind: str, question: str) -> bool:
    """Say whether a question is about what changes without the index: associations and calculated values."""
    names = portal.schemas[kind].calculated()
    return '"associations.' in question or any(f'"{name}"' in question for name in names)


def _window(body: Mapping[str, Any]) -> tuple[int, int]:
    limit, after = body.get("limit", 10), body.get("after") or 0
    try:
        size, offset = int(limit), int(after)
    except (TypeError, ValueError):
        raise invalid(f"limit {limit!r} and after {after!r} must be whole numbers") from None
    if not 0 < size <= MAX_LIMIT:
        raise invalid(f"limit must be between 1 and {MAX_LIMIT}, not {size}")
    if offset < 0 or offset + size > MAX_ROWS:
        raise invalid(f"A search cannot page past {MAX_ROWS} results: after {offset} with limit {size}")
    return size, offset


def _matching(portal: Portal, kind: str, body: Mapping[str, Any]) -> Rows:
    groups = _groups(body)
    tests = [[_predicate(portal, kind, item) for item in group] for group in groups]
    by = _sorting(portal, kind, body.get("sorts") or [])
    text = str(body.get("query") or "").lower()
    plan = choose(portal, kind, groups, by)
    rows: Rows = plan.rows
    if tests and not plan.exact:
        rows = [row for row in rows if any(all(test(row) for test in group) for group in tests)]
    if text:
        names = OBJECT_TYPES[kind].defaults
        rows = [row for row in rows if any(text in row.values.get(name, "").lower() for name in names)]
    if plan.sorted:
        return rows[::-1] if by.descending else rows
    return _sorted(portal, kind, rows, by)


def _groups(body: Mapping[str, Any]) -> Groups:
    groups: Groups = [list(objects_in(group, "filters")) for group in objects_in(body, "filterGroups")]
    if body.get("filters"):
        groups.append(list(objects_in(body, "filters")))
    if len(groups) > _MAX_GROUPS:
        raise invalid(f"There are {len(groups)} filterGroups; the maximum is {_MAX_GROUPS}")
    if any(len(group) > _MAX_FILTERS for group in groups):
        raise invalid(f"A filterGroup has more than {_MAX_FILTERS} filters")
    if sum(map(len, groups)) > _MAX_TOTAL:
        raise invalid(f"There are more than {_MAX_TOTAL} filters in total")
    return [group for group in groups if group]


def _predicate(portal: Portal, kind: str, item: Mapping[str, Any]) -> Predicate:
    name = str(item.get("propertyName", ""))
    if name.startswith("associations."):
        return _association(portal, kind, name, item)
    prop = _property(portal, kind, name)
    return compile_filter(item, prop, _getter(portal, kind, prop))


def _property(portal: Portal, kind: str, name: str) -> Property:
    prop = portal.schemas[kind].properties.get(name)
    if prop is None and name in _MODIFIED:
        # The other family's name of the last-modified property is known and empty: it finds nothing.
        return Property(name, name, "datetime", "date", "")
    if prop is None or name in _UNSEARCHABLE:
        raise invalid(f"There was a problem with the request: property {name!r} cannot be searched")
    if name == ID and portal.index.ids_as_text:
        return replace(prop, type="string")
    return prop


def _getter(portal: Portal, kind: str, prop: Property) -> Getter:
    name = prop.name
    if prop.source != "calculated":
        return lambda row: row.values.get(name)

    def live(row: Row) -> str | None:
        record = portal.stores[kind].live.get(row.id)
        return None if record is None else portal.value(kind, record, name)

    return live


def _association(portal: Portal, kind: str, name: str, item: Mapping[str, Any]) -> Predicate:
    other = object_type(name.removeprefix("associations."))
    if other is None or item.get("operator") not in ("EQ", "IN"):
        raise invalid(f"Filter on {name} needs a known object type and the operator EQ or IN")
    values = item.get("values") or [item.get("value")]
    wanted = [str(value) for value in values] if isinstance(values, list) else []
    matches = {
        identity for value in wanted if is_number(value) for identity in portal.associated(other.name, int(value), kind)
    }
    return lambda row: row.id in matches


def _sorting(portal: Portal, kind: str, sorts: Any) -> Sorting:
    if not isinstance(sorts, list):
        raise invalid("Invalid input JSON: sorts must be a list")
    if len(sorts) > 1:
        raise invalid("Only one sort rule is allowed")
    if not sorts:
        return Sorting(_property(portal, kind, ID))
    rule = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": str(sorts[0])}
    prop = _property(portal, kind, str(rule.get("propertyName", "")))
    return Sorting(prop, descending=rule.get("direction") == "DESCENDING")


def _sorted(portal: Portal, kind: str, rows: Rows, by: Sorting) -> Rows:
    if by.prop.name == ID and not portal.index.ids_as_text:
        return sorted(rows, key=lambda row: row.id, reverse=by.descending)
    getter = _getter(portal, kind, by.prop)
    keyed: list[tuple[Any, int, Row]] = []
    empty: list[Row] = []
    for row in rows:
        key = key_of(by.prop, getter(row))
        if key is None:
            empty.append(row)
        else:
            keyed.append((key, row.id, row))
    keyed.sort(key=lambda entry: entry[:2], reverse=by.descending)
    return [row for *_, row in keyed] + empty
