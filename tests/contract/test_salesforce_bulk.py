"""Bulk API 2.0 against the sandbox: the same rows as by REST, in whatever pieces, and updates by the thousand."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Change, Page, Window
from connectors.errors import BadAnswer
from connectors.salesforce.connector import SalesforceConnector
from mapping.records import FieldSpec, Ref, ValueType
from tests.contract.salesforce_org import Org, gather, live_ids, org, pull, records, stream

BULK = {"bulk_from": 1, "bulk_page": 13, "rows_a_page": 5}
RESULTS = "*/jobs/query/*/results*"
HOSTILE = 'line one\nline "two"\r\n=1+1, \u202eright\u2028to left, é😀'


def bulk(one: Org, **changes: Any) -> SalesforceConnector:
    """A connector that pulls everything by bulk jobs, in small pieces."""
    return one.connector(pull={**BULK, **changes})


def by_bulk(one: Org) -> int:
    """How many query jobs there were."""
    return sum(calls for route, calls in one.state.stats.by_route.items() if route.endswith("jobs/query"))


@pytest.mark.parametrize("name", ["accounts", "opportunities", "cases", "contracts", "events"])
def test_bulk_brings_what_rest_brings(name: str) -> None:
    with org() as one:
        victim = min(one.live("Account"))
        one.post("edit", {"object": "Account", "id": victim, "properties": {"Name": HOSTILE}})
        rest, found = records(pull(one.connector(), name)), records(pull(bulk(one), name))
        assert by_bulk(one) == 1
        assert set(found) == set(rest)
        # Not only the rows: what changed nowhere must not look changed because it came another way.
        assert found == rest
        if name == "accounts":
            assert found[victim].properties["Name"] == HOSTILE


def test_bulk_pages_are_counted_and_small() -> None:
    with org() as one:
        pages = pull(bulk(one))
        assert live_ids(pages) == one.live("Account")
        assert pages[-1].expected == sum(len(page.records) for page in pages)
        assert max(len(page.records) for page in pages) <= 5


def test_a_bulk_pull_resumes_from_every_page_it_gave() -> None:
    with org() as one:
        connector = bulk(one)
        kept: list[Page] = []
        # The job is deleted when its results were read, so the positions are tried before that.
        for page in connector.pages(stream(connector, "accounts"), Window()):
            kept.append(page)
            if page.complete or "bulk" not in str(page.position):
                continue
            rest: list[Page] = []
            for following in bulk(one).pages(stream(connector, "accounts"), Window(position=page.position)):
                rest.append(following)
                if len(live_ids(kept) | live_ids(rest)) == len(one.live("Account")):
                    break
            assert live_ids(kept) | live_ids(rest) == one.live("Account")
        assert by_bulk(one) == 1


def test_a_job_that_is_gone_is_run_again() -> None:
    with org() as one:
        connector = bulk(one)
        pages = connector.pages(stream(connector, "accounts"), Window())
        position = [next(pages), next(pages), next(pages)][-1].position
        one.state.query_jobs.clear()
        assert live_ids(pull(bulk(one), position=position)) == one.live("Account")
        assert by_bulk(one) == 2


@pytest.mark.parametrize("options", [{"bulk_failure_without_message": True}])
def test_a_failed_job_falls_back_to_rest(options: dict[str, Any]) -> None:
    with org(**options) as one:
        assert live_ids(pull(bulk(one))) == one.live("Account")


def test_an_object_that_bulk_does_not_take_falls_back_to_rest() -> None:
    with org() as one:
        one.state.org.tables["Account"].kind.bulk = False
        assert live_ids(pull(bulk(one))) == one.live("Account")


@pytest.mark.parametrize("empty_body", [True, False])
def test_an_empty_result_is_an_empty_pull(empty_body: bool) -> None:
    with org(bulk_empty_body=empty_body) as one:
        connector = bulk(one, bulk_from=0)
        contracts = stream(connector, "contracts")
        for record_id in one.live("Contract"):
            one.post("delete", {"object": "Contract", "id": record_id, "hard": True})
        pages = list(connector.pages(contracts, Window()))
        assert (pages[-1].complete, pages[-1].expected, records(pages)) == (True, 0, {})


@pytest.mark.parametrize("kind", ["503", "html_200", "truncated_body", "cut_off", "wrong_count", "drop", "429"])
def test_a_result_page_that_breaks_off_is_read_again(kind: str) -> None:
    with org(bulk_page=13) as one:
        connector = bulk(one)
        connector.streams()
        one.fault(kind, RESULTS, nth=2)
        assert live_ids(pull(connector)) == one.live("Account")
        assert connector.usage().retried >= 1


def test_results_that_never_come_whole_end_the_pull() -> None:
    with org(bulk_page=13) as one:
        connector = bulk(one)
        connector.streams()
        one.fault("truncated_body", RESULTS, nth=2, times=0)
        pages: list[Page] = []
        with pytest.raises(BadAnswer):
            gather(connector, "accounts", pages)
        assert not any(page.complete for page in pages)


def test_a_session_that_ends_while_a_job_runs_is_renewed() -> None:
    with org(bulk_polls=2) as one:
        connector = bulk(one)
        connector.streams()

        def expire(_number: int, _page: Page) -> None:
            one.post("sessions", {"action": "expire"})

        assert live_ids(pull(connector, after_page=expire)) == one.live("Account")


def test_a_day_without_bulk_jobs_left_is_a_day_of_rest() -> None:
    with org() as one:
        message = "Max bulk v2 query jobs (10000) per 24 hrs has been reached"
        body = [{"errorCode": "LIMIT_EXCEEDED", "message": message}]
        one.fault("status", "*/jobs/query", method="POST", status=400, body=body, times=0)
        one.fault("status", "*/jobs/ingest", method="POST", status=400, body=body, times=0)
        connector = bulk(one)
        assert live_ids(pull(connector)) == one.live("Account")
        (outcome,) = connector.write_bulk([Change(ref(min(one.live("Account"))), {"NumberOfEmployees": "1"})])
        assert (outcome.kind, outcome.code) == ("pending", "LIMIT_EXCEEDED")


def test_small_objects_and_named_ones_stay_with_rest() -> None:
    with org() as one:
        pull(one.connector())
        pull(one.connector(pull={"bulk_from": 1, "never_bulk": ["Account"]}))
        assert by_bulk(one) == 0


# --- ingest ---------------------------------------------------------------------------------------------------

SPECS = (
    FieldSpec("health_score", ValueType.NUMBER, "Health score", "How well the customer is.", decimals=1),
    FieldSpec("health_reasons", ValueType.TEXT, "Health reasons", "Why.", length=1000),
)
SCORE, REASONS = "CS_Health_Score__c", "CS_Health_Reasons__c"


def ready(one: Org) -> SalesforceConnector:
    """A connector to an org with Keepwell's fields."""
    connector = one.connector()
    connector.fields().apply(connector.fields().plan(SPECS))
    return connector


