"""How long it takes from a kill until nothing is in doubt any more, in real time, with durations small enough to wait.

Nobody helps: the dead run's lease has to pass, and the grace of what it had sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.deps import Timing
from tests.rig.books import read_books
from tests.rig.edges import Kill
from tests.rig.trials import Bench

TIMING = Timing(deadline=2.0, grace=5.0, lease_ttl=5.0, heartbeat=0.5)
POINTS = ("apply.claimed", "apply.sent")
"""Where a kill leaves values whose fate nobody knows."""
BOUND = TIMING.lease_ttl + TIMING.grace
_PAUSE = 0.1
_PATIENCE = 60.0


class RealClock:
    """The rig's clock as it stands, for runs that really wait."""

    def __init__(self, shift: float) -> None:
        self._shift = shift

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._shift, UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a kill to the last doubt decided, and how many values were in doubt."""

    point: str
    seconds: float
    doubts: int


def recover(bench: Bench, point: str, scenario: str = "changed") -> Recovery:
    """Kill a run at a point and start others until one decides; raises AssertionError where none does."""
    chosen = bench.ground.scenario(scenario)
    with bench.play(chosen, RealClock, TIMING) as play:
        left = play.run(kill=Kill(1, point), expire=False)
        died = time.monotonic()
        assert left.killed, f"the run was not killed at {point}"
        doubts = _open(bench)
        assert doubts, f"a kill at {point} leaves nothing in doubt"
        while _open(bench):
            assert time.monotonic() - died < _PATIENCE, "what was in doubt is never decided"
            play.run(expire=False)
            time.sleep(_PAUSE)
        seconds = time.monotonic() - died
        found = play.check(quiet=True)
        assert not found, "\n".join(map(str, found))
        return Recovery(point, seconds, doubts)


def _open(bench: Bench) -> int:
    intents = read_books(bench.store.url).intents
    return sum(1 for row in intents if row["state"] in ("sent", "in_doubt"))
