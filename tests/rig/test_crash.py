"""A slice of `make crash`: kills at chosen points and edges on both stores; some scenario passes every named point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from sync.faults import POINTS
from tests.rig.clock import SharedClock
from tests.rig.crash import bench_of
from tests.rig.edges import Kill
from tests.rig.recovery import BOUND, recover
from tests.rig.stages import Ground, prepare
from tests.rig.stores import fast_folder
from tests.rig.trials import Bench, Trial
from tests.services import absent

KILLS = (
    "first@900",
    "again@pull.sealed#2",
    "fresh@apply.claimed#1",
    "changed@apply.sent#1+settle.read_back#1",
    "edited-again@apply.guard_read#1",
    "rejected@apply.settled#1",
    "answer-lost@settle.decided#1",
    "late@settle.waited#1",
    "gone-meanwhile@apply.sent#1",
    "lost-then-edited@apply.sent#1",
    "undo@verify.begun#1",
    "mix:1@180+120",
)
"""Trials of both vendors on SQLite."""
ON_POSTGRESQL = ("changed@apply.sent#1+140", "answer-lost@apply.settled#1")


@pytest.fixture(scope="module", params=["hubspot", "salesforce"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with fast_folder() as folder:
        yield prepare(request.param, folder, SharedClock())


@pytest.fixture(scope="module")
def sqlite(ground: Ground) -> Iterator[Bench]:
    with fast_folder() as folder, bench_of(ground, "sqlite", folder) as bench:
        yield bench


@pytest.fixture(scope="module")
def postgresql(ground: Ground) -> Iterator[Bench]:
    with ExitStack() as stack:
        folder: Path = stack.enter_context(fast_folder())
        try:
            bench = stack.enter_context(bench_of(ground, "postgresql", folder))
        except psycopg.OperationalError as error:
            absent(f"no PostgreSQL with trust authentication on 127.0.0.1:5432, database test: {error}")
        yield bench


@pytest.mark.parametrize("text", KILLS)
def test_a_run_that_is_killed_ends_like_an_unbroken_one(sqlite: Bench, text: str) -> None:
    survives(sqlite, text)


@pytest.mark.parametrize("text", ON_POSTGRESQL)
def test_so_it_does_on_postgresql(postgresql: Bench, text: str) -> None:
    survives(postgresql, text)


def survives(bench: Bench, text: str) -> None:
    trial = Trial.parse(f"{bench.ground.vendor}/{bench.name}/{text}")
    outcome = bench.carry_out(trial if bench.ground.goes_idle(trial.scenario) else trial.without_idle())
    assert outcome.places, f"{trial}: nobody was killed"
    assert outcome.violations == [], f"{trial}: killed at {outcome.places}"


def test_every_fault_point_is_hit(sqlite: Bench) -> None:
    hit = {
        edge.removeprefix("fp ")
        for name in ("first", "undo", "answer-lost")
        for edge in sqlite.unbroken(sqlite.ground.scenario(name)).edges
        if edge.startswith("fp ")
    }
    assert hit == set(POINTS)


def test_the_edges_are_seen(sqlite: Bench) -> None:
    edges = sqlite.unbroken(sqlite.ground.scenario("changed")).edges
    for what in ("BEGIN IMMEDIATE", "INSERT INTO intent", "commit", "committed", "send", "sent", "answer"):
        assert what in edges, what
    assert edges.count("commit") == edges.count("committed")


def test_what_was_in_doubt_is_decided_within_lease_and_grace(sqlite: Bench) -> None:
    found = recover(sqlite, "apply.sent")
    assert found.doubts > 0
    assert found.seconds <= BOUND


@pytest.mark.parametrize(
    "text", ["hubspot/sqlite/changed@apply.sent#1+22", "salesforce/postgresql/mix:3@4", "hubspot/sqlite/undo"]
)
def test_a_trial_is_read_as_it_is_written(text: str) -> None:
    assert str(Trial.parse(text)) == text


def test_a_kill_is_a_point_or_an_edge() -> None:
    assert Kill.parse("apply.sent#2") == Kill(2, "apply.sent")
    assert Kill.parse("137") == Kill(137)
    with pytest.raises(ValueError, match="invalid literal"):
        Kill.parse("apply.sent")
