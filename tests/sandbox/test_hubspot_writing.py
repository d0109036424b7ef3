"""What the HubSpot sandbox accepts, refuses whole, and refuses in part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal

COMPANIES = f"{OBJECTS}/companies"
ARR = "annual_recurring_revenue"


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=200) as served:
        yield served


def update(hub: Portal, *inputs: dict[str, Any]) -> Any:
    return hub.post(f"{COMPANIES}/batch/update", {"inputs": list(inputs)})


def value(hub: Portal, identity: str, name: str = ARR) -> Any:
    return hub.get(f"{COMPANIES}/{identity}", properties=name).json()["properties"][name]


def row(identity: str, text: str, trace: str | None = None, name: str = ARR) -> dict[str, Any]:
    traced = {"objectWriteTraceId": trace} if trace else {}
    return {"id": identity, "properties": {name: text}, **traced}


def test_a_batch_update_writes_and_answers_only_changed_and_system_properties(hub: Portal) -> None:
    ids = hub.ids(count=3)
    hub.clock.pass_by(60)
    answer = update(hub, *(row(identity, "1234.5") for identity in ids))
    assert answer.status_code == 200
    assert {r["id"] for r in answer.json()["results"]} == set(ids)
    first = answer.json()["results"][0]
    assert set(first["properties"]) == {ARR, "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_object_source"}
    assert first["updatedAt"] == first["properties"]["hs_lastmodifieddate"] == "2026-11-22T09:31:00Z"


def test_results_of_a_batch_come_in_no_particular_order(hub: Portal) -> None:
    ids = hub.ids(count=60)
    orders = {tuple(r["id"] for r in update(hub, *(row(i, "5") for i in ids)).json()["results"]) for _ in range(3)}
    assert len(orders) == 3
    assert all(set(order) == set(ids) for order in orders)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("no_such", "1", "PROPERTY_DOESNT_EXIST"),
        ("reference_status", "Active", "INVALID_OPTION"),
        (ARR, "1,234", "INVALID_LONG"),
        (ARR, "1e5", "INVALID_LONG"),
        (ARR, "NaN", "INVALID_LONG"),
        ("hs_object_id", "5", "READ_ONLY_VALUE"),
        ("hs_num_open_deals", "5", "READ_ONLY_VALUE"),
        ("auto_renew", "yes", "INVALID_OPTION"),
        ("go_live_date", "22.11.2026", "INVALID_DATE"),
        ("go_live_date", "1767225600001", "INVALID_DATE"),
        ("csm_assigned_at", "1767225600", "INVALID_DATE"),
        ("csm_assigned_at", "2026-01-01 10:00", "INVALID_DATE"),
        ("csm_owner", "1", "INVALID_OWNER_ID"),
        ("description", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG"),
    ],
)
def test_one_bad_value_without_trace_ids_refuses_the_whole_batch(hub: Portal, name: str, text: str, code: str) -> None:
    good, bad = hub.ids(count=2)
    before = value(hub, good)
    answer = update(hub, row(good, "777"), row(bad, text, name=name))
    body = answer.json()
    assert (answer.status_code, body["category"]) == (400, "VALIDATION_ERROR")
    assert body["message"].startswith("Property values were not valid: [{")
    assert [(e["code"], e["context"]) for e in body["errors"]] == [(code, {"propertyName": [name]})]
    assert value(hub, good) == before != "777"


def test_trace_ids_on_every_row_save_the_good_ones(hub: Portal) -> None:
    good, bad, other = hub.ids(count=3)
    answer = update(
        hub, row(good, "42", "a"), row(bad, "x", "b"), row(other, "1", "c", name="nope"), row("9", "1", "d")
    )
    body = answer.json()
    assert (answer.status_code, body["status"], [r["id"] for r in body["results"]]) == (207, "COMPLETE", [good])
    assert [e["context"] for e in body["errors"]] == [
        {"objectWriteTraceId": ["b"]},
        {"objectWriteTraceId": ["c"]},
        {"ids": ["9"]},
    ]
    assert value(hub, good) == "42"


@pytest.mark.parametrize("traces", [("a", "a"), ("a", None)])
def test_trace_ids_that_are_missing_or_equal_save_nobody(hub: Portal, traces: tuple[str, str | None]) -> None:
    good, bad = hub.ids(count=2)
    assert update(hub, row(good, "43", traces[0]), row(bad, "x", traces[1])).status_code == 400


def test_a_portal_may_ignore_trace_ids_on_update() -> None:
    with portal(trace_ids_on_update=False) as strict:
        good, bad = strict.ids(count=2)
        assert update(strict, row(good, "43", "a"), row(bad, "x", "b")).status_code == 400


def test_unknown_archived_and_merged_ids_are_listed_while_others_are_written(hub: Portal) -> None:
    live = hub.ids(count=1)[0]
    store = hub.state.portal.stores["companies"]
    gone = [str(next(iter(store.archived))), str(next(iter(store.retired))), "9"]
    answer = update(hub, row(live, "44"), *(row(identity, "44") for identity in gone))
    assert answer.status_code == 207
    assert answer.json()["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some COMPANY objects, they may be deleted or not exist. "
            "Check that ids are valid.",
            "context": {"ids": gone},
            "errors": [],
            "links": {},
        }
    ]
    assert value(hub, live) == "44"


def test_the_same_id_twice_refuses_the_batch_even_with_trace_ids(hub: Portal) -> None:
    one = hub.ids(count=1)[0]
    answer = update(hub, row(one, "1", "a"), row(one, "2", "b"))
    assert answer.status_code == 400
    assert answer.json()["message"] == f"Duplicate IDs found in batch input: [{one}]. IDs must be unique"
    assert answer.json()["context"] == {"ids": [one]}


def test_more_than_a_hundred_inputs_and_broken_json_are_refused(hub: Portal) -> None:
    assert update(hub, *(row(str(number), "1") for number in range(101))).status_code == 400
    assert hub.call("POST", f"{COMPANIES}/batch/update", data=b'{"inputs": [').status_code == 400
    assert hub.call("POST", f"{COMPANIES}/batch/update", data=b"[]").status_code == 400
    assert hub.post(f"{COMPANIES}/batch/update", {"inputs": [{"id": hub.ids(count=1)[0]}]}).status_code == 400


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        (ARR, "", None),
        (ARR, "-12.50", "-12.50"),
        (ARR, 7, "7"),
        ("auto_renew", True, "true"),
        ("go_live_date", "1767225600000", "2026-01-01"),
        ("go_live_date", "2026-02-03", "2026-02-03"),
        ("csm_assigned_at", "1767225600001", "2026-01-01T00:00:00.001Z"),
        ("csm_assigned_at", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z"),
        ("name", "=1+1 <b>\u202e\n'\"", "=1+1 <b>\u202e\n'\""),
    ],
)
def test_values_are_stored_as_text_and_the_empty_text_clears(hub: Portal, name: str, given: Any, stored: Any) -> None:
    one = hub.ids(count=1)[0]
    assert hub.patch(f"{COMPANIES}/{one}", {"properties": {name: given}}).status_code == 200
    assert value(hub, one, name) == stored


def test_null_is_refused(hub: Portal) -> None:
    one = hub.ids(count=1)[0]
    assert hub.patch(f"{COMPANIES}/{one}", {"properties": {ARR: None}}).status_code == 400


def test_a_lifecycle_stage_goes_forward_only_until_it_is_cleared(hub: Portal) -> None:
    one = hub.ids(count=1)[0]
    for written, shown in [("evangelist", "evangelist"), ("lead", "evangelist"), ("", None), ("lead", "lead")]:
        assert hub.patch(f"{COMPANIES}/{one}", {"properties": {"lifecyclestage": written}}).status_code == 200
        assert value(hub, one, "lifecyclestage") == shown


def test_a_patch_follows_a_merge(hub: Portal) -> None:
    old, new = next(iter(hub.state.portal.stores["companies"].retired.items()))
    assert hub.patch(f"{COMPANIES}/{old}", {"properties": {ARR: "55"}}).json()["id"] == str(new)
    assert value(hub, str(new)) == "55"


def test_several_checkboxes_are_replaced_or_appended_to(hub: Portal) -> None:
    one = f"{OBJECTS}/tickets/{hub.ids('tickets', 1)[0]}"
    for written in ("BILLING_ISSUE;PRODUCT_ISSUE", ";FEATURE_REQUEST"):
        assert hub.patch(one, {"properties": {"hs_ticket_category": written}}).status_code == 200
    shown = hub.get(one, properties="hs_ticket_category").json()["properties"]["hs_ticket_category"]
    assert shown == "BILLING_ISSUE;PRODUCT_ISSUE;FEATURE_REQUEST"


def test_a_stage_belongs_to_its_pipeline_and_closing_a_ticket_dates_it(hub: Portal) -> None:
    deal = f"{OBJECTS}/deals/{hub.ids('deals', 1)[0]}"
    wrong = {"properties": {"pipeline": "renewals", "dealstage": "closedwon"}}
    assert hub.patch(deal, wrong).json()["errors"][0]["code"] == "INVALID_OPTION"
    ticket = f"{OBJECTS}/tickets/{hub.ids('tickets', 1)[0]}"
    hub.patch(ticket, {"properties": {"hs_pipeline_stage": "1", "closed_date": ""}})
    hub.patch(ticket, {"properties": {"hs_pipeline_stage": "4"}})
    assert hub.get(ticket, properties="closed_date").json()["properties"]["closed_date"] is not None


def test_create_single_and_in_batches_with_associations(hub: Portal) -> None:
    company = hub.ids(count=1)[0]
    link = [{"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]}]
    made = hub.post(f"{OBJECTS}/deals", {"properties": {"dealname": "New"}, "associations": link})
    assert made.status_code == 201
    assert made.headers["location"].endswith(made.json()["id"])
    linked = hub.get(f"/crm/v4/objects/deals/{made.json()['id']}/associations/companies").json()["results"]
    assert [row["toObjectId"] for row in linked] == [int(company)]
    rows = [
        {"properties": {"name": "A"}, "objectWriteTraceId": "1"},
        {"properties": {"x": "A"}, "objectWriteTraceId": "2"},
    ]
    assert hub.post(f"{COMPANIES}/batch/create", {"inputs": rows[:1]}).status_code == 201
    assert hub.post(f"{COMPANIES}/batch/create", {"inputs": rows}).status_code == 207
    assert hub.post(f"{OBJECTS}/feedback_submissions", {"properties": {}}).status_code == 405


def test_upsert_needs_a_unique_property_and_says_what_is_new(hub: Portal) -> None:
    item = {"idProperty": "dealname", "id": "x", "properties": {}}
    refused = hub.post(f"{OBJECTS}/deals/batch/upsert", {"inputs": [item]})
    assert refused.json()["message"] == "Unable to perform update/upsert by non-unique 0-3 property dealname"
    definition = {"name": "erp_id", "label": "ERP id", "type": "string", "fieldType": "text",
                  "groupName": "companyinformation", "hasUniqueValue": True}  # fmt: skip
    assert hub.post("/crm/v3/properties/companies", definition).status_code == 201
    item = {"idProperty": "erp_id", "id": "E-1", "properties": {"name": "Upserted"}}
    for new in (True, False):
        result = hub.post(f"{COMPANIES}/batch/upsert", {"inputs": [item]}).json()["results"][0]
        assert result["new"] is new
        assert hub.get(f"{COMPANIES}/E-1", idProperty="erp_id").json()["id"] == result["id"]


def test_archiving_hides_a_record_and_forgives_unknown_ids(hub: Portal) -> None:
    one, two, *_ = reversed(hub.ids(count=150))
    assert hub.call("DELETE", f"{COMPANIES}/{one}").status_code == 204
    assert hub.call("DELETE", f"{COMPANIES}/999").status_code == 204
    batch = hub.post(f"{COMPANIES}/batch/archive", {"inputs": [{"id": two}, {"id": "999"}]})
    assert batch.status_code == 204
    assert {hub.get(f"{COMPANIES}/{identity}").status_code for identity in (one, two)} == {404}


def test_a_merge_makes_a_new_record_that_remembers_both(hub: Portal) -> None:
    keep, lose, *_ = hub.ids(count=60)[50:]
    deals = {d for i in (keep, lose) for d in hub.state.portal.links.of("companies", int(i), "deals")}
    answer = hub.post(f"{COMPANIES}/merge", {"primaryObjectId": keep, "objectIdToMerge": lose})
    new = answer.json()["id"]
    assert answer.status_code == 200
    assert new not in (keep, lose)
    shown = hub.get(f"{COMPANIES}/{lose}", properties="hs_merged_object_ids").json()
    assert shown["id"] == new
    assert {keep, lose} <= set(shown["properties"]["hs_merged_object_ids"].split(";"))
    assert set(hub.state.portal.links.of("companies", int(new), "deals")) == deals
    archived = hub.get(COMPANIES, archived="true", limit=100).json()["results"]
    assert not {keep, lose} & {row["id"] for row in archived}
    again = hub.post(f"{COMPANIES}/merge", {"primaryObjectId": new, "objectIdToMerge": hub.ids(count=1)[0]})
    assert hub.get(f"{COMPANIES}/{keep}").json()["id"] == again.json()["id"]


def test_only_new_versions_enforce_required_properties() -> None:
    with portal(required_on_create={"companies": ("industry",)}) as strict:
        body = {"properties": {"name": "A"}}
        assert strict.post(COMPANIES, body).status_code == 201
        refused = strict.post("/crm/objects/2026-09/companies", body)
        assert refused.json()["errors"][0]["code"] == "MISSING_REQUIRED_PROPERTY"
