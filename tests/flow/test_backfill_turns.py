"""A backfill and the schedule: whoever is on the schedule gets through, and the backfill goes on by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from store import leases, runs
from sync import faults
from sync.backfill import BackfillOptions
from sync.deps import Timing
from sync.engine import run_backfill, run_pull
from sync.lease import BACKFILL
from sync.report import RunReport
from sync.session import asking_key, lease_key
from sync.stop import Stop
from tests.flow.rig import BRISK, Rig, rig
from tests.flow.test_backfill import EVER, backfill

QUICK = replace(BRISK, patience=20.0, poll=0.02)


@contextmanager
def at(point: str, act: Callable[[], None]) -> Iterator[None]:
    """Do something when the thread that began this block passes a fault point for the first time."""
    here, done = threading.current_thread(), threading.Event()

    def hook(name: str) -> None:
        if name == point and threading.current_thread() is here and not done.is_set():
            done.set()
            act()

    faults.arm(hook)
    try:
        yield
    finally:
        faults.arm(None)
    assert done.is_set()


class Visitor(threading.Thread):
    """A run of the schedule, in a thread with a store and connections of its own."""

    def __init__(self, made: Rig, timing: Timing = QUICK) -> None:
        super().__init__()
        self._made, self._timing = made, timing
        self.report: RunReport | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.report = self._made.sync(timing=self._timing)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for this one
            self.error = error

    def come(self) -> None:
        """Begin, and return when it has asked for a connection."""
        self.start()
        until(lambda: owner(self._made, asking_key("hubspot")) is not None or not self.is_alive())

    def ended(self) -> RunReport:
        self.join(timeout=60)
        if self.error is not None:
            raise self.error
        assert self.report is not None
        return self.report


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, at most two minutes."""
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def owner(made: Rig, key: str) -> str | None:
    with made.deps() as deps, deps.store.read() as c:
        holder = leases.holder(c, "default", key)
    return holder.owner if holder is not None else None


@pytest.mark.parametrize("point", ["pull.page_stored", "normalise.chunk_stored", "plan.chunk_stored"])
def test_a_run_that_comes_gets_through_and_the_backfill_goes_on(
    tmp_path: Path, either_store: str | None, point: str
) -> None:
    with rig(tmp_path, salesforce=True, store=either_store) as made:
        made.run(run_pull)
        visitor = Visitor(made)
        with at(point, visitor.come):
            report = backfill(made, "companies", "accounts", timing=QUICK)
        sync = visitor.ended()

        assert sync.status == "complete", sync.reason
        assert any("a backfill is at work and steps aside" in note for note in sync.notes)
        assert report.status == "complete", report.reason
        assert any(f"Run {sync.run_id} asked for the connections" in note for note in report.notes)
        assert f"{sync.finished_at}" <= f"{report.finished_at}"
        assert sum(line.rows for line in report.backfill) == sum(
            report.stream(line.connection, line.stream).read for line in report.backfill
        ), "no page is read twice"
        assert report.accounts == sync.accounts, "counted once"
        with made.deps() as deps, deps.store.read() as c:
            assert {run.id: run.status for run in runs.list_runs(c, "default")}[report.run_id] == "complete"
        assert owner(made, lease_key("hubspot")) is None
        assert owner(made, asking_key("hubspot")) is None
        assert made.sync().buckets().planned == 0


def test_a_run_does_not_wait_for_ever(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.run(run_pull)
        visitor = Visitor(made, replace(QUICK, patience=0.3))
        with at("pull.page_stored", lambda: (visitor.come(), visitor.join())):  # this page takes long
            report = backfill(made, "companies", timing=QUICK)
        sync = visitor.ended()
        assert (sync.status, sync.exit_code) == ("busy", 75)
        assert report.run_id in f"{sync.reason}"
        assert report.status == "complete"
        assert not any("asked for the connections" in note for note in report.notes), "nobody waits any more"


def test_there_is_one_backfill_at_a_time(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        second: list[RunReport] = []
        with at("pull.page_stored", lambda: second.append(backfill(made, "deals", timing=QUICK))):
            first = backfill(made, "companies", timing=QUICK)
        assert first.status == "complete"
        assert (second[0].status, second[0].exit_code) == ("busy", 75)
        assert "Another backfill is at work" in f"{second[0].reason}"
        assert backfill(made, "deals").status == "complete"


def test_a_run_that_died_while_it_waited_is_forgotten(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        dead = lambda: leases.acquire(deps.store, "default", asking_key("hubspot"), "dead", 3.0)  # noqa: E731
        with at("pull.page_stored", dead):
            report = backfill(made, "companies", timing=QUICK)
        assert report.status == "complete"
        assert any("Run dead asked" in note for note in report.notes)


def test_a_backfill_that_comes_to_a_run_waits_for_its_end(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        held = leases.acquire(deps.store, "default", lease_key("hubspot"), "r1", 60.0)
        report = backfill(made, "companies", timing=QUICK, sleep=lambda _seconds: leases.release(deps.store, held))
        assert report.status == "complete"
        assert "waiting for run r1 to end" in report.notes


def test_a_backfill_can_be_stopped_while_it_waits(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps(behind=True, timing=QUICK) as deps:
        leases.acquire(deps.store, "default", lease_key("hubspot"), "r1", 60.0)
        stop = Stop()
        timer = threading.Timer(0.5, stop.ask, ("enough",))
        timer.start()
        report = run_backfill(replace(deps, stop=stop), BackfillOptions(("companies",), EVER))
        timer.join()
        assert (report.status, report.exit_code) == ("interrupted", 130)
        assert report.reason == "enough"
        assert owner(made, BACKFILL) is None
