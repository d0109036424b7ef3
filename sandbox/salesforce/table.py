"""Rows of one object: lookup by id, an index on SystemModstamp, and changes that become visible late.

A row is a list whose positions are the object's columns. Rows are replaced, never changed in place, so a cursor
that holds a row keeps what it saw.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from sandbox.salesforce.fields import Value
from sandbox.salesforce.ids import make_id
from sandbox.salesforce.schema import ObjectType

Row = list[Value]


@dataclass(frozen=True, slots=True)
class _Late:
    """A change that readers do not see yet; `before` is the row it started from, None for a new record."""

    visible_at: datetime
    row: Row
    before: Row | None


class Table:
    """The records of one object, deleted ones included until they are purged."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.columns: dict[str, int] = {name: index for index, name in enumerate(kind.fields)}
        self.rows: dict[str, Row] = {}
        self.next_number = 1
        self._late: list[_Late] = []
        self._scan: list[str] | None = None
        self._stamps: tuple[list[str], list[str]] | None = None
        self._id_at = self.columns["Id"]
        self._stamp_at = self.columns["SystemModstamp"]

    def add_column(self, name: str) -> None:
        """Give every row a place for a new field, empty."""
        self.columns[name] = len(self.columns)
        for row in self.rows.values():
            row.append(None)
        for late in self._late:
            late.row.append(None)

    def row(self, values: Mapping[str, Value]) -> Row:
        """Lay values out as a row; absent fields take the field's default."""
        defaults: Row = [self.kind.fields[name].default for name in self.columns]
        for name, value in values.items():
            defaults[self.columns[name]] = value
        return defaults

    def new_id(self) -> str:
        """Return the next unused id."""
        number, self.next_number = self.next_number, self.next_number + 1
        return make_id(self.kind.name, number)

    def get(self, record_id: str) -> Row | None:
        """Return the row with this 18-character id, deleted or not."""
        return self.rows.get(record_id)

    def put(self, row: Row) -> None:
        """Store a row under its id, replacing what was there."""
        record_id = str(row[self._id_at])
        if record_id not in self.rows:
            self._scan = None
        self.rows[record_id] = row
        self._stamps = None

    def remove(self, record_id: str) -> None:
        """Purge a row; it is gone from queryAll too."""
        if self.rows.pop(record_id, None) is not None:
            self._scan = self._stamps = None

    def put_late(self, row: Row, before: Row | None, visible_at: datetime) -> None:
        """Store a row that readers see only from *visible_at* on, with the stamp it already carries."""
        self._late.append(_Late(visible_at, row, before))

    def settle(self, now: datetime) -> None:
        """Make the late rows visible whose time has come."""
        if not self._late:
            return
        due = [late for late in self._late if late.visible_at <= now]
        self._late = [late for late in self._late if late.visible_at > now]
        for late in due:
            current = self.rows.get(str(late.row[self._id_at]))
            if late.before is None or current is late.before:
                self.put(late.row)
            elif current is not None:
                self.put(self._merged(late, late.before, current))

    def _merged(self, late: _Late, before: Row, current: Row) -> Row:
        """Apply a late change to a row that someone else changed meanwhile, without undoing theirs."""
        row = list(current)
        for position, (old, new) in enumerate(zip(before, late.row, strict=False)):
            if old != new:
                row[position] = new
        row[self._stamp_at] = max(str(current[self._stamp_at]), str(late.row[self._stamp_at]))
        return row

    def scan(self) -> list[Row]:
        """Return all rows in an order that is stable but is neither id nor time order."""
        if self._scan is None:
            self._scan = sorted(self.rows, key=lambda record_id: crc32(record_id.encode()))
        return [self.rows[record_id] for record_id in self._scan]

    def by_stamp(self, low: str | None, high: str | None) -> Iterator[Row]:
        """Yield the rows whose SystemModstamp is within the inclusive bounds, in (SystemModstamp, Id) order."""
        stamps, ids = self._stamp_index()
        start = 0 if low is None else bisect_left(stamps, low)
        end = len(ids) if high is None else bisect_right(stamps, high)
        return (self.rows[record_id] for record_id in ids[start:end])

    def _stamp_index(self) -> tuple[list[str], list[str]]:
        if self._stamps is None:
            pairs = sorted((str(row[self._stamp_at]), record_id) for record_id, row in self.rows.items())
            self._stamps = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return self._stamps

    def load(self, rows: Iterable[Mapping[str, Value]]) -> None:
        """Store seeded rows and number new records above them."""
        for values in rows:
            self.put(self.row(values))
        self.next_number = max(self.next_number, len(self.rows) + 1)
