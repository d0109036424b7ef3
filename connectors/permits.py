"""What a process holds of shared quotas: permits that it drew, how long there will be none, and what it has to tell."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from connectors.shelf import Key
from connectors.window import SECOND, QuotaPolicy, Window


@dataclass(slots=True)
class Held:
    """Requests booked in the slots of some quotas; usable between two moments of this process's clock."""

    done: Callable[[Held], None]
    slots: dict[Key, int]
    policies: tuple[QuotaPolicy, ...]
    cost: int
    round: int
    not_before: float = -math.inf
    good_until: float = math.inf
    used_at: float = math.nan

    def answered(self) -> None:
        """See `connectors.budget.Permit`."""
        self.done(self)


@dataclass(slots=True)
class Wait:
    """Nothing is free before `until`; looking again before `look_again` is of no use (both by our clock)."""

    policy: QuotaPolicy
    until: float
    look_again: float


@dataclass(slots=True)
class Hand:
    """Permits that this process drew from one set of quotas and did not use yet."""

    size: int = 0
    wasted: int = 0
    permits: deque[Held] = field(default_factory=deque)
    dry: Wait | None = None
    lock: Lock = field(default_factory=Lock)
    turn: Lock = field(default_factory=Lock)  # held by the thread that draws

    @property
    def low(self) -> bool:
        """Whether a process in full flow had better draw before its hand is empty."""
        return self.dry is None and len(self.permits) < self.size // 4


@dataclass(slots=True)
class News:
    """What happened to one quota since it was last opened."""

    unused: list[Held] = field(default_factory=list)
    settled: list[tuple[Held, float]] = field(default_factory=list)
    heard: list[Callable[[Times, Window], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Times:
    """Our clock just before and just after the shared one showed `moment`."""

    before: float
    moment: int
    after: float

    def earliest(self, ours: float) -> int:
        """A moment that is surely not later than `ours`."""
        return self.moment - math.ceil((self.after - ours) * SECOND)

    def latest(self, ours: float) -> int:
        """A moment that is surely not earlier than `ours`."""
        return self.moment - math.floor((self.before - ours) * SECOND)

    def ours(self, moment: int) -> float:
        """When `moment` has surely come, by our clock."""
        return self.after + (moment - self.moment) / SECOND
