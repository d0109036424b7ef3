"""A fall of health as an entry on Gainsight's timeline: planned before it is made, made once, left to its people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.limits import Limit
from config.settings import Settings
from dashboard.pages import plan_page
from store import failures
from sync.engine import run_plan, run_undo
from sync.planbook import find_plan, records
from tests.flow.rig import settings_data
from tests.flow.test_alerts import FULL
from tests.flow.told import told


def test_no_fall_becomes_an_entry_unless_the_configuration_says_so(tmp_path: Path) -> None:
    with told(tmp_path, entries=None) as it:
        it.fall()
        assert it.one("band_drop")
        assert it.times_made() == 0


def test_a_fall_becomes_one_entry_of_its_company(tmp_path: Path, either_store: str | None) -> None:
    with told(tmp_path, either_store) as it:
        it.sync(hours=1)
        assert it.times_made() == 0
        report = it.fall()
        assert report.status == "complete", report.reason
        assert report.drift == 0
        entry = it.entry()
        assert entry["Subject"].startswith("Health fell from green to ")
        assert entry["Notes"].startswith(f"{entry['Subject']} on ")
        assert "Main reasons: " in entry["Notes"]
        assert (entry["TypeName"], entry["ContextName"], entry["ContextId"]) == ("Update", "Company", it.gsid)
        assert entry["AuthorId"] == it.tenant.integration_user
        book = it.book()
        assert book.made_at is not None
        assert (book.account_id, book.record_id) == (it.account, entry["Gsid"])
        for hours in (1, 30):
            it.sync(hours=hours)
        assert it.times_made() == 1
        it.sound()


def test_the_plan_shows_the_entry_before_it_is_made(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        it.edit(logins_per_user_week_30d="0.1", features_used_30d="0", roi_realised="0", goals_achieved="0")
        it.clock.sleep(3600)
        planned = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert planned.plan is not None
        again = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert again.plan is not None
        assert again.plan.plan_id == planned.plan.plan_id
        assert planned.plan.by_connection["gainsight"].entries > 0
        assert it.times_made() == 0
        with it.rig.deps(clock=it.clock) as deps:
            plan = find_plan(deps.store, planned.plan.plan_id)
            shown = plan_page(deps.store, records(deps.store, plan))["shown"]
        key = next(one["record_id"] for one in shown if (one["field"], one["after"]) == ("entry_account", it.gsid))
        entry = {one["field"]: one["after"] for one in shown if one["record_id"] == key}
        assert entry["entry_author"] == it.author
        assert entry["entry_notes"].startswith("Health fell from green to ")
        it.sync()
        assert it.entry()["Subject"] == entry["entry_subject"]


def test_each_fall_has_an_entry_of_its_own(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        it.fall()
        it.edit(**it.before)
        it.sync(hours=1)
        it.fall()
        assert it.times_made() == len(it.entries()) == 2
        it.sound()


def test_an_author_whom_nobody_knows_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        it.configure(author="nobody@elsewhere.example")
        report = it.fall()
        assert (report.status, report.exit_code) == ("partial", 3)
        assert it.times_made() == 0
        with it.rig.deps() as deps, deps.store.read() as c:
            found = failures.listed(c, deps.workspace)
        assert found
        assert all("no active user of Gainsight has the e-mail address" in one.reason for one in found)
        it.configure(author=it.author)
        it.sync(hours=25)
        assert it.times_made() == 1
        it.sound()


def test_an_entry_that_somebody_changed_or_deleted_is_left_alone(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        it.fall()
        gsid = it.entry()["Gsid"]
        it.rig.person("edit", at="gainsight", object="activity_timeline", id=gsid, properties={"Subject": "My own"})
        report = it.sync(hours=1)
        assert report.plan is not None
        assert report.plan.total("held") == 0
        assert it.entry()["Subject"] == "My own"
        it.rig.person("delete", at="gainsight", object="activity_timeline", id=gsid)
        it.sync(hours=1)
        assert (it.entries(), it.times_made()) == ([], 1)


def test_undoing_a_run_says_that_its_entries_stay(tmp_path: Path, either_store: str | None) -> None:
    with told(tmp_path, either_store) as it:
        run_id = it.fall().run_id
        undone = it.rig.run(lambda deps: run_undo(deps, run_id, FULL), clock=it.clock)
        assert undone.undo is not None
        assert undone.undo.skipped["told"] > 0
        it.sync(hours=1)
        assert it.times_made() == len(it.entries()) == 1


def test_a_plan_with_more_entries_than_the_guards_allow_is_refused(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        it.edit(logins_per_user_week_30d="0.1", features_used_30d="0", roi_realised="0", goals_achieved="0")
        report = it.sync(hours=1, options=replace(FULL, max_changes=Limit(count=0)))
        assert report.status == "refused"
        assert " entries of " in str(report.reason)
        assert it.times_made() == 0


def test_a_tenant_whose_activities_show_no_key_gets_no_entries_and_the_report_says_so(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        del it.tenant.tables["activity_timeline"].kind.fields["ExternalId"]
        report = it.fall()
        assert report.status == "partial"
        assert any("no entries are made on timelines" in note and "ExternalId" in note for note in report.notes)
        assert it.times_made() == 0


def test_a_fall_that_is_over_is_not_told_any_more(tmp_path: Path) -> None:
    with told(tmp_path) as it:
        it.rig.fault(at="gainsight", kind="500", method="POST", path="/v1/ant/es/activity", times=0)
        it.fall()
        it.rig.heal("gainsight")
        assert it.times_made() == 0
        it.edit(**it.before)
        it.sync(hours=1)
        assert it.times_made() == 0
        it.sound()


@pytest.mark.parametrize("recovers", [True, False])
def test_a_failure_goes_with_its_fall_and_with_the_option(tmp_path: Path, *, recovers: bool) -> None:
    with told(tmp_path) as it:
        it.configure(author="nobody@elsewhere.example")
        it.fall()
        if recovers:
            it.edit(**it.before)
        else:
            it.rig.settings = Settings(**settings_data(it.rig.crm, it.rig.settings.store))
            it.rig.stay_today()
        it.sync(hours=1)
        with it.rig.deps() as deps, deps.store.read() as c:
            assert failures.count(c, deps.workspace) == 0


@pytest.mark.parametrize("kind", ["Meeting", "call"])
def test_an_entry_that_would_be_read_as_a_meeting_is_refused(tmp_path: Path, kind: str) -> None:
    with told(tmp_path) as it, pytest.raises(ValueError, match="would be read as the customer's meeting or call"):
        it.configure(author=it.author, type=kind)
