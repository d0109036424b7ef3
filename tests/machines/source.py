"""A CRM to read from, in a few lines: rows with stamps, some committed late, some changed while a page is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.base import Page, Stream, Window
from mapping.records import RawRecord
from tests.machines.kit import BEGIN, VirtualClock

OVERLAP = timedelta(seconds=60)
"""A transaction takes so long at most: its rows become visible with a stamp this old."""
PAGE = 3
ACCOUNTS = Stream("accounts", "account", properties=("value",))
Meanwhile = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it is now."""

    id: str
    stamp: datetime
    value: int
    archived: bool = False

    def record(self) -> RawRecord:
        return RawRecord(self.id, {"value": self.value}, self.stamp, archived=self.archived)


@dataclass
class ModelSource:
    """Pages by (stamp, id), from `since` up to the moment at which the window began; nothing else is promised.

    `script` holds what happens before each page of the next pull is read; what a pull did not come to happens after it.
    """

    clock: VirtualClock
    name: str = "crm"
    rows: dict[str, Row] = field(default_factory=dict)
    script: list[Meanwhile] = field(default_factory=list)
    asked_since: list[datetime | None] = field(default_factory=list)
    _value: int = 0
    _left: dict[str, datetime] = field(default_factory=dict)

    def save(self, record_id: str, *, late: int = 0, archived: bool = False) -> None:
        """A person or an app saves a record; its transaction began `late` seconds ago."""
        self._value += 1
        before = self.rows.get(record_id)
        stamp = self.clock.now() - timedelta(seconds=late)
        # Who waited for the row's lock began later than the one who had it.
        stamp = max(stamp, before.stamp if before is not None else self._left.get(record_id, stamp))
        self.rows[record_id] = Row(record_id, stamp, self._value, archived)

    def flood(self, ids: Iterable[str]) -> None:
        """A bulk edit: many records with one stamp."""
        for one in ids:
            self.save(one)

    def erase(self, record_id: str) -> None:
        """Remove a record without a trace."""
        gone = self.rows.pop(record_id, None)
        if gone is not None:
            self._left[record_id] = gone.stamp

    def streams(self) -> Sequence[Stream]:
        return [ACCOUNTS]

    def pages(self, _stream: Stream, window: Window) -> Iterator[Page]:
        upper, last = self.clock.now(), (datetime.min.replace(tzinfo=BEGIN.tzinfo), "")
        if window.position is not None:
            told = json.loads(window.position)
            upper, last = datetime.fromisoformat(told[0]), (datetime.fromisoformat(told[1]), told[2])
        else:
            self.asked_since.append(window.since)
        while True:
            if self.script:
                self.script.pop(0)()
            found = sorted(
                (row for row in self.rows.values() if self._in(row, window.since, upper, last)),
                key=lambda row: (row.stamp, row.id),
            )
            page, complete = found[:PAGE], len(found) <= PAGE
            last = (page[-1].stamp, page[-1].id) if page else last
            safe = upper - OVERLAP
            yield Page(
                records=tuple(row.record() for row in page),
                position=json.dumps([upper.isoformat(), last[0].isoformat(), last[1]]),
                complete=complete,
                high_water=safe if complete else min(last[0], safe),
            )
            if complete:
                return

    @staticmethod
    def _in(row: Row, since: datetime | None, upper: datetime, last: tuple[datetime, str]) -> bool:
        return (since is None or row.stamp >= since) and row.stamp <= upper and (row.stamp, row.id) > last

    def lookup(self, _stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        found = [self.rows[one].record() for one in ids if one in self.rows]
        yield Page(records=tuple(found), complete=True)

    def not_connected(self) -> dict[str, tuple[str, ...]]:
        return {}
