"""A vendor that counts, and threads that send to it as fast as their budgets let them; in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.budget import QuotaPolicy, SharedBudget
from tests.virtual import VirtualTime


@dataclass
class Vendor:
    """Counts arrivals in a rolling window and refuses those above the limit, as the sandbox does."""

    limit: int
    window: float
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0

    def used(self, now: float) -> int:
        return sum(1 for one in self.arrivals if one > now - self.window)

    def arrive(self, now: float) -> bool:
        if self.used(now) >= self.limit:
            self.refused += 1
            return False
        self.arrivals.append(now)
        return True


@dataclass
class Traffic:
    """Threads of several processes that send as fast as their budgets let them; a log of (waited, left) seconds."""

    time: VirtualTime
    vendor: Vendor
    policies: tuple[QuotaPolicy, ...]
    median: float = 0.12
    spread: float = 0.25
    way_there: float = 0.1
    seed: int = 0
    log: list[tuple[float, float]] = field(default_factory=list)

    def send(self, budgets: list[SharedBudget], *, threads: int, requests: int) -> None:
        rng, left = random.Random(self.seed), [requests]

        def work(budget: SharedBudget) -> None:
            while left[0] > 0:
                left[0] -= 1
                asked = self.time.clock()
                permit = budget.acquire(*self.policies)
                self.log.append((self.time.clock() - asked, self.time.clock()))
                latency = self.median * rng.lognormvariate(0, self.spread)
                there = min(latency * self.way_there, self.policies[0].grace)
                self.time.sleep(there)
                self.vendor.arrive(self.time.clock())
                self.time.sleep(latency - there)
                permit.answered()

        self.time.run(*[with_argument(work, budgets[number % len(budgets)]) for number in range(threads)])

    def share_used(self) -> float:
        """Part of the limit that was used in all windows but the first and the last: 1.0 is all of it."""
        moments, limit = sorted(self.vendor.arrivals), self.vendor.limit
        windows = (len(moments) - 1) // limit - 1
        steps = [moments[at + limit * windows] - moments[at] for at in range(limit)]
        return windows * self.vendor.window / (sum(steps) / limit)


def with_argument(work: Callable[[Any], None], argument: Any) -> Callable[[], None]:
    return lambda: work(argument)
