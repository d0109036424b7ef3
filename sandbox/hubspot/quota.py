"""The three limits of a portal: a rolling ten seconds per token, five searches a second, one counter a day."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.hubspot.clock import Clock
from sandbox.hubspot.errors import ApiError

_WINDOW = 10.0


class Quota:
    """Counts requests and refuses those above a limit; every refusal is counted in `refused`."""

    def __init__(self, clock: Clock, *, burst: int, searches: int, daily: int, zone: str, retry_after: bool) -> None:
        self.refused = 0
        self._clock, self._burst, self._searches, self._daily = clock, burst, searches, daily
        self._zone, self.retry_after = ZoneInfo(zone), retry_after
        self._recent: dict[str, deque[float]] = {}
        self._recent_searches: deque[float] = deque()
        self._day: Any = None
        self._today = 0

    def take(self, token: str, *, search: bool) -> None:
        """Count one request of a token, or raise the 429 that it gets."""
        now = self._clock()
        self._roll_day(now)
        if self._today >= self._daily:
            raise self._refuse("You have reached your daily limit.", "DAILY", 3600)
        bucket, limit, span = self._bucket(token, search=search)
        while bucket and bucket[0] <= now - span:
            bucket.popleft()
        if len(bucket) >= limit:
            if search:
                raise self._refuse("You have reached your secondly limit.", "SECONDLY", 1)
            raise self._refuse("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING", 10)
        bucket.append(now)
        self._today += 1

    def headers(self, token: str, *, search: bool, oauth: bool) -> dict[str, str]:
        """Return the rate-limit headers; search has none, and OAuth apps get no daily ones."""
        if search:
            return {}
        left = self._burst - len(self._recent.get(token, ()))
        headers = {
            "x-hubspot-ratelimit-max": str(self._burst),
            "x-hubspot-ratelimit-remaining": str(max(0, left)),
            "x-hubspot-ratelimit-interval-milliseconds": str(int(_WINDOW * 1000)),
        }
        if not oauth:
            headers["x-hubspot-ratelimit-daily"] = str(self._daily)
            headers["x-hubspot-ratelimit-daily-remaining"] = str(max(0, self._daily - self._today))
        return headers

    def spend(self, requests: int, *, burst: int = 0, searches: int = 0, token: str = "") -> None:
        """Count what others use up: requests of today, of a token's ten seconds, searches of the present second."""
        now = self._clock()
        self._roll_day(now)
        self._today += requests
        self._recent.setdefault(token, deque()).extend([now] * burst)
        self._recent_searches.extend([now] * searches)

    def _bucket(self, token: str, *, search: bool) -> tuple[deque[float], int, float]:
        if search:
            return self._recent_searches, self._searches, 1.0
        return self._recent.setdefault(token, deque()), self._burst, _WINDOW

    def _roll_day(self, now: float) -> None:
        day = datetime.fromtimestamp(now, UTC).astimezone(self._zone).date()
        if day != self._day:
            self._day, self._today = day, 0

    def _refuse(self, message: str, policy: str, wait: int) -> ApiError:
        self.refused += 1
        body: dict[str, Any] = {"status": "error", "message": message, "errorType": "RATE_LIMIT",
                                "policyName": policy, "groupName": "publicapi:sandbox"}  # fmt: skip
        return ApiError(429, body, {"retry-after": str(wait)} if self.retry_after else None)
