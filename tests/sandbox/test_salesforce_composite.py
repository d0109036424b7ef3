"""Several requests in one: composite, all or none of it, and batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.salesforce_org import VERSION, MakeOrg, Org, serving


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make(accounts=20)


def part(method: str, path: str, reference: str, **body: Any) -> dict[str, Any]:
    return {"method": method, "url": f"{VERSION}{path}", "referenceId": reference, "body": body}


def test_composite_requests_refer_to_each_other(org: Org) -> None:
    base = "/services/data/v62.0"
    body = {
        "compositeRequest": [
            {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "a", "body": {"Name": "C"}},
            {
                "method": "PATCH",
                "url": f"{base}/sobjects/Account/@{{a.id}}",
                "referenceId": "b",
                "body": {"Phone": "9"},
            },
            {"method": "GET", "url": f"{base}/query?q=SELECT+Nope+FROM+Account", "referenceId": "c"},
        ]
    }
    made, changed, failed = org.post("/composite", body).json()["compositeResponse"]
    assert (made["httpStatusCode"], changed["httpStatusCode"], failed["httpStatusCode"]) == (201, 204, 400)
    assert org.value(made["body"]["id"], "Phone") == "9"
    assert failed["body"][0]["errorCode"] == "INVALID_FIELD"


def test_all_or_none_keeps_nothing_of_a_composite_that_failed(org: Org) -> None:
    parts = [part("POST", "/sobjects/Account", "a", Name="Undone"), part("POST", "/sobjects/Account", "b", Nope="x")]
    effects = len(org.state.journal.as_json())
    answer = org.post("/composite", {"allOrNone": True, "compositeRequest": parts}).json()["compositeResponse"]
    assert [item["httpStatusCode"] for item in answer] == [400, 400]
    assert [item["body"][0]["errorCode"] for item in answer] == ["PROCESSING_HALTED", "INVALID_FIELD"]
    assert org.query("SELECT Id FROM Account WHERE Name = 'Undone'") == []
    assert len(org.state.journal.as_json()) == effects


def test_all_or_none_sees_and_keeps_its_own_work(org: Org) -> None:
    parts = [
        part("POST", "/sobjects/Account", "a", Name="Kept"),
        part("POST", "/sobjects/Contact", "c", LastName="Kept", AccountId="@{a.id}"),
        part("GET", "/query?q=SELECT+Name+FROM+Account+WHERE+Name='Kept'", "q"),
    ]
    made, contact, found = org.post("/composite", {"allOrNone": True, "compositeRequest": parts}).json()[
        "compositeResponse"
    ]
    assert (made["httpStatusCode"], contact["httpStatusCode"], found["body"]["totalSize"]) == (201, 201, 1)
    assert org.value(contact["body"]["id"], "AccountId", "Contact") == made["body"]["id"]
    assert any(entry["new"] == "Kept" for entry in org.state.journal.as_json())


def test_a_collection_inside_all_or_none_is_undone_with_the_rest(org: Org) -> None:
    record_id = org.ids()[0]
    record = {"attributes": {"type": "Account"}, "id": record_id, "Phone": "undone"}
    parts = [part("PATCH", "/composite/sobjects", "many", records=[record]), part("GET", "/sobjects/None/1", "b")]
    org.post("/composite", {"allOrNone": True, "compositeRequest": parts})
    assert org.value(record_id, "Phone") != "undone"


@pytest.mark.parametrize("halt", [True, False])
def test_a_batch_runs_on_or_halts(org: Org, halt: bool) -> None:
    items = [
        {"method": "POST", "url": "v62.0/sobjects/Account", "richInput": {"Name": "First"}},
        {"method": "GET", "url": "v62.0/sobjects/Account/nothing"},
        {"method": "GET", "url": "v62.0/limits"},
    ]
    answer = org.post("/composite/batch", {"haltOnError": halt, "batchRequests": items}).json()
    assert answer["hasErrors"] is True
    assert [item["statusCode"] for item in answer["results"]] == [201, 404, 412 if halt else 200]
    assert org.query("SELECT Id FROM Account WHERE Name = 'First'")


@pytest.mark.parametrize("requests", [None, [], [1], [{}] * 26, "x"])
def test_what_is_no_list_of_requests_is_refused(org: Org, requests: Any) -> None:
    assert org.post("/composite", {"compositeRequest": requests}).status_code == 400
    assert org.post("/composite/batch", {"batchRequests": requests}).status_code == 400
