"""Which written records are read back: all of a property's first run, later a sample that the plan knows beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection

from store import marks

SHARE = 0.05
"""Share of the written records that is read back when all of a record's properties were proven before."""


def mark_of(connection: str) -> str:
    """Name of the mark that holds a connection's proven properties."""
    return f"proven:{connection}"


def proven_properties(c: Connection, ws: str, connection: str) -> frozenset[str]:
    """Properties whose values were read back after they had been written for the first time."""
    return frozenset(str(one) for one in marks.mark(c, ws, mark_of(connection)) or ())


class Sample:
    """Picks records by a hash of the plan's day and the record, so that its cost is known before it is paid.

    The first record of the proven ones is always taken: no run goes unproven. Asked in the order of record ids.
    """

    def __init__(self, day: date) -> None:
        self._day = day.isoformat()
        self._first: str | None = None

    def takes(self, record_id: str, properties: Iterable[str], proven: frozenset[str]) -> bool:
        """Whether a record is read back whose `properties` were written."""
        if not proven.issuperset(properties):
            return True
        if self._first is None:
            self._first = record_id
        return record_id == self._first or self.hits(record_id)

    def hits(self, record_id: str) -> bool:
        """Whether the hash picks this record."""
        digest = hashlib.blake2b(f"{self._day}/{record_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < SHARE * 2**64


class Forecast:
    """How many records `Sample` will take of those that a plan writes, whatever their order."""

    def __init__(self, day: date, proven: frozenset[str]) -> None:
        self._sample = Sample(day)
        self._proven = proven
        self._taken = 0
        self._first: str | None = None

    def add(self, record_id: str, properties: Iterable[str]) -> None:
        """Count one record of the plan."""
        if not self._proven.issuperset(properties):
            self._taken += 1
            return
        self._taken += 1 if self._sample.hits(record_id) else 0
        self._first = record_id if self._first is None else min(self._first, record_id)

    @property
    def records(self) -> int:
        """Records that will be read back."""
        first = self._first is not None and not self._sample.hits(self._first)
        return self._taken + (1 if first else 0)
