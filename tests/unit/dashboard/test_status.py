"""The probe: fresh, stale or never, and what the last run came to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.pages import _duration, last_good_run
from store import Store, open_store, runs

DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/keepwell.db", create=True)
    yield opened
    opened.close()


def ended(store: Store, run_id: str, status: str, hours_ago: float, command: str = "sync") -> None:
    """A run that ended so."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    with store.write() as c:
        runs.start(c, store.workspace, run_id, command, as_of=at, version="1", now=at)
        runs.finish(c, store.workspace, run_id, status=status, reason=f"{run_id} said so.", report=None, now=at)


def test_it_never_ran(store: Store) -> None:
    assert last_good_run(store)["fresh"], "without an age there is nothing to miss"
    found = last_good_run(store, DAY)
    assert (found["state"], found["fresh"], found["age_seconds"]) == ("never", False, None)
    assert found["text"] == "There was no good run yet."


@pytest.mark.parametrize(("hours_ahead", "state"), [(0.01, "fresh"), (3, "fresh"), (50, "stale")])
def test_a_run_of_a_clock_that_was_ahead_is_told_and_keeps_no_probe_quiet_for_days(
    store: Store, hours_ahead: float, state: str
) -> None:
    ended(store, "r1", "complete", -hours_ahead)
    found = last_good_run(store, DAY)
    assert found["state"] == state
    assert ("ahead: a clock is wrong" in found["text"]) == (hours_ahead > 1)
    assert " -" not in found["text"], "no negative ages"


def test_it_only_ever_failed(store: Store) -> None:
    ended(store, "r1", "failed", 1)
    found = last_good_run(store, DAY)
    assert (found["state"], found["fresh"]) == ("never", False)
    assert found["text"] == "There was no good run yet. The last run, r1, ended failed: r1 said so."


@pytest.mark.parametrize(("hours", "state"), [(23.9, "fresh"), (24.1, "stale")])
def test_the_age_decides(store: Store, hours: float, state: str) -> None:
    ended(store, "r1", "complete", hours)
    found = last_good_run(store, DAY)
    assert (found["state"], found["fresh"], found["status"]) == (state, state == "fresh", "complete")
    assert found["last_run"] is None


def test_a_partial_run_is_good_and_says_what_it_left_unless_only_a_complete_one_will_do(store: Store) -> None:
    ended(store, "r1", "complete", 30)
    ended(store, "r2", "partial", 1)
    found = last_good_run(store, DAY)
    assert (found["state"], found["status"], found["run_id"]) == ("fresh", "partial", "r2")
    assert found["text"].endswith("It was partial: r2 said so.")
    strict = last_good_run(store, DAY, complete=True)
    assert (strict["state"], strict["run_id"]) == ("stale", "r1")
    assert strict["last_run"] == {"id": "r2", "status": "partial", "reason": "r2 said so."}


def test_failures_since_do_not_make_it_stale_but_are_said(store: Store) -> None:
    ended(store, "r1", "complete", 2)
    ended(store, "r2", "deferred", 1)
    ended(store, "r3", "complete", 0.5, command="pull")
    found = last_good_run(store, DAY)
    assert (found["state"], found["run_id"]) == ("fresh", "r1")
    assert found["text"].endswith("The last run, r2, ended deferred: r2 said so."), (
        "a pull says nothing of the schedule"
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 seconds"), (1.4, "1 second"), (119, "119 seconds"), (7_200, "2 hours")]
)
def test_an_age_in_words(seconds: float, words: str) -> None:
    assert _duration(seconds) == words
