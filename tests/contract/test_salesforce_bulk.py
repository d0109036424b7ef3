"""Bulk API 2.0 against the sandbox: the same rows as by REST, in whatever pieces."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Page, Window
from connectors.errors import BadAnswer
from connectors.salesforce.connector import SalesforceConnector
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
        connector = bulk(one)
        assert live_ids(pull(connector)) == one.live("Account")


def test_small_objects_and_named_ones_stay_with_rest() -> None:
    with org() as one:
        pull(one.connector())
        pull(one.connector(pull={"bulk_from": 1, "never_bulk": ["Account"]}))
        assert by_bulk(one) == 0
