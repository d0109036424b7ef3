"""The index's two orders give what a look at every row would, and each change is learnt when it is due."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from sandbox.hubspot.records import Record
from sandbox.hubspot.search import run
from sandbox.hubspot.state import HubSpotOptions, HubSpotState
from sandbox.world.model import World
from tests.sandbox.hubspot_portal import START, TODAY, MovableClock

ID, MODIFIED = "hs_object_id", "hs_lastmodifieddate"
BASE = 1_760_000_000_000
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda a, b: a == b,
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
}


def state(**options: Any) -> HubSpotState:
    return HubSpotState.from_world(World(1, TODAY, [], []), HubSpotOptions(clock=MovableClock(), **options))


def put(hub: HubSpotState, identity: int, modified: int, **values: str) -> Record:
    given = {**values, ID: str(identity), MODIFIED: str(modified)}
    record = Record(identity, given, modified, modified)
    hub.portal.stores["deals"].add(record)
    hub.portal.index.know("deals", record)
    return record


@pytest.fixture(scope="module")
def hub() -> HubSpotState:
    made = state()
    for number in range(60):
        put(made, 1000 - 7 * number, BASE + number % 5, dealname=f"deal {number % 3}")
    return made


def ask(hub: HubSpotState, *filters: Any, sort: str = ID, direction: str = "ASCENDING", **more: Any) -> list[int]:
    items = [dict(zip(("propertyName", "operator", "value"), item, strict=True)) for item in filters]
    body = {"filters": items, "sorts": [{"propertyName": sort, "direction": direction}], "limit": 200, **more}
    total, rows, _ = run(hub.portal, "deals", body)
    assert total == len(rows)
    return [row.id for row in rows]


def looked_at(hub: HubSpotState, *filters: Any, sort: str = ID, direction: str = "ASCENDING") -> list[int]:
    """The same question answered by looking at every row."""
    rows = list(hub.portal.index.table("deals").rows.values())
    for name, operator, value in filters:
        rows = [
            row
            for row in rows
            if COMPARE[operator](row.id if name == ID else row.updated_ms, float(value))
        ]  # fmt: skip
    key = (lambda row: row.id) if sort == ID else (lambda row: (row.updated_ms, row.id))
    return [row.id for row in sorted(rows, key=key, reverse=direction == "DESCENDING")]


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("sort", [ID, MODIFIED])
@pytest.mark.parametrize("operators", list(product(COMPARE, COMPARE)), ids="-".join)
def test_ranges_of_ids_and_instants_select_and_sort_exactly(hub: HubSpotState, operators: Any, sort: str,
                                                             direction: str) -> None:  # fmt: skip
    of_id, of_time = (ID, operators[0], "804"), (MODIFIED, operators[1], str(BASE + 2))
    between = (ID, operators[0], "803.5")
    for filters in ([of_id], [of_time], [of_id, of_time], [between], [of_id, (ID, "LT", "980")], []):
        expected = looked_at(hub, *filters, sort=sort, direction=direction)
        assert ask(hub, *filters, sort=sort, direction=direction) == expected


def test_other_filters_and_alternatives_still_hold_within_a_span(hub: HubSpotState) -> None:
    named = [i for i in looked_at(hub, (ID, "GT", "800")) if (1000 - i) // 7 % 3 == 1]
    assert ask(hub, (ID, "GT", "800"), ("dealname", "EQ", "deal 1")) == named
    low, high = {"propertyName": ID, "operator": "LT", "value": "700"}, {"propertyName": ID, "operator": "GT",
                                                                        "value": "950"}  # fmt: skip
    both = ask(hub, filterGroups=[{"filters": [low]}, {"filters": [high]}], filters=[])
    assert both == looked_at(hub, (ID, "LT", "700")) + looked_at(hub, (ID, "GT", "950"))


def test_ids_may_be_compared_as_text() -> None:
    made = state(ids_as_text=True)
    for identity in (9, 10, 100, 95):
        put(made, identity, BASE)
    assert ask(made) == [10, 100, 9, 95]
    assert ask(made, direction="DESCENDING") == [95, 9, 100, 10]
    assert ask(made, (ID, "GT", "10")) == [100, 9, 95]
    assert ask(made, (ID, "GTE", "11")) == [9, 95]
    assert ask(made, (ID, "LT", "9"), (MODIFIED, "EQ", str(BASE))) == [10, 100]


def test_rows_that_come_change_and_go_stay_in_order() -> None:
    made = state()
    records = {number: put(made, number, BASE + number) for number in range(1, 6)}
    assert ask(made, sort=MODIFIED) == [1, 2, 3, 4, 5]
    put(made, 2, BASE + 9)
    made.portal.index.lost("deals", 4, START)
    put(made, 6, BASE)
    assert ask(made, sort=MODIFIED) == [6, 1, 3, 5, 2]
    assert ask(made) == [1, 2, 3, 5, 6]
    for number in range(10, 1_000):
        made.portal.index.saw("deals", Record(number, dict(records[1].values), BASE, BASE - number), START)
    assert len(made.portal.index.table("deals").rows) == 5
    run(made.portal, "deals", {})
    assert ask(made, (MODIFIED, "LT", str(BASE - 997)), sort=MODIFIED) == [999, 998]


def test_a_change_may_be_later_than_those_after_it_and_then_teaches_nothing() -> None:
    made = state(index_delay=5)
    index, clock = made.portal.index, made.portal.clock
    record = put(made, 1, BASE, dealname="old")
    with index.delayed(60):
        index.saw("deals", Record(1, {**record.values, "dealname": "slow"}, BASE, BASE), START)
    index.saw("deals", Record(1, {**record.values, "dealname": "fast"}, BASE, BASE), START)
    with index.delayed(30):
        index.lost("deals", 1, START)
    with index.delayed(0):
        index.saw("deals", Record(2, {**record.values, ID: "2"}, BASE, BASE), START)
    seen = []
    for seconds in (0, 5, 30, 60):
        clock.now = START + seconds  # type: ignore[attr-defined]
        run(made.portal, "deals", {})
        seen.append({i: row.values.get("dealname") for i, row in index.table("deals").rows.items()})
    assert seen == [{1: "old", 2: "old"}, {1: "fast", 2: "old"}, {2: "old"}, {2: "old"}]


def test_answers_about_calculated_values_are_never_remembered() -> None:
    made = state()
    record = put(made, 1, BASE, dealstage="closedwon")
    won = ("hs_is_closed_won", "EQ", "true")
    assert ask(made, won) == [1]
    record.values["dealstage"] = "closedlost"
    assert ask(made, won) == []
