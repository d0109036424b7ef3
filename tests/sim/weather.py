"""What goes wrong with a request, decided by seeded dice; there are calm hours and stormy ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Literal, TypeVar

ReadFault = Literal["throttled", "failed", "timeout", "cut", "refused", "expired", "revoked"]
WriteFault = Literal[
    "throttled", "refused", "expired", "revoked",
    "failed_before", "failed_after", "lost_before", "lost_after", "late", "cut", "partial",
]  # fmt: skip
"""`before` and `after` tell whether the work was done; `lost` is a connection that breaks, `late` a request that is
applied long after we gave up, `cut` a truncated answer, `partial` one that does not mention every row."""

READS: dict[ReadFault, float] = {
    "throttled": 9, "failed": 9, "timeout": 3, "cut": 6, "refused": 3, "expired": 5, "revoked": 0.3,
}  # fmt: skip
WRITES: dict[WriteFault, float] = {
    "throttled": 6, "refused": 3, "expired": 3, "revoked": 0.3,
    "failed_before": 5, "failed_after": 6, "lost_before": 4, "lost_after": 7, "late": 7, "cut": 5, "partial": 5,
}  # fmt: skip
HOUR = 3_600.0
Fault = TypeVar("Fault", bound=str)


class Weather:
    """Counts every request and what was done to it."""

    def __init__(self, dice: Random, clock: Callable[[], float]) -> None:
        self.requests = 0
        self.faulted = 0
        self.calm_requests = 0
        self.kinds: Counter[str] = Counter()
        self.calm = False
        self._dice = dice
        self._clock = clock
        self._until = 0.0
        self._strength = 1.0

    @property
    def share(self) -> float:
        """Share of the requests at which something went wrong, as long as anything did."""
        return self.faulted / max(1, self.requests - self.calm_requests)

    def read(self) -> ReadFault | None:
        """What happens to a request that reads."""
        return self._drawn("read", READS)

    def write(self) -> WriteFault | None:
        """What happens to a request that writes."""
        return self._drawn("write", WRITES)

    def note(self, kind: str) -> None:
        """Count a request to which something happens that the dice did not say."""
        self.requests += 1
        self.faulted += 1
        self.kinds[kind] += 1

    def _drawn(self, what: str, table: Mapping[Fault, float]) -> Fault | None:
        self.requests += 1
        self.calm_requests += self.calm
        if self.calm or self._dice.uniform(0, 100) >= sum(table.values()) * self._stormy():
            return None
        found = self._dice.choices(list(table), list(table.values()))[0]
        self.faulted += 1
        self.kinds[f"{what}: {found}"] += 1
        return found

    def _stormy(self) -> float:
        if self._clock() >= self._until:
            self._until = self._clock() + self._dice.uniform(0.5, 6) * HOUR
            self._strength = self._dice.choice((0.8, 1.0, 1.3, 1.7))
        return self._strength
