"""Evaluations are stored when they change; plans are frozen under an id made from their content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, insert, select, update

from mapping.kept import KEPT
from store import Store, evaluations, plans, runs
from store.errors import StateConflict
from store.evaluations import NewEvaluations
from store.plans import PlanHeader, PlanRecord
from store.tables import evaluation, evaluation_block, evaluation_detail, plan_record
from store.types import dump_json
from tests.store.sample import kept

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """What an evaluation found of one account."""

    score: float | None
    band: str = "green"
    stage: str = "adoption"
    account: str = "a"

    @property
    def values_hash(self) -> str:
        return f"{self.score}{self.band}{self.stage}"


def save(store: Store, ws: str, as_of: datetime, *rows: Found, run: str = "run", model: str = "model") -> int:
    """Store what differs, as a run does; returns how many."""
    with store.write() as c:
        changed = evaluations.differing(c, ws, as_of, {row.account: row.values_hash for row in rows})
        mine = [row for row in rows if row.account in changed]
        new = NewEvaluations(
            [row.account for row in mine],
            [row.values_hash for row in mine],
            [dump_json({"health_score": row.score, "health_band": row.band}) for row in mine],
            [row.score for row in mine],
            [row.band for row in mine],
            [row.stage for row in mine],
        )
        health = [kept(row.account, points=row.score or 0.0) for row in mine]
        evaluations.save(c, ws, run, model, as_of, new, pl.concat([*health, pl.DataFrame(schema=KEPT)]))
        return len(mine)


def standing(c: Connection, ws: str) -> dict[str, tuple[Any, ...]]:
    e = evaluation.c
    query = select(e.account_id, e.score, e.band, e.as_of).where(e.workspace == ws, e.is_current)
    return {row.account_id: tuple(row)[1:] for row in c.execute(query)}


def outputs(c: Connection, ws: str) -> dict[str, Any]:
    e = evaluation.c
    query = select(e.account_id, e.outputs).where(e.workspace == ws, e.is_current)
    return {row.account_id: row.outputs for row in c.execute(query)}


def points(store: Store, ws: str) -> list[float]:
    """The points of the metric of all evaluations, oldest first."""
    with store.read() as c:
        ids = c.execute(select(evaluation.c.id).where(evaluation.c.workspace == ws).order_by(evaluation.c.as_of))
        listed = list(ids.scalars())
        health = dict(evaluations.healths(c, ws, listed))
    return [health[one]["metrics"][0]["points"] for one in listed]


def blocks(c: Connection, ws: str) -> list[int]:
    """How many evaluations point to each block."""
    b = evaluation_block.c
    return list(c.execute(select(b.accounts).where(b.workspace == ws).order_by(b.id)).scalars())


def test_only_what_changed_is_stored(store: Store, ws: str, now: datetime) -> None:
    assert save(store, ws, now, Found(80.0), Found(None, "unknown", account="b")) == 2
    assert save(store, ws, now + DAY, Found(80.0), Found(None, "unknown", account="b")) == 0
    assert save(store, ws, now + 2 * DAY, Found(55.0, "red"), Found(None, "unknown", account="b")) == 1
    with store.read() as c:
        assert standing(c, ws) == {
            "a": (55.0, "red", now + 2 * DAY),
            "b": (None, "unknown", now),
        }
        unknown = {"health_score": None, "health_band": "unknown"}
        assert outputs(c, ws) == {"a": {"health_score": 55.0, "health_band": "red"}, "b": unknown}


def test_the_past_can_be_filled_in_without_moving_the_present(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, Found(80.0))
    assert save(store, ws, now - DAY, Found(40.0, "red")) == 1
    with store.read() as c:
        assert standing(c, ws) == {"a": (80.0, "green", now)}
    assert points(store, ws) == [40.0, 80.0]


def test_health_from_before_there_were_blocks_is_still_there(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, Found(80.0))
    health = {
        "score": 80.0,
        "unrounded": 80.0,
        "metrics": [{"id": "usage", "label": "Of Ø\x00\ud800 and 𝄞", "points": 7.0}],
    }
    with store.write() as c:
        (number,) = c.execute(
            update(evaluation).values(block_id=None).where(evaluation.c.workspace == ws).returning(evaluation.c.id)
        ).scalars()
        c.execute(insert(evaluation_detail), {"evaluation_id": number, "workspace": ws, "detail": {"health": health}})
    with store.read() as c:
        assert dict(evaluations.healths(c, ws, [number])) == {number: health}


def test_a_block_goes_with_the_last_evaluation_that_points_to_it(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, Found(80.0), Found(70.0, account="b"))
    with store.read() as c:
        assert blocks(c, ws) == [2]
    save(store, ws, now, Found(81.0))
    with store.read() as c:
        assert blocks(c, ws) == [1, 1]
    save(store, ws, now, Found(71.0, account="b"), Found(82.0))
    with store.read() as c:
        assert blocks(c, ws) == [2]


def test_health_of_many_accounts_is_kept_in_blocks_that_are_quick_to_read(store: Store, ws: str, now: datetime) -> None:
    number = 2 * evaluations.BLOCK + 1
    save(store, ws, now, *(Found(float(place), account=f"a{place:05}") for place in reversed(range(number))))
    with store.read() as c:
        assert blocks(c, ws) == [evaluations.BLOCK, evaluations.BLOCK, 1]
        e = evaluation.c
        scores = {row.id: row.score for row in c.execute(select(e.id, e.score).where(e.workspace == ws))}
        found = {one: health["metrics"][0]["points"] for one, health in evaluations.healths(c, ws, scores)}
    assert found == scores


def test_a_second_evaluation_of_one_instant_replaces_the_first(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, Found(80.0))
    assert save(store, ws, now, Found(81.0)) == 1
    with store.read() as c:
        assert c.execute(select(evaluation.c.score).where(evaluation.c.workspace == ws)).scalars().all() == [81.0]
    assert points(store, ws) == [81.0]


def test_what_runs_saw_at_the_time_is_told_from_what_was_filled_in_later(store: Store, ws: str, now: datetime) -> None:
    for run_id, as_of, began in (("then", now, now), ("late", now + DAY, now + 9 * DAY), ("next", now + 2 * DAY, now)):
        with store.write() as c:
            runs.start(c, ws, f"{ws}{run_id}", "sync", as_of=as_of, version="1", now=began)
        save(store, ws, as_of, Found(float(len(run_id)), run_id), run=f"{ws}{run_id}")
    with store.read() as c:
        near = evaluations.made_between(c, ws, ["a", "b"], now - DAY, now + 2 * DAY)
        assert [(account, moment) for _, account, moment in near] == [("a", now), ("a", now + 2 * DAY)]
        assert evaluations.made_between(c, ws, ["a"], now + DAY, now + 3 * DAY) == []
        assert evaluations.made_between(c, ws, ["b"], now - DAY, now + DAY) == []
        assert evaluations.first(c, ws) == now
        assert evaluations.first(c, f"{ws}-other") is None


def test_the_past_comes_back_with_when_it_was_computed(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        runs.start(c, ws, "run", "sync", as_of=now, version="1", now=now + DAY)
    save(store, ws, now + DAY, Found(70.0), Found(None, "unknown", account="b"))
    save(store, ws, now, Found(80.0))
    save(store, ws, now + 2 * DAY, Found(60.0), run="forgotten", model="other")
    with store.write() as c:
        evaluations.retire(c, ws, ["b"])
    with store.read() as c:
        assert evaluations.accounts(c, ws) == ["a", "b"]
        past = evaluations.past(c, ws, ["b", "a"])
        health = dict(evaluations.healths(c, ws, [past[0].id, past[2].id]))
        assert evaluations.past(c, f"{ws}-other", ["a"]) == []
    assert [(one.account_id, one.as_of, one.score, one.model_version, one.made_at) for one in past] == [
        ("a", now, 80.0, "model", now + DAY), ("a", now + DAY, 70.0, "model", now + DAY),
        ("a", now + 2 * DAY, 60.0, "other", None), ("b", now + DAY, None, "model", now + DAY),
    ]  # fmt: skip
    assert past[0].outputs == {"health_score": 80.0, "health_band": "green"}
    assert {one: (each["score"], each["metrics"][0]["points"]) for one, each in health.items()} == {
        past[0].id: (80.0, 80.0), past[2].id: (60.0, 60.0),
    }  # fmt: skip


def test_a_retired_account_can_come_back_with_the_same_values(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, Found(80.0))
    with store.write() as c:
        assert evaluations.retire(c, ws, ["a"]) == 1
        assert standing(c, ws) == {}
    assert save(store, ws, now + DAY, Found(80.0)) == 1
    with store.read() as c:
        assert standing(c, ws) == {"a": (80.0, "green", now + DAY)}


def header(now: datetime, run_id: str = "run") -> PlanHeader:
    return PlanHeader(run_id, now, now, "cradle_to_grave", "m1", {"epochs": [1, 2]})


def record(number: int, after: str = "2") -> PlanRecord:
    change = {"field": "health_score", "property": "cs_health_score", "before": None, "after": after, "because": "x"}
    return PlanRecord("hubspot", "companies", f"{number:03}", f"hubspot:{number}", (change,), ({"reason": "human"},))


def make(store: Store, ws: str, head: PlanHeader, *records: PlanRecord) -> str:
    with store.write() as c:
        key = plans.create(c, ws, head)
        for item in records:
            plans.add_records(c, ws, key, [item])
        return plans.finish(c, ws, key, cost={"hubspot": 3}, counts={"records": len(records)})


def test_a_plan_comes_back_as_it_was_made(store: Store, ws: str, now: datetime) -> None:
    records = [record(n) for n in range(7)]
    plan_id = make(store, ws, header(now), *reversed(records))
    with store.read() as c:
        plan = plans.get(c, ws, plan_id)
        assert plan is not None
        assert (plan.header, plan.state, plan.cost, plan.counts) == (
            header(now),
            "ready",
            {"hubspot": 3},
            {"records": 7},
        )
        assert list(plans.iter_records(c, ws, plan_id, chunk=2)) == records
        assert list(plans.iter_records(c, ws, plan_id, after=("hubspot", "companies", "004"))) == records[5:]
        assert list(plans.iter_records(c, ws, plan_id, connection="salesforce")) == []
        assert plans.latest(c, ws) == plan
        assert plan_id == plans.content_id(header(now), records)


def test_the_id_is_the_content_and_nothing_else(store: Store, ws: str, now: datetime) -> None:
    first = make(store, ws, header(now), record(1), record(2))
    assert make(store, ws, header(now, run_id="another run"), record(2), record(1)) == first
    assert make(store, ws, header(now), record(1), record(2, after="3")) != first
    assert plans.content_id(replace(header(now), model_version="m2"), [record(1), record(2)]) != first


def test_a_finished_plan_never_changes(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        key = plans.create(c, ws, header(now))
        plan_id = plans.finish(c, ws, key, cost={}, counts={})
        with pytest.raises(StateConflict, match="not a draft"):
            plans.add_records(c, ws, key, [record(1)])
        plans.set_state(c, ws, plan_id, "applied")
        plan = plans.get(c, ws, plan_id)
        assert plan is not None
        assert plan.state == "applied"
        with pytest.raises(StateConflict, match="no plan"):
            plans.set_state(c, ws, "unknown", "applied")
        assert plans.get(c, ws, "unknown") is None


def test_drafts_that_a_killed_run_left_are_removed_and_plans_stay(store: Store, ws: str, now: datetime) -> None:
    plan_id = make(store, ws, header(now), record(1))
    with store.write() as c:
        keys = [plans.create(c, ws, header(now)) for _ in range(2)]
        plans.add_records(c, ws, keys[0], [record(2)])
        assert plans.discard_drafts(c, ws) == 2
        assert plans.discard_drafts(c, ws) == 0
        left = c.execute(select(plan_record.c.plan_key).where(plan_record.c.workspace == ws)).scalars().all()
        finished = plans.get(c, ws, plan_id)
    assert finished is not None
    assert left == [finished.key]


def test_drafts_are_not_plans_yet(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        key = plans.create(c, ws, header(now))
        plans.add_records(c, ws, key, [record(1)])
        assert plans.latest(c, ws) is None
        plans.discard(c, ws, key)
        with pytest.raises(StateConflict):
            plans.finish(c, ws, key, cost={}, counts={})


def test_a_plan_that_makes_a_record_says_so_and_is_another_one(store: Store, ws: str, now: datetime) -> None:
    makes = replace(record(2), object="tasks", record_id="kw-1", kind="create")
    plan_id = make(store, ws, header(now), record(1), makes)
    with store.read() as c:
        assert list(plans.iter_records(c, ws, plan_id)) == [record(1), makes]
        assert list(plans.iter_records(c, ws, plan_id, object_name="tasks")) == [makes]
    assert plan_id == plans.content_id(header(now), [record(1), makes])
    assert plan_id != plans.content_id(header(now), [record(1), replace(makes, kind="update")])
