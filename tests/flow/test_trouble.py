"""When something is wrong: the run says what, ends as documented, and leaves nothing half-written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from config.limits import Limit
from store import leases
from store.tables import quarantine
from sync import faults
from sync.deps import RunOptions
from sync.engine import run_apply, run_plan, run_pull, run_sync
from sync.errors import UsageError
from sync.planbook import find_plan, records
from sync.planfile import load_plan, save_plan
from sync.retry import retry_failures
from sync.session import lease_key
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig


def with_token(made: Rig, token: str) -> None:
    hubspot = made.settings.connections["hubspot"].model_copy(update={"access_token": SecretStr(token)})
    made.settings = made.settings.model_copy(update={"connections": {"hubspot": hubspot}})


def test_a_wrong_token_ends_with_credentials(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        with_token(made, "pat-na1-00000000-0000-0000-0000-000000000000")
        report = made.sync()
        assert (report.status, report.exit_code) == ("failed", 6)
        assert report.reason
        assert "00000000" not in str(report.to_dict())
        assert made.ours() == []


def test_an_unreachable_crm_fails_the_run_and_writes_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True) as made:
        hubspot = made.settings.connections["hubspot"].model_copy(update={"base_url": "http://127.0.0.1:9"})
        connections = {**made.settings.connections, "hubspot": hubspot}
        made.settings = made.settings.model_copy(update={"connections": connections})
        report = made.sync()
        assert (report.status, report.exit_code) == ("failed", 1)
        assert report.plan is None
        assert [one for one in made.ours(at="salesforce") if one["object"] == "Account"] == []


@pytest.mark.parametrize("kind", ["html_200", "truncated_json"])
def test_an_answer_that_is_not_the_api_is_not_data(tmp_path: Path, kind: str) -> None:
    with rig(tmp_path) as made:
        made.fault(kind=kind, path="/crm/v3/objects/tickets*", times=0)
        report = made.sync()
        assert (report.status, report.exit_code) == ("failed", 1)
        assert report.plan is None
        made.heal()
        healed = made.sync()
        assert healed.status == "complete"
        assert healed.buckets().confirmed > 0


def test_the_daily_quota_defers_the_run(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.fault(kind="daily", path="/crm/v3/objects/deals*", times=0)
        report = made.sync()
        assert (report.status, report.exit_code) == ("deferred", 75)
        made.heal()


def test_an_interrupted_pull_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.fault(kind="html_200", path="/crm/v3/objects/meetings*", times=0)
        broken = made.run(run_pull)
        assert broken.status == "failed"
        assert broken.pull["hubspot"]["companies"].inserted > 0
        made.heal()
        healed = made.run(run_pull)
        assert healed.status == "complete"
        assert healed.pull["hubspot"]["companies"].mode == "increment"
        assert healed.pull["hubspot"]["meetings"].mode == "full"


def test_a_rejected_record_does_not_stop_the_others(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        segments = made.crm.hubspot.portal.schemas["companies"].properties["cs_segment"]
        kept = segments.options

        def forbid_an_option(point: str) -> None:
            if point == "apply.claimed":
                segments.options = [one for one in kept if one["value"] != "standard"]

        faults.arm(forbid_an_option)
        try:
            report = made.sync()
        finally:
            faults.arm(None)
            segments.options = kept

        buckets = report.buckets()
        assert buckets.rejected > 0
        assert buckets.confirmed > 0
        assert buckets.rejected + buckets.confirmed == buckets.planned
        assert (report.status, report.exit_code) == ("partial", 3)

        again = made.sync()
        assert (again.status, again.buckets().planned) == ("partial", 0), "what was refused is not sent by every run"
        with made.deps() as deps:
            assert retry_failures(deps).values == buckets.rejected
        once_more = made.sync()
        assert once_more.status == "complete"
        assert once_more.buckets().confirmed >= buckets.rejected
        assert_sound(made)


def test_what_waits_is_dropped_also_by_a_run_that_writes_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=3) as made:
        made.fault(kind="drop", method="POST", path="*companies/batch/update", times=0)
        lost = made.sync()
        assert lost.plan is not None
        assert lost.buckets().pending == lost.buckets().planned > 0
        made.heal()
        with made.deps() as deps:
            waiting = list(records(deps.store, find_plan(deps.store, lost.plan.plan_id)))
        for one in waiting:
            values = {change["property"]: change["after"] for change in one.changes if change["after"] is not None}
            made.person("edit", object="companies", id=one.record_id, properties=values)

        after = made.sync()

        assert (after.status, after.buckets().planned) == ("complete", 0)
        assert_sound(made)


def test_a_lost_answer_is_read_back_and_never_sent_twice(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.fault(kind="commit_then_drop", method="POST", path="*companies/batch/update")
        report = made.sync()
        assert report.status == "complete"
        assert report.buckets().confirmed == report.buckets().planned
        assert made.ours() != []
        assert_sound(made)


def test_a_request_that_never_arrived_is_sent_again_by_the_next_run(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.fault(kind="drop", method="POST", path="*companies/batch/update", times=0)
        report = made.sync()
        assert report.exit_code in (1, 3)
        assert report.buckets().confirmed == 0
        made.heal()
        assert made.sync().status == "complete"
        assert made.ours() != []
        assert_sound(made)


def test_two_runs_at_once_make_the_second_busy(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        lease = leases.acquire(deps.store, "default", lease_key("hubspot"), "somebody-else", 60.0)
        report = run_sync(deps)
        assert (report.status, report.exit_code) == ("busy", 75)
        assert report.reason is not None
        assert "somebody-else" in report.reason
        leases.release(deps.store, lease)
        assert run_sync(deps).status == "complete"


def test_another_portal_behind_the_same_connection_is_refused(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.run(run_pull)
        made.crm.hubspot.options = replace(made.crm.hubspot.options, portal_id=999)
        report = made.sync()
        assert report.status == "failed"
        assert made.ours() == []


def test_a_plan_can_be_applied_by_id_and_only_once(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        planned = run_plan(deps)
        assert planned.plan is not None
        applied = run_apply(deps, planned.plan.plan_id)
        assert applied.status == "complete"
        assert applied.buckets().confirmed == planned.plan.total("changes")
        again = run_apply(deps, planned.plan.plan_id)
        assert (again.status, again.exit_code) == ("refused", 5)


def test_a_plan_can_be_applied_from_a_file_that_nobody_touched(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    with rig(tmp_path) as made, made.deps() as deps:
        planned = run_plan(deps)
        assert planned.plan is not None
        save_plan(deps.store, find_plan(deps.store, planned.plan.plan_id), file)
        forged = tmp_path / "forged.json"
        forged.write_text(file.read_text().replace("standard", "strategic"))
        with pytest.raises(UsageError, match="changed since it was made"):
            load_plan(deps.store, forged)
        refused = run_apply(deps, str(forged))
        assert refused.exit_code == 2
        made.settings = made.settings.model_copy(update={"store": f"sqlite:///{tmp_path}/another.db"})
        with made.deps() as others:
            run_pull(others)
            elsewhere = run_apply(others, str(file))
        assert elsewhere.exit_code == 2
        assert elsewhere.reason is not None
        assert "another store" in elsewhere.reason
        assert made.ours() == []
        applied = run_apply(deps, str(file))
        assert applied.status == "complete"
        assert applied.buckets().confirmed == planned.plan.total("changes")


def test_a_plan_can_be_applied_on_another_day_and_says_so(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6) as made, made.deps() as deps:
        day = deps.clock.now().date() - timedelta(days=3)
        planned = run_plan(deps, RunOptions(as_of=day))
        assert planned.plan is not None
        applied = run_apply(deps, planned.plan.plan_id)
        assert (applied.status, applied.as_of) == ("complete", day.isoformat())
        assert f"This plan is of {day} and writes the values of that day." in applied.notes


def test_a_stale_plan_is_refused(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        planned = run_plan(deps)
        assert planned.plan is not None
        run_pull(deps)
        applied = run_apply(deps, planned.plan.plan_id)
        assert (applied.status, applied.exit_code) == ("refused", 5)
        assert applied.reason is not None
        assert "stale" in applied.reason
        assert made.ours() == []


def test_an_unknown_plan_is_a_usage_error(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=4) as made, made.deps() as deps:
        assert run_apply(deps, "no-such-plan").exit_code == 2


def test_a_limit_on_the_command_line_counts_first_writes(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        report = made.sync(RunOptions(max_changes=Limit(count=1)))
        assert (report.status, report.exit_code) == ("refused", 5)
        assert report.reason is not None
        assert "--max-changes" in report.reason
        assert made.ours() == []
        assert made.sync().status == "complete"


def test_limit_and_select_narrow_the_plan(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        limited = made.run(lambda deps: run_plan(deps, RunOptions(limit=2)))
        assert limited.plan is not None
        assert limited.plan.total("records") == 2
        chosen = made.run(lambda deps: run_plan(deps, RunOptions(select="health_band = 'red' AND domain IS NOT NULL")))
        assert chosen.plan is not None
        assert 0 < chosen.plan.total("records") <= chosen.bands["red"]
        one = str(sorted(made.crm.hubspot.portal.stores["companies"].live)[2])
        single = made.run(lambda deps: run_plan(deps, RunOptions(select=one)))
        assert single.plan is not None
        assert single.plan.total("records") == 1
        nothing = made.run(lambda deps: run_plan(deps, RunOptions(select="nonsense = ")))
        assert nothing.exit_code == 2


def test_what_cannot_be_read_is_quarantined_with_its_reason(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        record = str(sorted(made.crm.hubspot.portal.stores["companies"].live)[2])
        made.person("edit", object="companies", id=record, properties={"domain": "not a domain at all"})
        report = made.sync()
        assert report.status == "complete"
        assert report.pull["hubspot"]["companies"].quarantined >= 1
        with made.deps() as deps, deps.store.read() as c:
            found = {row.id: row for row in c.execute(select(quarantine))}
        assert found[record].field_name == "domain"
        assert found[record].reason
