"""Runs end once, and the last good one is that which brought the CRMs up to date."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from store import Store, runs
from store.errors import StateConflict


def run(store: Store, ws: str, now: datetime, name: str, command: str, status: str | None) -> None:
    with store.write() as c:
        runs.start(c, ws, name, command, as_of=now, version="1", now=now)
        if status is not None:
            runs.finish(c, ws, name, status=status, reason=None, report={"n": 1}, now=now + timedelta(minutes=1))


def last_good(store: Store, ws: str) -> str | None:
    with store.read() as c:
        found = runs.last_good(c, ws)
    return None if found is None else found.id


@pytest.mark.parametrize("status", ["complete", "partial"])
@pytest.mark.parametrize("command", ["sync", "apply"])
def test_a_run_that_came_to_its_end_is_good_even_if_values_were_held(
    store: Store, ws: str, now: datetime, command: str, status: str
) -> None:
    run(store, ws, now, "one", command, status)
    assert last_good(store, ws) == "one"


@pytest.mark.parametrize("status", ["failed", "deferred", "interrupted", "busy", "refused", None])
def test_a_run_that_stopped_on_the_way_is_not(store: Store, ws: str, now: datetime, status: str | None) -> None:
    assert last_good(store, ws) is None
    run(store, ws, now, "good", "sync", "complete")
    run(store, ws, now + timedelta(hours=1), "later", "sync", status)
    assert last_good(store, ws) == "good"


@pytest.mark.parametrize("command", ["pull", "plan"])
def test_looking_by_hand_does_not_hide_a_schedule_that_stopped(
    store: Store, ws: str, now: datetime, command: str
) -> None:
    run(store, ws, now, "looked", command, "complete")
    assert last_good(store, ws) is None


def test_a_run_ends_once_and_is_listed_newest_first(store: Store, ws: str, now: datetime) -> None:
    for hour, name in enumerate(("one", "two")):
        run(store, ws, now + timedelta(hours=hour), name, "sync", "complete")
    with store.read() as c:
        assert [found.id for found in runs.list_runs(c, ws)] == ["two", "one"]
        assert [found.id for found in runs.list_runs(c, ws, 1)] == ["two"]
        found = runs.get(c, ws, "one")
    assert found is not None
    assert (found.status, found.report, found.finished_at) == ("complete", {"n": 1}, now + timedelta(minutes=1))
    with pytest.raises(StateConflict, match="not running"), store.write() as c:
        runs.finish(c, ws, "one", status="failed", reason=None, report=None, now=now)


def test_a_run_that_was_taken_for_dead_and_comes_back_says_itself_how_it_ended(
    store: Store, ws: str, now: datetime
) -> None:
    for name in ("dead", "slow", "done"):
        run(store, ws, now, name, "sync", "complete" if name == "done" else None)
    with store.write() as c:
        for name in ("dead", "slow"):
            runs.take_for_dead(c, ws, name, now=now + timedelta(hours=1))
        runs.finish(c, ws, "slow", status="failed", reason="its own", report=None, now=now + timedelta(hours=2))
    with store.read() as c:
        dead, slow = runs.get(c, ws, "dead"), runs.get(c, ws, "slow")
    assert dead is not None
    assert slow is not None
    assert (dead.status, dead.reason, dead.finished_at) == ("interrupted", runs.SILENT, now + timedelta(hours=1))
    assert (slow.status, slow.reason, slow.finished_at) == ("failed", "its own", now + timedelta(hours=2))
    for name in ("slow", "done"):  # once they have ended, they have
        with pytest.raises(StateConflict, match="not running"), store.write() as c:
            runs.finish(c, ws, name, status="failed", reason="again", report=None, now=now)
        with store.write() as c:
            assert not runs.take_for_dead(c, ws, name, now=now)
