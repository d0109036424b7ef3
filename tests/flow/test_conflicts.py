"""Deciding about what people set: it stands, or the next run replaces exactly that, and no plan gets around it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.limits import Limit
from store import conflicts, identity, resolutions, writes
from store.conflicts import Conflict, Found
from store.resolutions import Verdict
from sync import faults
from sync.conflicts import decide
from sync.deps import RunOptions
from sync.engine import run_apply, run_plan, run_undo
from sync.errors import UsageError
from sync.planbook import find_plan
from sync.planfile import load_plan, save_plan
from sync.report import RunReport
from tests.flow.checker import assert_sound
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import Rig, rig

NAME = "cs_health_reasons"
"""A property that takes any text."""
EVERYTHING = RunOptions(max_changes=Limit(share=1.0))


def edit(made: Rig, record: str, value: str = "theirs", name: str = NAME) -> None:
    made.person("edit", object="companies", id=record, properties={name: value})


def resolve(made: Rig, verdict: Verdict, target: str | None, name: str | None = None) -> list[Conflict]:
    with made.deps() as deps:
        return decide(deps, verdict, target, name)


def listed(made: Rig) -> Found:
    with made.deps() as deps, deps.store.read() as c:
        return conflicts.standing(c, "default")


def states(made: Rig) -> list[tuple[str, str, str | None, str | None]]:
    """(record, property, what is there, what was decided) of everything that is listed."""
    return [(one.record_id, one.property, one.seen, one.verdict) for one in listed(made).conflicts]


def decisions(made: Rig, record: str) -> dict[tuple[str, str], resolutions.Resolution]:
    with made.deps() as deps, deps.store.read() as c:
        return resolutions.of_records(c, "default", "hubspot", "companies", [record])


def counts(report: RunReport) -> tuple[str, int, int, int, int]:
    """Status, exit code, values planned, held and accepted."""
    plan = report.plan
    assert plan is not None
    return report.status, report.exit_code, plan.total("changes"), plan.total("held"), plan.total("accepted")


def planned(made: Rig, options: RunOptions | None = None) -> str:
    report = made.run(lambda deps: run_plan(deps, options))
    assert report.plan is not None
    return report.plan.plan_id


def edited(made: Rig) -> str:
    """A first run, then somebody changes a value, and a second run holds it; returns the record."""
    made.sync()
    record = made.some_company(NAME)
    edit(made, record)
    assert counts(made.sync()) == ("partial", 3, 0, 1, 0)
    return record


def test_what_is_accepted_stands_until_somebody_changes_it_again(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, salesforce=True, store=either_store) as made:
        record = edited(made)

        (one,) = resolve(made, "accept", record)

        assert (one.property, one.seen, one.reason, one.verdict) == (NAME, "theirs", "human_edit", "accept")
        assert states(made) == [(record, NAME, "theirs", "accept")]
        for _ in range(2):
            assert counts(made.sync()) == ("complete", 0, 0, 0, 1)
        assert states(made) == [(record, NAME, "theirs", "accept")]

        edit(made, record, "theirs again")
        assert counts(made.sync()) == ("partial", 3, 0, 1, 0)
        assert states(made) == [(record, NAME, "theirs again", None)]
        edit(made, record)  # the value that was accepted comes back
        assert counts(made.sync()) == ("complete", 0, 0, 0, 1)
        assert made.company(record)[NAME] == "theirs"
        assert_sound(made)


def test_what_is_reclaimed_is_written_once_and_the_decision_is_gone(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, salesforce=True, store=either_store, synced=True) as made:
        record = made.some_company(NAME)
        ours = made.company(record)[NAME]
        edit(made, record)
        made.sync()
        before = len(made.ours())

        resolve(made, "reclaim", f"hubspot:{record}", NAME)

        assert states(made) == [(record, NAME, "theirs", "reclaim")]
        report = made.sync()
        assert report.status == "complete"
        assert made.company(record)[NAME] == ours
        assert len([one for one in made.ours()[before:] if one["property"] == NAME]) == 1
        assert decisions(made, record) == {}
        assert states(made) == []
        assert counts(made.sync()) == ("complete", 0, 0, 0, 0)

        edit(made, record, "theirs after that")  # a later edit is news: the decision was about the first one
        assert counts(made.sync()) == ("partial", 3, 0, 1, 0)
        assert_sound(made)


def test_a_value_that_was_changed_after_it_was_reclaimed_is_held(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store) as made:
        record = edited(made)
        resolve(made, "reclaim", record)
        edit(made, record, "newer")

        assert counts(made.sync()) == ("partial", 3, 0, 1, 0)

        assert made.company(record)[NAME] == "newer"
        assert states(made) == [(record, NAME, "newer", None)]
        assert_sound(made)


def test_a_value_that_is_changed_between_the_plan_and_the_writing_is_not_reclaimed(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        record = edited(made)
        resolve(made, "reclaim", record)

        def at(point: str) -> None:
            if point == "plan.finished":
                edit(made, record, "newer")

        faults.arm(at)
        try:
            report = made.sync()
        finally:
            faults.arm(None)

        # The value, and the time stamp that would have gone along.
        assert (report.status, report.exit_code, report.buckets().conflict) == ("partial", 3, 2)
        assert made.company(record)[NAME] == "newer"
        (one,) = listed(made).conflicts
        assert (one.property, one.seen, one.reason, one.verdict) == (NAME, "newer", "changed_meanwhile", None)
        resolve(made, "accept", record)
        assert counts(made.sync()) == ("complete", 0, 0, 0, 1)
        assert_sound(made)


def test_an_old_plan_does_not_get_around_a_decision(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store) as made:
        record = edited(made)
        resolve(made, "reclaim", record)
        plan_id = planned(made)  # writes over what the person set
        assert states(made) == [(record, NAME, "theirs", "reclaim")]
        resolve(made, "accept", record)  # somebody thinks better of it
        before = len(made.ours())

        applied = made.run(lambda deps: run_apply(deps, plan_id))

        assert (applied.status, applied.exit_code) == ("partial", 3), applied.reason
        assert applied.buckets().conflict == applied.buckets().planned == 2  # the value, and the time stamp
        assert made.company(record)[NAME] == "theirs"
        assert len(made.ours()) == before
        with made.deps() as deps, deps.store.read() as c:
            assert writes.counts(c, "default", applied.run_id) == {"conflict": 2}
        assert states(made) == [(record, NAME, "theirs", "accept")]
        assert counts(made.sync()) == ("complete", 0, 0, 0, 1)
        resolve(made, "reclaim", record)
        assert made.sync().status == "complete"
        assert made.company(record)[NAME] != "theirs"
        assert_sound(made)


def test_decisions_are_made_by_record_by_account_by_property_or_for_all(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        one, other = made.some_company(NAME), made.some_company(NAME, skip=1)
        for record in (one, other):
            edit(made, record)
            edit(made, record, "1", "cs_health_score")
        made.sync()
        assert len(listed(made).conflicts) == 4
        with made.deps() as deps, deps.store.read() as c:
            account = next(link.account_id for link in identity.links(c, "default") if link.crm_id == other)

        assert [x.property for x in resolve(made, "accept", one, "health_score")] == ["cs_health_score"]
        assert {x.record_id for x in resolve(made, "accept", account, NAME)} == {other}
        assert sorted((x.record_id, x.property) for x in resolve(made, "reclaim", None)) == sorted(
            [(one, NAME), (other, "cs_health_score")]
        )
        name = made.company(one)["name"]
        assert [x.property for x in resolve(made, "reclaim", name)] == ["cs_health_score"]

        report = made.sync()

        assert counts(report)[0] == "complete"
        assert (made.company(one)[NAME], made.company(other)[NAME]) == (made.company(one)[NAME], "theirs")
        assert made.company(one)["cs_health_score"] != "1" != made.company(other)["cs_health_score"]
        assert states(made) == [(other, NAME, "theirs", "accept")]


def test_without_anything_to_decide_it_is_said_and_nothing_is_kept(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company(NAME)
        with pytest.raises(UsageError, match="no open conflict: nothing to decide") as refused:
            resolve(made, "accept", None)
        assert "keepwell conflicts list" in refused.value.hint
        with pytest.raises(UsageError, match=f"no open conflict of '{record}'"):
            resolve(made, "reclaim", record)
        with pytest.raises(UsageError, match="There is no account 'nobody"):
            resolve(made, "accept", "nobody.example")
        edit(made, record)
        made.sync()
        with pytest.raises(UsageError, match=f"no conflict about a property cs_segment of '{record}'") as refused:
            resolve(made, "accept", record, "cs_segment")
        assert refused.value.hint == f"There are some about {NAME}."
        resolve(made, "accept", record)
        with pytest.raises(UsageError, match="is accepted already"):
            resolve(made, "accept", record)
        with pytest.raises(UsageError, match="no open conflict: nothing to decide"):
            resolve(made, "reclaim", None)  # what was accepted is not open
        assert {one.verdict for one in decisions(made, record).values()} == {"accept"}


def test_what_is_in_doubt_is_decided_by_reading_it_back(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        record = edited(made)
        resolve(made, "reclaim", record)
        made.fault(kind="commit_then_drop", method="POST", path="/crm/v3/objects/companies/batch/update", times=1)

        class Died(Exception):
            """The process, before it could read back."""

        def at(point: str) -> None:
            if point == "settle.read_back":
                raise Died

        faults.arm(at)
        try:
            with pytest.raises(Died):
                made.sync()
        finally:
            faults.arm(None)
        assert [one.verdict for one in decisions(made, record).values()] == ["reclaim"]
        assert made.sync().status == "complete"
        assert decisions(made, record) == {}, "it was written, as reading it back showed"


def test_neither_an_undo_nor_a_plan_of_one_account_hides_the_rest(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store) as made:
        record = edited(made)
        other = made.some_company(NAME, skip=1)
        edit(made, other)
        planned(made, RunOptions(select=other))
        assert states(made) == [(record, NAME, "theirs", None), (other, NAME, "theirs", None)]

        made.run(lambda deps: run_undo(deps, _first_run(made), EVERYTHING, agreed=lambda _plan: False))
        assert states(made) == [(record, NAME, "theirs", None), (other, NAME, "theirs", None)]

        edit(made, record, made_before(made, record))
        planned(made, RunOptions(select=record))  # its value is ours again, so the account has nothing held
        made.sync()
        assert states(made) == [(other, NAME, "theirs", None)]


def test_a_narrowed_plan_is_another_plan_and_can_be_kept_as_a_file(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        record = edited(made)
        whole, narrowed = planned(made), planned(made, RunOptions(select=record))
        assert whole != narrowed  # although both hold the one value and write nothing
        with made.deps() as deps:
            for plan_id in (whole, narrowed):
                path = tmp_path / f"{plan_id}.json"
                save_plan(deps.store, find_plan(deps.store, plan_id), path)
                assert load_plan(deps.store, path) == plan_id


def test_what_an_undo_brought_back_can_be_accepted_or_reclaimed(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=10, synced=True) as made:
        first = made.first
        made.run(lambda deps: run_undo(deps, first.run_id, EVERYTHING, agreed=lambda _plan: True))
        report = made.sync()
        held = counts(report)[3]
        assert (report.status, held > 2) == ("partial", True)
        one = next(x for x in listed(made).conflicts if x.property == NAME)
        assert (one.reason, one.seen) == ("undone", None)

        resolve(made, "reclaim", one.record_id, NAME)
        resolve(made, "accept", None)

        report = made.sync()
        assert counts(report)[0] == "complete"
        assert counts(report)[3:] == (0, held - 1)
        assert made.company(one.record_id)[NAME] == one.want


def test_overrides_are_read_honoured_and_end_but_never_written(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company("cs_renewal_status")
        computed = made.company(record)["cs_renewal_status"]
        theirs = "on_track" if computed != "on_track" else "at_risk"
        today = SkippingClock().now().date()
        until = today + timedelta(days=3)
        override = {
            "cs_renewal_status_override": theirs,
            "cs_override_reason": "The sponsor told us",
            "cs_override_until": until.isoformat(),
        }
        made.person("edit", object="companies", id=record, properties=override)

        assert made.sync().status == "complete"
        assert made.company(record)["cs_renewal_status"] == theirs

        later = SkippingClock()
        later.skipped = timedelta(days=5)
        report = made.sync(EVERYTHING, clock=later)
        assert report.status == "complete", report.reason
        assert made.company(record)["cs_renewal_status"] != theirs
        assert {name: made.company(record)[name] for name in override} == override
        written = {one["property"] for one in made.ours()}
        assert not written & set(override)
        assert written


def _first_run(made: Rig) -> str:
    from store import runs

    with made.deps() as deps, deps.store.read() as c:
        return next(one.id for one in reversed(runs.list_runs(c, "default", 50)) if one.command == "sync")


def made_before(made: Rig, record: str) -> str:
    """What Keepwell wrote last."""
    (one,) = [x for x in listed(made).conflicts if x.record_id == record]
    assert one.last_written is not None
    return one.last_written
