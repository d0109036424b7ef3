"""Undoing a run: what it replaced goes back, what anybody touched since stays, and the next run does not redo it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.limits import Limit
from store.runs import get
from sync.deps import RunOptions
from sync.engine import run_plan, run_undo
from sync.planbook import find_plan, records, summary
from sync.report import RunReport
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig

EVERYTHING = RunOptions(max_changes=Limit(share=1.0))


def undo(made: Rig, run_id: str, options: RunOptions = EVERYTHING, *, write: bool = True) -> RunReport:
    return made.run(lambda deps: run_undo(deps, run_id, options, agreed=lambda _plan: write))


def owned(made: Rig) -> dict[str, dict[str, str]]:
    """Values of Keepwell's properties in HubSpot, by record; the time stamp is left out."""
    live = made.crm.hubspot.portal.stores["companies"].live
    return {
        str(one.id): {
            name: value
            for name, value in one.values.items()
            if name.startswith("cs_") and name != "cs_scored_at" and value != ""
        }
        for one in live.values()
    }


def kept(made: Rig, report: RunReport) -> list[tuple[str, str, str]]:
    """(record, property, reason) of what an undo left as it is."""
    assert report.plan is not None
    with made.deps() as deps:
        plan = find_plan(deps.store, report.plan.plan_id)
        found = [(r.record_id, h["property"], h["reason"]) for r in records(deps.store, plan) for h in r.held]
    return sorted(found)


def other_segment(made: Rig, record: str) -> str:
    options = made.crm.hubspot.portal.schemas["companies"].properties["cs_segment"].options
    return next(str(one["value"]) for one in options if one["value"] != made.company(record)["cs_segment"])


def test_the_values_before_a_run_go_back_and_the_next_run_leaves_them(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=10, salesforce=True, store=either_store, synced=True) as made:
        first = made.first
        assert any(owned(made).values())

        report = undo(made, first.run_id)

        assert (report.status, report.exit_code) == ("complete", 0), report.reason
        assert report.undo is not None
        assert (report.undo.changes, report.undo.skipped) == (first.buckets().confirmed, {})
        assert report.buckets().confirmed == first.buckets().confirmed
        assert not any(owned(made).values())
        assert_sound(made)

        before = len(made.ours()) + len(made.ours(at="salesforce"))
        after = made.sync()

        assert (after.status, after.exit_code) == ("partial", 3)
        assert after.plan is not None
        assert after.plan.total("changes") == 0
        assert after.plan.total("held") > 0
        assert len(made.ours()) + len(made.ours(at="salesforce")) == before
        assert_sound(made)


def test_an_undo_can_be_undone_and_then_nothing_is_held(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store, synced=True) as made:
        first = made.first
        computed = owned(made)
        back = undo(made, first.run_id)

        again = undo(made, back.run_id)

        assert again.status == "complete"
        assert owned(made) == computed
        after = made.sync()
        assert (after.status, after.buckets().planned) == ("complete", 0)
        assert_sound(made)


def test_what_a_person_changed_since_stays(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        record = made.some_company()
        theirs = other_segment(made, record)
        made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})

        report = undo(made, first.run_id)

        assert kept(made, report) == [(record, "cs_segment", "changed_since")]
        assert made.company(record)["cs_segment"] == theirs
        assert report.undo is not None
        assert report.undo.skipped == {"changed_since": 1}
        assert report.undo.changes == first.buckets().confirmed - 1
        assert_sound(made)


def test_what_a_person_changes_between_the_lists_and_the_writing_stays(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        record = made.some_company()
        theirs = other_segment(made, record)

        def meanwhile(_plan: object) -> bool:
            made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})
            return True

        report = made.run(lambda deps: run_undo(deps, first.run_id, EVERYTHING, agreed=meanwhile))

        assert (report.status, report.buckets().conflict) == ("partial", 1)
        assert made.company(record)["cs_segment"] == theirs
        assert_sound(made)


def test_what_a_later_run_wrote_stays_and_that_run_can_be_undone_first(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        record = made.some_company("cs_health_score")
        values = owned(made)[record]
        made.person("edit", object="companies", id=record, properties={"churn_date": "2026-11-01"})
        second = made.sync()
        after = owned(made)[record]
        replaced = {name for name, value in values.items() if after.get(name) != value}
        assert replaced, "the edit changes something that was computed"

        report = undo(made, first.run_id)
        assert kept(made, report) == [(record, name, "written_again") for name in sorted(replaced | {"cs_scored_at"})]
        stay = {name: value for name, value in after.items() if name in replaced or name not in values}
        assert owned(made)[record] == stay

        back = undo(made, second.run_id)
        assert back.status == "complete"
        assert owned(made)[record] == {name: values[name] for name in replaced}
        assert_sound(made)


def test_records_and_properties_that_are_not_there_any_more_are_named(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        record = made.some_company()
        made.person("archive", object="companies", id=record)
        del made.crm.hubspot.portal.schemas["companies"].properties["cs_framework"]

        report = undo(made, first.run_id)

        reasons = {(r == record, p == "cs_framework"): reason for r, p, reason in kept(made, report)}
        assert reasons[True, False] == "gone"
        assert reasons[False, True] == "no_property"
        assert report.status == "partial", "a property that is missing is said as in any run"
        assert not any(
            values for one, values in owned(made).items() if set(values) - {"cs_framework"} and one != record
        )


def test_one_account_alone(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        record = made.some_company()
        before = owned(made)

        report = undo(made, first.run_id, RunOptions(select=record))

        assert report.status == "complete"
        assert owned(made) == before | {record: {}}


def test_only_looking_writes_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        effects = len(made.ours())

        report = undo(made, first.run_id, write=False)

        assert report.plan is not None
        assert report.plan.total("changes") == first.buckets().confirmed
        assert report.buckets().planned == 0
        assert len(made.ours()) == effects
        with made.deps() as deps:
            kept_plan = summary(find_plan(deps.store, report.plan.plan_id))
        assert kept_plan.total("cost") == report.plan.total("cost") > 0


def test_a_large_undo_says_what_allows_it(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        effects = len(made.ours())

        report = undo(made, first.run_id, RunOptions())

        assert (report.status, report.exit_code) == ("refused", 5)
        assert "--max-changes" in (report.reason or "")
        assert len(made.ours()) == effects


@pytest.mark.parametrize("options", [RunOptions(), RunOptions(select="no.such.example")])
def test_a_run_that_is_not_there_or_wrote_nothing_is_said_plainly(tmp_path: Path, options: RunOptions) -> None:
    with rig(tmp_path) as made:
        nobody = undo(made, "20200101T000000Z-00000000", options)
        assert (nobody.exit_code, nobody.reason) == (2, "There is no run '20200101T000000Z-00000000'.")
        looked = made.run(run_plan)
        empty = undo(made, looked.run_id, options)
        assert empty.exit_code == 2
        assert "wrote nothing" in (empty.reason or "")
        with made.deps() as deps, deps.store.read() as c:
            assert get(c, "default", empty.run_id) is not None, "a failed undo is a run like any other"


def test_the_report_says_what_was_undone(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        data: dict[str, Any] = undo(made, first.run_id).to_dict()
        assert data["command"] == "undo"
        assert data["undo"] == {"run_id": first.run_id, "changes": first.buckets().confirmed, "skipped": {}}
