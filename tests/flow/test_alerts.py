"""Alerts across whole runs: raised once, answered by a person or a meeting, escalated, resolved; on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from mapping.alert_life import Life
from mapping.framework import load_framework
from store import alerts, identity
from store.alerts import STATES, Alert, Wanted
from store.tables import evaluation
from sync import faults
from sync.alerts import acknowledge
from sync.deps import RunOptions
from sync.engine import run_plan
from sync.explain import explain_account
from sync.kpis import report_kpis
from sync.report import RunReport
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import Rig, rig
from tests.unit.mapping.portfolio import shipped

HOUR = 3600
FULL = RunOptions(full=True, max_shrink=1.0)
BAD = {"logins_per_user_week_30d": "0.1", "features_used_30d": "0", "roi_realised": "0", "goals_achieved": "0"}


class Book:
    """A rig with a clock that can be moved on, and what the store knows of one healthy account."""

    def __init__(self, made: Rig) -> None:
        made.stay_today()
        self.rig, self.clock = made, SkippingClock()
        with made.deps() as deps, deps.store.read() as c:
            e = evaluation.c
            green = select(e.account_id).where(e.is_current, e.band == "green").order_by(e.account_id)
            self.account = next(
                one for one in c.execute(green).scalars() if made.company(self._company(c, one)).get("csm_owner")
            )
            self.company = self._company(c, self.account)

    def _company(self, c: Any, account_id: str) -> str:
        links = identity.links(c, "default", [account_id])
        return next(one.crm_id for one in links if one.connection == "hubspot")

    def sync(self, *, hours: float = 0, options: RunOptions = FULL) -> RunReport:
        """A run so many hours later."""
        self.clock.sleep(hours * HOUR)
        return self.rig.sync(options, clock=self.clock)

    def edit(self, **values: str) -> None:
        self.rig.person("edit", object="companies", id=self.company, properties=values)

    def fall(self, *, hours: float = 1) -> RunReport:
        """Let the account fall out of green, and a run see it."""
        self.before = {name: self.rig.company(self.company).get(name, "") for name in BAD}
        self.edit(**BAD)
        return self.sync(hours=hours)

    def alerts(self, alert: str | None = None, account: str | None = None) -> list[Alert]:
        """All alerts ever raised, in order; of one kind and of the account where a kind is named."""
        with self.rig.deps() as deps, deps.store.read() as c:
            found = alerts.listed(c, "default", Wanted(STATES), limit=10_000)
        chosen = [one for one in found if alert in (None, one.alert)]
        chosen = [one for one in chosen if alert is None or one.account_id == (account or self.account)]
        return sorted(chosen, key=lambda one: one.id)

    def one(self, alert: str) -> Alert:
        (found,) = self.alerts(alert)
        return found

    def life(self, alert: str) -> Life:
        return self.one(alert).life

    def acknowledge(self, alert: Alert) -> Alert:
        with self.rig.deps(clock=self.clock) as deps:
            return acknowledge(deps, str(alert.id), by="Anna", note="Call on Monday")

    def meeting(self, at: datetime, owner: str, outcome: str = "COMPLETED") -> None:
        moment = at.isoformat(timespec="seconds")
        values = {
            "hs_meeting_title": "Catch-up",
            "hs_meeting_start_time": moment,
            "hs_meeting_end_time": moment,
            "hs_timestamp": moment,
            "hs_meeting_outcome": outcome,
            "hubspot_owner_id": owner,
        }
        self._with_company("meetings", values)

    def call(self, at: datetime, owner: str) -> None:
        moment = at.isoformat(timespec="seconds")
        self._with_company("calls", {"hs_timestamp": moment, "hs_call_status": "COMPLETED", "hubspot_owner_id": owner})

    def _with_company(self, kind: str, values: dict[str, str]) -> None:
        made = self.rig.person("create", object=kind, properties=values)["id"]
        self.rig.person("associate", object=kind, id=made, to_object="companies", to=self.company)


@contextmanager
def book(folder: Path, store: str | None = None, **options: Any) -> Iterator[Book]:
    with rig(folder, store=store, synced=True, **{"accounts": 12, **options}) as made:
        yield Book(made)


def kinds(found: list[Alert]) -> list[tuple[str, str]]:
    return sorted((one.account_id, one.alert) for one in found)


def test_alerts_are_raised_once_and_the_report_counts_them(tmp_path: Path, either_store: str | None) -> None:
    with book(tmp_path, either_store, salesforce=True) as it:
        first = it.alerts()
        assert first
        assert len(kinds(first)) == len(set(kinds(first)))
        again = it.sync(hours=1)
        assert (again.alerts.raised, again.alerts.resolved) == (0, 0)
        assert again.alerts.standing == len(first)
        assert again.to_dict()["alerts"] == {
            "raised": 0, "answered": 0, "breached": 0, "resolved": 0, "standing": len(first)
        }  # fmt: skip
        assert it.alerts() == first, "nothing is stored while nothing changes"


def test_example_08_a_band_that_fell_is_raised_once_and_waits_for_an_answer(
    tmp_path: Path, either_store: str | None
) -> None:
    with book(tmp_path, either_store) as it:
        assert it.alerts("band_drop") == []
        report = it.fall()
        assert report.alerts.raised >= 1
        fell = it.one("band_drop")
        assert fell.because.startswith("health fell from green to ")
        assert (fell.life.state, fell.run_id, fell.sla_hours, fell.owner) == ("open", report.run_id, 48, "csm")
        assert fell.life.due_at == fell.life.raised_at + timedelta(hours=48)
        assert fell.person == ("hubspot", it.rig.company(it.company)["csm_owner"])
        for _ in range(3):
            it.sync(hours=1)
        assert it.life("band_drop").state == "open", "it is news of one evaluation, and nobody answered"
        it.acknowledge(fell)
        assert it.sync(hours=1).alerts.resolved == 1
        ended = it.one("band_drop")
        assert (ended.life.why, ended.acknowledged_by, ended.note) == ("cleared", "Anna", "Call on Monday")


def test_a_state_is_resolved_when_two_runs_in_a_row_do_not_find_it(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        raised = [one.alert for one in it.alerts() if one.account_id == it.account and one.alert != "band_drop"]
        assert "score_drop" in raised or "red" in raised, raised
        name = "red" if "red" in raised else "score_drop"
        it.edit(**it.before)
        it.sync(hours=1)
        assert (it.life(name).state, it.life(name).misses) == ("open", 1)
        report = it.sync(hours=1)
        ended = it.one(name)
        assert (ended.life.state, ended.life.why, ended.last_run_id) == ("resolved", "cleared", report.run_id)

        it.edit(**BAD)
        it.sync(hours=1)
        assert len(it.alerts(name)) == 1, "it cools down"
        assert it.sync(hours=7 * 24 - 2).alerts.raised == 0 or len(it.alerts(name)) == 1
        it.sync(hours=2)
        assert [one.life.state for one in it.alerts(name)] == ["resolved", "open"]


def test_nobody_answers_in_time_and_the_next_level_has_to_look(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        before = it.life("band_drop")
        assert it.sync(hours=47).alerts.breached == 0
        report = it.sync(hours=1)
        assert report.alerts.breached >= 1
        after = it.life("band_drop")
        levels = ["L1", "L2", "L3", "L4"]
        assert before.level is not None
        assert after.level == levels[min(levels.index(before.level) + 1, 3)]
        assert it.sync(hours=1).alerts.breached == 0
        assert it.life("band_drop") == after


@pytest.mark.parametrize("way", ["meeting", "call"])
def test_example_32_a_meeting_or_call_of_the_manager_answers(tmp_path: Path, way: str) -> None:
    with book(tmp_path) as it:
        it.fall()
        raised = it.life("band_drop").raised_at.replace(microsecond=0)
        manager = it.rig.company(it.company)["csm_owner"]
        live = it.rig.crm.hubspot.portal.stores["companies"].live.values()
        owners = {one.values.get("csm_owner", manager) for one in live}
        stranger = min(owners - {manager})
        it.meeting(raised + timedelta(hours=1), stranger)
        it.meeting(raised + timedelta(hours=1), manager, "NO_SHOW")
        it.meeting(raised - timedelta(hours=2), manager)
        assert it.sync(hours=2).alerts.answered == 0
        held = raised + timedelta(hours=3)
        it.meeting(held, manager) if way == "meeting" else it.call(held, manager)
        assert it.sync(hours=0.5).alerts.answered == 0, "it has not begun"
        report = it.sync(hours=1)
        assert report.alerts.answered >= 1
        answered = it.one("band_drop")
        assert answered.life.answered_at == held
        assert answered.life.response(it.clock.now()) == "met"
        assert (answered.touch or "").startswith(f"{way} hubspot:")


def test_the_first_meeting_answers_though_the_crm_shows_it_after_a_later_one(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        raised = it.life("band_drop").raised_at.replace(microsecond=0)
        manager = it.rig.company(it.company)["csm_owner"]
        it.meeting(raised + timedelta(hours=49), manager)
        it.sync(hours=50)
        assert it.life("band_drop").response(it.clock.now()) == "breached"
        it.meeting(raised + timedelta(hours=2), manager)
        it.sync(hours=1)
        assert it.life("band_drop").answered_at == raised + timedelta(hours=2)
        assert it.life("band_drop").response(it.clock.now()) == "met"


def test_a_plan_raises_too_because_it_is_what_sees_the_band_fall(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.edit(**BAD)
        it.clock.sleep(HOUR)
        planned = it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock)
        assert planned.alerts.raised >= 1
        fell = it.one("band_drop")
        assert fell.run_id == planned.run_id
        it.sync(hours=1)
        assert it.one("band_drop").id == fell.id


def test_a_day_in_the_past_touches_nothing(tmp_path: Path, either_store: str | None) -> None:
    with book(tmp_path, either_store) as it:
        it.fall()
        before = it.alerts()
        for day in (date(2026, 6, 30), date(2025, 1, 1)):
            report = it.sync(hours=60, options=RunOptions(as_of=day, max_changes=None, accept_model_change=True))
            assert (report.alerts.raised, report.alerts.resolved, report.alerts.breached) == (0, 0, 0)
            assert it.alerts() == before
        assert it.sync().alerts.breached >= 1, "a run of today goes on"


def test_a_run_that_began_before_the_last_evaluation_touches_nothing(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        before = it.alerts()
        it.edit(**it.before)
        report = it.sync(hours=-0.5)
        assert (report.alerts.raised, report.alerts.resolved, report.alerts.standing) == (0, 0, len(before))
        assert it.alerts() == before


def test_an_account_that_is_gone_takes_its_alerts_along(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        assert it.life("band_drop").state == "open"
        it.rig.person("archive", object="companies", id=it.company)
        report = it.sync(hours=1)
        assert report.alerts.resolved >= 1
        assert (it.life("band_drop").state, it.life("band_drop").why) == ("resolved", "gone")


def test_an_alert_that_nobody_answered_counts_in_the_kpi_after_its_account_is_gone(
    tmp_path: Path, either_store: str | None
) -> None:
    with book(tmp_path, either_store) as it:
        it.fall()

        def answered(**entry: Any) -> dict[str, Any]:
            kpis = [{"id": "alert_response_48h", **entry}]
            asked = load_framework({**shipped(), "kpis": kpis}, "asked")
            with it.rig.deps(clock=it.clock) as deps:
                (found,) = report_kpis(deps, framework=asked, size=5)["kpis"]
            return dict(found)

        assert answered()["n"] == 0, "its 48 hours are not over"
        it.sync(hours=48)
        before = answered()
        assert before["n"] >= 1
        it.rig.person("archive", object="companies", id=it.company)
        it.sync(hours=1)
        assert it.life("band_drop").why == "gone"
        after = answered()
        assert [after[name] for name in ("n", "numerator", "value")] == [
            before[name] for name in ("n", "numerator", "value")
        ]
        assert answered(where="TRUE")["n"] == before["n"] - 1, "of an account that is gone no condition holds"


def test_an_account_lives_on_with_its_alerts_when_a_merge_gives_its_record_another_id(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        other = str(it.rig.person("create", object="companies", properties={"name": "The same once more"})["id"])
        assert int(it.company) < int(other)
        it.fall()
        it.acknowledge(it.one("band_drop"))
        before = it.one("band_drop")
        survivor = str(it.rig.person("merge", object="companies", id=other, other=it.company)["id"])
        assert survivor not in {it.company, other}
        for _ in range(2):
            it.sync(hours=1)
            with it.rig.deps() as deps, deps.store.read() as c:
                links = identity.links(c, "default", [it.account])
            assert [one.crm_id for one in links] == [survivor]
            after = it.one("band_drop")
            assert (after.id, after.acknowledged_by) == (before.id, "Anna")
            assert after.life.why != "gone"
            with it.rig.deps() as deps:
                assert explain_account(deps, it.account)["account_id"] == it.account


def test_a_customer_who_left_takes_his_alerts_along(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        left = (it.clock.now() - timedelta(days=2)).date().isoformat()
        it.edit(churn_date=left, contract_end_date=left)
        it.sync(hours=1)
        assert it.life("band_drop").why == "churned"


def test_a_framework_without_the_alert_withdraws_it(tmp_path: Path) -> None:
    ours = tmp_path / "ours.yaml"
    head = "framework: ours\ntitle: Ours\nextends: cradle_to_grave\n"
    ours.write_text(f"{head}alerts: [{{id: red, label: Red, when: \"health_band = 'red'\"}}]\n", encoding="utf-8")
    with book(tmp_path) as it:
        it.fall()
        it.rig.settings = it.rig.settings.model_copy(update={"framework": str(ours)})
        it.sync(hours=1, options=RunOptions(accept_model_change=True))
        standing = [one for one in it.alerts() if one.life.state != "resolved"]
        assert {one.alert for one in standing} <= {"red"}
        assert it.life("band_drop").why == "withdrawn"


class Died(BaseException):
    """What no handler of a run may take for an answer of a CRM."""


def died(it: Book, point: str) -> None:
    """A run that ends at a fault point."""

    def die(name: str) -> None:
        if name == point:
            raise Died

    it.clock.sleep(HOUR)
    faults.arm(die)
    try:
        with pytest.raises(Died):
            it.rig.sync(FULL, clock=it.clock)
    finally:
        faults.arm(None)


@pytest.mark.parametrize("point", ["evaluate.chunk_stored", "evaluate.stored"])
def test_a_run_that_dies_loses_no_alert_and_doubles_none(tmp_path: Path, point: str, either_store: str | None) -> None:
    with book(tmp_path, either_store) as it:
        it.edit(**BAD)
        died(it, point)
        for _ in range(2):
            it.sync(hours=1)
        assert it.life("band_drop").state == "open"
        assert len(kinds(it.alerts())) == len(set(kinds(it.alerts())))


def test_an_alert_that_cannot_be_stored_takes_its_evaluation_along(tmp_path: Path, either_store: str | None) -> None:
    """The band fell in one evaluation only: were that stored without the alert, no later run could raise it."""
    with book(tmp_path, either_store) as it:
        it.edit(**BAD)
        full = "CREATE UNIQUE INDEX no_more ON alert (workspace)"
        with it.rig.deps() as deps, deps.store.write() as c:
            c.execute(text("DELETE FROM alert"))
            c.execute(text(full))
        broken = it.sync(hours=1)
        assert (broken.status, "refused a statement" in (broken.reason or "")) == ("failed", True)
        with it.rig.deps() as deps, deps.store.write() as c:
            c.execute(text("DROP INDEX no_more"))
            bands = c.execute(select(evaluation.c.band).where(evaluation.c.account_id == it.account)).scalars().all()
        assert set(bands) == {"green"}
        it.sync(hours=1)
        assert it.life("band_drop").state == "open"


def test_an_explanation_has_the_alerts_that_stood_then(tmp_path: Path) -> None:
    with book(tmp_path) as it:
        it.fall()
        raised = it.one("band_drop")
        with it.rig.deps(clock=it.clock) as deps:
            now = explain_account(deps, it.account)
            past = explain_account(deps, it.account, as_of=date(2026, 6, 30))
        shown = {one["alert"]: one for one in now["alerts"]}
        assert shown["band_drop"]["id"] == raised.id
        assert shown["band_drop"]["raised_at"] == raised.life.raised_at.isoformat(timespec="seconds")
        assert past["alerts"] == []
