"""API quotas as a budget that every caller draws on before it sends.

`Budget` is the protocol and `SharedBudget` does the work: it draws a few permits at a time from windows that a
`Shelf` keeps, in this process (`MemoryBudget`) or in rows of the store that all processes share. Permits are booked
ahead of the moment at which they become free, so that a thread sleeps exactly as long as it must.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Protocol

from connectors.clock import Clock
from connectors.errors import QuotaExhausted
from connectors.permits import Hand, Held, News, Times, Wait
from connectors.shelf import Key, MemoryShelf, Shelf
from connectors.urgency import is_urgent, leaving_by, refuse_late, urgent
from connectors.window import SECOND, QuotaPolicy, Said, Window

__all__ = [
    "Budget",
    "MemoryBudget",
    "MemoryShelf",
    "Permit",
    "QuotaPolicy",
    "SharedBudget",
    "Shelf",
    "leaving_by",
    "urgent",
]

LONGEST_WAIT = 120.0
"""Seconds that a caller may be kept waiting for quota; a longer wait ends the run as deferred."""

LONGEST_NAP = 5.0
"""Seconds after which a waiting caller looks again: others may have given something back."""

CHUNK = 10
"""Permits drawn at a time by a process that uses them up; one that does not draws fewer."""

AHEAD = 0.1
"""Seconds for which permits are booked before they become free."""

GOOD_FOR = 0.15
"""Seconds for which a permit in hand may be used; short, so that a pause by another process is heeded soon."""


class Permit(Protocol):
    """The right to send one request now."""

    def answered(self) -> None:
        """Say that an answer came: the vendor has counted the request by now, and it frees that much earlier."""
        ...


class Budget(Protocol):
    """What a connector needs from a quota keeper."""

    def acquire(self, *policies: QuotaPolicy, cost: int = 1) -> Permit:
        """Take `cost` requests from all of `policies` or from none of them.

        Waits for them when that is short; raises `QuotaExhausted` when it is long, and `NotInTime` in a block of
        `leaving_by` when it is too long for that.
        """
        ...

    def observe(
        self,
        policy: QuotaPolicy,
        limit: int | None = None,
        remaining: int | None = None,
        resets_in: float | None = None,
        permit: Permit | None = None,
    ) -> None:
        """Correct the count by what the vendor said; its word overrules ours because other apps draw as well.

        `permit` is that of the request whose answer it was: what an old answer says is no news.
        """
        ...

    def pause(self, policy: QuotaPolicy, seconds: float) -> None:
        """Let nobody take from this quota for `seconds`, and only a part of it in the windows after that."""
        ...

    def remaining(self, policy: QuotaPolicy) -> int | None:
        """Requests left of the vendor's limit, reserve included; None when nothing is known yet."""
        ...

    def close(self) -> None:
        """Give back what was taken ahead and not used."""
        ...


