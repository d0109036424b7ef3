"""API quotas as a budget that every caller draws on before it sends.

`Budget` is the protocol; `MemoryBudget` is its form for one process. The form that processes share lives in the
store and has the same methods.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from connectors.clock import Clock
from connectors.errors import QuotaExhausted

LONGEST_WAIT = 120.0
"""Seconds that a caller may be kept waiting for quota; a longer wait ends the run as deferred."""

_ROLLING_UP_TO = 600.0  # seconds; longer windows are counted, not remembered request by request


@dataclass(frozen=True, slots=True)
class QuotaPolicy:
    """One limit of one real holder: `limit` requests a `window` (seconds).

    `holder` names who owns the quota (app, portal, organisation), so that all connections and processes on it share
    it. `reserve` is the fraction of the limit left to other apps (0.2 = keep 20 %).
    """

    holder: str
    name: str
    limit: int
    window: float
    reserve: float = 0.0

    @property
    def key(self) -> str:
        """Identity of the quota, whatever limit is configured for it."""
        return f"{self.holder}/{self.name}"


class Budget(Protocol):
    """What a connector needs from a quota keeper."""

    def acquire(self, policy: QuotaPolicy, cost: int = 1) -> None:
        """Take `cost` requests, waiting for them when that is short; raises `QuotaExhausted` when it is long."""
        ...

    def observe(
        self,
        policy: QuotaPolicy,
        limit: int | None = None,
        remaining: int | None = None,
        resets_in: float | None = None,
    ) -> None:
        """Correct the count by what the vendor said; its word overrules ours because other apps draw as well."""
        ...

    def pause(self, policy: QuotaPolicy, seconds: float) -> None:
        """Let nobody take from this quota for `seconds`."""
        ...

    def remaining(self, policy: QuotaPolicy) -> int | None:
        """Requests left of the vendor's limit, reserve included; None when nothing is known yet."""
        ...


@dataclass(slots=True)
class _Account:
    """State of one quota: what was taken in the window and until when nothing may be taken."""

    limit: int
    taken: deque[tuple[float, int]]
    used: int = 0
    resets_at: float | None = None
    blocked_until: float = -math.inf
    known: bool = False


class MemoryBudget:
    """A budget for the threads of one process."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._accounts: dict[str, _Account] = {}

    def acquire(self, policy: QuotaPolicy, cost: int = 1) -> None:
        """Take `cost` requests from `policy`, sleeping as long as that needs."""
        waited = 0.0
        while True:
            with self._lock:
                wait = self._try(policy, cost)
            if wait <= 0:
                return
            if waited + wait > LONGEST_WAIT:
                raise QuotaExhausted(
                    f"The quota {policy.name} ({policy.limit} requests per {policy.window:g} s) is used up.",
                    resets_in=wait,
                    hint="Run again after it resets; what was done so far is kept.",
                )
            self._sleep(wait)
            waited += wait

    def observe(
        self,
        policy: QuotaPolicy,
        limit: int | None = None,
        remaining: int | None = None,
        resets_in: float | None = None,
    ) -> None:
        """Take over the vendor's limit, what it says is left, and when it resets (seconds)."""
        now = self._clock.monotonic()
        with self._lock:
            account = self._account(policy, now)
            account.known = True
            if limit is not None and limit > 0:
                account.limit = limit
            if resets_in is not None:
                account.resets_at = now + max(0.0, resets_in)
            if remaining is not None:
                # Requests of ours still under way make our own count the higher one; only a vendor count
                # above ours tells of other apps.
                missing = max(0, account.limit - remaining) - account.used
                if missing > 0:
                    self._book(account, policy, now, missing)

    def pause(self, policy: QuotaPolicy, seconds: float) -> None:
        """Block the quota for `seconds`; a shorter pause never shortens a longer one."""
        now = self._clock.monotonic()
        with self._lock:
            account = self._account(policy, now)
            account.blocked_until = max(account.blocked_until, now + seconds)

    def remaining(self, policy: QuotaPolicy) -> int | None:
        """Requests left of the whole limit; None before the first request or header."""
        with self._lock:
            account = self._account(policy, self._clock.monotonic())
            return max(0, account.limit - account.used) if account.known else None

    def _try(self, policy: QuotaPolicy, cost: int) -> float:
        """Book `cost` and return 0, or return the seconds to wait."""
        now = self._clock.monotonic()
        account = self._account(policy, now)
        if account.blocked_until > now:
            return account.blocked_until - now
        usable = max(1, math.floor(account.limit * (1.0 - policy.reserve)))
        if account.used + min(cost, usable) <= usable:
            self._book(account, policy, now, cost)
            account.known = True
            return 0.0
        return max(self._frees_at(account, policy, account.used + min(cost, usable) - usable, now) - now, 0.001)

    def _account(self, policy: QuotaPolicy, now: float) -> _Account:
        account = self._accounts.get(policy.key)
        if account is None:
            account = self._accounts[policy.key] = _Account(limit=policy.limit, taken=deque())
        while account.taken and account.taken[0][0] <= now:
            account.used -= account.taken.popleft()[1]
        if account.resets_at is not None and account.resets_at <= now and policy.window > _ROLLING_UP_TO:
            account.used, account.resets_at = 0, None
        return account

    @staticmethod
    def _book(account: _Account, policy: QuotaPolicy, now: float, cost: int) -> None:
        account.used += cost
        if policy.window <= _ROLLING_UP_TO:
            # The vendor counts on arrival, we on departure: the slot is kept a little longer than the window.
            account.taken.append((now + policy.window + max(0.05, policy.window * 0.02), cost))
        elif account.resets_at is None:
            account.resets_at = now + policy.window

    @staticmethod
    def _frees_at(account: _Account, policy: QuotaPolicy, needed: int, now: float) -> float:
        if policy.window > _ROLLING_UP_TO:
            return account.resets_at if account.resets_at is not None else now + policy.window
        for frees_at, cost in account.taken:
            needed -= cost
            if needed <= 0:
                return frees_at
        return now + policy.window
