"""Queries, paging, describe, single reads and replication lists of the Salesforce sandbox over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.world.generate import generate
from sandbox.world.ids import hubspot_company_id, salesforce_account_id
from tests.sandbox.salesforce_org import TODAY, MakeOrg, Org, serving


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make()


def test_pages_follow_the_locator_and_say_when_they_end(make: MakeOrg) -> None:
    org = make(accounts=500)
    first = org.get("/query", {"Sforce-Query-Options": "batchSize=200"}, q="SELECT Id FROM Account").json()
    assert first["done"] is False
    assert len(first["records"]) == 200
    assert first["nextRecordsUrl"].startswith("/services/data/v62.0/query/0r8")
    ids = [record["Id"] for record in first["records"]]
    page = first
    while not page["done"]:
        page = org.get(page["nextRecordsUrl"]).json()
        ids += [record["Id"] for record in page["records"]]
    assert "nextRecordsUrl" not in page
    assert len(ids) == len(set(ids)) == first["totalSize"]


def test_the_batch_size_is_advice_between_200_and_2000(make: MakeOrg) -> None:
    org = make(accounts=500, batch_size=250)
    for wanted, given in (("1", 200), ("220", 220), ("9999", 250)):
        page = org.get("/query", {"Sforce-Query-Options": f"batchSize={wanted}"}, q="SELECT Id FROM Account")
        assert len(page.json()["records"]) == given


def test_a_locator_lives_two_days_and_keeps_what_it_saw(make: MakeOrg) -> None:
    org = make(accounts=500)
    options = {"Sforce-Query-Options": "batchSize=200"}
    page = org.get("/query", options, q="SELECT Id, ARR__c FROM Account").json()
    org.clock.pass_by(hours=47)
    assert org.get(page["nextRecordsUrl"]).status_code == 200
    org.clock.pass_by(hours=2)
    stale = org.get(page["nextRecordsUrl"])
    assert stale.status_code == 400
    assert stale.json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert org.get("/query/0r8000000000000AAA-200").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_values_look_as_in_rest_json(org: Org) -> None:
    (row,) = org.query(
        "SELECT Id, Features_Used_30d__c, NumberOfEmployees, Strategic_Account__c, Go_Live_Date__c, SystemModstamp "
        "FROM Account WHERE Features_Used_30d__c > 0 AND NumberOfEmployees > 0 AND Go_Live_Date__c != null LIMIT 1"
    )
    assert row["attributes"] == {"type": "Account", "url": f"/services/data/v62.0/sobjects/Account/{row['Id']}"}
    assert isinstance(row["Features_Used_30d__c"], float)
    assert isinstance(row["NumberOfEmployees"], int)
    assert isinstance(row["Strategic_Account__c"], bool)
    assert len(row["Go_Live_Date__c"]) == 10
    assert row["SystemModstamp"].endswith(".000+0000")


def test_count_has_a_size_and_no_rows(org: Org) -> None:
    body = org.get("/query/", q="SELECT COUNT() FROM Account").json()
    assert body == {"totalSize": len(org.query("SELECT Id FROM Account")), "done": True, "records": []}


def test_query_errors_are_error_arrays(org: Org) -> None:
    status, code, message = org.error("SELECT Bacon__c FROM Account")
    assert (status, code) == (400, "INVALID_FIELD")
    assert "No such column 'Bacon__c' on entity 'Account'" in message
    assert org.error("SELEC Id FROM Account")[1] == "MALFORMED_QUERY"
    assert org.get("/query").json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_an_address_that_is_too_long_meets_the_web_server(org: Org) -> None:
    long = org.get("/query", q="SELECT Id FROM Account WHERE Name IN ('" + "x" * 16_400 + "')")
    assert long.status_code == 414
    assert long.text.startswith("<h1>Bad Message 414</h1>")
    wide = org.get("/query", {"X-Padding": "x" * 9_000}, q="SELECT Id FROM Account WHERE Name = '" + "x" * 8_000 + "'")
    assert wide.status_code == 431


def test_describe_tells_what_a_writer_must_know(org: Org) -> None:
    described = org.get("/sobjects/Account/describe").json()
    fields = {item["name"]: item for item in described["fields"]}
    assert described["keyPrefix"] == "001"
    assert (fields["ARR__c"]["type"], fields["ARR__c"]["precision"], fields["ARR__c"]["scale"]) == ("currency", 18, 2)
    assert fields["Name"]["nillable"] is False
    assert fields["SystemModstamp"]["updateable"] is False
    assert fields["OwnerId"]["referenceTo"] == ["User"]
    assert fields["HubSpot_Company_Id__c"]["externalId"] is True
    assert [v["value"] for v in fields["Product_Edition__c"]["picklistValues"]] == ["professional", "enterprise"]
    assert "CurrencyIsoCode" in fields
    assert org.get("/sobjects/Nonsense/describe").status_code == 404


def test_describe_honours_if_modified_since(org: Org) -> None:
    first = org.get("/sobjects/Account/describe")
    again = org.get("/sobjects/Account/describe", {"If-Modified-Since": first.headers["Last-Modified"]})
    assert again.status_code == 304
    assert not again.content
    assert org.get("/sobjects", {"If-Modified-Since": first.headers["Last-Modified"]}).status_code == 304


def test_the_global_describe_lists_the_objects(make: MakeOrg) -> None:
    named = {item["name"] for item in make(accounts=1).get("/sobjects").json()["sobjects"]}
    assert {"Account", "Opportunity", "Case", "Contract", "User", "Event", "EventRelation", "CurrencyType"} <= named
    single = make(accounts=1, multi_currency=False)
    assert "CurrencyType" not in {item["name"] for item in single.get("/sobjects").json()["sobjects"]}
    assert single.error("SELECT CurrencyIsoCode FROM Account")[1] == "INVALID_FIELD"


def test_records_by_both_forms_of_the_id(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    for form in (record_id, record_id[:15]):
        assert org.get(f"/sobjects/Account/{form}").json()["Id"] == record_id
    assert org.get(f"/sobjects/Account/{record_id}", fields="Name,Owner.Name").json().keys() == {
        "attributes",
        "Name",
        "Owner",
    }
    assert org.get(f"/sobjects/Account/{record_id[:15].swapcase()}").status_code in {400, 404}
    assert org.get(f"/sobjects/Account/{record_id.lower()}").status_code == 404
    assert org.get(f"/sobjects/Account/{org.ids('Case', 1)[0]}").json()[0]["errorCode"] == "MALFORMED_ID"


def test_record_counts(org: Org) -> None:
    body = org.get("/limits/recordCount", sObjects="Account,Task").json()
    assert body == {"sObjects": [{"count": len(org.query("SELECT Id FROM Account")), "name": "Account"}]}


def test_updated_and_deleted_lists(org: Org) -> None:
    one, two = org.ids(count=2)
    org.clock.pass_by(hours=1)
    window: dict[str, Any] = {"start": "2026-11-22T10:29:59+00:00", "end": "2026-11-22T10:31:59+00:00"}
    org.patch(f"/sobjects/Account/{one}", {"Phone": "1"})
    assert org.call("DELETE", f"/sobjects/Account/{two}").status_code == 204
    assert org.get("/sobjects/Account/updated", **window).json() == {
        "ids": [one],
        "latestDateCovered": "2026-11-22T10:31:00.000+0000",
    }
    deleted = org.get("/sobjects/Account/deleted/", **window).json()
    assert deleted["deletedRecords"] == [{"id": two, "deletedDate": "2026-11-22T10:30:00.000+0000"}]
    for bad in (
        {"start": window["end"], "end": window["start"]},
        {"start": "2026-10-01T00:00:00Z", "end": window["end"]},
    ):
        refused = org.get("/sobjects/Account/updated", **bad)
        assert refused.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_the_portfolio_is_there(make: MakeOrg) -> None:
    world = generate(7, 300, TODAY)
    org = make(world=world)
    mine = [account for account in world.accounts if account.in_salesforce]
    rows = {
        row["Id"]: row for row in org.query("SELECT FIELDS(STANDARD), HubSpot_Company_Id__c FROM Account", "queryAll")
    }
    assert set(rows) == {salesforce_account_id(account.key) for account in mine}
    for account in mine:
        row = rows[salesforce_account_id(account.key)]
        linked = account.linked and account.in_hubspot
        assert row["HubSpot_Company_Id__c"] == (hubspot_company_id(account.key) if linked else None)
        assert row["IsDeleted"] == (account.archived or account.merged_into is not None)
    assert any(row["MasterRecordId"] for row in rows.values())
    assert any(row["ParentId"] for row in rows.values())
    assert org.query("SELECT Id FROM Opportunity WHERE AccountId = null")
    assert org.query("SELECT Id FROM Case WHERE AccountId = null")
    assert {row["Name"] for row in rows.values()} >= {a.name for a in mine if a.name and not a.quirks}
    assert org.query("SELECT Id FROM EventRelation WHERE RelationId != null")
    assert len({row["CurrencyIsoCode"] for row in org.query("SELECT CurrencyIsoCode FROM Opportunity")}) > 1


def test_absurd_values_are_stored_where_a_field_can_hold_them(make: MakeOrg) -> None:
    world = generate(7, 60, TODAY)
    negative, text, early, plain = [account for account in world.accounts if account.in_salesforce][:4]
    negative.quirks = {"arr": "-50000", "employees": "-3"}
    text.quirks = {"arr": "abc", "logins_per_user_week": "NaN"}
    early.quirks = {"go_live_at": "0001-01-01", "roi_realised": " 3.5 "}
    plain.name = 'Line\nbreak, "quotes" \u202e=HYPERLINK("x") 漢字'
    org = make(world=world)
    stored = {account.key: salesforce_account_id(account.key) for account in (negative, text, early, plain)}
    assert (org.value(stored[negative.key], "ARR__c"), org.value(stored[negative.key], "NumberOfEmployees")) == (
        -50000.0,
        -3,
    )
    assert org.value(stored[text.key], "ARR__c") == (None if text.arr is None else float(text.arr))
    assert org.value(stored[early.key], "ROI_Realised__c") == 3.5
    day = early.go_live_at
    assert org.value(stored[early.key], "Go_Live_Date__c") == (None if day is None else day.isoformat())
    (row,) = org.query(f"SELECT Name FROM Account WHERE Id = '{stored[plain.key]}'", "queryAll")  # noqa: S608
    assert row["Name"] == plain.name