class SharedBudget:
    """A budget for all threads, processes and machines on one shelf.

    `clock` is monotonic and in seconds. A wait above `patience` seconds raises `QuotaExhausted`. `reserve` is the least
    part of every quota that is left to others, the short ones too: for work that gives way to all other work.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = LONGEST_WAIT,
        reserve: float = 0.0,
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._reserve = reserve
        self._hands: dict[tuple[QuotaPolicy, ...], Hand] = {}
        self._news: defaultdict[Key, News] = defaultdict(News)
        self._booked: defaultdict[Key, int] = defaultdict(int)  # by this process, ever
        self._sent: defaultdict[Key, int] = defaultdict(int)
        self._round = 0  # a pause makes the permits of earlier rounds void
        self._lock = Lock()

    def acquire(self, *policies: QuotaPolicy, cost: int = 1) -> Permit:
        """See `Budget`; sleeps until everything is free."""
        policies = tuple(self._with_reserve(policy) for policy in policies)
        waited = 0.0
        while True:
            found = self._take(policies, cost)
            now = self._clock()
            if isinstance(found, Held):
                if found.not_before > now:
                    self._sleep(found.not_before - now)
                if self._use(found):
                    refuse_late(self._clock())  # whoever slept may have slept for longer than was asked
                    return found
                continue
            wait = max(0.0, found.until - now)
            if waited + wait > self._patience:
                if self._take_back(found.policy.key):
                    continue  # the last permits of the quota were ours, drawn ahead for requests of another kind
                raise _exhausted(found.policy, wait)
            refuse_late(now + wait)
            nap = max(0.001, found.look_again - now)
            self._sleep(nap)
            waited += nap

    def observe(
        self,
        policy: QuotaPolicy,
        limit: int | None = None,
        remaining: int | None = None,
        resets_in: float | None = None,
        permit: Permit | None = None,
    ) -> None:
        """See `Budget`; what the answer to a request says is booked with the next draw, anything else at once."""
        now = self._clock()
        mine = permit if isinstance(permit, Held) else None
        asked = mine.used_at if mine is not None else now
        with self._lock:
            sent = self._sent[policy.key]

            def hear(times: Times, window: Window) -> None:
                unsent = self._booked[policy.key] - sent
                span = times.earliest(asked), min(times.moment, times.latest(now))
                slot = mine.slots.get(policy.key) if mine is not None else None
                window.hear(Said(limit, remaining, resets_in, *span, unsent, slot))

            self._news[policy.key].heard.append(hear)
        reserved = self._with_reserve(policy).reserve * (limit or policy.limit)
        if mine is None or (policy.long and remaining is not None and remaining <= reserved):
            self._void()
            self._flush(policy)

    def pause(self, policy: QuotaPolicy, seconds: float) -> None:
        """See `Budget`; never shortens a longer pause."""
        self._void()
        with self._opened((policy,)) as (_, windows):
            windows[0].block(seconds)

    def close(self) -> None:
        """See `Budget`."""
        self._void()
        for policies in list(self._hands):
            for policy in policies:
                if policy.key in self._news:
                    self._flush(policy)

    def remaining(self, policy: QuotaPolicy) -> int | None:
        """See `Budget`; permits in the hands of other processes count as used."""
        if policy.key in self._news:
            self._flush(policy)
        found = self._shelf.look(policy.key)
        if found is None:
            return None
        window = Window(policy, *found)
        with self._lock:
            unsent = self._booked[policy.key] - self._sent[policy.key]
        return max(0, window.limit - window.used() + unsent)

    def _with_reserve(self, policy: QuotaPolicy) -> QuotaPolicy:
        reserve = max(policy.reserve, self._reserve)
        if is_urgent():
            reserve = policy.reserve / 2
        return policy if reserve == policy.reserve else replace(policy, reserve=reserve)

    def _take(self, policies: tuple[QuotaPolicy, ...], cost: int) -> Held | Wait:
        """A permit in hand, or a new one, or how long there will be none."""
        with self._lock:
            hand = self._hands.setdefault(policies, Hand())
        permit = self._in_hand(hand, cost)
        if permit is not None:
            if hand.low and hand.turn.acquire(blocking=False):  # the others go on with what is left meanwhile
                try:
                    self._keep(hand, self._draw(hand, policies, cost))
                finally:
                    hand.turn.release()
            return permit
        with hand.turn:
            permit = self._in_hand(hand, cost)  # somebody may have drawn while we waited for our turn
            if permit is not None:
                return permit
            if hand.dry is not None and hand.dry.look_again > self._clock():
                return hand.dry
            drawn = self._draw(hand, policies, cost)
            if isinstance(drawn, Wait):
                return drawn
            self._keep(hand, drawn[1:])
            return drawn[0]

    def _in_hand(self, hand: Hand, cost: int) -> Held | None:
        """The next permit that is good."""
        with hand.lock:
            while hand.permits:
                permit = hand.permits.popleft()
                if permit.good_until > self._clock() and permit.cost == cost and permit.round == self._round:
                    return permit
                hand.wasted += 1
                self._unused(permit)
            return None

    @staticmethod
    def _keep(hand: Hand, drawn: list[Held] | Wait) -> None:
        if not isinstance(drawn, Wait):
            with hand.lock:
                hand.permits.extend(drawn)

    def _draw(self, hand: Hand, policies: tuple[QuotaPolicy, ...], cost: int) -> list[Held] | Wait:
        """New permits, more of them the faster they are used up; or how long there will be none."""
        hand.size = max(1, hand.size - hand.wasted) if hand.wasted else min(CHUNK, hand.size * 2 or 1)
        hand.wasted = 0
        with self._opened(policies) as (times, windows):
            size = min(hand.size if cost == 1 else 1, *(max(1, window.usable // 10) for window in windows))
            drawn: list[Held] = []
            while len(drawn) < size:
                free, scarcest = max(
                    ((window.free_at(min(cost, window.usable)), index) for index, window in enumerate(windows)),
                )
                if free > times.moment + AHEAD * SECOND:
                    break
                drawn.append(self._book(policies, windows, cost, times, free))
        if drawn:
            hand.dry = None
            return drawn
        until, scarce = times.ours(free), policies[scarcest]
        # Answers that come meanwhile free their requests earlier than they were booked for.
        longest = LONGEST_NAP if scarce.long else min(LONGEST_NAP, scarce.window / 4)
        hand.dry = Wait(scarce, until, min(until - AHEAD / 2, times.after + longest))
        return hand.dry

    def _book(
        self, policies: tuple[QuotaPolicy, ...], windows: Sequence[Window], cost: int, times: Times, free: int
    ) -> Held:
        good = free + int(GOOD_FOR * SECOND)
        slots = {
            one.key: window.book(cost, good + int(one.grace * SECOND))
            for one, window in zip(policies, windows, strict=True)
        }
        with self._lock:
            for key in slots:
                self._booked[key] += cost
            not_before = times.ours(free) if free > times.moment else -math.inf
            good_until = times.before + (good - times.moment) / SECOND
            return Held(self._answered, slots, policies, cost, self._round, not_before, good_until)

    def _use(self, permit: Held) -> bool:
        """Whether the permit is still good; a pause may have come while its holder slept."""
        with self._lock:
            if permit.round == self._round:
                permit.used_at = self._clock()
                for policy in permit.policies:
                    self._sent[policy.key] += permit.cost
                    if permit.used_at > permit.good_until:  # drawing took long: it counts longer than was booked
                        self._news[policy.key].settled.append((permit, permit.used_at + policy.grace))
                return True
        self._unused(permit)
        return False

    def _answered(self, permit: Held) -> None:
        now = self._clock()
        with self._lock:
            for policy in permit.policies:
                # A day's count is the vendor's: there the best guess serves, which is that requests arrive in order.
                counted = permit.used_at if policy.long else min(now, permit.used_at + policy.grace)
                self._news[policy.key].settled.append((permit, counted))

    def _unused(self, permit: Held) -> None:
        with self._lock:
            for key in permit.slots:
                self._news[key].unused.append(permit)

    def _void(self) -> None:
        """Make all permits void that did not go out yet, and forget when there will be new ones."""
        with self._lock:
            self._round += 1
        self._take_back()

    def _take_back(self, key: Key | None = None) -> int:
        """Give up the permits in hand that draw on a quota, or all; returns how many there were."""
        with self._lock:
            hands = [hand for one, hand in self._hands.items() if key is None or any(key == p.key for p in one)]
        given_up = 0
        for hand in hands:
            with hand.lock:
                hand.dry = None
                given_up += len(hand.permits)
                while hand.permits:
                    self._unused(hand.permits.popleft())
        return given_up

    def _flush(self, policy: QuotaPolicy) -> None:
        with self._opened((policy,)):
            pass

    @contextmanager
    def _opened(self, policies: tuple[QuotaPolicy, ...]) -> Iterator[tuple[Times, list[Window]]]:
        """The windows of `policies`, locked, with all that happened since; kept when the block ends."""
        with self._shelf.open([one.key for one in policies]) as opened:
            before = self._clock()
            times = Times(before, opened.now(), self._clock())
            windows = [Window(one, opened.states[one.key], times.moment) for one in policies]
            for window in windows:
                self._bring_up_to_date(window, times)
            yield times, windows
            for window in windows:
                window.save(opened.states[window.policy.key])

    def _bring_up_to_date(self, window: Window, times: Times) -> None:
        key = window.policy.key
        with self._lock:
            news = self._news.pop(key, None) or News()
            self._booked[key] -= sum(permit.cost for permit in news.unused)
            for permit in news.unused:
                window.give_back(permit.slots[key], permit.cost)
            for permit, counted in news.settled:
                permit.slots[key] = window.settle(permit.slots[key], permit.cost, times.latest(counted))
            for hear in news.heard:
                hear(times, window)


def _exhausted(policy: QuotaPolicy, wait: float) -> QuotaExhausted:
    return QuotaExhausted(
        f"The quota {policy.name} of {policy.holder} ({policy.limit} requests per {policy.window:g} s, of which "
        f"{policy.reserve:.0%} are left to others) is used up for {wait:.0f} s.",
        resets_in=wait,
        hint="Run again after it resets; what was done so far is kept.",
    )


class MemoryBudget(SharedBudget):
    """A budget for the threads of one process."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None]) -> None:
        super().__init__(MemoryShelf(clock.monotonic), clock=clock.monotonic, sleep=sleep)
