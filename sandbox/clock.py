"""The time in which both CRMs live: the machine's, or for a while an instant of the past."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """A clock that can stand at a past instant; it never shows more than the machine's time."""

    def __init__(self, machine: Callable[[], float] = time.time) -> None:
        self._machine = machine
        self._stands_at: float | None = None

    def seconds(self) -> float:
        """Return seconds since 1970."""
        return self._machine() if self._stands_at is None else self._stands_at

    def instant(self) -> datetime:
        """Return the same as an aware instant."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def stand_at(self, instant: datetime) -> None:
        """Stand at an instant, or at the machine's time if that is earlier."""
        self._stands_at = min(instant.timestamp(), self._machine())

    def run(self) -> None:
        """Go with the machine's time again."""
        self._stands_at = None
