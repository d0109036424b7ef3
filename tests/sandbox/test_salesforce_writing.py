"""Creating, changing and deleting records one by one and in collections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.salesforce_org import MakeOrg, Org, serving

COLLECTION = "/composite/sobjects"


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make()


def change(record_id: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account"}, "id": record_id, **values}


def update_many(org: Org, *records: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    response = org.patch(COLLECTION, {"allOrNone": all_or_none, "records": list(records)})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()
    return results


def status_of(org: Org, **values: Any) -> str:
    """Return the status code with which one value is refused, or `ok`."""
    (result,) = update_many(org, change(org.ids()[0], **values))
    return "ok" if result["success"] else result["errors"][0]["statusCode"]


def test_an_update_answers_204_and_leaves_its_mark(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    org.clock.pass_by(minutes=5, milliseconds=700)
    changed = org.patch(f"/sobjects/Account/{record_id}", {"ARR__c": 1000, "Phone": None})
    assert (changed.status_code, changed.content) == (204, b"")
    row = org.get(f"/sobjects/Account/{record_id}").json()
    assert (row["ARR__c"], row["Phone"]) == (1000.0, None)
    assert row["SystemModstamp"] == row["LastModifiedDate"] == "2026-11-22T09:35:00.000+0000"
    assert row["LastModifiedById"] == org.me()


def test_results_come_in_order_with_their_own_verdicts(org: Org) -> None:
    one, two, three = org.ids()
    results = update_many(org, change(one, ARR__c=1), change(two, ARR__c="much"), change(three[:15], ARR__c=3))
    assert [result["success"] for result in results] == [True, False, True]
    assert results[0] == {"id": one, "success": True, "errors": []}
    assert results[2]["id"] == three
    assert set(results[1]["errors"][0]) == {"statusCode", "message", "fields"}
    assert org.value(three, "ARR__c") == 3.0


def test_a_collection_of_failures_is_still_200(org: Org) -> None:
    results = update_many(org, *(change(record_id, Bacon__c=1) for record_id in org.ids()))
    assert [result["errors"][0]["statusCode"] for result in results] == ["INVALID_FIELD"] * 3


def test_all_or_none_rolls_back_the_innocent(org: Org) -> None:
    one, two = org.ids(count=2)
    before = org.value(one, "ARR__c")
    results = update_many(org, change(one, ARR__c=77), change(two, NumberOfEmployees="x"), all_or_none=True)
    assert results[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert results[1]["errors"][0]["statusCode"] == "JSON_PARSER_ERROR"
    assert org.value(one, "ARR__c") == before
    assert org.get("/_sandbox/journal").json() == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Industry": "x" * 256}, "STRING_TOO_LONG"),
        ({"Phone": 5}, "JSON_PARSER_ERROR"),
        ({"Strategic_Account__c": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "  "}, "REQUIRED_FIELD_MISSING"),
        ({"Goals_Agreed__c": 10_000}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Go_Live_Date__c": "2026-02-30"}, "JSON_PARSER_ERROR"),
        ({"Go_Live_Date__c": "2026-02-03T00:00:00Z"}, "JSON_PARSER_ERROR"),
        ({"CSM_Assigned_At__c": "yesterday"}, "JSON_PARSER_ERROR"),
        ({"CurrencyIsoCode": "XXX"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Industry": "Anything goes"}, "ok"),
        ({"CSM__c": "nonsense"}, "MALFORMED_ID"),
        ({"CSM__c": "001kW0000000001QAA"}, "MALFORMED_ID"),
        ({"CSM__c": "005kW0000000zzzAAA"[:15]}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"SystemModstamp": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Bacon__c": 1}, "INVALID_FIELD"),
    ],
)
def test_values_are_held_to_the_field(org: Org, values: dict[str, Any], code: str) -> None:
    assert status_of(org, **values) == code


@pytest.mark.parametrize(
    ("name", "sent", "stored"),
    [
        ("ARR__c", 5.555, 5.56),
        ("ARR__c", -5.555, -5.56),
        ("ARR__c", "12.5", 12.5),
        ("Goals_Agreed__c", 2.5, 3.0),
        ("NumberOfEmployees", 7.0, 7),
        ("Phone", "  12 34 ", "12 34"),
        ("Phone", "   ", None),
        ("CSM_Assigned_At__c", "2026-01-02T03:04:05.987+02:00", "2026-01-02T01:04:05.000+0000"),
        ("Product_Edition__c", "Enterprise", "Enterprise"),
    ],
)
def test_values_are_stored_as_the_vendor_stores_them(org: Org, name: str, sent: Any, stored: Any) -> None:
    (record_id,) = org.ids(count=1)
    assert update_many(org, change(record_id, **{name: sent}))[0]["success"]
    assert org.value(record_id, name) == stored
    assert type(org.value(record_id, name)) is type(stored)


def test_ids_that_lead_nowhere(org: Org) -> None:
    gone, merged = org.ids(count=2)
    org.call("DELETE", f"/sobjects/Account/{gone}")
    results = update_many(
        org,
        change(gone, Phone="1"),
        change("001kW0000000zzz", Phone="1"),
        change("nonsense", Phone="1"),
        change(org.ids("Case", 1)[0], Phone="1"),
        change(merged.swapcase(), Phone="1"),
        {"attributes": {"type": "Account"}, "Phone": "1"},
    )
    assert [result["errors"][0]["statusCode"] for result in results] == [
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MALFORMED_ID",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
    ]
    single = org.patch(f"/sobjects/Account/{gone}", {"Phone": "1"})
    assert (single.status_code, single.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    assert org.patch("/sobjects/Account/001kW0000000zzz", {"Phone": "1"}).status_code == 404


def test_malformed_collections_are_400(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    too_many = org.patch(COLLECTION, {"records": [change(record_id, Phone="1")] * 201})
    untyped = org.patch(COLLECTION, {"records": [{"id": record_id}]})
    no_json = org.call("PATCH", COLLECTION, data="{'records'")
    nan = org.call("PATCH", COLLECTION, data='{"records": [{"x": NaN}]}')
    for response in (too_many, untyped, no_json, nan):
        assert response.status_code == 400
        assert set(response.json()[0]) >= {"errorCode", "message"}


def test_bodies_declare_what_they_are(org: Org) -> None:
    form = org.call("POST", "/sobjects/Account", data={"Name": "x"})
    assert (form.status_code, form.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    job = org.post("/jobs/ingest", {"object": "Account", "operation": "update"}).json()["id"]
    as_json = org.call("PUT", f"/jobs/ingest/{job}/batches", json=[])
    assert as_json.status_code == 415


def test_collections_create_retrieve_upsert_and_delete(org: Org) -> None:
    account = {"attributes": {"type": "Account"}}
    created = org.post(COLLECTION, {"records": [{**account, "Name": "New"}, {**account, "Phone": "1"}]}).json()
    assert created[0]["success"]
    assert created[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    new_id = created[0]["id"]
    found = org.get(f"{COLLECTION}/Account", ids=f"{new_id},001kW0000000zzz", fields="Name,OwnerId").json()
    assert (found[0]["Name"], found[0]["OwnerId"], found[1]) == ("New", org.me(), None)
    posted = org.post(f"{COLLECTION}/Account", {"ids": [new_id], "fields": ["Id"]}).json()
    assert posted[0]["Id"] == new_id
    rows = [{**account, "HubSpot_Company_Id__c": key, "Name": key} for key in ("777", "778", "777")]
    upserted = org.patch(f"{COLLECTION}/Account/HubSpot_Company_Id__c", {"records": rows}).json()
    assert [row["created"] for row in upserted] == [True, True, False]
    assert upserted[0]["id"] == upserted[2]["id"]
    deleted = org.call("DELETE", COLLECTION, params={"ids": f"{new_id},{upserted[0]['id']},bad"}).json()
    assert [row["success"] for row in deleted] == [True, True, False]


def test_single_records_by_external_id(org: Org) -> None:
    path = "/sobjects/Account/HubSpot_Company_Id__c/4711"
    assert org.call("PATCH", path, params={"updateOnly": "true"}, json={"Name": "x"}).status_code == 404
    created = org.patch(path, {"Name": "Made by upsert"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    changed = org.patch(path, {"Name": "Changed by upsert"})
    assert (changed.status_code, changed.json()["created"]) == (200, False)
    assert org.get(path).json()["Name"] == "Changed by upsert"
    org.post("/sobjects/Account", {"Name": "Twin", "HubSpot_Company_Id__c": "4711"})
    assert org.patch(path, {"Name": "?"}).status_code == 300
    assert org.patch("/sobjects/Account/Phone/1", {"Name": "?"}).status_code == 404


def test_conditional_writes(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    path = f"/sobjects/Account/{record_id}"
    read = org.get(path)
    stamp, tag = read.headers["Last-Modified"], read.headers["ETag"]
    assert org.get(path, {"If-Modified-Since": stamp}).status_code == 304
    org.clock.pass_by(minutes=1)
    assert org.patch(path, {"Phone": "1"}, If_Unmodified_Since=stamp).status_code == 204
    refused = org.patch(path, {"Phone": "2"}, If_Unmodified_Since=stamp)
    assert refused.status_code == 412
    assert org.patch(path, {"Phone": "2"}, If_Match=tag).status_code == 412
    assert org.patch(path, {"Phone": "2"}, If_Unmodified_Since="soon").status_code == 400
    assert org.value(record_id, "Phone") == "1"


def test_creating_and_deleting_cascades(org: Org) -> None:
    account = org.post("/sobjects/Account", {"Name": "Parent"})
    assert account.status_code == 201
    parent = account.json()["id"]
    deal = {"Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-12-01", "AccountId": parent}
    deal_id = org.post("/sobjects/Opportunity/", deal).json()["id"]
    assert org.value(deal_id, "Probability", "Opportunity") == 10.0
    org.patch(f"/sobjects/Opportunity/{deal_id}", {"StageName": "Closed Won"})
    assert org.value(deal_id, "IsWon", "Opportunity") is True
    history = org.query(f"SELECT StageName FROM OpportunityHistory WHERE OpportunityId = '{deal_id}' ORDER BY Id")  # noqa: S608
    assert [row["StageName"] for row in history] == ["Qualification", "Closed Won"]
    assert org.call("DELETE", f"/sobjects/Account/{parent}").status_code == 204
    assert org.call("DELETE", f"/sobjects/Account/{parent}").status_code == 404
    assert org.value(deal_id, "IsDeleted", "Opportunity") is True
    assert org.query(f"SELECT Id FROM Opportunity WHERE Id = '{deal_id}'") == []  # noqa: S608


def test_cases_derive_what_cases_derive(org: Org) -> None:
    case_id = org.post("/sobjects/Case", {"Subject": "Help"}).json()["id"]
    assert org.value(case_id, "Status", "Case") == "New"
    org.patch(f"/sobjects/Case/{case_id}", {"Status": "Closed"})
    assert org.value(case_id, "IsClosed", "Case") is True
    assert org.value(case_id, "ClosedDate", "Case") == "2026-11-22T09:30:00.000+0000"


def test_locks_strike_rows_not_requests(make: MakeOrg) -> None:
    org = make(lock_rate=0.5)
    results = update_many(org, *(change(record_id, Phone="1") for record_id in org.ids(count=20)))
    codes = {result["errors"][0]["statusCode"] for result in results if not result["success"]}
    assert codes == {"UNABLE_TO_LOCK_ROW"}
    assert any(result["success"] for result in results)
