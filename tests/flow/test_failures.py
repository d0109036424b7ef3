"""What a CRM refuses: listed, left alone, tried again after a pause or when somebody asks, gone when it gets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
import requests

from config.limits import Limit
from config.settings import Policy
from store import failures, writes
from store.failures import Failure
from sync import faults
from sync.deps import RunOptions
from sync.engine import run_apply, run_plan, run_undo
from sync.errors import UsageError
from sync.planbook import find_plan, records
from sync.report import RunReport
from sync.retry import retry_failures
from tests.flow.checker import assert_sound
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import TODAY, Rig, rig

RULE = "Segments are set by Sales Ops"


def forbid(made: Rig, field: str = "CS_Segment__c", **more: str) -> None:
    """A validation rule of the org lets no API client set a field, by default the segment."""
    made.person("rules", at="salesforce", object="Account", field=field, message=RULE, **more)


def allow(made: Rig) -> None:
    made.person("rules", at="salesforce")


@contextmanager
def without_option(made: Rig, value: str) -> Iterator[None]:
    """HubSpot's picklist loses an option between the guard read and the request, and has it again afterwards."""
    segments = made.crm.hubspot.portal.schemas["companies"].properties["cs_segment"]
    kept = segments.options

    def at(point: str) -> None:
        if point == "apply.claimed":
            segments.options = [one for one in kept if one["value"] != value]

    faults.arm(at)
    try:
        yield
    finally:
        faults.arm(None)
        segments.options = kept


def requests_to_write(made: Rig, crm: str = "salesforce") -> int:
    """Requests so far that could change a record."""
    by_route: Mapping[str, int] = requests.get(f"{made._url(crm)}/_sandbox/stats", timeout=60).json()["by_route"]
    found = [number for route, number in by_route.items() if "batch/update" in route or route.startswith("PATCH ")]
    return sum(found)


def listed(made: Rig) -> list[Failure]:
    with made.deps() as deps, deps.store.read() as c:
        return failures.listed(c, "default")


def retry(made: Rig, clock: SkippingClock, select: str | None = None) -> int:
    with made.deps(clock=clock) as deps:
        return retry_failures(deps, select).values


def ended(report: RunReport) -> tuple[str, int, int, int, int]:
    """Status, exit code, values planned, rejected now, left alone because they were refused before."""
    assert report.plan is not None
    total = report.buckets()
    return report.status, report.exit_code, total.planned, total.rejected, report.plan.total("refused")


def test_a_refusal_shown_at_a_field_that_was_not_sent_is_of_the_whole_record(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, accounts=8, salesforce=True, store=either_store) as made:
        forbid(made, shown_at="Industry")
        total = made.sync().buckets()
        assert (total.pending, total.rejected > 0) == (0, True)
        assert {one.property for one in listed(made)} > {"CS_Segment__c"}
        assert_sound(made)


