"""Alerts as calls to action of Gainsight: one each, followed to its end, left to its people, and never made twice."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from store import failures
from sync.engine import run_plan, run_undo
from tests.flow.called import KEY, OBJECT, PATH, REASON, called
from tests.flow.killed_run import Kill, killing
from tests.flow.test_alerts import BAD, FULL
from tests.flow.test_kill import expire_leases

POINTS = (("apply.guard_read", 3), ("apply.claimed", 3), ("apply.sent", 3), ("apply.settled", 3), ("verify.begun", 1))
"""Fault points at the edges of the third batch of a run, which makes the call; those before it write companies."""


@pytest.fixture(scope="module")
def killed() -> Iterator[Kill]:
    """Carries out an order in a process of its own; returns how that ended."""
    with killing() as kill:
        yield kill


def test_no_alert_becomes_a_call_unless_the_configuration_says_so(tmp_path: Path) -> None:
    with called(tmp_path, alerts=()) as it:
        it.fall()
        assert it.one("band_drop")
        assert it.times_called() == 0


def test_an_alert_becomes_one_call_to_action_of_its_company(tmp_path: Path, either_store: str | None) -> None:
    with called(tmp_path, either_store) as it:
        report = it.fall()
        assert report.status == "complete", report.reason
        assert report.drift == 0
        alert = it.one("band_drop")
        call = it.call(alert)
        assert call["Name"].startswith("Health band fell: ")
        assert (call["TypeId"], call["StatusId"], call["PriorityId"], call["ReasonId"]) == (
            "Risk", "New", "Medium", REASON,
        )  # fmt: skip
        assert call["CompanyId"] == it.gsid
        assert call["OwnerId"]
        assert call["Comments"].startswith("Health fell from green to ")
        assert it.book_of(alert).record_id == call["Gsid"]
        it.sync(hours=1)
        assert it.times_called() == 1
        it.sound()


def test_a_call_follows_its_alert_to_its_end(tmp_path: Path, either_store: str | None) -> None:
    with called(tmp_path, either_store) as it:
        it.fall()
        alert = it.acknowledge(it.one("band_drop"))
        it.sync(hours=1)
        assert it.call(alert)["StatusId"] == "Work In Progress"
        it.sync(hours=1)
        assert it.life("band_drop").state == "resolved"
        assert (it.call(alert)["StatusId"], it.call(alert)["IsClosed"]) == ("Closed Success", True)
        it.sync(hours=1)
        assert it.book_of(alert).ended == "closed"
        assert it.times_called() == 1
        it.sound()


def test_a_call_is_urgent_once_nobody_answered_in_time(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.fall()
        it.sync(hours=49)
        assert it.call(it.one("band_drop"))["PriorityId"] == "High"


@pytest.mark.parametrize("status", ["Closed Success", "Closed Lost"])
def test_who_closes_a_call_has_the_last_word(tmp_path: Path, status: str) -> None:
    with called(tmp_path) as it:
        it.fall()
        alert = it.one("band_drop")
        it.edit_call(alert, StatusId=status)
        it.sync(hours=49)
        assert (it.call(alert)["StatusId"], it.call(alert)["PriorityId"]) == (status, "Medium")
        assert it.book_of(alert).ended == "closed_by_somebody"
        it.sync(hours=1)
        assert it.times_called() == 1


def test_what_a_person_changed_in_a_call_stays(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.fall()
        alert = it.one("band_drop")
        it.edit_call(alert, StatusId="Work In Progress", Name="Ring Anna")
        it.sync(hours=49)
        assert (it.call(alert)["StatusId"], it.call(alert)["Name"]) == ("Work In Progress", "Ring Anna")
        assert it.call(alert)["PriorityId"] == "High", "nobody touched that"
        it.sound()


def test_a_deleted_call_is_never_made_again(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.fall()
        alert = it.one("band_drop")
        it.rig.person("delete", at="gainsight", object=OBJECT, id=it.call(alert)["Gsid"])
        it.sync(hours=49)
        assert it.book_of(alert).ended == "removed"
        it.sync(hours=1)
        assert it.times_called() == 1
        it.sound()


def test_undoing_a_run_closes_the_calls_that_it_made(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        run_id = it.fall().run_id
        alert = it.one("band_drop")
        it.rig.run(lambda deps: run_undo(deps, run_id, FULL), clock=it.clock)
        assert it.call(alert)["StatusId"] == "Closed Success"
        it.sync(hours=1)
        assert it.times_called() == 1


def test_a_lost_answer_is_found_by_its_key(tmp_path: Path, either_store: str | None) -> None:
    with called(tmp_path, either_store) as it:
        it.rig.fault(at="gainsight", kind="commit_then_drop", method="POST", path=PATH)
        report = it.fall()
        buckets = report.buckets()
        assert (buckets.in_doubt, buckets.pending, buckets.conflict) == (0, 0, 0)
        assert it.book_of(it.one("band_drop")).record_id == it.call(it.one("band_drop"))["Gsid"]
        it.sync(hours=1)
        assert it.times_called() == 1
        it.sound()


def test_a_request_whose_answer_was_lost_and_that_shows_nothing_stays_in_doubt_for_an_hour(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.rig.fault(at="gainsight", kind="drop", method="POST", path=PATH)
        report = it.fall()
        assert report.buckets().in_doubt > 0
        assert report.status == "partial"
        again = it.sync(hours=0.5)
        assert it.times_called() == 0, "it may still be carried out, and would then be there twice"
        assert any("the next run decides" in note for note in again.notes)
        it.sync(hours=0.75)
        assert it.times_called() == 1
        it.call(it.one("band_drop"))
        it.sync(hours=1)
        assert it.times_called() == 1
        it.sound()


def test_a_call_that_comes_late_is_taken_for_the_one_that_was_asked_for(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.rig.fault(at="gainsight", kind="commit_then_drop", method="POST", path=PATH)
        it.edit(**BAD)
        it.clock.sleep(3600)
        rows, late = it.tenant.tables[OBJECT].rows, {}

        def hiding(seconds: float) -> None:
            for gsid in [one for one, row in rows.items() if row.get(KEY)]:
                late[gsid] = rows.pop(gsid)
            it.clock.sleep(seconds)

        it.rig.sync(FULL, clock=it.clock, sleep=hiding)
        assert late
        rows.update(late)
        it.sync(hours=0.5)
        assert it.times_called() == 1
        assert it.book_of(it.one("band_drop")).made_at is not None
        it.sound()


def test_who_deletes_a_call_while_its_answer_is_in_doubt_has_the_last_word(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.rig.fault(at="gainsight", kind="commit_then_drop", method="POST", path=PATH)
        it.edit(**BAD)
        it.clock.sleep(3600)

        def deleting(seconds: float) -> None:
            for call in it.calls().values():
                it.rig.person("delete", at="gainsight", object=OBJECT, id=call["Gsid"])
            it.clock.sleep(seconds)

        it.rig.sync(FULL, clock=it.clock, sleep=deleting)
        for hours in (2, 49, 1):
            it.sync(hours=hours)
        assert it.times_called() == 1
        assert it.gsid not in {call["CompanyId"] for call in it.calls().values()}


@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_a_run_that_dies_at_the_making_leaves_one_call(
    tmp_path: Path, killed: Kill, either_store: str | None, point: str, nth: int
) -> None:
    with called(tmp_path, either_store) as it:
        it.edit(**BAD)
        settings = it.data(alerts=["band_drop"])
        now = (it.clock.now() + timedelta(hours=1)).isoformat()
        assert killed({"settings": settings, "point": point, "nth": nth, "now": now}) == -signal.SIGKILL
        expire_leases(it.rig)
        it.sound(quiet=False)
        for hours in (2, 2, 1):
            it.sync(hours=hours)
        assert it.call(it.one("band_drop"))["StatusId"] == "New"
        assert it.times_called() == 1
        it.sound()


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ({"reason": "Nonsense"}, r"tasks\.reason: Gainsight has no 'Nonsense' among its CTA_REASON"),
        ({"type": "Nonsense"}, r"tasks\.type: Gainsight has no 'Nonsense'"),
        ({"status": {"done": "Done"}}, r"tasks\.status\.done: Gainsight has no 'Done'"),
        ({"priority": {"normal": "Meh"}}, r"tasks\.priority\.normal: Gainsight has no 'Meh'"),
        ({"fallback_owner": "nobody@elsewhere.example"}, r"tasks\.fallback_owner"),
    ],
)
def test_a_name_that_the_tenant_does_not_have_is_told_before_anything_is_read(
    tmp_path: Path, tasks: dict[str, object], says: str
) -> None:
    with called(tmp_path) as it:
        it.ask(alerts=["band_drop"], **tasks)
        report = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert (report.status, report.exit_code) == ("failed", 2)
        assert report.reason is not None
        assert re.search(says, report.reason), report.reason
        assert not any(one.read for one in report.pull.get("gainsight", {}).values())


def test_without_the_key_no_calls_are_made_and_the_report_says_so(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.rig.person("field", at="gainsight", object=OBJECT, name=KEY, remove=True)
        report = it.fall()
        assert report.status == "partial"
        assert any("no tasks are made for alerts without call_to_action CS_Alert_Key__gc" in n for n in report.notes)
        assert it.times_called() == 0


def test_a_company_without_an_owner_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with called(tmp_path, fallback_owner=None) as it:
        it.rig.person("edit", at="gainsight", object="Company", id=it.gsid, properties={"Csm": None})
        it.edit(**BAD)
        it.sync(hours=1)
        with it.rig.deps() as deps, deps.store.read() as c:
            found = {one.reason for one in failures.listed(c, deps.workspace)}
        assert found == {"the company has no CSM, and tasks.fallback_owner names nobody"}
        assert it.times_called() == 0


@pytest.mark.parametrize("tasks", [{"reason": None}, {"owner": "none"}, {"status": {"open": "Closed Success"}}])
def test_what_no_call_can_say_is_refused_in_the_configuration(tmp_path: Path, tasks: dict[str, object]) -> None:
    with called(tmp_path) as it, pytest.raises(ValidationError):
        it.ask(alerts=["band_drop"], **tasks)


def test_an_alert_of_which_the_plan_is_not_carried_out_is_no_call(tmp_path: Path) -> None:
    with called(tmp_path) as it:
        it.edit(**BAD)
        it.clock.sleep(3600)
        planned = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert planned.plan is not None
        assert planned.plan.by_connection["gainsight"].tasks == 1
        assert it.times_called() == 0
