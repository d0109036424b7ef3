"""Bulk uploads: what is sent, and what the three result files say about each row."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Change, Outcome
from connectors.errors import CredentialsError, QuotaExhausted
from connectors.salesforce.ingest import upload
from connectors.salesforce.rows import Row
from connectors.salesforce.schema import FieldInfo, ObjectInfo
from mapping.records import Ref
from tests.unit.connectors.salesforce_kit import (
    ACCOUNT_FIELDS,
    DATA,
    StillClock,
    account_id,
    connector,
    let_describe,
    let_log_in,
)

SCORE, REASONS = "CS_Health_Score__c", "CS_Health_Reasons__c"
JOB = "750R0000000zlh9IAA"
INGEST = f"{DATA}/jobs/ingest"
ACCOUNT = ObjectInfo("Account", {str(f["name"]): FieldInfo.parse(f) for f in ACCOUNT_FIELDS})
GOOD, BAD = '"sf__Id","sf__Created","Id","CS_Health_Score__c"\n', '"sf__Id","sf__Error","Id","CS_Health_Score__c"\n'
LEFT = '"Id","CS_Health_Score__c"\n'


def ref(number: int) -> Ref:
    return Ref("salesforce", "Account", account_id(number))


def change(number: int) -> Change:
    return Change(ref(number), {SCORE: str(number)})


def good(*numbers: int) -> str:
    return GOOD + "".join(f'"{account_id(n)}","false","{account_id(n)}","{n}"\n' for n in numbers)


def bad(*numbers: int, error: str = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--") -> str:
    return BAD + "".join(f'"","{error}","{account_id(n)}","{n}"\n' for n in numbers)


def left(*numbers: int) -> str:
    return LEFT + "".join(f'"{account_id(n)}","{n}"\n' for n in numbers)


def write(
    batch: list[Change], *, state: dict[str, Any] | None = None, files: tuple[str, str, str] = (GOOD, BAD, LEFT)
) -> list[Outcome]:
    """Write by a job that ends in `state` with the given successful, failed and unprocessed rows."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        let_describe(mock)
        mock.get(f"{DATA}/queryAll/", json={"records": [], "totalSize": 0, "done": True})
        mock.post(INGEST, json={"id": JOB, "state": "Open"})
        mock.put(f"{INGEST}/{JOB}/batches", status=201)
        mock.patch(f"{INGEST}/{JOB}", json={"id": JOB, "state": "UploadComplete"})
        mock.get(f"{INGEST}/{JOB}", json={"id": JOB, "state": "JobComplete"} | (state or {}))
        for name, body in zip(("successfulResults", "failedResults", "unprocessedrecords"), files, strict=True):
            headers = {"Sforce-NumberOfRecords": str(body.count("\n") - 1)}
            mock.get(f"{INGEST}/{JOB}/{name}/", body=body, content_type="text/csv", headers=headers)
        return connector().write_bulk(batch)


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def test_an_upload_leaves_what_a_row_does_not_mention() -> None:
    rows = [
        Row(0, ref(1), account_id(1), Change(ref(1), {SCORE: "72.50", REASONS: None})),
        Row(1, ref(2), account_id(2), Change(ref(2), {REASONS: 'two\nlines, "quoted"'})),
    ]
    raw = upload(rows, ACCOUNT)
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(raw.decode(), newline=""))) == [
        ["Id", REASONS, SCORE],
        [account_id(1), "#N/A", "72.5"],
        [account_id(2), 'two\nlines, "quoted"', ""],
    ]


def test_rows_are_found_by_id_whatever_their_order() -> None:
    outcomes = write([change(n) for n in (1, 2, 3, 4)], files=(good(4, 1), bad(3), left(2)))
    assert kinds(outcomes) == ["confirmed", "pending", "pending", "confirmed"]
    assert outcomes[2].code == "UNABLE_TO_LOCK_ROW"


def test_a_row_in_none_of_the_files_is_in_doubt() -> None:
    assert kinds(write([change(1), change(2)], files=(good(1), BAD, LEFT))) == ["confirmed", "in_doubt"]


def test_a_failed_row_names_its_field() -> None:
    error = "FIELD_CUSTOM_VALIDATION_EXCEPTION:Score must not fall: ask Kim:CS_Health_Score__c--"
    (outcome,) = write([change(1)], files=(GOOD, bad(1, error=error), LEFT))
    assert (outcome.kind, outcome.property) == ("rejected", SCORE)
    assert "ask Kim" in outcome.reason


@pytest.mark.parametrize(
    ("message", "kind", "at_fault"),
    [
        ("InvalidBatch : Field name not found : CS_Health_Score__c", "rejected", SCORE),
        ("Something in Salesforce broke", "pending", None),
        (None, "pending", None),
    ],
)
def test_a_job_that_failed_as_a_whole_did_nothing(message: str | None, kind: str, at_fault: str | None) -> None:
    (outcome,) = write([change(1)], state={"state": "Failed"} | ({"errorMessage": message} if message else {}))
    assert (outcome.kind, outcome.property) == (kind, at_fault)


def test_an_aborted_job_keeps_what_it_did() -> None:
    outcomes = write([change(1), change(2)], state={"state": "Aborted"}, files=(good(1), BAD, left(2)))
    assert kinds(outcomes) == ["confirmed", "pending"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(403, "REQUEST_LIMIT_EXCEEDED", QuotaExhausted), (403, "INSUFFICIENT_ACCESS", CredentialsError)],
)
def test_errors_before_anything_was_written_are_raised(status: int, code: str, error: type[Exception]) -> None:
    with responses.RequestsMock() as mock:
        let_log_in(mock)
        let_describe(mock)
        mock.post(INGEST, json=[{"errorCode": code, "message": "no"}], status=status)
        with pytest.raises(error):
            connector().write_bulk([change(1)])


def test_a_job_that_never_ends_leaves_its_rows_in_doubt() -> None:
    with responses.RequestsMock() as mock:
        let_log_in(mock)
        let_describe(mock)
        mock.post(INGEST, json={"id": JOB})
        mock.put(f"{INGEST}/{JOB}/batches", status=201)
        mock.patch(f"{INGEST}/{JOB}", json={})
        mock.get(f"{INGEST}/{JOB}", json={"state": "InProgress"})
        clock = StillClock()
        outcomes = connector(clock, pull={"job_minutes": 5}).write_bulk([change(1)])
        assert kinds(outcomes) == ["in_doubt"]
        assert JOB in outcomes[0].reason
        assert 300 <= sum(clock.naps) < 340


PLACES = st.sampled_from(["good", "bad", "left", "nowhere", "good and left"])


@settings(max_examples=25, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=12))
def test_each_change_of_a_job_has_exactly_one_outcome(places: list[str]) -> None:
    numbered = list(enumerate(places, 1))
    ok = [n for n, place in numbered if "good" in place]
    files = (good(*ok), bad(*(n for n, p in numbered if p == "bad")), left(*(n for n, p in numbered if "left" in p)))
    outcomes = write([change(n) for n, _ in numbered], files=files)
    expected = {
        "good": "confirmed",
        "bad": "pending",
        "left": "pending",
        "nowhere": "in_doubt",
        "good and left": "confirmed",
    }
    assert [outcome.ref for outcome in outcomes] == [ref(n) for n, _ in numbered]
    assert kinds(outcomes) == [expected[place] for place in places]