def test_a_refused_value_from_its_first_refusal_to_its_end(tmp_path: Path, either_store: str | None) -> None:
    clock = SkippingClock()
    with rig(tmp_path, accounts=8, salesforce=True, store=either_store) as made:
        made.stay_today()
        forbid(made)
        first = made.sync(clock=clock)
        number = first.buckets().rejected
        assert number > 0
        assert ended(first) == ("partial", 3, first.buckets().confirmed + number, number, 0)
        assert "rejected by the CRM (keepwell failures list)" in (first.reason or "")
        found = listed(made)
        assert len(found) == number
        assert {(one.connection, one.field, one.property, one.attempts) for one in found} == {
            ("salesforce", "segment", "CS_Segment__c", 1)
        }
        assert all(RULE in one.reason and one.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION" for one in found)
        assert_sound(made)

        sent = requests_to_write(made)
        assert ended(made.sync(clock=clock)) == ("partial", 3, 0, 0, number)
        assert requests_to_write(made) == sent, "nothing is sent while a refused value waits"
        assert listed(made) == found

        clock.sleep(31 * 60)
        with_stamps = 2 * number
        assert ended(made.sync(clock=clock)) == ("partial", 3, with_stamps, with_stamps, 0)
        again = listed(made)
        assert {(one.attempts, one.due_at - one.last_at) for one in again} == {(2, timedelta(hours=1))}
        assert [one.first_at for one in again] == [one.first_at for one in found]

        clock.sleep(31 * 60)
        assert ended(made.sync(clock=clock)) == ("partial", 3, 0, 0, number), "the pause is twice as long now"

        assert retry(made, clock) == number
        assert ended(made.sync(clock=clock)) == ("partial", 3, with_stamps, with_stamps, 0)
        assert {one.attempts for one in listed(made)} == {3}

        allow(made)
        assert retry(made, clock) == number
        last = made.sync(clock=clock)
        assert ended(last) == ("complete", 0, with_stamps, 0, 0)
        assert last.buckets().confirmed == with_stamps
        assert listed(made) == []
        assert ended(made.sync(clock=clock)) == ("complete", 0, 0, 0, 0)
        assert_sound(made)


def test_hubspot_refuses_a_value_too(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store) as made:
        with without_option(made, "standard"):
            first = made.sync()
        number = first.buckets().rejected
        assert number > 0
        assert {(one.property, one.want) for one in listed(made)} == {("cs_segment", "standard")}
        sent = requests_to_write(made, "hubspot")
        assert ended(made.sync()) == ("partial", 3, 0, 0, number)
        assert requests_to_write(made, "hubspot") == sent
        assert retry(made, SkippingClock()) == number
        assert ended(made.sync()) == ("complete", 0, 2 * number, 0, 0), "each with its time stamp"
        assert listed(made) == []
        assert_sound(made)


def test_another_value_is_tried_at_once(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        with without_option(made, "standard"):
            made.sync()
        one, *rest = listed(made)
        assert rest
        made.person("edit", object="companies", id=one.record_id, properties={"strategic_account": "true"})
        report = made.sync()
        assert (report.buckets().rejected, report.plan and report.plan.total("refused")) == (0, len(rest))
        assert made.company(one.record_id)["cs_segment"] == "strategic"
        assert listed(made) == rest
        assert_sound(made)


def test_a_value_that_somebody_set_by_hand_is_over(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        forbid(made)
        number = made.sync().buckets().rejected
        for one in listed(made):
            values = {"CS_Segment__c": one.want}
            made.person("edit", at="salesforce", object="Account", id=one.record_id, properties=values)
        assert number > 0
        assert ended(made.sync()) == ("complete", 0, 0, 0, 0)
        assert listed(made) == []


def test_a_value_that_is_held_for_a_person_is_no_failure_any_more(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        forbid(made)
        made.sync()
        one, *rest = listed(made)
        theirs = "strategic" if one.want != "strategic" else "standard"
        made.person("edit", at="salesforce", object="Account", id=one.record_id, properties={"CS_Segment__c": theirs})
        report = made.sync()
        assert report.plan is not None
        assert (report.plan.total("held"), report.plan.total("refused")) == (1, len(rest))
        assert listed(made) == rest


def test_the_failures_of_a_deleted_record_go_with_it(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        forbid(made)
        made.sync()
        one, *rest = listed(made)
        made.person("archive", at="salesforce", object="Account", id=one.record_id)
        report = made.sync()
        assert report.apply["salesforce"].planned == 0
        assert ended(report)[3:] == (0, len(rest))
        assert listed(made) == rest


def test_planning_for_a_past_day_forgets_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        forbid(made, "CS_Health_Score__c")
        made.sync()
        found = listed(made)
        assert found
        made.run(lambda deps: run_plan(deps, RunOptions(as_of=TODAY - timedelta(days=200))))
        assert listed(made) == found
        made.run(run_plan)
        assert listed(made) == found


def test_one_account_alone_is_tried_again(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        forbid(made)
        made.sync(clock=clock)
        found = listed(made)
        allow(made)
        assert retry(made, clock, f"salesforce:{found[0].record_id}") == 1
        report = made.sync(clock=clock)
        assert ended(report)[2:] == (2, 0, len(found) - 1), "the value and its time stamp"
        assert listed(made) == found[1:]
        with pytest.raises(UsageError, match=r"no account 'nobody\.example'"):
            retry(made, clock, "nobody.example")


def test_a_request_that_gets_lost_five_times_is_a_failure(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=3, store=either_store) as made:
        made.fault(kind="drop", method="POST", path="*companies/batch/update", times=0)
        for _ in range(4):
            report = made.sync()
            assert report.buckets().pending == report.buckets().planned > 0
        assert listed(made) == []

        given_up = made.sync()

        number = given_up.buckets().planned
        assert ended(given_up) == ("partial", 3, number, number, 0)
        found = listed(made)
        assert "cs_scored_at" not in {one.property for one in found}, "it only goes along"
        stamps = len({one.record_id for one in found})
        assert len(found) == number - stamps
        assert {one.reason for one in found} == {"the answer was lost; read back: the value is not there"}
        made.heal()
        assert ended(made.sync()) == ("partial", 3, 0, 0, len(found))
        assert retry(made, SkippingClock()) == len(found)
        assert ended(made.sync()) == ("complete", 0, number, 0, 0)
        assert listed(made) == []
        assert_sound(made)


def test_the_time_stamp_does_not_travel_alone_when_its_value_is_refused(tmp_path: Path) -> None:
    """With one value refused, a second attempt would have only the time stamp left to send."""
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        made.settings = made.settings.model_copy(update={"policy": Policy(human_edits_by_field={"segment": "reclaim"})})
        assert made.sync().status == "complete"
        record = next(one for one in made.ours(at="salesforce") if one["property"] == "CS_Segment__c")
        theirs = "strategic" if record["new"] != "strategic" else "standard"
        made.person("edit", at="salesforce", object="Account", id=record["id"], properties={"CS_Segment__c": theirs})
        forbid(made)
        effects = len(made.ours(at="salesforce"))

        report = made.sync()

        assert ended(report) == ("partial", 3, 2, 2, 0)
        assert len(made.ours(at="salesforce")) == effects, "nothing was written, so nothing says that it was"
        assert [one.property for one in listed(made)] == ["CS_Segment__c"]
        with made.deps() as deps, deps.store.read() as c:
            assert writes.counts(c, "default", report.run_id) == {"rejected": 2}
        assert_sound(made)


def test_a_time_stamp_that_was_not_sent_does_not_count_as_written(tmp_path: Path) -> None:
    """All values of a record turn out to be there already: then its time stamp stays behind, and is not ours."""
    with rig(tmp_path, accounts=4) as made:
        with made.deps() as deps:
            plan = run_plan(deps)
            assert plan.plan is not None
            made_plan = find_plan(deps.store, plan.plan.plan_id)
            first = next(iter(records(deps.store, made_plan)))
        values = {one["property"]: one["after"] for one in first.changes if one["field"] != "scored_at"}
        made.person("edit", object="companies", id=first.record_id, properties=values)
        applied = made.run(lambda deps: run_apply(deps, made_plan.id or ""))
        assert applied.buckets().unchanged == len(first.changes)
        assert "cs_scored_at" not in made.company(first.record_id)

        made.person("edit", object="companies", id=first.record_id, properties={"churn_date": "2026-11-01"})
        after = made.sync()

        assert after.plan is not None
        assert (after.status, after.plan.total("held")) == ("complete", 0), after.reason
        assert made.company(first.record_id)["cs_scored_at"]


def test_what_an_undo_cannot_put_back_is_over_with_the_next_run(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company()
        made.person("edit", object="companies", id=record, properties={"strategic_account": "true"})
        clock = SkippingClock()
        clock.sleep(1)  # a run of the same second writes the same time stamp, which is nothing to undo
        second = made.sync(clock=clock)
        assert made.company(record)["cs_segment"] == "strategic"
        with without_option(made, "standard"):
            back = made.run(lambda deps: run_undo(deps, second.run_id, RunOptions(max_changes=Limit(share=1.0))))
        assert (back.status, back.exit_code, back.buckets().rejected) == ("partial", 3, 2), "with its time stamp"
        assert [(one.record_id, one.want) for one in listed(made)] == [(record, "standard")]
        made.sync()
        assert listed(made) == [], "only the undo wanted that value"


def test_a_plan_for_today_given_as_a_day_counts_as_today(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path, accounts=8, salesforce=True) as made:
        forbid(made)
        made.sync(clock=clock)
        for one in listed(made):
            values = {"CS_Segment__c": one.want}
            made.person("edit", at="salesforce", object="Account", id=one.record_id, properties=values)
        today: date = clock.now().date()
        assert made.run(lambda deps: run_plan(deps, RunOptions(as_of=today)), clock=clock).status == "complete"
        assert listed(made) == []
