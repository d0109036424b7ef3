"""Freeze windows on whole runs: reading and planning go on, nothing is written, and a run says until when and why."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.freeze import Freeze, moment_text
from config.limits import Limit
from config.settings import Guards, Policy
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from sync import faults
from sync.deps import RunOptions
from sync.engine import run_apply, run_plan, run_undo
from sync.report import RunReport
from tests.flow.checker import assert_sound
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import ZONE, Rig, rig
from tests.flow.test_cli_trouble import caller

ANYWAY = RunOptions(during_freeze=True)
HOUR = 3600


def freeze(made: Rig, clock: SkippingClock, *, begins: float, hours: float) -> Freeze:
    """Let a freeze begin in so many hours from now, by the clock of the runs."""
    made.stay_today()
    now = clock.now().astimezone(ZoneInfo(ZONE))
    begin = (now + timedelta(hours=begins)).replace(tzinfo=None, microsecond=0)
    window = Freeze(since=begin, until=begin + timedelta(hours=hours), reason="close of the quarter")
    policy = Policy(guards=Guards(freeze=(window,)))
    made.settings = made.settings.model_copy(update={"policy": policy})
    return window


def effects(made: Rig) -> int:
    return len(made.ours()) + len(made.ours(at="salesforce"))


def assert_refused(report: RunReport, window: Freeze) -> None:
    assert (report.status, report.exit_code, report.hint) == ("refused", 5, "Nothing was written.")
    assert report.reason == (
        f"Nothing may be written now: {window} is a freeze (close of the quarter), and runs write again from "
        f"{moment_text(window.until)[:16]} {ZONE} on; if it has to be now, say so with --during-freeze."
    )
    assert report.buckets().settled() == 0


def test_a_run_reads_and_plans_but_does_not_write(tmp_path: Path, either_store: str | None) -> None:
    clock = SkippingClock()
    with rig(tmp_path, accounts=8, salesforce=True, store=either_store) as made:
        window = freeze(made, clock, begins=-1, hours=3)
        for _ in range(2):
            report = made.sync(clock=clock)
            assert_refused(report, window)
            assert report.pull["salesforce"]["accounts"].live > 0
            assert report.plan is not None
            assert report.plan.total("changes") > 0
            assert effects(made) == 0
        clock.sleep(2 * HOUR + 1)
        after = made.sync(clock=clock)
        assert (after.status, after.notes) == ("complete", [])
        assert effects(made) > 0
        assert_sound(made)


def test_who_says_so_writes_all_the_same_and_the_report_tells(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path) as made:
        window = freeze(made, clock, begins=-1, hours=3)
        report = made.sync(ANYWAY, clock=clock)
        assert report.status == "complete"
        (note,) = report.notes
        assert note.startswith(f"Written all the same, as --during-freeze says: {window} is a freeze")
        assert report.buckets().confirmed == len(made.ours())
        assert (again := made.sync(clock=clock)).status == "complete", "there is nothing to write"
        assert again.notes == []


def test_a_plan_is_made_and_can_be_applied_when_the_freeze_is_over(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path) as made:
        window = freeze(made, clock, begins=-1, hours=3)
        planned = made.run(run_plan, clock=clock)
        assert (planned.status, planned.exit_code) == ("complete", 0)
        (note,) = planned.notes
        assert note.startswith(f"This plan cannot be carried out now: {window} is a freeze (close of the quarter)")
        assert planned.plan is not None
        plan_id = planned.plan.plan_id
        assert_refused(made.run(lambda deps: run_apply(deps, plan_id), clock=clock), window)
        assert made.ours() == []
        clock.sleep(2 * HOUR + 1)
        applied = made.run(lambda deps: run_apply(deps, plan_id), clock=clock)
        assert (applied.status, applied.buckets().confirmed) == ("complete", planned.plan.total("changes"))


def test_an_undo_waits_too_and_looking_at_it_does_not(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path) as made:
        everything = RunOptions(max_changes=Limit(share=1.0))
        first = made.sync(clock=clock)
        window = freeze(made, clock, begins=-1, hours=3)
        before = len(made.ours())
        looked = made.run(lambda deps: run_undo(deps, first.run_id, everything, agreed=lambda _: False), clock=clock)
        assert (looked.status, looked.exit_code) == ("complete", 0)
        assert [note[:36] for note in looked.notes] == ["This plan cannot be carried out now:"]
        assert_refused(made.run(lambda deps: run_undo(deps, first.run_id, everything), clock=clock), window)
        assert len(made.ours()) == before
        anyway = RunOptions(max_changes=Limit(share=1.0), during_freeze=True)
        assert made.run(lambda deps: run_undo(deps, first.run_id, anyway), clock=clock).status == "complete"
        assert len(made.ours()) == 2 * before


def test_a_freeze_that_begins_while_a_run_writes_stops_it_before_its_next_batch(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path, accounts=130) as made:
        freeze(made, clock, begins=0.5, hours=3)

        def overtake(point: str) -> None:
            if point == "apply.settled":
                clock.sleep(HOUR)

        faults.arm(overtake)
        try:
            report = made.sync(clock=clock)
        finally:
            faults.arm(None)

        assert (report.status, report.exit_code) == ("refused", 5)
        assert report.hint == "Nothing was written after that; run again when it is over."
        total = report.buckets()
        assert total.confirmed > 0
        assert total.pending > 0
        assert total.confirmed + total.pending == total.planned
        assert len({one["id"] for one in made.ours()}) == 100, "one batch of HubSpot"
        assert_sound(made)

        clock.sleep(3 * HOUR)
        after = made.sync(clock=clock)
        assert (after.status, after.buckets().confirmed) == ("complete", total.pending)
        assert_sound(made)


def test_a_freeze_at_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    today = datetime.now(UTC).date()
    days = {"since": str(today - timedelta(days=1)), "until": str(today + timedelta(days=1)), "reason": "audit"}
    frozen = {"KEEPWELL_POLICY__GUARDS__FREEZE": json.dumps([days])}
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with running(Portfolio(5, 3, date(2026, 11, 20)), salesforce=False, hubspot_options=options) as crms:
        keepwell = caller(crms, tmp_path)
        assert keepwell("fields", "apply", **frozen).exit_code == 0, "no plan, no freeze"

        refused = keepwell("sync", **frozen)
        assert refused.exit_code == 5
        assert f"{days['since']} to {days['until']} is a freeze (audit)" in refused.stdout.replace("\n", " ")
        assert "--during-freeze" in refused.stdout

        planned = keepwell("plan", "--exit-code", **frozen)
        assert planned.exit_code == 4
        assert "This plan cannot be carried out now" in planned.stdout

        examined = json.loads(keepwell("doctor", "--json", **frozen).stdout)
        (check,) = [one for one in examined["checks"] if one["name"] == "freeze"]
        assert (check["status"], "is a freeze (audit)" in check["detail"]) == ("warning", True)
        assert "exit code 5" in check["hint"]
        assert "freeze" not in {one["name"] for one in json.loads(keepwell("doctor", "--json").stdout)["checks"]}

        assert keepwell("sync", "--during-freeze", **frozen).exit_code == 0
