"""Work that nobody waits for: a full pipe or a stopped terminal must not hold up the run that tells it something."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 1_000
"""Items that wait; what comes on top is dropped."""
LAST_WAIT = 1.0
"""Seconds that the end of a command waits for what is left."""


class Aside(Generic[T]):
    """Hands items to `take`, in order, in a thread of its own; whoever puts one in goes on at once."""

    def __init__(self, take: Callable[[T], None], most: int = MOST) -> None:
        self._take = take
        self._most = most
        self._changed = threading.Condition()
        self._waiting: deque[T] = deque()
        self._busy = self._closed = False
        self._dropped = 0
        # A daemon, because what it is stuck in may never end.
        threading.Thread(target=self._work, name="aside", daemon=True).start()

    def put(self, item: T) -> None:
        """Let `item` be taken soon; when too many wait already it is dropped and counted."""
        with self._changed:
            if len(self._waiting) >= self._most or self._closed:
                self._dropped += 1
                return
            self._waiting.append(item)
            self._changed.notify_all()

    def dropped(self) -> int:
        """How many items were dropped since the last time that somebody asked."""
        with self._changed:
            found, self._dropped = self._dropped, 0
            return found

    def flush(self, seconds: float = LAST_WAIT) -> bool:
        """Wait until everything was taken, at most so long; returns whether it was."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def close(self, seconds: float = LAST_WAIT) -> None:
        """Wait at most so long for what is left, drop the rest and take nothing more."""
        self.flush(seconds)
        with self._changed:
            self._closed = True
            self._dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                item = self._waiting.popleft()
                self._busy = True
            with suppress(Exception):  # what only watches never changes a run
                self._take(item)
