"""A line on which seeded dice decide of each request what happens to its bytes, and to those of its answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from tests.faults.proxy import Breakage, Rule

READS_BROKEN, WRITES_BROKEN = 0.25, 0.65
LATE = 1.3
"""Seconds by which a late request arrives after it was sent: when its sender has given up, and within the grace."""
WRITES = re.compile(rb"batch/update|PATCH .*composite/sobjects")
KINDS: dict[Breakage, float] = {
    "reset_before": 3, "half_sent": 3, "lost": 4, "reset_within": 4, "reset_after": 2, "cut": 3, "drip": 1, "stall": 2,
}  # fmt: skip
WRITE_KINDS: dict[Breakage, float] = {**KINDS, "late": 4, "lost": 6}
EDITS = 0.10
_ANY = re.compile(b"")
_NUMBERS = re.compile(rb"\d+")


class BadLine:
    """Rules by dice; `edit` is what a person does while a request that reads is on its way.

    The dice are thrown for each request by itself, from the seed, its path and how often that came before: threads that
    overtake each other change nothing, nor does a property more in the query. `kinds` is what happens to requests that
    write, by how often.
    """

    def __init__(
        self, seed: int, edit: Callable[[Random], object], kinds: Mapping[Breakage, float] = WRITE_KINDS
    ) -> None:
        self.requests = 0
        self.writes = 0
        self.broken: Counter[str] = Counter()
        self._seed = seed
        self._edit = edit
        self._kinds = kinds
        self._seen: Counter[bytes] = Counter()

    def strikes(self, line: bytes) -> Rule | None:
        """What happens to the request with this line."""
        writes = self.count(line)
        known = _NUMBERS.sub(b"#", line.partition(b"?")[0])
        self._seen[known] += 1
        dice = Random(f"{self._seed} {self._seen[known]} {known!r}")
        if not writes and dice.random() < EDITS:
            self._edit(dice)
        if dice.random() >= (WRITES_BROKEN if writes else READS_BROKEN):
            return None
        kinds = self._kinds if writes else KINDS
        kind = dice.choices(list(kinds), list(kinds.values()))[0]
        self.broken[f"{'write' if writes else 'read'}: {kind}"] += 1
        return Rule(kind, _ANY, seconds=LATE if kind == "late" else 0.0)

    def count(self, line: bytes) -> bool:
        """Count a request; whether it writes."""
        writes = WRITES.search(line) is not None
        self.requests += 1
        self.writes += writes
        return writes