def ref(record_id: str) -> Ref:
    return Ref("salesforce", "Account", record_id)


def values(connector: SalesforceConnector, ids: list[str]) -> list[tuple[object, object]]:
    seen = connector.read_values([ref(one) for one in ids], [SCORE, REASONS])
    return [(one.values[SCORE], one.values[REASONS]) for one in seen]


def test_bulk_writes_clear_leave_and_set_as_asked() -> None:
    with org(bulk_polls=2) as one:
        connector = ready(one)
        both, score, clear = sorted(one.live("Account"))[:3]
        first = [Change(ref(i), {SCORE: "10", REASONS: "before"}) for i in (both, score, clear)]
        assert {o.kind for o in connector.write_bulk(first)} == {"confirmed"}
        second = [
            Change(ref(both), {SCORE: "72.5", REASONS: HOSTILE}),
            Change(ref(score), {SCORE: "20"}),
            Change(ref(clear), {REASONS: None}),
        ]
        assert [o.kind for o in connector.write_bulk(second)] == ["confirmed"] * 3
        assert values(connector, [both, score, clear]) == [(72.5, HOSTILE), (20, "before"), (10, None)]


def test_bulk_rows_fail_alone() -> None:
    with org() as one:
        connector = ready(one)
        good, deleted, loser, winner = sorted(one.live("Account"))[:4]
        one.post("delete", {"object": "Account", "id": deleted})
        one.post("merge", {"object": "Account", "id": winner, "other": loser})
        batch = [Change(ref(i), {SCORE: "1"}) for i in (good, deleted, loser, "not-an-id", winner)]
        outcomes = connector.write_bulk(batch)
        assert [o.kind for o in outcomes] == ["confirmed", "gone", "gone", "rejected", "confirmed"]
        assert [o.merged_into for o in outcomes[1:3]] == [None, winner]


