"""Virtual time for threads: one runs at a time, and time passes when all of them sleep."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from threading import Event, Thread
from typing import Any


class VirtualTime:
    """A clock whose sleepers take turns; a thread must hold no lock while it sleeps, or everybody stops."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._moment = start
        self._asleep: list[tuple[float, int, Event]] = []
        self._entered = 0
        self._running = 0
        self._over = Event()
        self._failures: list[BaseException] = []

    def clock(self) -> float:
        """Seconds of virtual time."""
        return self._moment

    def sleep(self, seconds: float) -> None:
        """Let the others run until `seconds` have passed; alone, time simply passes."""
        if self._running == 0:
            self._moment += max(0.0, seconds)
            return
        turn = self._enter(seconds)
        self._wake_next()
        turn.wait()

    def run(self, *works: Callable[[], Any], within: float = 60.0) -> None:
        """Run all works to their end, each in a thread; raises what the first failing one raised.

        `within` so many seconds of real time; what takes longer is taken for a deadlock.
        """
        for work in works:
            self.also(work)
        self._wake_next()
        if not self._over.wait(within):
            raise RuntimeError("a thread holds a lock that another one waits for")
        self._over.clear()
        if self._failures:
            raise self._failures[0]

    def also(self, work: Callable[[], Any]) -> None:
        """Start one more work, whose turn comes when the one that starts it sleeps or ends."""
        self._running += 1
        Thread(target=self._work, args=(work, self._enter(0.0)), daemon=True).start()

    def _work(self, work: Callable[[], Any], turn: Event) -> None:
        turn.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._failures.append(error)
        self._running -= 1
        if self._running:
            self._wake_next()
        else:
            self._over.set()

    def _enter(self, seconds: float) -> Event:
        turn = Event()
        self._entered += 1
        heapq.heappush(self._asleep, (self._moment + max(0.0, seconds), self._entered, turn))
        return turn

    def _wake_next(self) -> None:
        self._moment, _, turn = heapq.heappop(self._asleep)
        turn.set()
