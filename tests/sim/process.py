"""A process of a worker, as a run sees it: it is killed, stands still, is asked to stop; its time is virtual."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal

from sync import faults
from sync.stop import Stop
from tests.virtual import VirtualTime

BEGIN = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
YIELDS = 0.4
"""How often another thread may come between at a point that is no call."""
LONG = 0.02
"""How often a process is slow there: for seconds instead of an instant."""

_here = threading.local()


class Killed(BaseException):
    """The process is dead: the thread unwinds, and neither the store nor a CRM hears of it any more."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a process at its so-manieth point, or passing of `point`; it stands still for `seconds`."""

    kind: Literal["killed", "paused", "stopped"]
    at: int
    seconds: float = 0.0
    point: str | None = None


class SimClock:
    """The one clock of the world."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._time.clock(), UTC)

    def monotonic(self) -> float:
        return self._time.clock()


class Process:
    """Holds what one run is given instead of a machine: sleep, threads, heartbeat, stop."""

    def __init__(self, time: VirtualTime, dice: Random, name: str, fate: Fate | None, met: Counter[str]) -> None:
        self.name = name
        self.dead = False
        self.stop = Stop()
        self.time = time
        self._dice = dice
        self._fate = fate
        self._met = met
        self._points = 0
        self._stands_until = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """The thread's fault points are this process's for the block; a kill ends the block."""
        _here.process = self
        try:
            yield
        except Killed:
            pass
        finally:
            _here.process = None

    def alive(self) -> None:
        """Raise `Killed` when it is dead."""
        if self.dead:
            raise Killed(self.name)

    def point(self, name: str | None = None) -> None:
        """Pass a point at which anything may happen to the process, and others may come between."""
        self.alive()
        if self._fate is not None and self._fate.point in (None, name):
            self._points += 1
            if self._points == self._fate.at:
                self._meet(self._fate)
        if self._dice.random() < YIELDS:
            self.time.sleep(self._dice.uniform(0, 8) if self._dice.random() < LONG else self._dice.uniform(0, 0.05))
        self._thaw()

    def sleep(self, seconds: float) -> None:
        """Let the others run meanwhile; standing still makes it longer."""
        self.alive()
        self.time.sleep(seconds)
        self._thaw()
        self.point()

    def pool(self, _workers: int, _name: str) -> Executor:
        """One thing after the other, in the thread that asks for it."""
        return InTurn()

    @contextmanager
    def every(self, seconds: float, act: Callable[[], bool]) -> Iterator[None]:
        """The heartbeat: as dead as the process, and as still."""
        over = False

        def beat() -> None:
            while True:
                self.time.sleep(seconds)
                while not self.dead and self.time.clock() < self._stands_until:
                    self.time.sleep(self._stands_until - self.time.clock() + self._dice.uniform(0, 0.01))
                if over or self.dead or not act():
                    return

        self.time.also(beat)
        try:
            yield
        finally:
            over = True

    def _meet(self, fate: Fate) -> None:
        self._met[fate.kind] += 1
        if fate.kind == "killed":
            self.dead = True
            self.alive()
        elif fate.kind == "paused":
            self._stands_until = self.time.clock() + fate.seconds
        else:
            self.stop.ask("The run was asked to stop by SIGTERM.")

    def _thaw(self) -> None:
        while self.time.clock() < self._stands_until:
            self.time.sleep(self._stands_until - self.time.clock() + self._dice.uniform(0, 0.01))
        self.alive()


class InTurn(Executor):
    """An executor without threads; what kills the process is raised, what a call raises is its future's."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future carries any error to whoever asks for the result
            future.set_exception(error)
        return future


def watch_fault_points(then: Callable[[str], None]) -> None:
    """Let every fault point be a point of the process whose thread passes it, after `then` was told."""

    def hook(name: str) -> None:
        process: Process | None = getattr(_here, "process", None)
        if process is not None:
            then(name)
            process.point(name)

    faults.arm(hook)
