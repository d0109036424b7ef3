from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Change, Outcome
from connectors.errors import CredentialsError, QuotaExhausted, Unreachable
from connectors.http import Answer
from connectors.hubspot.schema import Property
from connectors.hubspot.transport import Request
from connectors.hubspot.values import encode
from mapping.records import Ref
from tests.unit.connectors.hubspot_kit import answer, opened, refusal

ROW = st.sampled_from(["good", "bad_value", "unknown", "read_only", "deleted", "merged"])
KINDS = {"good": "confirmed", "bad_value": "rejected", "unknown": "rejected", "read_only": "rejected"}
KINDS |= {"deleted": "gone", "merged": "gone"}
CODES = {"bad_value": "INVALID_OPTION", "unknown": "PROPERTY_DOESNT_EXIST", "read_only": "READ_ONLY_VALUE"}
NAMES = {"bad_value": "band", "unknown": "nowhere", "read_only": "createdate"}


class Portal:
    """batch/update as documented, with and without trace ids, over rows whose fate is in their values."""

    def __init__(self, fates: dict[str, str], *, traces: bool) -> None:
        self.fates = fates
        self.traces = traces
        self.written: Counter[str] = Counter()
        self.updates = 0

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            one = request.path.rpartition("/")[2]
            return answer({"id": "9999"}) if self.fates[one] == "merged" else refusal(404, "OBJECT_NOT_FOUND")
        self.updates += 1
        inputs = request.body["inputs"]  # type: ignore[index]
        ids = [item["id"] for item in inputs]
        if len(ids) != len(set(ids)):
            return refusal(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        problems = {item["id"]: self.problem(item["id"]) for item in inputs if self.fates[item["id"]] in CODES}
        if problems and not self.traces:
            message = "Property values were not valid: " + json.dumps(list(problems.values()))
            return refusal(400, "VALIDATION_ERROR", message)
        errors: list[dict[str, object]] = [
            {
                "category": "VALIDATION_ERROR",
                "message": "Property values were not valid: " + json.dumps([problems[item["id"]]]),
                "context": {"objectWriteTraceId": [item["objectWriteTraceId"]]},
            }
            for item in inputs
            if item["id"] in problems
        ]
        missing = [one for one in ids if self.fates[one] in {"deleted", "merged"}]
        if missing:
            errors.append({"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": missing}})
        done = [one for one in ids if self.fates[one] == "good"]
        self.written.update(done)
        body = {"status": "COMPLETE", "results": [{"id": one} for one in reversed(done)], "errors": errors}
        return answer(body, 207 if errors else 200)

    def problem(self, one: str) -> dict[str, object]:
        fate = self.fates[one]
        return {"isValid": False, "message": f"{one} is {fate}", "error": CODES[fate], "name": NAMES[fate]}


def change(one: str, fate: str = "good") -> Change:
    return Change(Ref("crm", "companies", one), {NAMES.get(fate, "score"): "1"})


def write(handler, changes: list[Change]) -> list[Outcome]:
    connector, _script, _clock = opened(handler)
    return connector.write(changes)


@given(st.lists(ROW, max_size=30), st.booleans(), st.data())
def test_each_change_has_exactly_one_outcome_and_no_row_is_written_twice(
    fates: list[str],
    traces: bool,
    data: st.DataObject,
):
    rows = {str(number): fate for number, fate in enumerate(fates, 1)}
    portal = Portal(rows, traces=traces)
    changes = [change(one, fate) for one, fate in rows.items()]
    repeated = data.draw(st.lists(st.sampled_from(changes), max_size=3)) if changes else []
    outcomes = write(portal, changes + repeated)
    assert [outcome.ref for outcome in outcomes] == [one.ref for one in changes + repeated]
    assert [one.kind for one in outcomes] == [KINDS[fate] for fate in fates] + ["pending"] * len(repeated)
    assert portal.written == Counter(one for one, fate in rows.items() if fate == "good")
    for outcome, fate in zip(outcomes, fates, strict=False):
        if fate in CODES:
            assert (outcome.code, outcome.property) == (CODES[fate], NAMES[fate])
            assert outcome.reason.endswith(f"is {fate}")
        assert outcome.merged_into == ("9999" if fate == "merged" else None)


def test_one_bad_row_is_found_by_bisecting():
    rows = {str(number): "good" for number in range(100)} | {"17": "bad_value"}
    portal = Portal(rows, traces=False)
    outcomes = write(portal, [change(one, fate) for one, fate in rows.items()])
    assert Counter(one.kind for one in outcomes) == {"confirmed": 99, "rejected": 1}
    assert portal.updates <= 1 + 2 * 7


def test_an_unknown_property_in_every_row_costs_one_call():
    rows = {str(number): "unknown" for number in range(100)}
    portal = Portal(rows, traces=False)
    assert {one.kind for one in write(portal, [change(one, "unknown") for one in rows])} == {"rejected"}
    assert portal.updates == 1


def test_rows_that_the_answer_does_not_mention_are_in_doubt():
    outcomes = write(
        lambda _request: answer({"status": "COMPLETE", "results": [{"id": "1"}]}), [change("1"), change("2")]
    )
    assert [one.kind for one in outcomes] == ["confirmed", "in_doubt"]


