"""The checker itself: a sound workspace passes, and whatever could be wrong is found under its number."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from config.limits import Limit
from sandbox.hubspot.auth import PRIVATE_TOKEN
from sync.deps import RunOptions
from tests.flow.checker import evidence_of
from tests.flow.rig import rig
from tests.flow.tasked import tasked
from tests.rig.books import Books
from tests.rig.checker import CHECKS, ELSEWHERE, judge
from tests.rig.evidence import Evidence, Idle
from tests.rig.truth import Asked, Effect, Truth

ROOT = Path(__file__).resolve().parents[2]
UNUSED = {"logins_per_user_week_30d": "0.3", "usage_updated_on": datetime.now(UTC).date().isoformat()}
"""A customer who stopped using what he bought: his score falls."""
Row = dict[str, Any]
Spoil = Callable[[Evidence], Evidence]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """A workspace after two runs, the second of which replaced some values, with everything that can be looked at."""
    with rig(tmp_path_factory.mktemp("sound"), accounts=8) as made:
        assert made.sync().status == "complete"
        for record in made.crm.hubspot.portal.stores["companies"].live:
            made.person("edit", object="companies", id=str(record), properties=UNUSED)
        again = made.sync(RunOptions(max_changes=Limit.parse("100%"), max_band_drops=Limit.parse("100%")))
        assert again.buckets().confirmed > 0
        case = replace(evidence_of(made), throttled=False, strict=True, secrets=[b"sesame"], foreign={})
        yield replace(case, writings={"a log": b"nothing to hide"}, idle=Idle(0, 0, 0))


def rows(case: Evidence, table: str, change: Callable[[Row], Mapping[str, Any] | None], *, only: int = 1) -> Evidence:
    """The case with `change` done to the first `only` rows of a table for which it is not None."""
    changed: list[Row] = []
    for row in case.books.tables[table]:
        other = change(dict(row)) if only else None
        only -= other is not None
        changed.append({**row, **(other or {})})
    assert only <= 0, "there was nothing to spoil"
    return with_table(case, table, changed)


def with_table(case: Evidence, table: str, content: list[Row]) -> Evidence:
    old = case.books
    return replace(case, books=Books(old.workspace, {**old.tables, table: content}, old.raw, old.foreign, old.damage))


def with_truth(case: Evidence, change: Callable[[Truth], Truth]) -> Evidence:
    return replace(case, truths=[change(case.truths[0])])


def last_of_ours(truth: Truth, *, changing: bool = False) -> Effect:
    return next(one for one in reversed(truth.sets()) if one.ours and (not changing or one.old is not None))


def more(truth: Truth, *effects: Effect) -> Truth:
    return replace(truth, journal=[*truth.journal, *effects])


def sent(row: Row) -> bool:
    return row["sent_at"] is not None


def other_value_in_the_crm(case: Evidence) -> Evidence:
    def change(truth: Truth) -> Truth:
        wrong = last_of_ours(truth)
        return replace(truth, journal=[replace(one, new="17.25") if one is wrong else one for one in truth.journal])

    return with_truth(case, change)


def left_open(case: Evidence) -> Evidence:
    return rows(case, "intent", lambda _: {"state": "in_doubt"})


def not_in_the_ledger(case: Evidence) -> Evidence:
    return rows(case, "ledger", lambda row: {"is_current": False} if row["is_current"] else None)


def happened_twice(case: Evidence) -> Evidence:
    return with_truth(case, lambda truth: more(truth, last_of_ours(truth)))


def nobody_asked_for_it(case: Evidence) -> Evidence:
    return rows(case, "intent", lambda row: {"state": "rejected"} if sent(row) else None)


def another_property(case: Evidence) -> Evidence:
    return with_truth(case, lambda truth: more(truth, replace(last_of_ours(truth), property="city")))


def a_record_was_made(case: Evidence) -> Evidence:
    made = {"action": "create", "property": None, "old": None, "new": None}
    return with_truth(case, lambda truth: more(truth, replace(last_of_ours(truth), **made)))


def a_person_overruled(case: Evidence) -> Evidence:
    """Somebody set a value just before our last one replaced another value of ours."""

    def change(truth: Truth) -> Truth:
        ours = last_of_ours(truth, changing=True)
        theirs = replace(ours, ours=False, old=ours.old, new="3.5")
        journal = [each for one in truth.journal for each in ((theirs, one) if one is ours else (one,))]
        return replace(truth, journal=journal)

    return with_truth(case, change)


def an_override_is_named(case: Evidence) -> Evidence:
    def change(truth: Truth) -> Truth:
        asked = Asked(truth.journal[-1].at, {"7": ["cs_segment", "cs_renewal_status_override"]})
        return replace(truth, asked=[asked])

    return with_truth(case, change)


def a_plan_without_a_proof(case: Evidence) -> Evidence:
    used = {
        number for plan in case.books.tables["plan"] for number in plan["counts"]["/made"]["epochs"]["hubspot"].values()
    }
    return rows(case, "epoch", lambda row: {"proof": None} if row["id"] in used else None)


def a_plan_that_is_a_draft(case: Evidence) -> Evidence:
    return rows(case, "plan", lambda _: {"state": "draft"})


def a_record_too_few(case: Evidence) -> Evidence:
    old = case.books
    raw = [row for row in old.raw if row["stream"] != "deals"]
    return replace(case, books=Books(old.workspace, old.tables, raw, old.foreign))


def a_record_too_many(case: Evidence) -> Evidence:
    def change(truth: Truth) -> Truth:
        companies = dict(list(truth.modified["companies"].items())[1:])
        return replace(truth, modified={**truth.modified, "companies": companies})

    return with_truth(case, change)


def a_cursor_too_far(case: Evidence) -> Evidence:
    return rows(
        case, "cursor", lambda row: {"at": row["at"] + timedelta(days=1)} if row["stream"] == "companies" else None
    )


def a_secret_in_a_log(case: Evidence) -> Evidence:
    return replace(case, writings={"a log": b"open sesame"})


def an_old_token(case: Evidence) -> Evidence:
    last = max(row["id"] for row in case.books.intents)
    return rows(case, "intent", lambda row: {"token": 0} if row["id"] == last else None)


def a_token_that_nobody_gave(case: Evidence) -> Evidence:
    return rows(case, "lease", lambda row: {"token": 0} if row["key"] == "connection:hubspot" else None)


def announced_twice(case: Evidence) -> Evidence:
    return with_table(case, "audit", [*case.books.tables["audit"], dict(case.books.tables["audit"][0])])


def never_announced(case: Evidence) -> Evidence:
    return with_table(case, "audit", [row for row in case.books.tables["audit"] if row["seq"] > 1])


def announced_afterwards(case: Evidence) -> Evidence:
    late = timedelta(minutes=5)
    moved = rows(case, "intent", lambda row: {"sent_at": row["sent_at"] + late} if sent(row) else None)
    return replace(moved, one_clock=True)


def another_digest(case: Evidence) -> Evidence:
    return rows(case, "intent", lambda row: {"want": "0.5"} if sent(row) and row["state"] == "confirmed" else None)


def a_changed_audit_entry(case: Evidence) -> Evidence:
    return rows(case, "audit", lambda _: {"run_id": "another"})


def a_cut_chain(case: Evidence) -> Evidence:
    last = max(row["seq"] for row in case.books.tables["audit"])
    return with_table(case, "audit", [row for row in case.books.tables["audit"] if row["seq"] < last])


def a_damaged_file(case: Evidence) -> Evidence:
    old = case.books
    return replace(case, books=Books(old.workspace, old.tables, old.raw, old.foreign, ["page 7 is never used"]))


def two_standing_rows(case: Evidence) -> Evidence:
    return rows(case, "ledger", lambda row: {"is_current": True} if not row["is_current"] else None)


def a_run_for_ever(case: Evidence) -> Evidence:
    return rows(case, "run", lambda _: {"status": "running"})


def an_end_without_a_reason(case: Evidence) -> Evidence:
    return rows(case, "run", lambda _: {"status": "failed", "reason": None})


def changes_unaccounted_for(case: Evidence) -> Evidence:
    def change(row: Row) -> Row:
        apply = {**row["report"]["apply"], "confirmed": row["report"]["apply"]["confirmed"] - 1}
        return {"report": {**row["report"], "apply": apply}}

    return rows(case, "run", change)


def counted_but_not_written(case: Evidence) -> Evidence:
    last = max(row["id"] for row in case.books.intents if row["state"] == "confirmed")
    return rows(case, "intent", lambda row: {"state": "superseded"} if row["id"] == last else None)


def over_the_quota(case: Evidence) -> Evidence:
    return with_truth(case, lambda truth: replace(truth, refused=1))


def a_neighbour_changed(case: Evidence) -> Evidence:
    return replace(case, foreign={"ledger of neighbour": "0"})


def busy_idling(case: Evidence) -> Evidence:
    return replace(case, idle=Idle(effects=0, writes=1, planned=0))


SPOILED: tuple[tuple[int, Spoil], ...] = (
    (1, other_value_in_the_crm),
    (1, left_open),
    (1, not_in_the_ledger),
    (2, happened_twice),
    (2, nobody_asked_for_it),
    (2, another_property),
    (2, a_record_was_made),
    (3, a_person_overruled),
    (3, an_override_is_named),
    (4, a_plan_without_a_proof),
    (4, a_plan_that_is_a_draft),
    (5, a_record_too_few),
    (5, a_record_too_many),
    (6, a_cursor_too_far),
    (8, a_secret_in_a_log),
    (9, an_old_token),
    (9, a_token_that_nobody_gave),
    (10, announced_twice),
    (10, never_announced),
    (10, announced_afterwards),
    (10, another_digest),
    (10, a_changed_audit_entry),
    (10, a_cut_chain),
    (11, a_damaged_file),
    (11, two_standing_rows),
    (12, a_run_for_ever),
    (12, an_end_without_a_reason),
    (12, changes_unaccounted_for),
    (12, counted_but_not_written),
    (13, over_the_quota),
    (18, a_neighbour_changed),
    (20, busy_idling),
)


@pytest.fixture(scope="module")
def with_tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """A workspace whose alerts became tasks."""
    with tasked(tmp_path_factory.mktemp("tasks")) as it:
        it.fall()
        assert it.created()
        yield evidence_of(it.rig)


def with_tasks_truth(case: Evidence, change: Callable[[Truth], Truth]) -> Evidence:
    return replace(case, truths=[change(one) if one.makes else one for one in case.truths])


def task_of(truth: Truth) -> Effect:
    return next(one for one in truth.journal if one.action == "create")


def a_second_task(case: Evidence) -> Evidence:
    return with_tasks_truth(case, lambda truth: more(truth, task_of(truth)))


def a_task_of_no_alert(case: Evidence) -> Evidence:
    return with_table(case, "alert_task", [])


def a_task_that_nobody_announced(case: Evidence) -> Evidence:
    kept = [row for row in case.books.tables["intent"] if row["object"] != "tasks"]
    return with_table(case, "intent", kept)


def a_task_after_its_removal(case: Evidence) -> Evidence:
    def change(truth: Truth) -> Truth:
        made = task_of(truth)
        return more(truth, replace(made, action="archive", ours=False), last_of_ours(truth))

    return with_tasks_truth(case, change)


def a_task_that_is_not_there(case: Evidence) -> Evidence:
    return with_tasks_truth(case, lambda truth: replace(truth, journal=[]))


SPOILED_TASKS: tuple[tuple[int, Spoil], ...] = (
    (21, a_second_task),
    (21, a_task_of_no_alert),
    (21, a_task_that_nobody_announced),
    (21, a_task_after_its_removal),
    (21, a_task_that_is_not_there),
    (1, a_task_that_is_not_there),
    (2, a_task_that_nobody_announced),
)


def test_a_sound_workspace_with_tasks_passes(with_tasks: Evidence) -> None:
    assert judge(with_tasks) == []
    assert any(one.truth.makes for one in with_tasks.explained)


def test_a_task_that_was_made_without_a_key_is_found(tmp_path: Path) -> None:
    with tasked(tmp_path) as it:
        task = {"properties": {"hs_task_subject": "Whose?", "hs_timestamp": "2026-11-20T12:00:00Z"}}
        headers = {"Authorization": f"Bearer {PRIVATE_TOKEN}"}
        url = f"{it.rig.crm.hubspot_url}/crm/v3/objects/tasks"
        requests.post(url, json=task, headers=headers, timeout=30).raise_for_status()
        assert 21 in {violation.invariant for violation in judge(evidence_of(it.rig))}


@pytest.mark.parametrize(
    ("invariant", "spoil"), SPOILED_TASKS, ids=[f"{number}-{one.__name__}" for number, one in SPOILED_TASKS]
)
def test_what_is_wrong_with_tasks_is_found(with_tasks: Evidence, invariant: int, spoil: Spoil) -> None:
    assert invariant in {violation.invariant for violation in judge(spoil(with_tasks))}


def test_a_sound_workspace_passes(sound: Evidence) -> None:
    assert judge(sound) == []
    assert sound.explained, "there was something to judge"


@pytest.mark.parametrize(("invariant", "spoil"), SPOILED, ids=[f"{number}-{one.__name__}" for number, one in SPOILED])
def test_what_is_wrong_is_found(sound: Evidence, invariant: int, spoil: Spoil) -> None:
    assert invariant in {violation.invariant for violation in judge(spoil(sound))}


@pytest.mark.parametrize(("seconds", "found"), [(5, False), (20, True)])
def test_what_came_between_guard_read_and_request_is_forgiven_for_some_seconds(
    sound: Evidence, seconds: int, *, found: bool
) -> None:
    """However long the request then took to have its effect."""
    one = next(one for one in reversed(sound.explained) if one.intent is not None and one.effect.old is not None)
    assert one.intent is not None
    left = one.intent["sent_at"]
    ours = replace(one.effect, at=left + timedelta(seconds=60))
    theirs = replace(ours, ours=False, new="3.5", at=left - timedelta(seconds=seconds))
    journal = [each for old in one.truth.journal for each in ((theirs, ours) if old is one.effect else (old,))]
    asked = [Asked(left, {ours.id: [str(ours.property)]})]
    case = with_truth(sound, lambda truth: replace(truth, journal=journal, asked=asked))
    assert (3 in {violation.invariant for violation in judge(replace(case, one_clock=True))}) is found


def test_every_check_was_seen_to_fail() -> None:
    assert {number for number, _ in (*SPOILED, *SPOILED_TASKS)} == set(CHECKS)


def test_every_invariant_is_judged_somewhere() -> None:
    assert sorted({*CHECKS, *ELSEWHERE}) == list(range(1, 22))
    for named in (test for tests in ELSEWHERE.values() for test in tests):
        file, _, name = named.partition("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, named
