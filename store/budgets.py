"""API quotas that all processes on one store share: counted in rows, by the database's clock.

The structural twin of `connectors.budget.MemoryBudget`. A quota is a rolling window cut into slots; permits are
drawn a few at a time so that a request costs a fraction of a transaction, and count until the window after the
last moment at which they can have been used. What a slow client could not use goes back with its next request; a
crash forfeits the permits in hand, never the limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, and_, select, update

from store.database import Store
from store.errors import BudgetExhausted
from store.sql import for_update, now, upsert
from store.tables import quota
from store.types import from_micros, to_micros

SLOTS = 50
CHUNK = 10
CHUNK_SECONDS = 0.1
"""Seconds for which permits in hand may be used; short, so that a pause by another process is heeded almost at once."""
LONG_CHUNK_SECONDS = 5.0
"""The same for long windows, whose pauses last for minutes."""

COMMIT_SECONDS = 0.05
"""Allowance between the count of a permit and its use; the vendor counts on arrival, we before the commit."""

LONG_WINDOW = 600.0
"""Seconds above which the vendor's count replaces ours in both directions: it knows resets and other apps."""

OBSERVE_EVERY = 1.0
LONGEST_NAP = 5.0


class Policy(Protocol):
    """What is read of `connectors.budget.QuotaPolicy`."""

    @property
    def holder(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def limit(self) -> int: ...
    @property
    def window(self) -> float: ...
    @property
    def reserve(self) -> float: ...


@dataclass(slots=True)
class _Window:
    """One quota at one moment (microseconds): its slots as start → permits, oldest first."""

    policy: Policy
    moment: int
    limit: int
    slots: dict[int, int]
    blocked_until: int
    resets_at: int | None

    @property
    def width(self) -> int:
        return max(1, int(self.policy.window * 1e6) // SLOTS)

    @property
    def lifetime(self) -> int:
        """How long a slot counts from its start: until its last permit, sent as late as can be, left the window."""
        late = max(COMMIT_SECONDS + (_good_for(self.policy) if self.chunk > 1 else 0.0), self.policy.window * 0.02)
        return self.width + int((self.policy.window + late) * 1e6)

    @property
    def usable(self) -> int:
        return max(1, math.floor(self.limit * (1.0 - self.policy.reserve)))

    @property
    def chunk(self) -> int:
        return max(1, min(CHUNK, self.usable // 20))

    @property
    def used(self) -> int:
        return sum(self.slots.values())

    def expire(self) -> None:
        if self.resets_at is not None and self.resets_at <= self.moment:
            if self.policy.window > LONG_WINDOW:
                self.slots.clear()
            self.resets_at = None
        for start in [start for start in self.slots if start + self.lifetime <= self.moment]:
            del self.slots[start]

    def book(self, permits: int) -> int:
        """Count `permits` from now on; returns the slot that holds them."""
        start = self.moment - self.moment % self.width
        self.slots[start] = self.slots.get(start, 0) + permits
        return start

    def give_back(self, permits: int, start: int) -> None:
        """Take back what was booked in a slot and not used; nothing when the slot left the window meanwhile."""
        if permits and start in self.slots:
            self.slots[start] = max(0, self.slots[start] - permits)

    def wait(self, permits: int) -> float:
        """Seconds until `permits` are free."""
        if self.blocked_until > self.moment:
            return (self.blocked_until - self.moment) / 1e6
        missing = self.used + permits - self.usable
        if missing <= 0:
            return 0.0
        if self.resets_at is not None and self.policy.window > LONG_WINDOW:
            return (self.resets_at - self.moment) / 1e6
        for start in sorted(self.slots):
            missing -= self.slots[start]
            if missing <= 0:
                return max((start + self.lifetime - self.moment) / 1e6, 0.001)
        return self.policy.window


@dataclass(slots=True)
class _Hand:
    """Permits that this process drew and did not use yet, good until a moment of its own clock; `slot` counts them."""

    permits: int = 0
    slot: int = 0
    good_until: float = -math.inf
    observed_at: float = -math.inf
    lock: Lock = field(default_factory=Lock)


class StoreBudget:
    """A budget for all processes and machines on one store.

    `clock` is monotonic and in seconds. A wait above `patience` seconds raises what `exhausted(message, seconds)`
    makes, a BudgetExhausted unless the caller wants its own error there.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = 120.0,
        exhausted: Callable[[str, float], Exception] = BudgetExhausted,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._exhausted = exhausted
        self._hands: dict[tuple[str, str], _Hand] = {}
        self._lock = Lock()

    def acquire(self, policy: Policy, cost: int = 1) -> None:
        """Take `cost` requests, sleeping until they are free; raises when that is beyond `patience`."""
        waited = 0.0
        while True:
            wait = self._take(policy, cost)
            if wait <= 0:
                return
            if waited + wait > self._patience:
                message = f"The quota {policy.name} of {policy.holder} ({policy.limit} requests"
                raise self._exhausted(f"{message} per {policy.window:g} s) is used up for {wait:.0f} s.", wait)
            nap = min(wait, LONGEST_NAP)
            self._sleep(nap)
            waited += nap

    def observe(
        self,
        policy: Policy,
        limit: int | None = None,
        remaining: int | None = None,
        resets_in: float | None = None,
    ) -> None:
        """Correct the shared count by what the vendor said, at most once a second unless nothing is left."""
        hand = self._hand(policy)
        moment = self._clock()
        with hand.lock:
            if remaining != 0 and moment - hand.observed_at < OBSERVE_EVERY:
                return
            hand.observed_at = moment
            in_hand = hand.permits if hand.good_until > moment else 0
        with self._window(policy) as window:
            if limit is not None and limit > 0:
                window.limit = limit
            if resets_in is not None:
                window.resets_at = window.moment + int(max(0.0, resets_in) * 1e6)
            if remaining is not None:
                _correct(window, remaining, in_hand)

    def pause(self, policy: Policy, seconds: float) -> None:
        """Let nobody on this store take from the quota for `seconds`; never shortens a longer pause."""
        hand = self._hand(policy)
        with hand.lock, self._window(policy) as window:
            window.give_back(hand.permits, hand.slot)
            hand.permits = 0
            window.blocked_until = max(window.blocked_until, window.moment + int(seconds * 1e6))

    def remaining(self, policy: Policy) -> int | None:
        """Requests left of the whole limit, reserve included; None before the first request or header."""
        with self._store.read() as c:
            row = c.execute(select(quota).where(_key(policy))).one_or_none()
            if row is None:
                return None
            window = _load(policy, row, now(c))
        return max(0, window.limit - window.used)

    def _take(self, policy: Policy, cost: int) -> float:
        """Use permits in hand, or draw new ones; returns 0 or the seconds to wait."""
        hand = self._hand(policy)
        with hand.lock:
            if hand.permits >= cost and self._clock() < hand.good_until:
                hand.permits -= cost
                return 0.0
            unused, hand.permits = hand.permits, 0
            with self._window(policy) as window:
                window.give_back(unused, hand.slot)
                least = min(cost, window.usable)
                wait = window.wait(least)
                if wait > 0:
                    return wait
                drawn = max(least, min(max(cost, window.chunk), window.usable - window.used))
                hand.slot = window.book(drawn)
            hand.permits = max(0, drawn - cost)
            hand.good_until = self._clock() + _good_for(policy)
            return 0.0

    def _hand(self, policy: Policy) -> _Hand:
        with self._lock:
            return self._hands.setdefault((policy.holder, policy.name), _Hand())

    @contextmanager
    def _window(self, policy: Policy) -> Iterator[_Window]:
        """Lock the quota's row, hand its window out, and store what the caller made of it."""
        with self._store.write() as c:
            yield (window := _lock(c, policy))
            values = {
                "vendor_limit": window.limit if window.limit != policy.limit else None,
                "slots": [[start, window.slots[start]] for start in sorted(window.slots)],
                "blocked_until": from_micros(window.blocked_until) if window.blocked_until > window.moment else None,
                "resets_at": None if window.resets_at is None else from_micros(window.resets_at),
            }
            c.execute(update(quota).where(_key(policy)).values(values))


def _good_for(policy: Policy) -> float:
    return LONG_CHUNK_SECONDS if policy.window > LONG_WINDOW else CHUNK_SECONDS


def _correct(window: _Window, remaining: int, in_hand: int) -> None:
    theirs = max(0, window.limit - remaining)
    if window.policy.window > LONG_WINDOW:
        window.slots.clear()
        window.book(theirs + in_hand)
    elif theirs > window.used:
        # Requests of ours that are still under way make our count the higher one; only a vendor's count above it
        # tells of other apps.
        window.book(theirs - window.used)


def _lock(c: Connection, policy: Policy) -> _Window:
    c.execute(upsert(c, quota, ["holder"]), {"holder": policy.holder, "name": policy.name, "slots": []})
    row = c.execute(for_update(c, select(quota).where(_key(policy)))).one()
    return _load(policy, row, now(c))


def _load(policy: Policy, row: Row[Any], moment: datetime) -> _Window:
    values = row._asdict()
    window = _Window(
        policy,
        to_micros(moment),
        values["vendor_limit"] or policy.limit,
        dict(values["slots"]),
        0 if values["blocked_until"] is None else to_micros(values["blocked_until"]),
        None if values["resets_at"] is None else to_micros(values["resets_at"]),
    )
    window.expire()
    return window


def _key(policy: Policy) -> ColumnElement[bool]:
    return and_(quota.c.holder == policy.holder, quota.c.name == policy.name)
