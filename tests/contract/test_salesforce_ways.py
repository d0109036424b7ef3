"""Which way a window takes, what it costs, and that nothing of it is lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Page, Window
from connectors.errors import RetryLater
from connectors.salesforce.costs import by_bulk, by_rest
from connectors.salesforce.settings import PullSettings
from tests.contract.salesforce_org import Org, SkippingClock, live_ids, org, pull, records, stream

PAGE = 200  # rows: the smallest page that Salesforce gives
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def calls(one: Org, part: str) -> int:
    """How many requests there were to routes that contain `part`."""
    return sum(number for route, number in one.state.stats.by_route.items() if part in route)


def flood(one: Org, count: int, name: str = "Account") -> None:
    """Let people add records until there are `count`, without a request for each."""
    writer = one.state.admin(one.state.person(), "flood", visible_after=timedelta(0))
    for number in range(count - len(one.live(name))):
        writer.insert(name, {"Name": f"Added {number}"})
    writer.commit()


def made(one: Org) -> int:
    """How many query jobs were made."""
    return calls(one, "POST /services/data/v62.0/jobs/query")


def test_a_small_increment_never_costs_a_job() -> None:
    with org() as one:
        connector = one.connector(pull={"bulk_from": 1, "always_bulk": ["Account"]})
        assert pull(connector, since=LONG_AGO)[-1].complete
        assert made(one) == 0, "all of it came with the first page"


@pytest.mark.parametrize("name", ["accounts", "opportunities", "events"])
def test_an_increment_by_bulk_brings_what_one_by_rest_brings(name: str) -> None:
    with org(batch_size=9) as one:
        deleted, loser, winner, edited = sorted(one.live("Account"))[:4]
        one.post("delete", {"object": "Account", "id": deleted})
        one.post("merge", {"object": "Account", "id": winner, "other": loser})
        one.post("edit", {"object": "Account", "id": edited, "properties": {"Industry": "Flood"}})
        rest = records(pull(one.connector(), name, since=LONG_AGO))
        assert made(one) == 0
        pages = pull(one.connector(pull={"bulk_from": 1, "rows_a_page": 5}), name, since=LONG_AGO)
        assert made(one) == 1
        assert records(pages) == rest
        assert pages[-1].expected == sum(len(page.records) for page in pages)
        if name == "accounts":
            assert rest[deleted].archived
            assert rest[loser].merged_into == winner


def test_an_increment_by_bulk_resumes_from_every_page_it_gave() -> None:
    with org(batch_size=9) as one:
        settings = {"bulk_from": 1, "rows_a_page": 7}
        whole = records(pull(one.connector(pull=settings), since=LONG_AGO))
        kept: list[Page] = []
        connector = one.connector(pull=settings)
        for page in connector.pages(stream(connector, "accounts"), Window(since=LONG_AGO)):
            kept.append(page)
            if page.complete:
                break
            # Another reader goes on from here; it deletes the job at its end, so it stops before.
            other = one.connector(pull=settings)
            rest: list[Page] = []
            for following in other.pages(stream(other, "accounts"), Window(since=LONG_AGO, position=page.position)):
                rest.append(following)
                if set(records(kept)) | set(records(rest)) == set(whole):
                    break
            assert records(kept) | records(rest) == whole
            assert sum(len(each.records) for each in (*kept, *rest)) == len(whole), "nothing is read twice"


@pytest.mark.parametrize("lost", ["jobs", "locators"])
def test_an_increment_whose_job_is_gone_runs_another_for_the_same_rows(lost: str) -> None:
    with org(batch_size=9, bulk_page=20) as one:
        settings = {"bulk_from": 1, "rows_a_page": 7, "bulk_page": 20}
        connector = one.connector(pull=settings)
        pages = connector.pages(stream(connector, "accounts"), Window(since=LONG_AGO))
        first = [next(pages) for _ in range(7)]
        pages.close()
        one.post(lost, {"action": "forget" if lost == "jobs" else "expire"})
        rest = pull(one.connector(pull=settings), since=LONG_AGO, position=first[-1].position)
        assert live_ids(first) | live_ids(rest) == one.live("Account")
        assert made(one) == 2
        assert rest[-1].expected is not None
        assert rest[-1].expected <= len(records(first) | records(rest))


@pytest.mark.parametrize("since", [None, LONG_AGO])
@pytest.mark.parametrize("message", [None, "InternalServerError"])
def test_a_job_that_fails_on_the_way_leaves_the_rest_to_rest(since: datetime | None, message: str | None) -> None:
    with org(batch_size=9, bulk_polls=3) as one:
        connector = one.connector(pull={"bulk_from": 1})
        pages = connector.pages(stream(connector, "accounts"), Window(since=since))
        kept: list[Page] = []
        for page in pages:
            kept.append(page)
            one.post("jobs", {"action": "fail", "message": message})
        assert live_ids(kept) == one.live("Account")
        assert kept[-1].complete
        assert kept[-1].expected == sum(len(page.records) for page in kept)
        assert made(one) == 1


def test_a_query_that_takes_too_long_becomes_a_job() -> None:
    with org() as one:
        connector = one.connector(pull={"bulk_from": 10**9})
        connector.streams()
        one.fault("query_timeout", "/services/data/v*/query*", times=3)
        assert live_ids(pull(connector)) == one.live("Account")
        assert made(one) == 1
        never = one.connector(pull={"never_bulk": ["Account"]})
        never.streams()
        one.fault("query_timeout", "/services/data/v*/query*", times=0)
        with pytest.raises(RetryLater, match="too long"):
            pull(never)


@pytest.mark.parametrize("skew", [None, -0.9])
def test_a_full_pull_finds_out_by_itself_when_the_record_count_is_missing_or_wrong(skew: float | None) -> None:
    with org(count_skew=skew, batch_size=PAGE) as one:
        flood(one, 2500)
        pages = pull(one.connector(pull={"rest_page": PAGE}))
        assert live_ids(pages) == one.live("Account")
        assert made(one) == 1
        assert calls(one, "GET /services/data/v62.0/query") == 2, "the first page, and the merged records at the end"


def test_record_counts_are_asked_once_for_all_objects() -> None:
    with org() as one:
        connector = one.connector()
        for name in ("accounts", "opportunities", "cases"):
            pull(connector, name)
        assert calls(one, "recordCount") == 1


def test_either_way_costs_the_calls_that_the_model_says() -> None:
    clock = SkippingClock()
    with org(batch_size=PAGE, clock=clock.now, bulk_seconds=9.0, bulk_page=1000) as one:
        one.clock = clock
        flood(one, 2500)
        settings = PullSettings(rest_page=PAGE, bulk_page=1000)
        for way, cost in (("never_bulk", by_rest(2500, PAGE)), ("always_bulk", by_bulk(2500, settings))):
            connector = one.connector(pull={"rest_page": PAGE, "bulk_page": 1000, way: ["Account"]})
            connector.streams()
            before = connector.usage().requests
            pages = pull(connector)
            assert len(records(pages)) == 2500
            next(iter(connector.pages(stream(connector, "accounts"), Window(carry=pages[-1].carry, since=LONG_AGO))))
            besides = 2  # the query for records that merges swallowed, and the first page of the next window
            assert connector.usage().requests - before == cost.calls + besides
            assert not one.state.query_jobs, "the next window deletes the job of the last"
        assert by_bulk(2500, settings).calls < by_rest(2500, PAGE).calls


def test_formula_fields_are_named_and_bring_a_full_read_each_day() -> None:
    with org() as one:
        one.post("formula", {"object": "Account", "field": "ARR__c"})
        connector = one.connector(pull={"volatile_fields": ["Case.Sentiment__c"]})
        cadence = {each.name: each.full_every for each in connector.streams() if each.kind == "records"}
        day, week = timedelta(hours=24), timedelta(hours=168)
        assert cadence == {
            "accounts": day,
            "opportunities": week,
            "cases": day,
            "contracts": week,
            "events": week,
            "tasks": week,
        }
        found = {check.name: check.detail for check in connector.checks()}
        assert found["silent fields of accounts"].startswith("ARR__c: ")
        assert "every 24 h" in found["silent fields of cases"]


def test_full_reads_may_be_switched_off_and_doctor_says_what_that_means() -> None:
    with org() as one:
        one.post("formula", {"object": "Account", "field": "ARR__c"})
        connector = one.connector(pull={"full_every_hours": 0, "formula_every_hours": 0})
        assert {each.full_every for each in connector.streams()} == {None}
        (check,) = (check for check in connector.checks() if check.name == "silent fields of accounts")
        assert (check.status, "nothing is read again" in check.detail) == ("warning", True)
        rare = one.connector(pull={"full_every_hours": 5, "formula_every_hours": 24})
        assert {each.full_every for each in rare.streams() if each.kind == "records"} == {timedelta(hours=5)}


def test_a_job_stays_until_what_it_brought_is_surely_stored() -> None:
    with org(bulk_page=20) as one:
        connector = one.connector(pull={"bulk_from": 1})
        pages = pull(connector)
        (job,) = one.state.query_jobs
        assert [page.carry for page in pages] == [None] * (len(pages) - 1) + [job]
        assert live_ids(pull(connector, position=pages[-2].position)) <= one.live("Account")
        assert made(one) == 1, "an interrupted run finds the job as it left it"
        for carry in ("no job; a path/../of its own", job, job):
            assert list(connector.pages(stream(connector, "accounts"), Window(since=LONG_AGO, carry=carry)))[
                -1
            ].complete
        assert not one.state.query_jobs


def test_a_list_of_ids_leaves_no_job_behind() -> None:
    with org() as one:
        connector = one.connector(pull={"bulk_from": 0})
        assert set(connector.all_ids(stream(connector, "accounts"))) == one.live("Account")
        assert made(one) == 1
        assert not one.state.query_jobs


def test_a_formula_that_changes_silently_shows_in_a_full_read_only() -> None:
    with org() as one:
        one.post("formula", {"object": "Account", "field": "ARR__c"})
        connector = one.connector()
        first = pull(connector)
        changed = min(one.live("Account"))
        edit = {"object": "Account", "id": changed, "properties": {"ARR__c": 4711.0}, "silent": True}
        one.post("edit", edit)
        assert changed not in records(pull(connector, since=datetime.now(UTC) - timedelta(minutes=1)))
        assert records(first)[changed].properties["ARR__c"] != 4711.0
        assert records(pull(connector))[changed].properties["ARR__c"] == 4711.0
