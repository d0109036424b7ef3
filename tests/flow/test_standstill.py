"""A run that stands still, or loses its lease, sends nothing more and records nothing over its successor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from store import leases, runs
from store.tables import lease as lease_table
from sync import faults
from sync.deps import Timing
from sync.session import lease_key
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig


class Jumping(SystemClock):
    """The system's clock, after which the process may stand still for a while."""

    def __init__(self) -> None:
        self.stood = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.stood


@contextmanager
def once(point: str, act: Callable[[], None]) -> Iterator[None]:
    """Do something when a fault point is passed for the first time."""
    done: list[str] = []

    def hook(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    faults.arm(hook)
    try:
        yield
    finally:
        faults.arm(None)


def test_a_request_never_starts_when_the_lease_may_end_before_it(tmp_path: Path) -> None:
    clock = Jumping()
    with rig(tmp_path) as made:
        with once("apply.claimed", lambda: setattr(clock, "stood", 29.9)):
            report = made.sync(clock=clock, timing=Timing(deadline=0.2, grace=0.4, lease_ttl=30.0, heartbeat=20.0))
        assert (report.status, report.exit_code) == ("interrupted", 130)
        assert report.buckets().pending == report.buckets().planned > 0
        assert made.ours() == []
        assert made.sync().status == "complete"
        assert_sound(made)


def test_a_guard_read_that_got_old_is_read_again(tmp_path: Path) -> None:
    clock = Jumping()
    with rig(tmp_path, accounts=6) as made:
        with once("apply.guard_read", lambda: setattr(clock, "stood", 5.0)):
            report = made.sync(clock=clock)
        assert report.status == "complete"
        assert report.buckets().confirmed == report.buckets().planned > 0


def test_who_stands_still_before_sending_looks_again_and_a_person_who_came_meanwhile_wins(tmp_path: Path) -> None:
    clock = Jumping()
    with rig(tmp_path, accounts=6) as made:
        edited = made.some_company("name")

        def stand_still() -> None:
            clock.stood = 15.0
            made.person("edit", object="companies", id=edited, properties={"cs_segment": "strategic"})

        with once("apply.claimed", stand_still):
            report = made.sync(clock=clock)
        assert made.company(edited)["cs_segment"] == "strategic"
        assert (report.status, report.buckets().conflict) == ("partial", 1)
        assert report.buckets().confirmed == report.buckets().planned - 1
        assert_sound(made)


@pytest.mark.parametrize("point", ["normalise.chunk_stored", "plan.chunk_stored", "apply.guard_read", "apply.sent"])
def test_nothing_is_recorded_once_somebody_else_has_the_lease(tmp_path: Path, point: str) -> None:
    with rig(tmp_path, accounts=6) as made:
        with once(point, lambda: usurp(made)):
            report = made.sync()
        assert (report.status, report.exit_code) == ("interrupted", 130)
        assert report.reason is not None
        assert "lease" in report.reason
        assert (made.ours() != []) == (point == "apply.sent")
        give_back(made)
        assert made.sync().status == "complete"
        assert_sound(made)


def test_a_run_that_wakes_up_after_another_one_took_it_for_dead_ends_in_peace(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6) as made:

        def another_run_comes_and_goes() -> None:
            give_back(made)
            assert made.sync().status == "complete"

        with once("plan.finished", another_run_comes_and_goes):
            report = made.sync()
        assert (report.status, report.exit_code) == ("interrupted", 130)
        with made.deps() as deps, deps.store.read() as c:
            slow, quick = sorted(runs.list_runs(c, "default"), key=lambda one: one.started_at)
        assert (slow.id, slow.status, slow.reason) == (report.run_id, "interrupted", report.reason)
        assert quick.status == "complete"
        assert_sound(made)


def usurp(made: Rig) -> None:
    """Another run takes the lease of HubSpot, as it could after a pause longer than the lease."""
    with made.deps() as deps:
        give_back(made)
        leases.acquire(deps.store, "default", lease_key("hubspot"), "successor", 60.0)


def give_back(made: Rig) -> None:
    with made.deps() as deps, deps.store.write() as c:
        c.execute(lease_table.update().values(owner=None))
