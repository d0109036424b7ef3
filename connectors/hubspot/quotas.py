"""HubSpot's limits as budget policies, and how its headers correct them.

The burst limit belongs to the app (one per token), search and the daily limit to the portal. Search answers carry
no rate-limit headers and count against their own limit, not against the burst.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from connectors.budget import Budget, Permit, QuotaPolicy
from connectors.hubspot.settings import LimitSettings

DAY = 86_400.0
_UNSURE = 300.0  # seconds after midnight


class Quotas:
    """Policies of one connection; `seconds_to_midnight` tells when the portal's day ends, where that is known."""

    def __init__(
        self,
        limits: LimitSettings,
        budget: Budget,
        *,
        credential: str,
        seconds_to_midnight: Callable[[], float | None] = lambda: None,
    ) -> None:
        # The store keeps the holder's name: a fingerprint, from which no token can be made.
        app = "hubspot-app:" + hashlib.sha256(credential.encode()).hexdigest()[:16]
        self._budget = budget
        self._limits = limits
        self._daily_limit = limits.daily
        self._app = app
        self._portal = app
        self._told = False
        self._seconds_to_midnight = seconds_to_midnight

    def belongs_to(self, portal: str) -> None:
        """From now on the portal's own limits are shared by all connections to it."""
        left = self.left_today()
        self._portal = f"hubspot-portal:{portal}"
        if left is not None:  # what the first answer said, before the portal was known
            self._budget.observe(self.daily, limit=self._daily_limit, remaining=left, resets_in=self._resets_in())

    @property
    def burst(self) -> QuotaPolicy:
        """Requests of this app in ten seconds."""
        return QuotaPolicy(self._app, "ten_secondly", self._limits.burst_per_10s, 10.0, self._limits.burst_reserve)

    @property
    def associations(self) -> QuotaPolicy:
        """Association requests of this app in ten seconds; they count against the burst as well."""
        return QuotaPolicy(
            self._app, "associations", self._limits.associations_per_10s, 10.0, self._limits.burst_reserve
        )

    @property
    def search(self) -> QuotaPolicy:
        """Search requests of the portal in one second."""
        return QuotaPolicy(self._portal, "search", self._limits.search_per_second, 1.0)

    @property
    def daily(self) -> QuotaPolicy:
        """Requests of the portal in a day, some of them reserved for other apps."""
        return QuotaPolicy(self._portal, "daily", self._daily_limit, DAY, self._limits.reserve)

    def acquire(self, kind: str) -> Permit:
        """Take one request of `kind` (burst, search, associations) from every limit that it counts against."""
        policies = {
            "search": (self.daily, self.search),
            "associations": (self.daily, self.associations, self.burst),
        }.get(kind, (self.daily, self.burst))
        return self._budget.acquire(*policies)

    def answered(self, permit: Permit, headers: Mapping[str, str]) -> None:
        """Note that the request of `permit` was counted, and correct the counts by the headers that there are."""
        permit.answered()
        limit, left = _number(headers, "max"), _number(headers, "remaining")
        if (_number(headers, "interval-milliseconds") or 10_000) == 10_000 and (limit or left is not None):
            self._budget.observe(self.burst, limit=limit, remaining=left, permit=permit)
        limit, left = _number(headers, "daily"), _number(headers, "daily-remaining")
        if limit is not None or left is not None:
            self._daily_limit = limit or self._daily_limit
            self._told = self._told or left is not None
            resets_in = self._resets_in()
            self._budget.observe(self.daily, limit=limit, remaining=left, resets_in=resets_in, permit=permit)

    def throttled(self, kind: str, seconds: float, *, secondly: bool) -> None:
        """Pause every worker that draws on the limits that may have refused us."""
        policies = {
            "search": (self.search,) if secondly else (self.search, self.burst),
            "associations": (self.associations, self.burst),
        }.get(kind, (self.burst,))
        for policy in policies:
            self._budget.pause(policy, seconds)

    def exhausted(self) -> float | None:
        """Note that the day is used up; returns the seconds until it ends, where the portal's zone is known."""
        seconds = self._resets_in()
        self._budget.observe(self.daily, remaining=0, resets_in=seconds)
        return seconds

    def _resets_in(self) -> float | None:
        """Seconds until the count begins anew.

        HubSpot's clock is not ours: just after our midnight its day may still be the old one, whose count must not
        be taken for that of the new day.
        """
        seconds = self._seconds_to_midnight()
        if seconds is not None and 0.0 <= DAY - seconds < _UNSURE:
            return _UNSURE - (DAY - seconds)
        return seconds

    def left_today(self) -> int | None:
        """Requests left of the portal's day; None when no header said: our own count knows nothing of other apps."""
        return self._budget.remaining(self.daily) if self._told else None


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(f"x-hubspot-ratelimit-{name}", "")
    return int(value) if value.isdecimal() else None