def test_locked_rows_of_a_job_are_pending() -> None:
    with org(lock_rate=1.0) as one:
        connector = one.connector()
        ids = sorted(one.live("Account"))[:3]
        outcomes = connector.write_bulk([Change(ref(i), {"NumberOfEmployees": "5"}) for i in ids])
        assert [(o.kind, o.code) for o in outcomes] == [("pending", "UNABLE_TO_LOCK_ROW")] * 3


def test_a_column_that_vanished_rejects_the_job_and_names_itself() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        one.post("hide", {"object": "Account", "field": "ARR__c"})
        outcomes = connector.write_bulk([Change(ref(min(one.live("Account"))), {"ARR__c": "5"})])
        assert [(o.kind, o.property) for o in outcomes] == [("rejected", "ARR__c")]


@pytest.mark.parametrize(
    ("method", "path", "kind", "expected"),
    [
        ("POST", "*/jobs/ingest", "drop", "pending"),
        ("PUT", "*/batches", "drop", "pending"),
        ("PATCH", "*/jobs/ingest/*", "commit_then_drop", "confirmed"),
        ("PATCH", "*/jobs/ingest/*", "drop", "confirmed"),
        ("PATCH", "*/jobs/ingest/*", "html_200", "confirmed"),
        ("GET", "*/jobs/ingest/*", "503", "confirmed"),
        ("GET", "*/failedResults*", "truncated_body", "confirmed"),
    ],
)
def test_a_lost_answer_is_looked_up_not_guessed(method: str, path: str, kind: str, expected: str) -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        record_id = min(one.live("Account"))
        one.fault(kind, path, method=method)
        outcomes = connector.write_bulk([Change(ref(record_id), {"NumberOfEmployees": "7777"})])
        assert [o.kind for o in outcomes] == [expected]
        table = one.state.org.tables["Account"]
        written = table.rows[record_id][table.columns["NumberOfEmployees"]] == 7777
        assert written == (expected == "confirmed")


def test_a_job_whose_results_stay_out_of_reach_is_in_doubt() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        one.fault("503", "*/successfulResults*", times=0)
        outcomes = connector.write_bulk([Change(ref(min(one.live("Account"))), {"NumberOfEmployees": "1"})])
        assert [o.kind for o in outcomes] == ["in_doubt"]


def test_large_batches_choose_bulk_by_themselves() -> None:
    with org() as one:
        connector = one.connector(bulk_write_from=200)
        ids = sorted(one.live("Account"))
        small = [Change(ref(i), {"NumberOfEmployees": "1"}) for i in ids]
        large = small + [Change(ref(f"001kW{n:010d}"), {"NumberOfEmployees": "1"}) for n in range(500_000, 500_200)]
        connector.write(small)
        assert not one.state.ingest_jobs
        outcomes = connector.write(large)
        assert len(one.state.ingest_jobs) == 1
        assert [o.kind for o in outcomes] == ["confirmed"] * len(ids) + ["gone"] * 200
