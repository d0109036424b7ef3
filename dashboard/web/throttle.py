"""Slows down whoever guesses passwords: by address, and by the name that is tried."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_BY_ADDRESS, FREE_BY_NAME = 5, 10
"""Failures in a row that cost no wait; a name has more of them, because anybody can spend those of somebody else."""
FIRST_WAIT, LONGEST_WAIT = 15.0, 900.0
"""Seconds; the wait doubles with each further failure."""
FORGET_AFTER = 3600.0
MOST_KEYS = 10_000

Key = tuple[str, str]


@dataclass(slots=True)
class _Failures:
    number: int
    last: float


class Throttle:
    """Counts failures in a row; `now` is monotonic, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures: OrderedDict[Key, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, address: str, name: str) -> float:
        """Take up an attempt and return 0, or return the seconds to wait before the next one.

        The attempt counts as failed until `succeeded` says otherwise, so that many at once do not go past the count.
        """
        now = self._now()
        with self._lock:
            wait = max(
                self._wait(("address", address), FREE_BY_ADDRESS, now), self._wait(("name", name), FREE_BY_NAME, now)
            )
            if wait > 0:
                return wait
            for key in (("address", address), ("name", name)):
                found = self._failures.pop(key, None) or _Failures(0, now)
                self._failures[key] = _Failures(found.number + 1, now)
            while len(self._failures) > MOST_KEYS:
                self._failures.popitem(last=False)
        return 0.0

    def succeeded(self, address: str, name: str) -> None:
        """Forget the failures of this address and name."""
        with self._lock:
            for key in (("address", address), ("name", name)):
                self._failures.pop(key, None)

    def _wait(self, key: Key, free: int, now: float) -> float:
        found = self._failures.get(key)
        if found is None:
            return 0.0
        if now - found.last > FORGET_AFTER:
            del self._failures[key]
            return 0.0
        if found.number < free:
            return 0.0
        due = min(FIRST_WAIT * 2.0 ** min(found.number - free, 20), LONGEST_WAIT)
        return max(0.0, found.last + due - now)
