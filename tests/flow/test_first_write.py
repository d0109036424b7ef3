"""The first values that get to a CRM in use: somebody agrees to them, or nothing is written."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from config.settings import Policy
from dashboard.aside import Aside
from dashboard.firstwrite import PATIENCE, agreed, show_first
from dashboard.progress import Bars
from dashboard.terminal import console
from store import ledger
from store.plans import Plan, PlanRecord
from sync.deps import AskFirst, Deps, RunOptions
from sync.doctor import _first_write
from sync.engine import run_apply, run_plan, run_sync
from sync.planbook import find_plan, records
from sync.report import RunReport
from sync.stop import Stop
from tests.flow.rig import Rig, rig
from verbs.base import _ask_first


@contextmanager
def in_use(made: Rig, ask: AskFirst | None = None, **policy: Any) -> Iterator[Deps]:
    """What a run is given, with settings that say that HubSpot is no sandbox; requests go there all the same."""
    hubspot = made.settings.connections["hubspot"].model_copy(update={"base_url": "https://api.hubapi.com"})
    connections = dict(made.settings.connections) | {"hubspot": hubspot}
    settings = made.settings.model_copy(update={"connections": connections, "policy": Policy(**policy)})
    with made.deps() as deps:
        yield replace(deps, settings=settings, ask_first=ask)


def run(
    made: Rig, ask: AskFirst | None = None, work: Callable[[Deps], RunReport] = run_sync, **policy: Any
) -> RunReport:
    with in_use(made, ask, **policy) as deps:
        return work(deps)


def assert_nothing_written(made: Rig, report: RunReport) -> None:
    assert (report.status, report.exit_code, report.reason_code) == ("refused", 5, "first_write")
    assert report.buckets().settled() == 0
    assert made.ours() == []


def test_nobody_there_means_no_and_the_plan_can_be_agreed_to(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=6, store=either_store) as made:
        for _ in range(2):
            report = run(made)
            assert_nothing_written(made, report)
            assert report.reason is not None
            assert report.reason.startswith("This would be the first write to hubspot (")
            assert report.plan is not None
            assert f"keepwell apply {report.plan.plan_id} --yes" in (report.hint or "")
        assert report.plan is not None
        plan_id = report.plan.plan_id
        with in_use(made) as deps:
            assert [one.status for one in _first_write(deps, "hubspot")] == ["warning"]
        agreed_to = run(made, work=lambda deps: run_apply(deps, plan_id, RunOptions(yes=True)))
        assert agreed_to.status == "complete"
        assert agreed_to.buckets().confirmed == report.plan.total("changes") == len(made.ours())
        with in_use(made) as deps:
            assert list(_first_write(deps, "hubspot")) == [], "the ledger has something of it from here on"
        company = made.some_company()
        made.person("edit", object="companies", id=company, properties={"cs_segment": ""})
        assert run(made, human_edits="reclaim").status == "complete"
        assert made.company(company)["cs_segment"]


def test_a_value_that_was_right_already_is_no_first_write(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=6, store=either_store) as made:
        with made.deps() as deps:
            report = run_plan(deps)
            assert report.plan is not None
            one = next(iter(records(deps.store, find_plan(deps.store, report.plan.plan_id))))
        right = {str(change["property"]): str(change["after"]) for change in one.changes[:1]}
        made.person("edit", object="companies", id=one.record_id, properties=right)
        for _ in range(2):
            assert_nothing_written(made, run(made))
        with in_use(made) as deps, deps.store.read() as c:
            assert ledger.count_standing(c, deps.workspace, "hubspot", "companies") == 1, "the value counts as ours"


def test_the_policy_can_agree_beforehand_and_a_sandbox_needs_nobody(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6) as made:
        assert run(made, first_write="allow").status == "complete"
    other = tmp_path / "other"
    other.mkdir()
    with rig(other, accounts=6) as made:
        assert made.sync().status == "complete"


def test_a_person_is_asked_once_for_all_that_is_new(tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def answer(*, yes: bool) -> AskFirst:
        def ask(_deps: Deps, plan: Plan, new: Mapping[str, str]) -> bool:
            asked.append((plan.id or "", dict(new)))
            return yes

        return ask

    with rig(tmp_path, accounts=6, salesforce=True) as made:
        declined = run(made, answer(yes=False))
        assert_nothing_written(made, declined)
        assert declined.reason is not None
        assert declined.reason.endswith("and you did not agree.")
        assert made.ours(at="salesforce") == []
        assert run(made, answer(yes=True)).status == "complete"
        assert run(made, answer(yes=False)).status == "complete"
    assert [list(new) for _, new in asked] == [["hubspot"], ["hubspot"]]
    assert all(new["hubspot"] for _, new in asked), "the account is named"


def test_a_plan_without_changes_asks_nobody(tmp_path: Path) -> None:
    def ask(*_: object) -> bool:
        raise AssertionError("nobody has to agree to nothing")

    with rig(tmp_path, accounts=6) as made:
        assert run(made, ask, work=run_plan).status == "complete"


def test_whoever_stops_while_being_asked_interrupts_the_run(tmp_path: Path) -> None:
    def ask(deps: Deps, _plan: Plan, _new: Mapping[str, str]) -> bool:
        deps.stop.ask("The run was asked to stop by SIGINT.")
        return False

    with rig(tmp_path, accounts=6) as made:
        report = run(made, ask)
        assert (report.status, report.exit_code) == ("interrupted", 130)
        assert made.ours() == []


@pytest.mark.parametrize(
    ("typed", "yes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("yeah\n", False)]
)
def test_only_yes_is_yes(typed: str, yes: bool) -> None:
    reading, writing = os.pipe()
    os.write(writing, typed.encode())
    os.close(writing)
    stream = io.StringIO()
    with os.fdopen(reading) as given:
        assert agreed(Console(file=stream), given, Stop(), "Write this to hubspot?") is yes
    assert stream.getvalue().startswith("Write this to hubspot? [y/N] ")


def test_a_wish_to_stop_ends_the_question() -> None:
    reading, writing = os.pipe()
    stop = Stop()
    stop.ask("SIGINT")
    with os.fdopen(reading) as given:
        assert not agreed(Console(file=io.StringIO()), given, stop, "Write?")
    os.close(writing)


def test_whoever_does_not_answer_does_not_agree_and_holds_the_run_up_for_a_while_only() -> None:
    reading, writing = os.pipe()
    seconds = iter((0.0, PATIENCE - 1, PATIENCE))
    stream = io.StringIO()
    with os.fdopen(reading) as given:
        assert not agreed(Console(file=stream), given, Stop(), "Write?", lambda: next(seconds))
    os.close(writing)
    assert stream.getvalue().endswith("no answer for 15 minutes\n")


def test_what_a_command_asks_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with rig(tmp_path, accounts=6) as made, made.deps() as deps, Bars(console(stderr=True)) as bars:
        report = run_plan(deps)
        assert report.plan is not None
        plan = find_plan(deps.store, report.plan.plan_id)
        ask = _ask_first(bars, Aside(bars.observe))
        for typed, yes in (("y\n", True), ("n\n", False)):
            reading, writing = os.pipe()
            os.write(writing, typed.encode())
            os.close(writing)
            with os.fdopen(reading) as given:
                monkeypatch.setattr("sys.stdin", given)
                assert ask(deps, plan, {"hubspot": "4711"}) is yes
            shown = capsys.readouterr().err
            assert "writes to hubspot (account 4711)" in shown
            assert f"{report.plan.by_connection['hubspot'].cost} API calls." in shown
            assert "Write this to hubspot? [y/N]" in shown


def test_what_is_asked_shows_counts_a_sample_and_the_cost(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6) as made:
        with made.deps() as deps:
            report = run_plan(deps)
            assert report.plan is not None
            plan = find_plan(deps.store, report.plan.plan_id)
            stream = io.StringIO()
            out = Console(file=stream, width=110)
            show_first(out, deps.store, records(deps.store, plan), {"hubspot": "4711"}, {"hubspot": 9})
            task = PlanRecord("hubspot", "tasks", "kw-1", "a", ({"property": "hs_task_subject", "before": None,
                "after": "Call", "because": "alert 7"},), (), "create")  # fmt: skip
            with_task = io.StringIO()
            show_first(Console(file=with_task, width=110), deps.store, [task], {"hubspot": "4711"}, {"hubspot": 2})
        shown = stream.getvalue()
        assert "1 value on 1 record, 1 of them new; 2 API calls." in with_task.getvalue()
        assert "new task kw-1" in with_task.getvalue()
    changes, touched = report.plan.total("changes"), report.plan.total("records")
    assert "This is the first time that Keepwell writes to hubspot (account 4711)." in shown
    assert f"{changes} values on {touched} records; 9 API calls." in shown
    assert "cs_health_score" in shown
    assert "The first 3 of these records:" in shown
    assert "→" in shown