def test_a_row_is_known_by_its_id_and_not_by_its_place():
    outcomes = write(lambda _request: answer({"results": [{"id": "2"}]}), [change("1"), change("2")])
    assert [one.kind for one in outcomes] == ["in_doubt", "confirmed"]


def test_a_row_in_results_and_errors_is_not_confirmed():
    error = {"category": "VALIDATION_ERROR", "message": "no", "context": {"objectWriteTraceId": ["row-0"]}}
    reply = answer({"results": [{"id": "1"}], "errors": [error]}, 207)
    assert [one.kind for one in write(lambda _request: reply, [change("1")])] == ["rejected"]


def after_one_half(then: Answer | Exception):
    """Refuse the whole batch, write the first half, then `then`."""
    replies: list[Answer | Exception] = [
        refusal(400, "VALIDATION_ERROR"),
        answer({"results": [{"id": "1"}, {"id": "2"}]}),
        then,
    ]

    def handle(_request: Request) -> Answer:
        reply = replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return handle


@pytest.mark.parametrize(
    ("then", "kinds"),
    [
        (refusal(401, "EXPIRED_AUTHENTICATION"), ["pending", "pending"]),
        (answer({"status": "error", "message": "m", "policyName": "DAILY"}, 429), ["pending", "pending"]),
        (
            answer({"status": "error", "message": "m", "policyName": "TEN_SECONDLY_ROLLING"}, 429),
            ["pending", "pending"],
        ),
        (Unreachable("refused"), ["pending", "pending"]),
        (refusal(404, "OBJECT_NOT_FOUND"), ["pending", "pending"]),
        (Answer(502, {}, b"<html>", proven=True), ["in_doubt", "in_doubt"]),
        (Answer(423, {}, b"{}", proven=True), ["in_doubt", "in_doubt"]),
        (Answer(200, {"content-type": "text/html"}, b"<html>", proven=True), ["in_doubt", "in_doubt"]),
    ],
)
def test_a_failure_after_some_rows_were_written_keeps_their_outcomes(then: Answer | Exception, kinds: list[str]):
    outcomes = write(after_one_half(then), [change(one) for one in "1234"])
    assert [one.kind for one in outcomes] == ["confirmed", "confirmed", *kinds]
    assert all(one.reason for one in outcomes[2:])


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal(403, "MISSING_SCOPES"), CredentialsError),
        (refusal(401, "INVALID_AUTHENTICATION"), CredentialsError),
        (answer({"status": "error", "message": "m", "policyName": "DAILY"}, 429), QuotaExhausted),
    ],
)
def test_failures_before_anything_was_written_are_raised(reply: Answer, error: type[Exception]):
    with pytest.raises(error):
        write(lambda _request: reply, [change("1")])


def test_a_record_that_is_not_found_for_an_unknown_reason_stays_pending():
    def handle(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(502, {}, b"", proven=True)
        return answer({"errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["1"]}}], "results": []}, 207)

    assert [one.kind for one in write(handle, [change("1")])] == ["pending"]


def test_more_than_a_hundred_changes_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at most 100"):
        write(lambda _request: answer({}), [change(str(number)) for number in range(101)])


def test_nothing_to_write_sends_nothing():
    connector, script, _clock = opened(lambda _request: answer({}))
    assert connector.write([]) == []
    assert script.requests == []


@pytest.mark.parametrize("records", [0, 1, 99, 100, 101, 1_000, 10_000])
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_the_cost_of_writing_is_what_is_sent(records: int, share: float):
    """Guard read, write and reading back, in the batches in which a plan is carried out."""

    def done(request: Request) -> Answer:
        asked = request.body["inputs"] if request.body else ()
        return answer({"results": [{"id": one["id"], "properties": {}} for one in asked]})

    connector, script, _clock = opened(done)
    refs = [Ref("crm", "companies", str(number)) for number in range(1, records + 1)]
    batch = connector.capabilities.write_batch
    for start in range(0, records, batch):
        connector.read_values(refs[start : start + batch], ["a"])
        connector.write([Change(ref, {"a": "1"}) for ref in refs[start : start + batch]])
    again = refs[: round(records * share)]
    for start in range(0, len(again), connector.capabilities.read_batch):
        connector.read_values(again[start : start + connector.capabilities.read_batch], ["a"])
    paths = [request.path for request in script.requests if "/properties" not in request.path]
    assert len(paths) == connector.write_cost(records, len(again))


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "number", ""),
        ("85.5", "number", "85.5"),
        ("2026-01-02", "date", "2026-01-02"),
        ("2026-01-02", "datetime", "2026-01-02T00:00:00Z"),
        ("2026-01-02T03:04:05Z", "datetime", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05Z", "date", "2026-01-02"),
        ("TRUE", "bool", "true"),
        ("2026-01-02", "string", "2026-01-02"),
    ],
)
def test_values_are_text_and_fit_the_propertys_type(value: str | None, kind: str, expected: str):
    assert encode(value, Property("p", kind)) == expected
    assert encode(None) == ""
    assert encode("x") == "x"
