"""Calls in fixed windows: each family of endpoints has its own count a minute or hour, and one a day."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.gainsight.errors import ApiError
from sandbox.gainsight.options import GainsightOptions

MINUTE, HOUR, DAY = 60, 3_600, 86_400
_FAMILIES = (
    ("bulk", re.compile(r"^/v1\.0/admin/connector/job/bulkimport$")),
    ("users", re.compile(r"^/v1/users/services")),
    ("timeline", re.compile(r"^/v1/ant/es/")),
    ("plans", re.compile(r"^/v2/successPlan")),
)
SYNC = "sync"


def family_of(path: str) -> str:
    """Return which count a call goes to; polling the status of a bulk job is an ordinary call."""
    return next((name for name, pattern in _FAMILIES if pattern.search(path)), SYNC)


@dataclass(slots=True)
class _Window:
    """One count; it begins anew when the clock enters another multiple of `seconds`."""

    seconds: int
    number: int = -1
    used: int = 0

    def roll(self, now: float) -> None:
        """Forget the count of a window that is over."""
        if (number := int(now // self.seconds)) != self.number:
            self.number, self.used = number, 0


class Quota:
    """Counts calls and refuses those above a limit; refused calls are counted in `refused` alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.refused = 0
        self._clock = clock
        self._windows: dict[tuple[str, int], _Window] = {}

    def take(self, family: str, options: GainsightOptions) -> None:
        """Count one call; raises ApiError 429."""
        windows = [(self._window(family, seconds), limit) for seconds, limit in limits(family, options)]
        if any(window.used >= limit for window, limit in windows):
            self.refused += 1
            raise ApiError(429, "GU_2400", "Too many request")
        for window, _ in windows:
            window.used += 1

    def spend(self, family: str, seconds: int, number: int) -> None:
        """Count what other integrations of the tenant use up in the present window."""
        self._window(family, seconds).used += number

    def used(self) -> dict[str, int]:
        """Return the counts of the present windows, such as `sync/60`."""
        return {f"{family}/{seconds}": self._window(family, seconds).used for family, seconds in self._windows}

    def _window(self, family: str, seconds: int) -> _Window:
        window = self._windows.setdefault((family, seconds), _Window(seconds))
        window.roll(self._clock())
        return window


def limits(family: str, options: GainsightOptions) -> tuple[tuple[int, int], ...]:
    """Return the windows of a family, in seconds, with the calls that each admits."""
    table = {
        "bulk": ((HOUR, options.bulk_per_hour), (DAY, options.bulk_per_day)),
        "users": ((HOUR, options.users_per_hour), (DAY, options.users_per_day)),
        "timeline": ((MINUTE, options.timeline_per_minute), (DAY, options.per_day)),
        "plans": ((MINUTE, options.plans_per_minute), (DAY, options.per_day)),
    }
    return table.get(family, ((MINUTE, options.per_minute), (DAY, options.per_day)))
