"""One time for all processes of the rig: the machine's, shifted by what everybody has slept, in shared memory.

Nobody really waits: who sleeps moves the clock on for all. A CRM that owes an effect at a later moment takes part:
then a sleeper moves on in small steps, and each step waits until the CRM has acted upon it.
"""

from __future__ import annotations

import mmap
import threading
import time
from datetime import UTC, datetime

_SHIFT, _ACTED, _WATCHED = range(3)
_STEP = 10.0
_PATIENCE = 10.0


class SharedClock:
    """The clock of a run and of the CRM that it talks to; made before the fork, it is the same in every process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.part()

    def part(self) -> None:
        """Become a clock of one's own: processes that were forked before go on with the other one."""
        # One aligned word a cell, so that no process can see half a number or write another one's.
        self._cells = memoryview(mmap.mmap(-1, 24)).cast("d")

    def stand_at(self, instant: datetime) -> None:
        """Let the clock go on from `instant`."""
        self._cells[_WATCHED] = 0.0
        self._cells[_SHIFT] = instant.timestamp() - time.time()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._cells[_SHIFT]

    def monotonic(self) -> float:
        return time.monotonic() + self._cells[_SHIFT]

    def sleep(self, seconds: float) -> None:
        """Move the clock on; a moment of real time passes too, so that nobody spins."""
        while seconds > 0:
            step = min(seconds, _STEP)
            seconds -= step
            with self._lock:
                shift = self._cells[_SHIFT] + step
                self._cells[_SHIFT] = shift
            self._wait_for_the_crm(shift)

    def take_part(self) -> None:
        """From now on sleepers wait until `acted` was called about their moment."""
        self._cells[_ACTED] = self._cells[_SHIFT]
        self._cells[_WATCHED] = 1.0

    def leave(self) -> None:
        """Sleepers need not wait any more."""
        self._cells[_WATCHED] = 0.0

    def acted(self, shift: float) -> None:
        """Everything that was due up to `shift` has happened."""
        self._cells[_ACTED] = shift

    @property
    def shift(self) -> float:
        """Seconds by which the clock differs from the machine's."""
        return self._cells[_SHIFT]

    def _wait_for_the_crm(self, shift: float) -> None:
        until = time.monotonic() + _PATIENCE
        while self._cells[_WATCHED] and self._cells[_ACTED] < shift:
            if time.monotonic() > until:
                raise TimeoutError("The CRM of the rig does not follow the clock.")
            time.sleep(0.0005)
        time.sleep(0.0005)
