"""Trouble that the Salesforce sandbox makes for readers: results cut off, counts that are off, jobs that end."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from tests.sandbox.salesforce_org import MakeOrg, Org, serving

QUERY = "/jobs/query"


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make(bulk_page=20)


def job_of(org: Org, soql: str = "SELECT Id, Name FROM Account") -> str:
    return str(org.post(QUERY, {"operation": "query", "query": soql}).json()["id"])


def done(org: Org, job: str) -> None:
    while org.get(f"{QUERY}/{job}").json()["state"] not in {"JobComplete", "Failed"}:
        continue


def test_a_result_may_announce_a_row_more_than_it_has(org: Org) -> None:
    job = job_of(org)
    done(org, job)
    org.post("/_sandbox/faults", [{"kind": "wrong_count", "path": "*/results"}])
    answer = org.get(f"{QUERY}/{job}/results")
    assert int(answer.headers["Sforce-NumberOfRecords"]) == len(list(csv.reader(io.StringIO(answer.text)))) == 21
    assert org.get(f"{QUERY}/{job}/results").headers["Sforce-NumberOfRecords"] == "20"


def test_a_result_may_be_cut_off_without_a_length(org: Org) -> None:
    job = job_of(org)
    done(org, job)
    whole = org.get(f"{QUERY}/{job}/results")
    org.post("/_sandbox/faults", [{"kind": "cut_off", "path": "*/results"}])
    half = org.get(f"{QUERY}/{job}/results")
    assert half.status_code == 200
    assert "Content-Length" not in half.headers
    assert half.headers["Sforce-NumberOfRecords"] == whole.headers["Sforce-NumberOfRecords"]
    assert half.headers["Content-Type"] == whole.headers["Content-Type"]
    assert whole.content.startswith(half.content)
    assert len(half.content) == len(whole.content) // 2


def test_locators_of_queries_and_of_results_expire_together(make: MakeOrg) -> None:
    org = make(bulk_page=20, batch_size=20)
    job = job_of(org)
    done(org, job)
    locator = org.get(f"{QUERY}/{job}/results").headers["Sforce-Locator"]
    link = org.get("/query", q="SELECT Id FROM Account").json()["nextRecordsUrl"]
    assert org.post("/_sandbox/locators", {"action": "expire"}).json() == {"queries": 1}
    for answer in (org.get(f"{QUERY}/{job}/results", locator=locator), org.get(link)):
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    assert org.get(f"{QUERY}/{job}/results").status_code == 200, "the job itself is still there"
    assert org.post("/_sandbox/locators", {}).status_code == 400


@pytest.mark.parametrize("message", [None, "InternalServerError"])
def test_jobs_fail_or_are_forgotten_when_told_so(org: Org, message: str | None) -> None:
    job = job_of(org)
    assert org.post("/_sandbox/jobs", {"action": "fail", "message": message}).json() == {"jobs": 1}
    failed = org.get(f"{QUERY}/{job}").json()
    assert (failed["state"], failed.get("errorMessage")) == ("Failed", message)
    assert org.get(f"{QUERY}/{job}/results").status_code == 400
    assert org.post("/_sandbox/jobs", {"action": "forget"}).json() == {"jobs": 1}
    assert org.get(f"{QUERY}/{job}").status_code == 404
    assert org.post("/_sandbox/jobs", {"action": "love"}).status_code == 400


def test_a_job_may_take_its_time_however_often_it_is_asked(make: MakeOrg) -> None:
    org = make(bulk_seconds=30.0)
    job = job_of(org)
    assert {org.get(f"{QUERY}/{job}").json()["state"] for _ in range(5)} == {"InProgress"}
    org.clock.pass_by(seconds=30)
    assert org.get(f"{QUERY}/{job}").json()["state"] == "JobComplete"


@pytest.mark.parametrize(("skew", "share"), [(0.0, 1.0), (0.5, 1.5), (-1.0, 0.0)])
def test_record_counts_may_be_off(make: MakeOrg, skew: float, share: float) -> None:
    org = make(count_skew=skew)
    (entry,) = org.get("/limits/recordCount", sObjects="Account").json()["sObjects"]
    assert entry["count"] == round(len(org.ids(count=10_000)) * share)


def test_record_counts_may_be_missing(make: MakeOrg) -> None:
    assert make(count_skew=None).get("/limits/recordCount", sObjects="Account").json() == {"sObjects": []}


def test_a_formula_is_described_as_one_and_changes_without_a_stamp(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    assert org.post("/_sandbox/formula", {"object": "Account", "field": "arr__c"}).json()["field"] == "ARR__c"
    fields = {field["name"]: field for field in org.get("/sobjects/Account/describe").json()["fields"]}
    assert (fields["ARR__c"]["calculated"], fields["ARR__c"]["updateable"]) == (True, False)
    before = org.value(record_id, "SystemModstamp")
    org.clock.pass_by(minutes=1)
    edit = {"object": "Account", "id": record_id, "properties": {"ARR__c": 4711}}
    assert org.post("/_sandbox/edit", edit).status_code == 400, "nobody writes a formula"
    assert org.patch(f"/sobjects/Account/{record_id}", {"ARR__c": 1}).status_code == 400
    assert org.post("/_sandbox/edit", {**edit, "silent": True}).status_code == 200
    assert (org.value(record_id, "ARR__c"), org.value(record_id, "SystemModstamp")) == (4711.0, before)
    assert org.post("/_sandbox/formula", {"object": "Account", "field": "Nope"}).status_code == 400
