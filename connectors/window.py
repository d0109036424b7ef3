"""The arithmetic of one quota: when the next request may leave, by what was sent and by what the vendor said. Pure.

A request counts, for us, from the moment at which it is booked until one window after the moment by which the vendor
has surely counted it. That moment is the arrival of its answer: no clock of the vendor and no guess at the way there
is needed, and no rolling window of the vendor's can hold more than the limit. While no answer came, it is assumed to
have been counted `grace` seconds after it left. Instants are microseconds of the clock that all sharers read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

SECOND = 1_000_000

LONG_WINDOW = 600.0
"""Seconds above which the vendor's count replaces ours in both directions: it knows resets and other apps."""

SLOW_START = 0.25
"""Part of the limit that is used at first after a refusal; the same part is added in each window that follows."""

PROBE = 900.0
"""Seconds after which a used-up quota that frees little by little is tried again by a single request."""

_KEEP = 2 * SECOND  # so long is remembered what left the window: an answer is compared with what was in it then
_FRESH = 10 * SECOND  # in long windows, older entries are kept coarsely
_CLOCK_ERROR = 1_000  # SQLite's clock is cut to milliseconds


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
    def key(self) -> tuple[str, str]:
        """Identity of the quota, whatever limit is configured for it."""
        return self.holder, self.name

    @property
    def long(self) -> bool:
        """Whether the vendor's own count is the truth, and a wait is none that anybody sits out."""
        return self.window > LONG_WINDOW

    @property
    def grace(self) -> float:
        """Seconds after it left by which a request without an answer is assumed to be counted."""
        return min(0.5, max(0.1, self.window * 0.05))


class State(Protocol):
    """What is kept of a quota between two looks at it; `slots` are `[counted by, requests]`, the seen one with a 1."""

    vendor_limit: int | None
    slots: list[list[int]]
    blocked_until: int | None
    resets_at: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer said of a quota, with the instants between which the vendor counted its request.

    `unsent` are requests booked by the asking process that had surely not left at `answered`; `included` is the slot
    of the answered request itself.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None
    asked: int = 0
    answered: int = 0
    unsent: int = 0
    included: int | None = None


