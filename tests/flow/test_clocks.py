"""Somebody sets the machine's clock while values are in doubt: the grace period is neither cut short nor drawn out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync import faults
from sync.deps import Timing
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig

PATIENT = Timing(deadline=2.0, grace=60.0, lease_ttl=180.0)
AHEAD = timedelta(hours=3)


class SetClock:
    """The machine's clock, which is wrong by `wrong`; sleeping moves it on, and what nobody can set as well."""

    def __init__(self, wrong: timedelta = timedelta(0)) -> None:
        self.wrong, self.slept = wrong, 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.wrong + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class Died(Exception):
    """The process, before it could read anything back."""


@contextmanager
def in_doubt(folder: Path) -> Iterator[Rig]:
    """A CRM that takes the first values and says nothing."""
    with rig(folder) as made:
        path = "/crm/v3/objects/companies/batch/update"
        made.fault(kind="commit_then_drop", method="POST", path=path, times=1)
        try:
            yield made
        finally:
            faults.arm(None)


def test_a_clock_that_is_set_forward_does_not_cut_the_grace_short(tmp_path: Path) -> None:
    with in_doubt(tmp_path) as made:
        clock, passed = SetClock(), dict[str, float]()

        def at(point: str) -> None:
            if point == "apply.sent":
                clock.wrong = AHEAD
            if point in ("apply.sent", "settle.read_back"):
                passed.setdefault(point, clock.monotonic())

        faults.arm(at)
        report = made.sync(clock=clock, sleep=clock.sleep, timing=PATIENT)

        assert report.status == "complete", report.reason
        assert passed["settle.read_back"] - passed["apply.sent"] >= PATIENT.grace - 1
        assert_sound(made)


def test_a_clock_that_is_set_back_does_not_draw_the_grace_out(tmp_path: Path) -> None:
    with in_doubt(tmp_path) as made:
        before, after = SetClock(AHEAD), SetClock()

        def at(point: str) -> None:
            if point == "settle.waited":
                raise Died

        faults.arm(at)
        with pytest.raises(Died):
            made.sync(clock=before, sleep=before.sleep, timing=PATIENT)
        faults.arm(None)

        report = made.sync(clock=after, sleep=after.sleep, timing=PATIENT)

        assert report.status == "complete", report.reason
        assert PATIENT.grace - 1 <= after.slept <= PATIENT.grace + 1
        assert_sound(made)
