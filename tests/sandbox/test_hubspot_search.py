"""Search: operators, limits, order, offsets, and an index that lags behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from sandbox.hubspot.search import MAX_ROWS
from sandbox.world.model import Account, World
from tests.sandbox.hubspot_portal import OBJECTS, TODAY, Portal, portal

COMPANIES = f"{OBJECTS}/companies"
MODIFIED = "hs_lastmodifieddate"


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=400) as served:
        yield served


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    given = {} if value is None else {"value": value}
    return {"propertyName": name, "operator": operator, **given, **more}


def search(hub: Portal, *filters: dict[str, Any], kind: str = "companies", **more: Any) -> Any:
    groups = [{"filters": list(filters)}] if filters else []
    return hub.post(f"{OBJECTS}/{kind}/search", {"filterGroups": groups, "limit": 200, **more})


def found(hub: Portal, *filters: dict[str, Any], kind: str = "companies") -> set[str]:
    ids: set[str] = set()
    after: str | None = "0"
    while after is not None:
        body = search(hub, *filters, kind=kind, after=after).json()
        ids |= {row["id"] for row in body["results"]}
        after = body.get("paging", {}).get("next", {}).get("after")
    assert len(ids) == body["total"]
    return ids


def expected(hub: Portal, test: Any, kind: str = "companies") -> set[str]:
    live = hub.state.portal.stores[kind].live
    return {str(identity) for identity, record in live.items() if test(record.values)}


def number(values: dict[str, str], name: str = "features_licensed") -> float:
    return float(values.get(name, "nan"))


@pytest.mark.parametrize(
    ("condition", "test"),
    [
        (where("features_licensed", "EQ", "20"), lambda v: number(v) == 20),
        (where("features_licensed", "NEQ", "20"), lambda v: number(v) != 20),
        (where("features_licensed", "LT", "9.5"), lambda v: number(v) < 9.5),
        (where("features_licensed", "LTE", "10"), lambda v: number(v) <= 10),
        (where("features_licensed", "GT", "100"), lambda v: number(v) > 100),
        (where("features_licensed", "GTE", "55"), lambda v: number(v) >= 55),
        (where("features_licensed", "BETWEEN", "10", highValue="12"), lambda v: 10 <= number(v) <= 12),
        (where("industry", "IN", values=["RETAIL", "MARITIME"]), lambda v: v.get("industry") in ("RETAIL", "MARITIME")),
        (where("industry", "NOT_IN", values=["RETAIL"]), lambda v: v.get("industry") != "RETAIL"),
        (where("industry", "EQ", "retail"), lambda _: False),
        (where("country", "EQ", "germany"), lambda v: v.get("country") == "Germany"),
        (where("country", "IN", values=["Germany"]), lambda _: False),
        (where("country", "IN", values=["germany"]), lambda v: v.get("country") == "Germany"),
        (where("go_live_date", "HAS_PROPERTY"), lambda v: "go_live_date" in v),
        (where("go_live_date", "NOT_HAS_PROPERTY"), lambda v: "go_live_date" not in v),
        (where("go_live_date", "GTE", "2026-06-01"), lambda v: v.get("go_live_date", "") >= "2026-06-01"),
        (where("name", "CONTAINS_TOKEN", "robotics"), lambda v: "Robotics" in v.get("name", "")),
        (where("domain", "CONTAINS_TOKEN", "*.co.uk"), lambda v: v.get("domain", "").endswith(".co.uk")),
        (where("hs_num_child_companies", "GT", "0"), None),
    ],
)  # fmt: skip
def test_each_operator_selects_as_the_property_type_compares(hub: Portal, condition: Any, test: Any) -> None:
    ids = found(hub, condition)
    if test is None:
        assert ids
    elif condition["operator"] == "CONTAINS_TOKEN":
        assert ids == expected(hub, test) != set()
    else:
        assert ids == expected(hub, test)


def test_groups_are_alternatives_and_filters_within_one_all_hold(hub: Portal) -> None:
    groups = [
        {"filters": [where("country", "EQ", "Denmark"), where("auto_renew", "EQ", "false")]},
        {"filters": [where("country", "EQ", "Finland")]},
    ]
    body = hub.post(f"{COMPANIES}/search", {"filterGroups": groups, "limit": 200}).json()
    assert {row["id"] for row in body["results"]} == expected(
        hub, lambda v: v.get("country") == "Finland" or (v.get("country"), v.get("auto_renew")) == ("Denmark", "false")
    )
    flat = hub.post(f"{COMPANIES}/search", {"filters": groups[0]["filters"]}).json()
    assert flat["total"] < body["total"]


def test_a_time_window_sorted_by_modification_walks_all_of_it(hub: Portal) -> None:
    low = int(datetime(2026, 10, 20, tzinfo=UTC).timestamp() * 1000)
    high = low + 10 * 86_400_000
    sort = [{"propertyName": MODIFIED, "direction": "ASCENDING"}]
    window = where(MODIFIED, "BETWEEN", str(low), highValue=str(high))
    body = search(hub, window, sorts=sort, properties=["name"]).json()
    stamps = [row["updatedAt"] for row in body["results"]]
    assert stamps == sorted(stamps)
    assert {row["id"] for row in body["results"]} == found(
        hub, where(MODIFIED, "GTE", "2026-10-20T00:00:00Z"), where(MODIFIED, "LTE", "2026-10-30T00:00:00Z")
    )
    assert 0 < body["total"] < len(hub.ids(count=1000))
    reverse = search(hub, window, sorts=[{"propertyName": MODIFIED, "direction": "DESCENDING"}]).json()
    assert [row["updatedAt"] for row in reverse["results"]] == sorted(stamps, reverse=True)


def test_ids_are_compared_as_numbers(hub: Portal) -> None:
    middle = hub.ids(count=1000)[100]
    sort = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    body = search(hub, where("hs_object_id", "GT", middle), sorts=sort).json()
    assert [row["id"] for row in body["results"]] == hub.ids(count=1000)[101:301]


def test_associated_records_can_be_asked_for(hub: Portal) -> None:
    company = next(i for i in hub.ids() if hub.state.portal.links.of("companies", int(i), "tickets"))
    tickets = hub.state.portal.links.of("companies", int(company), "tickets")
    assert found(hub, where("associations.company", "EQ", company), kind="tickets") == {str(t) for t in tickets}


def test_the_wrong_name_of_the_last_modified_property_silently_finds_nothing(hub: Portal) -> None:
    assert search(hub, where("lastmodifieddate", "GT", "1000")).json()["total"] == 0
    assert search(hub, where("lastmodifieddate", "GT", "1000"), kind="contacts").json()["total"] > 0


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "x"},
        {"limit": 200, "after": str(MAX_ROWS - 199)},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [where("name", "HAS_PROPERTY")] * 7}]},
        {"filterGroups": [{"filters": [where("name", "HAS_PROPERTY")] * 5}] * 4},
        {"filters": [where("no_such_property", "HAS_PROPERTY")]},
        {"filters": [where("name", "LIKE", "a")]},
        {"filters": [where("name", "EQ")]},
        {"filters": [where("name", "IN", values=[])]},
        {"filters": [where("features_licensed", "GT", "many")]},
        {"filters": [where("features_licensed", "BETWEEN", "1")]},
        {"sorts": ["name", "domain"]},
        {"query": "x" * 3_000},
    ],
)
def test_what_hubspot_refuses_is_refused(hub: Portal, body: dict[str, Any]) -> None:
    answer = hub.post(f"{COMPANIES}/search", body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_filter_at_the_epoch_breaks_the_server(hub: Portal) -> None:
    assert search(hub, where(MODIFIED, "GTE", "0")).status_code == 500


def test_the_index_learns_of_writes_and_archivings_after_its_delay() -> None:
    with portal(index_delay=20.0) as hub:
        one, two = hub.ids(count=2)
        hub.patch(f"{COMPANIES}/{one}", {"properties": {"phone": "555"}})
        hub.call("DELETE", f"{COMPANIES}/{two}")
        by_phone, by_id = where("phone", "EQ", "555"), where("hs_object_id", "EQ", two)
        assert (found(hub, by_phone), found(hub, by_id)) == (set(), {two})
        assert hub.get(f"{COMPANIES}/{one}", properties="phone").json()["properties"]["phone"] == "555"
        hub.clock.pass_by(20)
        assert (found(hub, by_phone), found(hub, by_id)) == ({one}, set())


def test_a_portal_may_answer_short_pages_that_go_on() -> None:
    with portal(accounts=100, short_pages=True) as hub:
        first = search(hub, limit=20).json()
        assert len(first["results"]) == 10
        assert first["paging"]["next"]["after"] == "10"
        assert found(hub) == set(hub.ids(count=1000))


def test_ten_thousand_rows_can_be_paged_and_not_one_more() -> None:
    world = World(1, TODAY, [], [plain_account(key) for key in range(1, 10_102)])
    with portal(world) as hub:
        last = search(hub, after="9800").json()
        assert (last["total"], len(last["results"])) == (10_101, 200)
        assert last["paging"]["next"]["after"] == "10000"
        assert search(hub, after="10000").status_code == 400


def plain_account(key: int) -> Account:
    return Account(
        key=key,
        name=f"Company {key}",
        domain=f"company-{key}.com",
        industry=None,
        country=None,
        employees=None,
        currency="EUR",
        in_hubspot=True,
        in_salesforce=False,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        story="growth",
        go_live_at=date(2025, 1, 1),
    )
