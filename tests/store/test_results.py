"""Evaluations are stored when they change; plans are frozen under an id made from their content."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from store import Store, evaluations, plans
from store.errors import StateConflict
from store.evaluations import NewEvaluation
from store.plans import PlanHeader, PlanRecord
from store.tables import evaluation, evaluation_detail, plan_record
from store.types import dump_json

DAY = timedelta(days=1)


def found(score: float | None, band: str = "green", stage: str = "adoption", account: str = "a") -> NewEvaluation:
    values = {"health_score": score, "health_band": band}
    return NewEvaluation(account, f"{score}{band}{stage}", values, score, band, stage, {"why": [score, band]})


def save(store: Store, ws: str, as_of: datetime, *rows: NewEvaluation) -> int:
    with store.write() as c:
        return evaluations.save(c, ws, "run", "model", as_of, rows)


def standing(c: Connection, ws: str) -> dict[str, tuple[Any, ...]]:
    e = evaluation.c
    query = select(e.account_id, e.score, e.band, e.as_of).where(e.workspace == ws, e.is_current)
    return {row.account_id: tuple(row)[1:] for row in c.execute(query)}


def outputs(c: Connection, ws: str) -> dict[str, Any]:
    e = evaluation.c
    query = select(e.account_id, e.outputs).where(e.workspace == ws, e.is_current)
    return {row.account_id: row.outputs for row in c.execute(query)}


def explanations(c: Connection, ws: str) -> list[Any]:
    query = select(evaluation_detail.c.detail).join(evaluation, evaluation.c.id == evaluation_detail.c.evaluation_id)
    return list(c.execute(query.where(evaluation.c.workspace == ws).order_by(evaluation.c.as_of)).scalars())


def test_only_what_changed_is_stored(store: Store, ws: str, now: datetime) -> None:
    assert save(store, ws, now, found(80.0), found(None, "unknown", account="b")) == 2
    assert save(store, ws, now + DAY, found(80.0), found(None, "unknown", account="b")) == 0
    assert save(store, ws, now + 2 * DAY, found(55.0, "red"), found(None, "unknown", account="b")) == 1
    with store.read() as c:
        assert standing(c, ws) == {
            "a": (55.0, "red", now + 2 * DAY),
            "b": (None, "unknown", now),
        }
        unknown = {"health_score": None, "health_band": "unknown"}
        assert outputs(c, ws) == {"a": {"health_score": 55.0, "health_band": "red"}, "b": unknown}


def test_the_past_can_be_filled_in_without_moving_the_present(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, found(80.0))
    assert save(store, ws, now - DAY, found(40.0, "red")) == 1
    with store.read() as c:
        assert standing(c, ws) == {"a": (80.0, "green", now)}
        assert explanations(c, ws) == [{"why": [40.0, "red"]}, {"why": [80.0, "green"]}]


def test_explanations_are_kept_whole_in_a_fraction_of_their_length(store: Store, ws: str, now: datetime) -> None:
    metrics = [{"id": f"metric_{n}", "label": "Of Ø\x00\ud800 and 𝄞", "points": n / 7, "loss": 0.0} for n in range(30)]
    save(store, ws, now, replace(found(80.0), detail={"metrics": metrics}))
    stored = select(func.length(evaluation_detail.c.detail)).where(evaluation_detail.c.workspace == ws)
    with store.read() as c:
        assert explanations(c, ws) == [{"metrics": metrics}]
        assert c.execute(stored).scalar_one() < len(dump_json({"metrics": metrics})) / 3


def test_a_second_evaluation_of_one_instant_replaces_the_first(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, found(80.0))
    assert save(store, ws, now, found(81.0)) == 1
    with store.read() as c:
        assert c.execute(select(evaluation.c.score).where(evaluation.c.workspace == ws)).scalars().all() == [81.0]
        assert explanations(c, ws) == [{"why": [81.0, "green"]}]


def test_a_retired_account_can_come_back_with_the_same_values(store: Store, ws: str, now: datetime) -> None:
    save(store, ws, now, found(80.0))
    with store.write() as c:
        assert evaluations.retire(c, ws, ["a"]) == 1
        assert standing(c, ws) == {}
    assert save(store, ws, now + DAY, found(80.0)) == 1
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
