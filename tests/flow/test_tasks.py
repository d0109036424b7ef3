"""Alerts as tasks of HubSpot: one each, planned before it is made, followed to its end, and left to its people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.limits import Limit
from dashboard.alerts import lines
from dashboard.pages import plan_page
from sync.engine import run_apply, run_plan, run_undo
from sync.planbook import find_plan, records
from sync.planfile import save_plan
from tests.flow.tasked import KEY, tasked
from tests.flow.test_alerts import FULL


def test_no_alert_becomes_a_task_unless_the_configuration_says_so(tmp_path: Path) -> None:
    with tasked(tmp_path, alerts=()) as it:
        it.fall()
        assert it.one("band_drop")
        assert it.created() == []


def test_an_alert_becomes_one_task_of_its_company(tmp_path: Path, either_store: str | None) -> None:
    with tasked(tmp_path, either_store) as it:
        report = it.fall()
        assert report.status == "complete", report.reason
        alert = it.one("band_drop")
        task = it.task(alert)
        company = it.rig.company(it.company)
        assert task["hs_task_subject"] == f"Health band fell: {company['name']}"
        assert (task["hs_task_status"], task["hs_task_priority"]) == ("NOT_STARTED", "MEDIUM")
        assert task["hs_task_body"].startswith("Health fell from green to ")
        assert task["hubspot_owner_id"] == company["csm_owner"]
        assert alert.life.due_at is not None
        assert task["hs_timestamp"] == f"{alert.life.due_at:%Y-%m-%dT%H:%M:%S}Z"
        assert it.rig.crm.hubspot.portal.associated("tasks", int(task["hs_object_id"]), "companies") == [
            int(it.company)
        ]
        shown = {"connection": "hubspot", "object": "tasks", "record_id": task["hs_object_id"], "ended": None}
        with it.rig.deps() as deps, deps.store.read() as c:
            (line,) = lines(c, "default", deps.framework, [alert], it.clock.now())
        assert line["tasks"] == [shown]
        assert report.drift == 0

        written = it.task_writes()
        it.sync(hours=1)
        assert it.task_writes() == written
        assert it.times_made(alert) == 1
        it.sound()


@pytest.mark.parametrize("owner", ["alert", "none"])
def test_an_alert_of_a_role_that_is_nobody_is_the_csms_task(tmp_path: Path, owner: str) -> None:
    with tasked(tmp_path, alerts=("red",)) as it:
        it.configure(owner=owner)
        it.sync(hours=1)
        portal = it.rig.crm.hubspot.portal
        found = {}
        for task in it.tasks().values():
            (company,) = portal.associated("tasks", int(task["hs_object_id"]), "companies")
            found[it.rig.company(str(company)).get("csm_owner")] = task.get("hubspot_owner_id")
        assert any(found)
        assert found == {csm: csm if owner == "alert" else None for csm in found}


def test_the_plan_shows_the_task_before_it_is_made(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.edit(logins_per_user_week_30d="0.1", features_used_30d="0", roi_realised="0")
        it.clock.sleep(3600)
        planned = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert planned.plan is not None
        assert it.created() == []
        again = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert again.plan is not None
        assert again.plan.plan_id == planned.plan.plan_id
        assert planned.plan.by_connection["hubspot"].tasks == 1
        file = tmp_path / "plan.json"
        with it.rig.deps(clock=it.clock) as deps:
            plan = find_plan(deps.store, planned.plan.plan_id)
            first = plan_page(deps.store, records(deps.store, plan), 1)["shown"][0]
            assert (first["kind"], first["object"]) == ("create", "tasks"), "what is made stands before the rest"
            assert first["account"] == it.rig.company(it.company)["name"]
            save_plan(deps.store, plan, file)
            run_apply(deps, str(file), FULL)
        assert it.created() == [it.task(it.one("band_drop"))["hs_object_id"]]


def test_a_task_follows_its_alert_to_its_end(tmp_path: Path, either_store: str | None) -> None:
    with tasked(tmp_path, either_store) as it:
        it.fall()
        alert = it.acknowledge(it.one("band_drop"))
        it.sync(hours=1)
        assert it.task(alert)["hs_task_status"] == "IN_PROGRESS"
        it.sync(hours=1)
        assert it.life("band_drop").state == "resolved"
        assert it.task(alert)["hs_task_status"] == "COMPLETED"
        written = it.task_writes()
        it.sync(hours=1)
        assert it.task_writes() == written
        assert it.book_of(alert).ended == "closed"
        assert it.times_made(alert) == 1
        it.sound()


def test_a_task_is_urgent_once_nobody_answered_in_time(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.fall()
        it.sync(hours=49)
        assert it.task(it.one("band_drop"))["hs_task_priority"] == "HIGH"


def test_who_closes_a_task_has_the_last_word(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.fall()
        alert = it.one("band_drop")
        it.edit_task(alert, hs_task_status="COMPLETED")
        report = it.sync(hours=49)
        assert it.task(alert)["hs_task_status"] == "COMPLETED"
        assert it.task(alert)["hs_task_priority"] == "MEDIUM"
        assert it.book_of(alert).ended == "closed_by_somebody"
        assert any("closed or deleted by somebody" in note for note in report.notes)
        it.sync(hours=1)
        assert it.times_made(alert) == 1


def test_a_deleted_task_is_never_made_again(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.fall()
        alert = it.one("band_drop")
        it.delete_task(alert)
        it.sync(hours=1)
        it.sync(hours=49)
        assert it.book_of(alert).ended == "removed"
        it.sync(hours=1)
        assert it.times_made(alert) == 1
        assert it.book_of(alert).key not in it.tasks()
        it.sound()


def test_what_a_person_changed_in_a_task_stays(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.fall()
        alert = it.one("band_drop")
        it.edit_task(alert, hs_task_status="WAITING", hs_task_subject="Call Anna")
        quiet = it.sync(hours=1)
        assert quiet.plan is not None
        assert quiet.plan.total("held") == 0, "as long as Keepwell has nothing new to say"
        it.acknowledge(it.one("band_drop"))
        report = it.sync(hours=1)
        assert report.plan is not None
        assert report.plan.total("held") == 1
        assert it.task(alert)["hs_task_status"] == "WAITING"
        assert it.task(alert)["hs_task_subject"] == "Call Anna"
        assert KEY in it.task(alert)
        it.sound()


def test_undoing_a_run_closes_the_tasks_that_it_made(tmp_path: Path, either_store: str | None) -> None:
    with tasked(tmp_path, either_store) as it:
        run_id = it.fall().run_id
        alert = it.one("band_drop")
        undone = it.rig.run(lambda deps: run_undo(deps, run_id, FULL), clock=it.clock)
        assert undone.status == "complete", undone.reason
        assert it.task(alert)["hs_task_status"] == "COMPLETED"
        report = it.sync(hours=1)
        assert it.task(alert)["hs_task_status"] == "COMPLETED", "as long as the same alert stands"
        assert report.plan is not None
        assert it.times_made(alert) == 1


def test_undoing_a_run_leaves_a_task_that_somebody_touched(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        run_id = it.fall().run_id
        alert = it.one("band_drop")
        it.edit_task(alert, hs_task_subject="Call Anna")
        undone = it.rig.run(lambda deps: run_undo(deps, run_id, FULL), clock=it.clock)
        assert undone.undo is not None
        assert undone.undo.skipped == {"changed_since": 1}
        assert it.task(alert)["hs_task_status"] == "NOT_STARTED"


def test_a_task_that_an_undo_closed_stays_closed_whatever_becomes_of_its_alert(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        run_id = it.fall().run_id
        alert = it.one("band_drop")
        it.rig.run(lambda deps: run_undo(deps, run_id, FULL), clock=it.clock)
        it.sync(hours=49)
        assert it.task(alert)["hs_task_priority"] == "MEDIUM"
        it.acknowledge(it.one("band_drop"))
        it.sync(hours=1)
        assert it.task(alert)["hs_task_status"] == "COMPLETED"
        it.sync(hours=1)
        assert it.book_of(alert).ended == "closed"


def test_a_plan_with_more_tasks_than_the_guards_allow_is_refused(tmp_path: Path) -> None:
    with tasked(tmp_path, alerts="all") as it:
        report = it.sync(hours=1, options=replace(FULL, max_changes=Limit(count=1)))
        assert report.status == "refused"
        assert "tasks of 10 accounts" in str(report.reason)
        assert it.created() == []


def test_without_the_key_there_are_no_tasks_and_the_report_says_so(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.rig.person("property", object="tasks", name=KEY, remove=True)
        report = it.fall()
        assert report.status == "partial"
        assert any("no tasks are made for alerts without tasks cs_alert_key" in note for note in report.notes)
        assert it.created() == []
