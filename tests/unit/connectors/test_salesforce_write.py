"""Writing by collections: one outcome a change, whatever Salesforce answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Change, Outcome
from connectors.errors import CredentialsError, QuotaExhausted
from connectors.salesforce.answers import VendorError
from connectors.salesforce.verdicts import verdict
from mapping.records import Ref
from tests.unit.connectors.salesforce_kit import (
    DATA,
    EXPIRED,
    account_id,
    connector,
    let_describe,
    let_log_in,
)

SCORE, BAND = "CS_Health_Score__c", "CS_Health_Band__c"
WRITES = f"{DATA}/composite/sobjects"
Answer = tuple[int, dict[str, str], str] | Exception


def ref(number: int) -> Ref:
    return Ref("salesforce", "Account", account_id(number))


def change(number: int, **values: str | None) -> Change:
    return Change(ref(number), values or {SCORE: str(number)})


def ok(record: dict[str, Any]) -> dict[str, Any]:
    return {"id": record["id"], "success": True, "errors": []}


def bad(code: str, message: str = "text", fields: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


def write(batch: list[Change], answer: Callable[[list[dict[str, Any]]], Answer], **found: Any) -> list[Outcome]:
    """Write `batch` to an org that answers each request's records by `answer`."""

    def serve(request: requests.PreparedRequest) -> Answer:
        return answer(json.loads(request.body or b"")["records"])

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        let_describe(mock)
        mock.get(f"{DATA}/queryAll/", json={"records": [], "totalSize": 0, "done": True, **found})
        mock.add_callback("PATCH", WRITES, callback=serve)
        return connector().write(batch)


def results(per_row: Callable[[dict[str, Any]], object]) -> Callable[[list[dict[str, Any]]], Answer]:
    """An answer of 200 with one result a record."""
    return lambda records: (200, {"Content-Type": "application/json"}, json.dumps([per_row(one) for one in records]))


def refusing(status: int, body: object) -> Callable[[list[dict[str, Any]]], Answer]:
    return lambda _: (status, {"Content-Type": "application/json"}, json.dumps(body))


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def test_rows_are_sent_by_type_and_confirmed_one_by_one() -> None:
    sent: list[dict[str, Any]] = []

    def keep(record: dict[str, Any]) -> dict[str, Any]:
        sent.append(record)
        return ok(record)

    values: dict[str, str | None] = {SCORE: "72.5", BAND: None, "CS_Scored_At__c": "2026-03-01T10:00:00Z"}
    assert kinds(write([Change(ref(1), values)], results(keep))) == ["confirmed"]
    assert sent == [
        {
            "attributes": {"type": "Account"},
            "id": account_id(1),
            SCORE: 72.5,
            BAND: None,
            "CS_Scored_At__c": "2026-03-01T10:00:00Z",
        }
    ]


def test_more_than_a_request_holds_is_sent_in_several() -> None:
    sizes: list[int] = []

    def count(records: list[dict[str, Any]]) -> Answer:
        sizes.append(len(records))
        return results(ok)(records)

    assert set(kinds(write([change(n) for n in range(1, 451)], count))) == {"confirmed"}
    assert sizes == [200, 200, 50]


