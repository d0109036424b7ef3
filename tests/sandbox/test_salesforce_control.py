"""The control plane of the Salesforce sandbox: people's edits, merges, late commits, faults and the journal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.sandbox.salesforce_org import MakeOrg, Org, serving


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make()


def test_a_person_edits_and_the_record_says_so(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    org.clock.pass_by(minutes=1)
    edited = org.post("/_sandbox/edit", {"object": "Account", "id": record_id, "properties": {"Phone": "5"}})
    assert edited.status_code == 200
    row = org.get(f"/sobjects/Account/{record_id}").json()
    assert row["Phone"] == "5"
    assert row["LastModifiedById"] != org.me()
    assert row["SystemModstamp"] == "2026-11-22T09:31:00.000+0000"
    assert org.post("/_sandbox/edit", {"object": "Account", "id": "x", "values": {}}).status_code == 400
    assert org.post("/_sandbox/edit", {"object": "Nope", "id": record_id, "values": {}}).status_code == 400


def test_the_journal_names_every_effect_and_its_author(org: Org) -> None:
    one, two = org.ids(count=2)
    before = org.value(one, "ARR__c")
    body = {"ARR__c": 123, "Phone": org.value(one, "Phone")}
    org.call("PATCH", f"/sobjects/Account/{one}", json=body, headers={"X-Request-Id": "r-1"})
    org.post("/_sandbox/edit", {"object": "Account", "id": two, "properties": {"Name": "Edited"}})
    org.call("DELETE", f"/sobjects/Account/{two}")
    api, person, *deleted = org.get("/_sandbox/journal").json()
    assert api == {
        "seq": 1,
        "time": "2026-11-22T09:30:00.000+0000",
        "action": "set",
        "object": "Account",
        "id": one,
        "property": "ARR__c",
        "old": before,
        "new": 123.0,
        "actor": f"api:{org.me()}",
        "request_id": "r-1",
    }
    assert (person["actor"], person["property"], person["new"]) == ("user", "Name", "Edited")
    assert {"action": "archive", "id": two} in [{"action": e["action"], "id": e["id"]} for e in deleted]
    assert org.get("/_sandbox/journal", since=2).json() == deleted


def test_a_late_commit_appears_with_its_old_stamp(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    edit = {"object": "Account", "id": record_id, "properties": {"Phone": "late"}, "commit_after_seconds": 300}
    org.post("/_sandbox/edit", edit)
    path = f"/sobjects/Account/{record_id}"
    org.clock.pass_by(seconds=299)
    assert org.get(path).json()["Phone"] != "late"
    org.clock.pass_by(seconds=1)
    row = org.get(path).json()
    assert (row["Phone"], row["SystemModstamp"]) == ("late", "2026-11-22T09:30:00.000+0000")


def test_a_late_commit_does_not_undo_what_others_wrote_meanwhile(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    edit = {"object": "Account", "id": record_id, "properties": {"Phone": "late"}, "commit_after_seconds": 60}
    org.post("/_sandbox/edit", edit)
    org.clock.pass_by(seconds=30)
    org.patch(f"/sobjects/Account/{record_id}", {"ARR__c": 42})
    org.clock.pass_by(seconds=30)
    row = org.get(f"/sobjects/Account/{record_id}").json()
    assert (row["Phone"], row["ARR__c"]) == ("late", 42.0)
    assert row["SystemModstamp"] == "2026-11-22T09:30:30.000+0000"


def test_a_record_can_be_born_late(org: Org) -> None:
    body = {"object": "Account", "properties": {"Name": "Latecomer"}, "commit_after_seconds": 60}
    record_id = org.post("/_sandbox/create", body).json()["id"]
    assert org.query("SELECT Id FROM Account WHERE Name = 'Latecomer'") == []
    org.clock.pass_by(seconds=61)
    (row,) = org.query("SELECT Id, SystemModstamp FROM Account WHERE Name = 'Latecomer'")
    assert (row["Id"], row["SystemModstamp"]) == (record_id, "2026-11-22T09:30:00.000+0000")


def test_a_merge_moves_the_children_and_marks_the_loser(org: Org) -> None:
    (parent,) = {row["AccountId"] for row in org.query("SELECT AccountId FROM Contact WHERE AccountId != null LIMIT 1")}
    winner = next(record_id for record_id in org.ids(count=9) if record_id != parent)
    children = org.query(f"SELECT Id FROM Contact WHERE AccountId = '{parent}'")  # noqa: S608
    assert org.post("/_sandbox/merge", {"object": "Account", "id": winner, "other": parent}).status_code == 200
    moved = {row["Id"] for row in org.query(f"SELECT Id FROM Contact WHERE AccountId = '{winner}'")}  # noqa: S608
    assert {row["Id"] for row in children} <= moved
    (loser,) = org.query(f"SELECT MasterRecordId, IsDeleted FROM Account WHERE Id = '{parent}'", "queryAll")  # noqa: S608
    assert (loser["MasterRecordId"], loser["IsDeleted"]) == (winner, True)
    assert org.patch(f"/sobjects/Account/{parent}", {"Phone": "1"}).json()[0]["errorCode"] == "ENTITY_IS_DELETED"


def test_hard_deletes_vanish_and_bins_give_back(org: Org) -> None:
    one, two = org.ids(count=2)
    counts = org.get("/_sandbox/counts").json()["Account"]
    org.post("/_sandbox/delete", {"object": "Account", "id": one, "hard": True})
    org.post("/_sandbox/delete", {"object": "Account", "id": two})
    after = org.get("/_sandbox/counts").json()["Account"]
    assert (after["live"], after["archived"]) == (counts["live"] - 2, counts["archived"] + 1)
    found = {row["Id"] for row in org.query("SELECT Id FROM Account", "queryAll")}
    assert one not in found
    assert two in found
    org.post("/_sandbox/undelete", {"object": "Account", "id": two})
    assert org.get(f"/sobjects/Account/{two}").status_code == 200


def script(org: Org, *faults: dict[str, object]) -> None:
    assert org.post("/_sandbox/faults", {"faults": list(faults)}).json()["faults"] == len(faults)


def test_faults_strike_the_nth_matching_request(org: Org) -> None:
    script(org, {"kind": "503", "path": "*/limits", "nth": 2}, {"kind": "daily", "method": "POST", "path": "*"})
    assert [org.get("/limits").status_code for _ in range(3)] == [200, 503, 200]
    assert org.post("/sobjects/Account", {}).json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_faults_can_be_matched_by_expression_with_any_answer(org: Org) -> None:
    match = {"path": "/query$", "method": "GET", "nth": 1}
    script(
        org,
        {"match": match, "fault": {"status": 502, "html": "<h1>Bad Gateway</h1>"}},
        {"match": {"path": "/limits"}, "fault": {"status": 400, "body": [{"errorCode": "QUERY_TIMEOUT"}]}},
    )
    page = org.get("/query", q="SELECT Id FROM Account")
    assert (page.status_code, page.text) == (502, "<h1>Bad Gateway</h1>")
    assert org.get("/limits").json() == [{"errorCode": "QUERY_TIMEOUT"}]
    assert org.get("/query", q="SELECT COUNT() FROM Account").status_code == 200


def test_answers_can_be_cut_and_connections_dropped(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    path = f"/sobjects/Account/{record_id}"
    script(
        org,
        {"kind": "truncated_json", "path": "*/limits"},
        {"kind": "drop", "path": "*/sobjects"},
        {"kind": "commit_then_drop", "method": "PATCH", "path": "*/sobjects/Account/*"},
    )
    with pytest.raises(requests.exceptions.JSONDecodeError):
        org.get("/limits").json()
    with pytest.raises(requests.ConnectionError):
        org.get("/sobjects")
    with pytest.raises(requests.ConnectionError):
        org.patch(path, {"Phone": "committed"})
    assert org.get(path).json()["Phone"] == "committed"


def test_unknown_faults_are_refused_and_scripts_cleared(org: Org) -> None:
    assert org.post("/_sandbox/faults", {"faults": [{"kind": "earthquake"}]}).status_code == 400
    assert org.post("/_sandbox/faults", {"faults": [{"kind": "drop", "sometimes": 1}]}).status_code == 400
    script(org, {"kind": "500", "times": 0})
    assert org.get("/limits").status_code == org.get("/limits").status_code == 500
    org.call("DELETE", "/_sandbox/faults")
    assert org.get("/limits").status_code == 200


def test_the_books_count_requests_by_route(make: MakeOrg) -> None:
    org = make(accounts=5, daily_limit=3)
    for record_id in org.ids(count=3):
        org.get(f"/sobjects/Account/{record_id}")
    org.get("/limits")
    stats = org.get("/_sandbox/stats").json()
    assert stats["requests"] == 4
    assert stats["by_route"]["GET /services/data/v62.0/sobjects/Account/{id}"] == 3
    assert stats["by_status"] == {"200": 3, "403": 1}
    assert (stats["throttled"], stats["quota"]) == (1, {"used": 3, "limit": 3})
    org.clock.pass_by(days=2)
    org.post("/_sandbox/spend", {"requests": 2})
    assert org.get("/limits").headers["Sforce-Limit-Info"] == "api-usage=3/3"


def test_a_validation_rule_stops_clients_but_not_its_admin(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    rule = {"object": "Account", "field": "Phone", "message": "No premium numbers", "values": ["0900"]}
    org.post("/_sandbox/rules", rule)
    path = f"/sobjects/Account/{record_id}"
    (error,) = org.patch(path, {"Phone": "0900"}).json()
    assert (error["errorCode"], error["message"]) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No premium numbers")
    assert org.patch(path, {"Phone": "0800"}).status_code == 204
    assert org.post("/_sandbox/edit", {"object": "Account", "id": record_id, "properties": {"Phone": "0900"}}).ok
    assert org.patch(path, {"Name": "Another field"}).status_code == 204
    org.post("/_sandbox/rules", {})
    assert org.patch(path, {"Phone": "0900"}).status_code == 204


def test_a_silent_change_moves_no_stamp(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    before = org.value(record_id, "SystemModstamp")
    body = {"object": "Account", "id": record_id, "properties": {"Phone": "calculated"}, "silent": True}
    assert org.post("/_sandbox/edit", body).status_code == 200
    assert org.value(record_id, "Phone") == "calculated"
    assert org.value(record_id, "SystemModstamp") == before


def test_an_org_may_lack_an_object(make: MakeOrg) -> None:
    org = make(accounts=30, without_objects=("Contract", "Task"))
    assert org.error("SELECT Id FROM Contract")[1] == "INVALID_TYPE"
    assert org.error("SELECT ContractId FROM Opportunity")[1] == "INVALID_FIELD"
    assert org.query("SELECT What.Name, Owner.Name FROM Event LIMIT 1")
    assert "Contract" not in {item["name"] for item in org.get("/sobjects").json()["sobjects"]}
    assert org.call("DELETE", f"/sobjects/Account/{org.ids()[0]}").status_code == 204