class Window:
    """One quota at one moment: `counts` holds what may count against it, by the instant at which it was counted."""

    def __init__(self, policy: QuotaPolicy, state: State, moment: int) -> None:
        self.policy = policy
        self.moment = moment
        self.limit = state.vendor_limit or policy.limit
        self.blocked_until = state.blocked_until or 0
        self.resets_at = state.resets_at
        self.counts: dict[int, int] = {}
        self.seen: int | None = None
        for slot in state.slots:
            self.counts[slot[0]] = self.counts.get(slot[0], 0) + slot[1]
            self.seen = slot[0] if len(slot) > 2 else self.seen
        self._span = int(policy.window * SECOND)
        self._width = max(1, self._span // 2_000)
        self._expire()

    def save(self, state: State) -> None:
        """Put everything back into `state`."""
        state.vendor_limit = self.limit if self.limit != self.policy.limit else None
        state.slots = [[at, n, 1] if at == self.seen else [at, n] for at, n in sorted(self.counts.items())]
        state.blocked_until = self.blocked_until or None
        state.resets_at = self.resets_at

    @property
    def usable(self) -> int:
        """Requests that we may have in a window, outside of a slow start."""
        return max(1, math.floor(self.limit * (1.0 - self.policy.reserve)))

    def used(self, moment: int | None = None) -> int:
        """Requests that count at `moment` (now), booked ones included."""
        at = self.moment if moment is None else moment
        return sum(n for counted, n in self.counts.items() if counted + self._span > at)

    def free_at(self, requests: int) -> int:
        """The first moment from now on at which `requests` more fit, whatever else is booked by then."""
        moment = max(self.moment, self.blocked_until)
        used = self.used(moment)
        if self.policy.long and used + requests > self.usable and (known := self._known_to_free()) is not None:
            return max(moment, known)
        for counted in [*sorted(one for one in self.counts if one + self._span > moment), None]:
            free = max(moment, self._grown_at(used + requests))
            if counted is None:
                return int(free)
            if free < counted + self._span:
                return int(free)
            moment, used = counted + self._span, used - self.counts[counted]
        raise AssertionError("unreachable")

    def book(self, requests: int, counted: int) -> int:
        """Count `requests` until a window after `counted`; returns the slot that holds them."""
        if self.policy.long and self.seen is not None and self.used() + requests > self.usable:
            # A probe: what was seen is as good as new until its answer comes, so that nobody else probes as well.
            known, self.seen = self.counts.pop(self.seen, 0), self.moment
            self._add(self.seen, known)
        slot = self._slot(counted)
        self._add(slot, requests)
        return slot

    def give_back(self, slot: int, requests: int) -> None:
        """Forget booked requests that were not sent; nothing when the vendor's word replaced them meanwhile."""
        slot = self._kept(slot)
        if slot in self.counts and slot != self.seen:
            self.counts[slot] -= requests
            if self.counts[slot] <= 0:
                del self.counts[slot]

    def settle(self, slot: int, requests: int, counted: int) -> int:
        """Move requests to the moment by which they are now known to be counted; returns the slot that holds them."""
        slot = self._kept(slot)
        if self.counts.get(slot, 0) < requests or slot == self.seen:
            return slot
        self.give_back(slot, requests)
        known = self._slot(counted)
        self._add(known, requests)
        return known

    def block(self, seconds: float) -> None:
        """Let nobody take for `seconds`; never shortens a longer block."""
        self.blocked_until = max(self.blocked_until, self.moment + int(seconds * SECOND))

    def hear(self, said: Said) -> None:
        """Correct the count by the vendor's word; an answer that is older than what is known changes nothing."""
        if said.limit is not None and said.limit > 0:
            self.limit = said.limit
        if self.policy.long:
            if self.seen is not None and said.asked < self.seen:
                return
            if said.resets_in is not None:
                self.resets_at = said.answered + int(max(0.0, said.resets_in) * SECOND)
            if said.remaining is not None:
                self._replace(max(0, self.limit - said.remaining), said)
        elif said.remaining is not None and self.moment - said.asked < _KEEP:
            # All of ours that can have been counted by then; only what the vendor counted beyond tells of other apps.
            ours = self.used(said.asked) - said.unsent
            others = self.limit - said.remaining - ours
            if others > 0:
                self._add(self._slot(said.answered), others)

    def _replace(self, theirs: int, said: Said) -> None:
        """The vendor's count, and of ours what it may not contain yet."""
        if said.included is not None:
            self.give_back(said.included, 1)
        # What is kept coarsely lost its order: of an answer that is heard late, it may have come before or after.
        unclear = self._coarse(said.asked) if said.asked <= self.moment - _FRESH else None
        self.counts = {at: n for at, n in self.counts.items() if at > said.asked or at == unclear}
        self.seen = said.asked
        self._add(self.seen, theirs)

    def _known_to_free(self) -> int | None:
        if self.resets_at is not None:
            return self.resets_at
        return None if self.seen is None else max(self.counts, default=self.seen) + int(PROBE * SECOND)

    def _grown_at(self, level: int) -> float:
        """When the slow start lets `level` requests be in the window; minus infinity where it is over."""
        if level > self.usable:
            return math.inf
        if not self.blocked_until or level <= 1 or self.policy.long:
            return -math.inf
        return self.blocked_until + self._span * max(0.0, level / self.usable - SLOW_START) / SLOW_START

    def _slot(self, counted: int) -> int:
        # A day's requests are kept apart for a while, because the vendor's number contains those before its own.
        return counted if self.policy.long else math.ceil((counted + _CLOCK_ERROR) / self._width) * self._width

    def _kept(self, slot: int) -> int:
        """Where the requests of a slot are by now: among coarser ones, unless the vendor's word replaced them."""
        coarse = self._coarse(slot)
        replaced = self.seen is not None and coarse <= self.seen
        return slot if slot in self.counts or not self.policy.long or replaced else coarse

    def _coarse(self, slot: int) -> int:
        return slot - slot % (self._span // 500)

    def _add(self, slot: int, requests: int) -> None:
        self.counts[slot] = self.counts.get(slot, 0) + requests

    def _expire(self) -> None:
        slow = 0 if self.policy.long else self._span * (1.0 - SLOW_START) / SLOW_START
        if self.moment >= self.blocked_until + slow:
            self.blocked_until = 0
        if not self.policy.long:
            self.counts = {at: n for at, n in self.counts.items() if at + self._span + _KEEP > self.moment}
            return
        if self.resets_at is not None and self.resets_at <= self.moment:
            # The new day begins with nothing and ends when the next one does, whether or not an answer tells of it;
            # answers to requests of the old one are older than this.
            begun = self.moment - (self.moment - self.resets_at) % self._span
            self.counts = {at: n for at, n in self.counts.items() if at > begun and at != self.seen}
            self.seen, self.resets_at = begun, begun + self._span
            self.counts[self.seen] = 0
        self._thin_out()

    def _thin_out(self) -> None:
        """Keep a day's count in few slots; a vendor that says nothing leaves us every request of it."""
        thinned: dict[int, int] = {}
        for at, n in self.counts.items():
            if at == self.seen or at > self.moment - _FRESH:
                thinned[at] = thinned.get(at, 0) + n
            elif at + self._span > self.moment:
                thinned[self._coarse(at)] = thinned.get(self._coarse(at), 0) + n
        self.counts = thinned
