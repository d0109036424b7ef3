"""Pulling: full or since a stamp, by ids in order, so that nothing that changes meanwhile is lost or skipped.

A page is asked for behind the last id of the page before it, never by a number of rows to skip: a record that is
deleted or changed while a pull is under way would shift all that come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import orjson

from connectors.base import Page, Stream, Window
from connectors.errors import ConfigError, SchemaDrift
from connectors.gainsight import cells
from connectors.gainsight.answers import NotFound, RequestRefused
from connectors.gainsight.attendance import Attendance
from connectors.gainsight.beside import Beside
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.deletions import Deletions
from connectors.gainsight.paging import IDS_A_CALL, gathered, walk
from connectors.gainsight.query import GSID, Condition, Row, among, behind, since, up_to
from connectors.gainsight.schema import ObjectInfo, Schema, stamp_of
from connectors.gainsight.streams import ATTENDEES, OWNERS, USER_FIELDS, USERS, Streams
from mapping.records import RawRecord


@dataclass(frozen=True, slots=True)
class Position:
    """Rows up to `last` are read; `begins` is when the window was opened, `rows` were given so far.

    `whole` says that an increment reads all companies, since too many changed by what is beside them; else those that
    did are read after the others, up to `aside`.
    """

    begins: datetime
    rows: int = 0
    last: str | None = None
    whole: bool = False
    aside: str | None = None

    def dump(self) -> str:
        """This position as text."""
        told = {"begins": self.begins.isoformat(), "rows": self.rows, "last": self.last}
        besides = {name: value for name, value in (("whole", self.whole), ("aside", self.aside)) if value}
        return orjson.dumps(told | besides).decode()

    @staticmethod
    def load(text: str) -> Position:
        """The position behind `text`; raises `ConfigError` when it is none of ours."""
        try:
            raw = orjson.loads(text)
            last = raw["last"]
            return Position(
                datetime.fromisoformat(raw["begins"]), int(raw["rows"]), None if last is None else str(last),
                raw.get("whole") is True, str(raw["aside"]) if "aside" in raw else None,
            )  # fmt: skip
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                "The stored position of a Gainsight pull is damaged.", hint="Run the pull again with --full."
            ) from error


Reading = Generator[Page, None, Position]
"""Pages, and in the end the position behind them."""
Choice = Callable[[str], Sequence[Condition]]
"""Conditions on a lookup, by its name."""


class Reader:
    """Pages of every stream of a tenant; thread-safe, for it keeps nothing of a pull."""

    def __init__(
        self, client: GainsightClient, schema: Schema, streams: Streams, deletions: Deletions, own: str
    ) -> None:
        self._client = client
        self._schema = schema
        self._streams = streams
        self._own = own
        self._deletions = deletions
        self._beside = Beside(client, schema)
        named = client.settings.timeline.attendees
        self._attendance = Attendance(client, schema, named) if named is not None else None

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of `stream`, the last one marked complete; raises any `ConnectorError`."""
        if stream.name == ATTENDEES and self._attendance is not None:
            return self._attendance.pages(ids)
        if stream.name == OWNERS:
            return self._owners()
        return self._window(stream, window)

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Every id of a records stream."""
        reading = self._walk(replace(stream, properties=()), (), Position(self._client.earliest_now()))
        yield from (record.id for page in reading for record in page.records)

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records behind `ids` that are there, and still are records of the stream."""
        info, fixed = self._streams.info(stream.name), self._streams.conditions(stream.name)
        columns = self._columns(stream, info)
        with self._reading(stream):
            for part in _parts(ids):
                rows = gathered(self._client, info.name, columns, GSID, part, tuple(fixed))
                self._join(stream, rows, partial(_leading_to, part))
                yield Page(self._records(stream, info, rows))
        yield Page(complete=True)

    def _window(self, stream: Stream, window: Window) -> Iterator[Page]:
        info = self._streams.info(stream.name)
        begins = self._client.earliest_now()
        position = Position.load(window.position) if window.position else Position(begins)
        stamp = stamp_of(info)
        where: tuple[Condition, ...] = ()
        changed: list[str] = []
        if window.since is not None and stamp is not None:
            changed, position = self._changed(stream, window.since, position)
            where = () if position.whole else (since(stamp, window.since),)
        if position.aside is None:
            position = yield from self._walk(stream, where, position)
        for part in _parts([one for one in changed if one > (position.aside or "")]):
            for page in self.lookup(stream, part):
                if page.records:
                    position = replace(position, rows=position.rows + len(page.records), aside=part[-1])
                    yield replace(page, position=position.dump())
        if window.since is not None:
            gone = self._gone(info, window.since)
            if gone:
                position = replace(position, rows=position.rows + len(gone))
                yield Page(gone, position=position.dump())
        overlap = timedelta(hours=self._client.settings.pull.overlap_hours)
        yield Page(position=position.dump(), complete=True, high_water=position.begins - overlap)

    def _changed(self, stream: Stream, moment: datetime, position: Position) -> tuple[list[str], Position]:
        """Records beside which something changed since, and where to go on: from the start where those are too many."""
        sides = self._streams.beside(stream)
        if not sides or position.whole:
            return [], position
        with self._reading(stream):
            found = self._beside.changed(sides, self._beside.news(sides, moment))
        if found is None:
            return [], replace(position, last=None, whole=True, aside=None)
        return found, position

    def _walk(self, stream: Stream, where: tuple[Condition, ...], position: Position) -> Reading:
        """The rows behind a position as pages."""
        info = self._streams.info(stream.name)
        fixed = (*where, *self._streams.conditions(stream.name))
        columns, as_asked = self._columns(stream, info), False
        with self._reading(stream):
            for rows in walk(self._client, info.name, columns, fixed, last=position.last):
                begin, end = position.last, str(rows[-1][GSID])
                as_asked = as_asked or len(rows) == self._client.settings.pull.page
                self._join(stream, rows, partial(_between, begin, end), as_asked=as_asked)
                position = replace(position, rows=position.rows + len(rows), last=str(rows[-1][GSID]))
                yield Page(self._records(stream, info, rows), position=position.dump())
        return position

    def _join(self, stream: Stream, rows: Sequence[Row], choose: Choice, *, as_asked: bool = False) -> None:
        """Lay beside each row what the sides of its stream have of it; `choose` makes conditions on their lookup."""
        for side, names in self._streams.beside(stream).items() if rows else ():
            if not names:
                continue
            found = self._beside.rows(side, list(names.values()), choose(side.company), as_asked=as_asked)
            for row in rows:
                beside = found.get(row[GSID], {})
                row |= {name: beside.get(own) for name, own in names.items()}

    def _columns(self, stream: Stream, info: ObjectInfo) -> tuple[str, ...]:
        """Fields of the object to ask for: those of the stream, and what we need ourselves."""
        stamp, aside = stamp_of(info), self._streams.beside(stream).values()
        own = [name for name in stream.properties if not any(name in names for names in aside)]
        return tuple(dict.fromkeys((GSID, *([stamp] if stamp else []), *own)))

    @contextmanager
    def _reading(self, stream: Stream) -> Iterator[None]:
        """Raise `SchemaDrift` for a query that is refused: what it asks for was there when it was described."""
        try:
            yield
        except (NotFound, RequestRefused) as refused:
            sides = (side.object for side in self._streams.beside(stream))
            for name in (self._streams.source(stream.name).object, *sides):
                self._schema.forget(name)
            raise SchemaDrift(
                f"{refused.message} Its fields may have changed since they were described.",
                hint="Check the field map, then run again.",
            ) from refused

    def _gone(self, info: ObjectInfo, moment: datetime) -> tuple[RawRecord, ...]:
        """Records that were deleted since, but for those that somebody restored."""
        told = self._deletions.of(info.name, moment)
        ids = list(told)
        there = {row[GSID] for row in gathered(self._client, info.name, (), GSID, ids)}
        return tuple(RawRecord(one, {}, told[one], archived=True) for one in ids if one not in there)

    def _records(self, stream: Stream, info: ObjectInfo, rows: Sequence[Row]) -> tuple[RawRecord, ...]:
        stamp = stamp_of(info)
        fields = {name: self._streams.field(stream.name, name) for name in stream.properties}
        idle = self._streams.idle(stream.name)
        own = {name: name in idle and name.startswith(self._own) for name in fields}
        return tuple(
            RawRecord(
                id=str(row[GSID]),
                properties={name: cells.decode(row[name], one, own=own[name]) for name, one in fields.items()},
                modified_at=cells.moment(row[stamp]) if stamp else None,
            )
            for row in rows
        )

    def _owners(self) -> Iterator[Page]:
        info = self._schema.object(USERS)
        if info is not None:
            found = {
                unified: next((name for name in names if info.has(name)), None)
                for unified, names in USER_FIELDS.items()
            }
            there = {unified: name for unified, name in found.items() if name is not None}
            for rows in walk(self._client, info.name, (GSID, *there.values())):
                yield Page(tuple(RawRecord(row[GSID], {one: row[name] for one, name in there.items()}) for row in rows))
        yield Page(complete=True)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + IDS_A_CALL] for start in range(0, len(ids), IDS_A_CALL))


def _leading_to(ids: Sequence[str], lookup: str) -> tuple[Condition, ...]:
    return (among(lookup, ids),)


def _between(begin: str | None, end: str, lookup: str) -> tuple[Condition, ...]:
    """Rows that lead to records behind the id `begin`, up to `end`."""
    return (*([behind(lookup, begin)] if begin else []), up_to(lookup, end))
