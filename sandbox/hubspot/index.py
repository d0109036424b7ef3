"""The search index: it learns of every write only after a delay, and answers with what it knew then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from sandbox.hubspot.records import Record

_MANY = 500  # from so many changes on, sorting anew is cheaper than moving each row
_LAST_ID = 1 << 62

Bounds = tuple[Any, Any]  # closed interval; None is open


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of one record."""

    id: int
    values: dict[str, str]
    created_ms: int
    updated_ms: int


class Span(Sequence[Row]):
    """Rows in the order of a sorted list of keys, looked up only when they are taken: a page costs its own rows."""

    def __init__(self, keys: list[Any], places: range, find: Callable[[Any], Row]) -> None:
        self._keys, self._places, self._find = keys, places, find

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        """Return one row, or the span of a slice."""
        chosen = self._places[place]
        return Span(self._keys, chosen, self._find) if isinstance(chosen, range) else self._find(self._keys[chosen])


class Table:
    """The rows of one object type, in the two orders that make searches by modification and by id cheap."""

    def __init__(self, *, ids_as_text: bool) -> None:
        self.rows: dict[int, Row] = {}
        self.version = 0
        self._id_key: Callable[[int], Any] = str if ids_as_text else int
        self._by_time: list[tuple[int, int]] | None = None
        self._by_id: list[Any] | None = None

    def put(self, row: Row) -> None:
        """Know a row."""
        self.version += 1
        old = self.rows.get(row.id)
        self.rows[row.id] = row
        if self._by_time is not None:
            if old is not None:
                _drop(self._by_time, (old.updated_ms, old.id))
            insort(self._by_time, (row.updated_ms, row.id))
        if self._by_id is not None and old is None:
            insort(self._by_id, self._id_key(row.id))

    def remove(self, identity: int) -> None:
        """Forget a row."""
        self.version += 1
        old = self.rows.pop(identity, None)
        if old is not None and self._by_time is not None:
            _drop(self._by_time, (old.updated_ms, old.id))
        if old is not None and self._by_id is not None:
            _drop(self._by_id, self._id_key(identity))

    def disorder(self) -> None:
        """Forget both orders, because much is about to change; the next question sorts anew."""
        self._by_time = self._by_id = None

    def by_time(self, time: Bounds = (None, None), ids: Bounds = (None, None)) -> Span:
        """Return rows modified within `time`, oldest first; of the first and last instant only those within `ids`."""
        if self._by_time is None:
            self._by_time = sorted((row.updated_ms, row.id) for row in self.rows.values())
        order = self._by_time
        start = 0 if time[0] is None else bisect_left(order, (time[0], -1 if ids[0] is None else ids[0]))
        stop = len(order) if time[1] is None else bisect_right(order, (time[1], _LAST_ID if ids[1] is None else ids[1]))
        return Span(order, range(start, stop), lambda key: self.rows[key[1]])

    def by_id(self, ids: Bounds = (None, None)) -> Span:
        """Return rows whose ids, or their texts, lie within bounds of the same type, lowest first."""
        if self._by_id is None:
            self._by_id = sorted(map(self._id_key, self.rows))
        order = self._by_id
        start = 0 if ids[0] is None else bisect_left(order, ids[0])
        stop = len(order) if ids[1] is None else bisect_right(order, ids[1])
        return Span(order, range(start, stop), lambda key: self.rows[int(key)])


def _drop(order: list[Any], key: Any) -> None:
    del order[bisect_left(order, key)]


class SearchIndex:
    """All tables, and what they have yet to learn.

    With `ids_as_text`, `hs_object_id` is compared and sorted as text, which nobody could yet rule out for HubSpot.
    """

    def __init__(self, delay: float, *, ids_as_text: bool = False) -> None:
        self.delay, self.ids_as_text = delay, ids_as_text
        self._tables: dict[str, Table] = {}
        self._number = 0
        self._pending: list[tuple[float, int, str, int, Row | None]] = []
        self._learnt: dict[tuple[str, int], int] = {}  # number of the newest change that a row shows
        self._answers: dict[Any, tuple[int, Sequence[Row]]] = {}

    def know(self, kind: str, record: Record) -> None:
        """Learn a record at once, as one that was there before the portal opened."""
        self.table(kind).put(_row(record))

    @contextmanager
    def delayed(self, seconds: float | None) -> Iterator[None]:
        """Within the block, changes are learnt of after `seconds`; None leaves it at the portal's delay."""
        usual = self.delay
        self.delay = usual if seconds is None else seconds
        try:
            yield
        finally:
            self.delay = usual

    def saw(self, kind: str, record: Record, now: float) -> None:
        """Queue the present state of a record."""
        self._queue(kind, record.id, _row(record), now)

    def lost(self, kind: str, identity: int, now: float) -> None:
        """Queue the disappearance of a record."""
        self._queue(kind, identity, None, now)

    def catch_up(self, now: float) -> None:
        """Learn what is old enough at `now`; a change that was overtaken by a newer one teaches nothing."""
        due = []
        while self._pending and self._pending[0][0] <= now:
            due.append(heappop(self._pending))
        for kind, changes in Counter(kind for _, _, kind, _, _ in due).items():
            if changes > _MANY:
                self.table(kind).disorder()
        for _, number, kind, identity, row in due:
            if number < self._learnt.get((kind, identity), 0):
                continue
            self._learnt[(kind, identity)] = number
            if row is None:
                self.table(kind).remove(identity)
            else:
                self.table(kind).put(row)

    def table(self, kind: str) -> Table:
        """Return the rows of one object type."""
        if kind not in self._tables:
            self._tables[kind] = Table(ids_as_text=self.ids_as_text)
        return self._tables[kind]

    def remembered(self, kind: str, question: Any) -> Sequence[Row] | None:
        """Return the rows of the same question asked before, unless anything has changed since."""
        known = self._answers.get((kind, question))
        return known[1] if known and known[0] == self.table(kind).version else None

    def remember(self, kind: str, question: Any, rows: Sequence[Row]) -> None:
        """Keep an answer so that its next pages cost nothing; only a few are kept."""
        while len(self._answers) >= 8:
            self._answers.pop(next(iter(self._answers)))
        self._answers[(kind, question)] = (self.table(kind).version, rows)

    def _queue(self, kind: str, identity: int, row: Row | None, now: float) -> None:
        self._number += 1
        heappush(self._pending, (now + self.delay, self._number, kind, identity, row))


def _row(record: Record) -> Row:
    return Row(record.id, record.values, record.created_ms, record.updated_ms)
