"""The answer to the making of a task is lost, or the run dies at it: there is one task, and never a second one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store import failures
from sync.engine import run_apply, run_plan
from tests.flow.killed_run import Kill, killing
from tests.flow.rig import settings_data
from tests.flow.tasked import Tasked, tasked
from tests.flow.test_alerts import BAD, FULL
from tests.flow.test_kill import expire_leases

CREATE = "/crm/v3/objects/tasks/batch/create"
POINTS = (("apply.guard_read", 2), ("apply.claimed", 2), ("apply.sent", 2), ("apply.settled", 2), ("verify.begun", 1))
"""Fault points at the edges of the second batch of a run, which makes the task; the first one writes companies."""


@pytest.fixture(scope="module")
def killed() -> Iterator[Kill]:
    """Carries out an order in a process of its own; returns how that ended."""
    with killing() as kill:
        yield kill


def made_once(it: Tasked) -> None:
    alert = it.one("band_drop")
    assert it.task(alert)["hs_task_status"] == "NOT_STARTED"
    assert it.times_made(alert) == 1
    it.sound()


def test_a_lost_answer_is_found_by_its_key(tmp_path: Path, either_store: str | None) -> None:
    with tasked(tmp_path, either_store) as it:
        it.rig.fault(kind="commit_then_drop", method="POST", path=CREATE)
        report = it.fall()
        buckets = report.buckets()
        assert (buckets.in_doubt, buckets.pending, buckets.conflict) == (0, 0, 0)
        assert it.book_of(it.one("band_drop")).record_id == it.task(it.one("band_drop"))["hs_object_id"]
        it.sync(hours=1)
        made_once(it)


def test_a_request_that_never_arrived_is_sent_again(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.rig.fault(kind="drop", method="POST", path=CREATE)
        report = it.fall()
        assert report.buckets().pending > 0
        assert it.tasks() == {}
        it.sync(hours=1)
        made_once(it)


def test_a_person_who_closed_the_task_while_its_answer_was_lost_wins(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.rig.fault(kind="commit_then_drop", method="POST", path=CREATE)

        def closing(seconds: float) -> None:
            for one in it.tasks().values():
                values = {"hs_task_status": "COMPLETED"}
                it.rig.person("edit", object="tasks", id=one["hs_object_id"], properties=values)
            it.clock.sleep(seconds)

        it.edit(**BAD)
        it.clock.sleep(3600)
        it.rig.sync(FULL, clock=it.clock, sleep=closing)
        alert = it.one("band_drop")
        it.sync(hours=49)
        assert it.task(alert)["hs_task_status"] == "COMPLETED"
        assert it.times_made(alert) == 1
        assert it.book_of(alert).ended == "closed_by_somebody"


def test_a_task_whose_owner_hubspot_does_not_take_is_made_without_one(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        owner = it.rig.company(it.company)["csm_owner"]
        owners = it.rig.crm.hubspot.portal.owners
        it.edit(**BAD)
        it.clock.sleep(3600)
        it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        owners[:] = [one for one in owners if one.id != owner]
        report = it.sync()
        assert report.buckets().rejected == 1
        assert "hubspot_owner_id" not in it.task(it.one("band_drop"))
        made_once(it)
        again = it.sync(hours=1)
        assert again.status == "complete", again.reason
        with it.rig.deps() as deps, deps.store.read() as c:
            assert failures.count(c, "default") == 0


def test_a_plan_that_goes_on_after_it_made_a_task_makes_no_other_one(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        it.edit(**BAD)
        it.clock.sleep(3600)
        planned = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert planned.plan is not None
        plan_id = planned.plan.plan_id
        it.rig.fault(kind="drop", method="POST", path="/crm/v3/objects/companies/batch/update", times=0)
        begun = it.rig.run(lambda deps: run_apply(deps, plan_id, FULL), clock=it.clock)
        assert begun.buckets().pending > 0
        it.rig.heal()
        alert = it.one("band_drop")
        it.edit_task(alert, hubspot_owner_id="")
        done = it.rig.run(lambda deps: run_apply(deps, plan_id, FULL), clock=it.clock)
        assert (done.buckets().pending, done.buckets().conflict) == (0, 1), "who has the task is its people's"
        assert it.created() == [it.task(alert)["hs_object_id"]]
        assert "hubspot_owner_id" not in it.task(alert)
        made_once(it)


@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_a_run_that_dies_at_the_making_leaves_one_task(
    tmp_path: Path, killed: Kill, either_store: str | None, point: str, nth: int
) -> None:
    with tasked(tmp_path, either_store) as it:
        it.edit(**BAD)
        settings = settings_data(it.rig.crm, it.rig.settings.store)
        settings["connections"]["hubspot"]["tasks"] = {"alerts": ["band_drop"]}
        now = (it.clock.now() + timedelta(hours=1)).isoformat()
        assert killed({"settings": settings, "point": point, "nth": nth, "now": now}) == -signal.SIGKILL
        expire_leases(it.rig)
        it.sound(quiet=False)
        it.sync(hours=2)
        made_once(it)
        it.sync(hours=1)
        made_once(it)