@pytest.mark.parametrize(
    ("code", "fields", "kind", "at_fault"),
    [
        ("UNABLE_TO_LOCK_ROW", (), "pending", None),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", (), "pending", None),
        ("ENTITY_IS_DELETED", (), "gone", None),
        ("INVALID_CROSS_REFERENCE_KEY", ("Id",), "gone", None),
        ("INVALID_CROSS_REFERENCE_KEY", ("ParentId",), "rejected", "ParentId"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", (SCORE,), "rejected", SCORE),
        ("INSUFFICIENT_ACCESS_OR_READONLY", (), "rejected", None),
        ("ENTITY_IS_LOCKED", (), "rejected", None),
        ("A_CODE_OF_NEXT_YEAR", (), "rejected", None),
    ],
)
def test_each_verdict_on_a_row_has_its_outcome(
    code: str, fields: tuple[str, ...], kind: str, at_fault: str | None
) -> None:
    outcome = verdict(ref(1), VendorError(code, "text", fields))
    assert (outcome.kind, outcome.property, outcome.code) == (kind, at_fault, code)


def test_a_failed_row_does_not_touch_its_neighbours() -> None:
    def judge(record: dict[str, Any]) -> dict[str, Any]:
        return bad("UNABLE_TO_LOCK_ROW") if record["id"] == account_id(2) else ok(record)

    assert kinds(write([change(1), change(2), change(3)], results(judge))) == ["confirmed", "pending", "confirmed"]


def test_a_merged_record_names_its_survivor() -> None:
    found = {"records": [{"Id": account_id(1), "MasterRecordId": account_id(9)}], "totalSize": 1}
    outcomes = write([change(1)], results(lambda _: bad("ENTITY_IS_DELETED")), **found)
    assert (outcomes[0].kind, outcomes[0].merged_into) == ("gone", account_id(9))


def test_what_cannot_be_right_is_rejected_without_a_call() -> None:
    batch = [
        Change(Ref("salesforce", "Account", "'; DROP"), {SCORE: "1"}),
        change(1, Unknown__c="1"),
        change(2, SystemModstamp="2026-03-01T10:00:00Z"),
        change(3, **{SCORE: "NaN"}),
        change(4, **{BAND: "purple"}),
        change(5, CS_Health_Reasons__c="x" * 1001),
    ]
    outcomes = write(batch, refusing(500, {}))
    assert set(kinds(outcomes)) == {"rejected"}
    assert [o.property for o in outcomes] == [None, "Unknown__c", "SystemModstamp", SCORE, BAND, "CS_Health_Reasons__c"]


def test_a_record_that_stands_twice_is_written_once() -> None:
    short = Change(Ref("salesforce", "Account", account_id(1)[:15]), {SCORE: "2"})
    assert kinds(write([change(1), short], results(ok))) == ["confirmed", "pending"]


def test_a_batch_refused_for_one_field_costs_two_calls_not_hundreds() -> None:
    calls: list[int] = []

    def serve(records: list[dict[str, Any]]) -> Answer:
        calls.append(len(records))
        if any(BAND in record for record in records):
            message = f"No such column '{BAND}' on sobject of type Account"
            return refusing(400, [{"errorCode": "INVALID_FIELD", "message": message}])(records)
        return results(ok)(records)

    batch = [change(n, **({BAND: "green"} if n % 2 else {SCORE: "1"})) for n in range(1, 101)]
    outcomes = write(batch, serve)
    assert kinds(outcomes) == ["rejected", "confirmed"] * 50
    assert {outcome.property for outcome in outcomes if outcome.kind == "rejected"} == {BAND}
    assert calls == [100, 50]


def test_a_batch_refused_as_a_whole_is_bisected_to_the_bad_row() -> None:
    def serve(records: list[dict[str, Any]]) -> Answer:
        if any(record["id"] == account_id(77) for record in records):
            return refusing(400, [{"errorCode": "JSON_PARSER_ERROR", "message": "odd"}])(records)
        return results(ok)(records)

    outcomes = write([change(n) for n in range(1, 101)], serve)
    assert [n for n, outcome in enumerate(outcomes, 1) if outcome.kind != "confirmed"] == [77]
    assert outcomes[76].kind == "rejected"


def test_a_request_that_may_work_later_is_not_cut_into_pieces() -> None:
    calls: list[int] = []

    def serve(records: list[dict[str, Any]]) -> Answer:
        calls.append(len(records))
        return refusing(400, [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}])(records)

    assert set(kinds(write([change(n) for n in range(1, 101)], serve))) == {"pending"}
    assert calls == [100]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (requests.ConnectionError(ConnectionResetError("reset")), "in_doubt"),
        ((500, {}, "<html>"), "in_doubt"),
        ((503, {}, json.dumps([{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}])), "in_doubt"),
        ((200, {"Content-Type": "text/html"}, "<html>"), "in_doubt"),
        ((200, {"Content-Type": "application/json"}, '[{"id": "00'), "in_doubt"),
        ((200, {"Content-Type": "application/json"}, "[]"), "in_doubt"),
        ((400, {"Content-Type": "text/html"}, "<html>proxy</html>"), "in_doubt"),
        ((429, {}, ""), "pending"),
        ((404, {}, json.dumps([{"errorCode": "UNSUPPORTED_API_VERSION", "message": "x"}])), "rejected"),
    ],
)
def test_an_answer_that_proves_nothing_leaves_its_rows_in_doubt(answer: Answer, kind: str) -> None:
    assert kinds(write([change(1), change(2)], lambda _: answer)) == [kind, kind]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, EXPIRED, CredentialsError),
        (403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}], CredentialsError),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], QuotaExhausted),
    ],
)
def test_errors_are_raised_only_when_nothing_was_written(status: int, body: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        write([change(1)], refusing(status, body))

    def second_fails(records: list[dict[str, Any]]) -> Answer:
        first = any(record["id"] == account_id(1) for record in records)
        return (results(ok) if first else refusing(status, body))(records)

    outcomes = write([change(n) for n in range(1, 301)], second_fails)
    assert kinds(outcomes) == ["confirmed"] * 200 + ["pending"] * 100


JUDGES: tuple[Callable[[dict[str, Any]], object], ...] = (
    ok,
    lambda _: bad("UNABLE_TO_LOCK_ROW"),
    lambda _: bad("ENTITY_IS_DELETED"),
    lambda _: bad("STRING_TOO_LONG", "too long", (SCORE,)),
    lambda _: {"success": False, "errors": []},
    lambda _: {"success": True},
    lambda _: {"id": account_id(999_999), "success": True, "errors": []},
    lambda _: {},
    lambda _: None,
    lambda _: "?",
)
EXPECTED = ["confirmed", "pending", "gone", "rejected", "in_doubt", "confirmed", *["in_doubt"] * 4]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(JUDGES), st.integers(1, 30)), max_size=30), st.integers(-2, 2))
def test_each_change_has_exactly_one_outcome(rows: list[tuple[Any, int]], surplus: int) -> None:
    batch = [change(number) for _, number in rows]
    judges = dict(
        zip((account_id(number) for _, number in reversed(rows)), (j for j, _ in reversed(rows)), strict=True)
    )

    def serve(records: list[dict[str, Any]]) -> Answer:
        answers = [judges[record["id"]](record) for record in records]
        answers = answers[:surplus] if surplus < 0 else answers + [{}] * surplus
        return (200, {"Content-Type": "application/json"}, json.dumps(answers))

    outcomes = write(batch, serve)
    assert [outcome.ref for outcome in outcomes] == [one.ref for one in batch]
    if surplus:
        assert "confirmed" not in kinds(outcomes), "an answer of another length proves nothing"
    else:
        seen: set[str] = set()
        for outcome in outcomes:
            if outcome.ref.id in seen:
                assert outcome.kind == "pending"
                continue
            seen.add(outcome.ref.id)
            index = next(i for i, judge in enumerate(JUDGES) if judge is judges[outcome.ref.id])
            assert outcome.kind == EXPECTED[index]
