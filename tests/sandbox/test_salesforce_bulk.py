"""Bulk API 2.0 of the Salesforce sandbox: query jobs and ingest jobs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.salesforce_org import MakeOrg, Org, serving

QUERY, INGEST = "/jobs/query", "/jobs/ingest"


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make()


def lines(response: requests.Response) -> list[list[str]]:
    assert response.headers["Content-Type"] == "text/csv;charset=UTF-8"
    return list(csv.reader(io.StringIO(response.content.decode(), newline="")))


def start(org: Org, soql: str, operation: str = "query", **more: str) -> str:
    response = org.post(QUERY, {"operation": operation, "query": soql, **more})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def finished(org: Org, job: str, root: str = QUERY) -> dict[str, Any]:
    for _ in range(10):
        body: dict[str, Any] = org.get(f"{root}/{job}").json()
        if body["state"] in {"JobComplete", "Failed", "Aborted"}:
            return body
    raise AssertionError(f"the job did not end: {body}")


def ingest(org: Org, text: str | bytes, operation: str = "update", **more: str) -> tuple[str, dict[str, Any]]:
    """Run an ingest job to its end and return its id and its description."""
    job = org.post(INGEST, {"object": "Account", "operation": operation, "contentType": "CSV", **more}).json()
    assert job["state"] == "Open"
    assert job["contentUrl"] == f"services/data/v62.0/jobs/ingest/{job['id']}/batches"
    data = text.encode() if isinstance(text, str) else text
    put = org.call("PUT", f"/{job['contentUrl']}", data=data, headers={"Content-Type": "text/csv; charset=UTF-8"})
    assert (put.status_code, put.content) == (201, b"")
    closed = org.patch(f"{INGEST}/{job['id']}", {"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete"
    return job["id"], finished(org, job["id"], INGEST)


def files(org: Org, job: str) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    names = ("successfulResults/", "failedResults/", "unprocessedrecords/")
    good, bad, rest = (lines(org.get(f"{INGEST}/{job}/{name}")) for name in names)
    return good, bad, rest


def test_a_query_job_passes_through_its_states(make: MakeOrg) -> None:
    org = make(bulk_polls=2)
    job = start(org, "SELECT Id FROM Account")
    early = org.get(f"{QUERY}/{job}/results")
    assert early.status_code == 400
    states = [org.get(f"{QUERY}/{job}").json()["state"] for _ in range(6)]
    assert states == ["UploadComplete", "UploadComplete", "InProgress", "InProgress", "JobComplete", "JobComplete"]


def test_results_come_in_pages_each_with_a_header(org: Org) -> None:
    job = start(org, "SELECT Id, Owner.Name, ARR__c, Strategic_Account__c, SystemModstamp FROM Account")
    total = finished(org, job)["numberRecordsProcessed"]
    seen: list[list[str]] = []
    locator = ""
    while locator != "null":
        page = org.call("GET", f"{QUERY}/{job}/results", params={"maxRecords": 20, "locator": locator or None})
        header, *body = lines(page)
        assert header == ["Id", "Owner.Name", "ARR__c", "Strategic_Account__c", "SystemModstamp"]
        assert len(body) == int(page.headers["Sforce-NumberOfRecords"])
        seen += body
        locator = page.headers["Sforce-Locator"]
    assert len(seen) == len({line[0] for line in seen}) == total == len(org.ids(count=10_000))
    assert all(line[3] in {"true", "false"} and line[4].endswith(".000Z") for line in seen)
    assert page.text.startswith('"Id","Owner.Name"')


def test_result_pages_can_be_fetched_in_parallel(make: MakeOrg) -> None:
    org = make(bulk_page=6)
    job = start(org, "SELECT Id FROM Account", "queryAll")
    finished(org, job)
    listing = org.get(
        f"{QUERY}/{job}/resultPages",
    ).json()
    pages = [page["resultUrl"] for page in listing["resultPages"]]
    assert len(pages) == 5
    while not listing["done"]:
        listing = org.get(listing["nextRecordsUrl"]).json()
        pages += [page["resultUrl"] for page in listing["resultPages"]]
    ids = [line[0] for url in pages for line in lines(org.get(url))[1:]]
    assert len(ids) == len(set(ids)) == len(org.state.org.tables["Account"].rows)


def test_results_need_the_version_of_the_job(org: Org) -> None:
    job = start(org, "SELECT Id FROM Account")
    finished(org, job)
    assert org.get(f"/services/data/v63.0{QUERY}/{job}/results").status_code == 409


def test_hostile_text_survives_the_csv(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    name = 'A "quoted",\ncomma; ünïcode \u202e=1+1'
    org.patch(f"/sobjects/Account/{record_id}", {"Name": name})
    job = start(org, f"SELECT Name FROM Account WHERE Id = '{record_id}'", lineEnding="CRLF", columnDelimiter="PIPE")  # noqa: S608
    finished(org, job)
    page = org.get(f"{QUERY}/{job}/results")
    rows = list(csv.reader(io.StringIO(page.content.decode(), newline=""), delimiter="|"))
    assert rows == [["Name"], [name]]


@pytest.mark.parametrize("empty", [False, True])
def test_no_rows_is_a_header_or_nothing(make: MakeOrg, empty: bool) -> None:
    org = make(accounts=5, bulk_empty_body=empty)
    job = start(org, "SELECT Id FROM Account WHERE Name = 'nobody'")
    assert finished(org, job)["numberRecordsProcessed"] == 0
    page = org.get(f"{QUERY}/{job}/results")
    assert page.text == ("" if empty else '"Id"\n')
    assert (page.headers["Sforce-NumberOfRecords"], page.headers["Sforce-Locator"]) == ("0", "null")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT COUNT(Id) FROM Account", "API_ERROR"),
        ("SELECT Name FROM Account GROUP BY Name", "API_ERROR"),
        ("SELECT Id FROM Account OFFSET 5", "API_ERROR"),
        ("SELECT BillingAddress FROM Account", "FEATURENOTENABLED"),
        ("SELECT Id FROM FieldPermissions", "INVALIDENTITY"),
        ("SELECT Bacon__c FROM Account", "INVALID_FIELD"),
    ],
)
def test_what_bulk_cannot_query(org: Org, soql: str, code: str) -> None:
    refused = org.post(QUERY, {"operation": "query", "query": soql})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, code)


def test_a_job_may_fail_without_saying_why(make: MakeOrg) -> None:
    org = make(accounts=5, bulk_failure_without_message=True)
    body = finished(org, start(org, "SELECT Id FROM Account"))
    assert body["state"] == "Failed"
    assert "errorMessage" not in body


def test_query_jobs_are_listed_aborted_and_deleted(make: MakeOrg) -> None:
    org = make(accounts=5, bulk_polls=3)
    job = start(org, "SELECT Id FROM Account")
    assert org.call("DELETE", f"{QUERY}/{job}").status_code == 400
    assert org.patch(f"{QUERY}/{job}", {"state": "Aborted"}).json()["state"] == "Aborted"
    assert [entry["id"] for entry in org.get(QUERY).json()["records"]] == [job]
    deleted = org.call("DELETE", f"{QUERY}/{job}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert org.get(f"{QUERY}/{job}").status_code == 404


def test_an_ingest_job_reports_every_row_in_one_of_three_files(org: Org) -> None:
    ids = org.ids(count=8)
    text = "Id,ARR__c,Phone\n" + "".join(f"{key},{number},1\n" for number, key in enumerate(ids))
    text += "001kW0000000zzz,1,2\n" + f"{org.ids(count=9)[8]},lots,2\n"
    job, body = ingest(org, text)
    assert (body["state"], body["numberRecordsProcessed"], body["numberRecordsFailed"]) == ("JobComplete", 10, 2)
    good, bad, rest = files(org, job)
    assert good[0] == ["sf__Id", "sf__Created", "Id", "ARR__c", "Phone"]
    assert bad[0] == ["sf__Id", "sf__Error", "Id", "ARR__c", "Phone"]
    assert rest == [["Id", "ARR__c", "Phone"]]
    assert sorted(line[0] for line in good[1:]) == sorted(ids)
    assert [line[0] for line in good[1:]] != ids, "results are not in the order of the upload"
    errors = {line[2]: line[1] for line in bad[1:]}
    assert errors["001kW0000000zzz"] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    assert org.value(ids[7], "ARR__c") == 7.0


def test_an_empty_cell_changes_nothing_and_na_clears(org: Org) -> None:
    one, two = org.ids(count=2)
    for record_id in (one, two):
        org.patch(f"/sobjects/Account/{record_id}", {"Phone": "old"})
    ingest(org, f"Id,Phone\n{one},\n{two},#N/A\n")
    assert org.value(one, "Phone") == "old"
    assert org.value(two, "Phone") is None


@pytest.mark.parametrize(
    ("upload", "more", "message"),
    [
        ("\ufeffId,Phone\n", {}, "Field name not found : \ufeffId"),
        ("Id,Bacon__c,Worse__c\n1,2,3\n", {}, "InvalidBatch : Field name not found : Bacon__c"),
        ("Id,Phone\r\n1,2\r\n", {}, "LineEnding is invalid on user data"),
        ("Id,Phone\n1,2\n", {"lineEnding": "CRLF"}, "LineEnding is invalid on user data"),
        (b"Id,Phone\n1,\xff\n", {}, "not UTF-8"),
        ('Id,Phone\n1,"2\n', {}, "Failed to parse CSV"),
    ],
)
def test_a_bad_file_fails_the_whole_job(org: Org, upload: str | bytes, more: dict[str, str], message: str) -> None:
    _, body = ingest(org, upload, **more)
    assert body["state"] == "Failed"
    assert message in body["errorMessage"]
    assert org.get("/_sandbox/journal").json() == []


def test_nothing_runs_before_upload_complete(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    job = org.post(INGEST, {"object": "Account", "operation": "update"}).json()["id"]
    assert org.patch(f"{INGEST}/{job}", {"state": "UploadComplete"}).status_code == 400
    assert org.call("PUT", f"{INGEST}/{job}/batches", data=f"Id,Phone\n{record_id},5\n").status_code == 201
    assert org.call("PUT", f"{INGEST}/{job}/batches", data="Id\n").status_code == 400
    assert {org.get(f"{INGEST}/{job}").json()["state"] for _ in range(5)} == {"Open"}
    assert org.patch(f"{INGEST}/{job}", {"state": "Aborted"}).json()["state"] == "Aborted"
    good, bad, rest = files(org, job)
    assert (len(good), len(bad)) == (1, 1)
    assert rest == [["Id", "Phone"], [record_id, "5"]]
    assert org.value(record_id, "Phone") != "5"
    assert org.call("DELETE", f"{INGEST}/{job}").status_code == 204


def test_a_closed_job_is_carried_out_though_nobody_asks(make: MakeOrg) -> None:
    org = make(bulk_polls=1)
    (record_id,) = org.ids(count=1)
    body = {"object": "Account", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    job = org.post(INGEST, body).json()["id"]
    org.call("PUT", f"{INGEST}/{job}/batches", data=f"Id,Phone\n{record_id},77\n", headers={"Content-Type": "text/csv"})
    org.patch(f"{INGEST}/{job}", {"state": "UploadComplete"})
    org.get("/limits")
    assert org.value(record_id, "Phone") != "77"
    org.clock.pass_by(seconds=6)
    org.get("/limits")
    assert org.value(record_id, "Phone") == "77"
    assert org.get(f"{INGEST}/{job}").json()["state"] == "JobComplete"
    assert len(files(org, job)[0]) == 2


def test_upsert_insert_and_delete_by_bulk(org: Org) -> None:
    text = "HubSpot_Company_Id__c,Name\n900,First\n900,Second\n"
    job, body = ingest(org, text, "upsert", externalIdFieldName="HubSpot_Company_Id__c")
    assert body["numberRecordsFailed"] == 0
    good, _, _ = files(org, job)
    assert sorted(line[1] for line in good[1:]) == ["false", "true"]
    record_id = good[1][0]
    assert org.value(record_id, "Name") == "Second"
    job, body = ingest(org, "Name,Phone\n,1\nNamed,1\n", "insert")
    assert body["numberRecordsFailed"] == 1
    assert "REQUIRED_FIELD_MISSING" in files(org, job)[1][1][1]
    ingest(org, f"Id\n{record_id}\n", "delete")
    assert org.value(record_id, "IsDeleted") is True
