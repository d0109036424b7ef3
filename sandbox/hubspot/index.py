"""The search index: it learns of every write only after a delay, and answers with what it knew then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Any

from sandbox.hubspot.records import Record


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of one record."""

    id: int
    values: dict[str, str]
    created_ms: int
    updated_ms: int


class _Table:
    """The rows of one object type, and the order by last modification that makes incremental searches cheap."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.version = 0
        self._by_time: list[tuple[int, int]] | None = None

    def put(self, row: Row) -> None:
        self.rows[row.id] = row
        self._touch()

    def remove(self, identity: int) -> None:
        self.rows.pop(identity, None)
        self._touch()

    def between(self, low: int | None, high: int | None) -> list[Row]:
        """Return rows whose last modification lies in the closed interval, oldest first."""
        if self._by_time is None:
            self._by_time = sorted((row.updated_ms, row.id) for row in self.rows.values())
        order = self._by_time
        start = 0 if low is None else bisect_left(order, (low, -1))
        stop = len(order) if high is None else bisect_right(order, (high, 1 << 62))
        return [self.rows[identity] for _, identity in order[start:stop]]

    def _touch(self) -> None:
        self.version += 1
        self._by_time = None


class SearchIndex:
    """All tables, and what they have yet to learn."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self._tables: dict[str, _Table] = {}
        self._pending: deque[tuple[float, str, int, Row | None]] = deque()
        self._answers: dict[Any, tuple[int, list[Row]]] = {}

    def saw(self, kind: str, record: Record, now: float) -> None:
        """Queue the present state of a record."""
        row = Row(record.id, record.values, record.created_ms, record.updated_ms)
        self._pending.append((now + self.delay, kind, record.id, row))

    def lost(self, kind: str, identity: int, now: float) -> None:
        """Queue the disappearance of a record."""
        self._pending.append((now + self.delay, kind, identity, None))

    def settle(self) -> None:
        """Learn everything at once, as for records that were there before the portal opened."""
        self.catch_up(float("inf"))

    def catch_up(self, now: float) -> None:
        """Learn what is old enough at `now`."""
        while self._pending and self._pending[0][0] <= now:
            _, kind, identity, row = self._pending.popleft()
            table = self.table(kind)
            if row is None:
                table.remove(identity)
            else:
                table.put(row)

    def table(self, kind: str) -> _Table:
        """Return the rows of one object type."""
        return self._tables.setdefault(kind, _Table())

    def remembered(self, kind: str, question: Any) -> list[Row] | None:
        """Return the rows of the same question asked before, unless anything has changed since."""
        known = self._answers.get((kind, question))
        return known[1] if known and known[0] == self.table(kind).version else None

    def remember(self, kind: str, question: Any, rows: list[Row]) -> None:
        """Keep an answer so that its next pages cost nothing; only a few are kept."""
        while len(self._answers) >= 8:
            self._answers.pop(next(iter(self._answers)))
        self._answers[(kind, question)] = (self.table(kind).version, rows)
