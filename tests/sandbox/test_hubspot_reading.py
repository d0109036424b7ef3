"""List, single read, batch read and inline associations of the HubSpot sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal

COMPANIES = f"{OBJECTS}/companies"


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=400) as served:
        yield served


def walk(hub: Portal, path: str, **params: object) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    after: str | None = "0"
    while after is not None:
        body = hub.get(path, limit=100, after=after, **params).json()
        rows += body["results"]
        after = body.get("paging", {}).get("next", {}).get("after")
    return rows


@pytest.mark.parametrize("kind", ["companies", "deals", "tickets", "meetings", "contacts", "feedback_submissions"])
def test_paging_yields_every_live_record_once_by_ascending_id(hub: Portal, kind: str) -> None:
    ids = [int(str(row["id"])) for row in walk(hub, f"{OBJECTS}/{kind}")]
    assert ids == sorted(set(ids))
    assert len(ids) == hub.get("/_sandbox/counts").json()[kind]["live"] > 0


def test_archived_records_are_listed_apart_with_the_instant(hub: Portal) -> None:
    rows = walk(hub, COMPANIES, archived="true")
    assert rows
    assert all(row["archived"] is True and row["archivedAt"] for row in rows)
    live = {row["id"] for row in walk(hub, COMPANIES)}
    assert not live & {row["id"] for row in rows}
    one = str(rows[0]["id"])
    assert hub.get(f"{COMPANIES}/{one}").status_code == 404
    assert hub.get(f"{COMPANIES}/{one}", archived="true").json()["archived"] is True


def test_values_are_strings_or_null_sorted_by_name_and_undefined_ones_vanish(hub: Portal) -> None:
    body = hub.get(COMPANIES, properties="name,phone,no_such_thing", limit=1).json()
    shown = body["results"][0]["properties"]
    assert list(shown) == ["createdate", "hs_lastmodifieddate", "hs_object_id", "name", "phone"]
    assert shown["phone"] is None
    assert shown["hs_object_id"] == body["results"][0]["id"]
    assert body["results"][0]["url"].endswith(f"/record/0-2/{body['results'][0]['id']}")


def test_properties_may_be_repeated_and_default_ones_come_when_none_is_named(hub: Portal) -> None:
    comma = hub.get(COMPANIES, properties="name,industry", limit=5).json()["results"]
    repeated = hub.call("GET", f"{COMPANIES}?properties=name&properties=industry&limit=5").json()["results"]
    assert comma == repeated
    defaults = hub.get(f"{OBJECTS}/deals", limit=1).json()["results"][0]["properties"]
    assert {"dealname", "amount", "closedate", "pipeline", "dealstage"} < set(defaults)


@pytest.mark.parametrize("query", ["limit=101", "limit=0", "limit=x", "after=x", "limit=51&propertiesWithHistory=name"])
def test_page_sizes_beyond_the_maximum_are_refused(hub: Portal, query: str) -> None:
    answer = hub.call("GET", f"{COMPANIES}?{query}")
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "path",
    ["/crm/v3/objects/0-2", "/crm/objects/2026-03/companies", "/crm/objects/2026-09/0-2", "/crm/v3/objects/company"],
)
def test_names_type_ids_and_dated_paths_are_the_same_place(hub: Portal, path: str) -> None:
    assert hub.get(path, limit=3).json()["results"] == hub.get(COMPANIES, limit=3).json()["results"]


def test_instants_have_three_digits_or_no_fraction(hub: Portal) -> None:
    stamps = {str(row["createdAt"]) for row in walk(hub, COMPANIES)}
    assert {len(stamp) for stamp in stamps} == {len("2026-01-01T00:00:00Z"), len("2026-01-01T00:00:00.000Z")}
    assert not any(stamp.endswith(".000Z") for stamp in stamps)


def test_the_two_forms_of_not_found(hub: Portal) -> None:
    numeric, text = hub.get(f"{COMPANIES}/123"), hub.get(f"{COMPANIES}/abc")
    assert (numeric.status_code, numeric.json()["message"]) == (404, "resource not found")
    assert "category" not in numeric.json()
    assert text.json()["message"] == "Object not found.  objectId are usually numeric."
    assert (text.json()["category"], text.json()["context"]) == ("OBJECT_NOT_FOUND", {"id": ["abc"]})
    assert hub.get("/crm/v3/objects/gadgets").status_code == 400
    assert hub.get("/crm/v3/nothing").status_code == 404


def test_a_merged_away_id_answers_the_record_that_holds_its_data(hub: Portal) -> None:
    retired = hub.state.portal.stores["companies"].retired
    old, new = next(iter(retired.items()))
    body = hub.get(f"{COMPANIES}/{old}", properties="hs_merged_object_ids").json()
    assert body["id"] == str(new)
    assert str(old) in body["properties"]["hs_merged_object_ids"].split(";")
    batch = hub.post(f"{COMPANIES}/batch/read", {"inputs": [{"id": str(old)}], "properties": ["name"]})
    assert (batch.status_code, batch.json()["errors"][0]["context"]) == (207, {"ids": [str(old)]})


def test_batch_read_answers_what_exists_and_lists_the_rest(hub: Portal) -> None:
    ids = hub.ids(count=3)
    whole = hub.post(f"{COMPANIES}/batch/read", {"inputs": [{"id": i} for i in ids], "properties": ["name"]})
    assert (whole.status_code, whole.json()["status"], "errors" in whole.json()) == (200, "COMPLETE", False)
    partly = hub.post(f"{COMPANIES}/batch/read", {"inputs": [{"id": ids[0]}, {"id": "9"}, {"id": "8"}]})
    assert partly.status_code == 207
    assert partly.json()["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert partly.json()["errors"][0]["context"] == {"ids": ["9", "8"]}
    assert [row["id"] for row in partly.json()["results"]] == [ids[0]]


@pytest.mark.parametrize(("number", "extra"), [(101, {}), (51, {"propertiesWithHistory": ["name"]}), (0, {})])
def test_batch_read_refuses_too_many_and_none(hub: Portal, number: int, extra: dict[str, object]) -> None:
    inputs = [{"id": str(identity)} for identity in range(number)]
    answer = hub.post(f"{COMPANIES}/batch/read", {"inputs": inputs, **extra})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_inline_associations_name_each_type_and_stop_at_a_hundred(hub: Portal) -> None:
    company, other = hub.ids(count=2)
    links = hub.state.portal.links
    many = [int(identity) for identity in hub.ids("tickets", 130)]
    for ticket in many:
        links.join("tickets", ticket, "companies", int(company))
    total = len(links.of("companies", int(company), "tickets"))
    body = hub.get(f"{COMPANIES}/{company}", associations="tickets,deals").json()["associations"]["tickets"]
    ids = {row["id"] for row in body["results"]}
    assert len(ids) == 100
    assert {row["type"] for row in body["results"]} <= {"company_to_ticket", "company_to_ticket_unlabeled"}
    rest = hub.get(f"{COMPANIES}/{company}/associations/tickets", after=body["paging"]["next"]["after"]).json()
    assert len(ids | {row["id"] for row in rest["results"]}) == total
    assert "associations" not in hub.get(f"{COMPANIES}/{other}").json()


def test_calculated_values_change_without_touching_the_record(hub: Portal) -> None:
    deal = next(
        identity
        for identity, record in hub.state.portal.stores["deals"].live.items()
        if record.values["dealstage"] == "contractsent" and hub.state.portal.links.of("deals", identity, "companies")
    )
    company = hub.state.portal.links.of("deals", deal, "companies")[0]
    before = hub.get(f"{COMPANIES}/{company}", properties="hs_num_open_deals").json()
    hub.patch(f"{OBJECTS}/deals/{deal}", {"properties": {"dealstage": "closedwon"}})
    after = hub.get(f"{COMPANIES}/{company}", properties="hs_num_open_deals").json()
    assert int(before["properties"]["hs_num_open_deals"]) - int(after["properties"]["hs_num_open_deals"]) == 1
    assert before["updatedAt"] == after["updatedAt"]
    won = hub.get(f"{OBJECTS}/deals/{deal}", properties="hs_is_closed_won,hs_closed_won_date").json()["properties"]
    assert won["hs_is_closed_won"] == "true"
    assert won["hs_closed_won_date"].startswith("2026-11-22")


def test_absurd_and_hostile_values_arrive_as_they_are(hub: Portal) -> None:
    names = {str(row["properties"]["name"]) for row in walk(hub, COMPANIES, properties="name")}  # type: ignore[index]
    assert any("\n" in name or "<script>" in name or name.startswith("=") for name in names)
    numbers = [row["properties"]["annual_recurring_revenue"]  # type: ignore[index]
               for row in walk(hub, COMPANIES, properties="annual_recurring_revenue")]  # fmt: skip
    assert {"1,5", "abc", "-50000"} & set(numbers)


def test_a_long_address_gets_an_html_page(hub: Portal) -> None:
    answer = hub.call("GET", f"{COMPANIES}?properties={'x' * 16_400}")
    assert answer.status_code == 414
    assert answer.text.startswith("<html")
