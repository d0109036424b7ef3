"""Puts pages together: a full pull is the list, an increment is a search; both end with the archived records.

How a full pull is split is written in `lanes`, how increments go round a long archive in `archive`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import orjson

from connectors.base import Page, Window
from connectors.errors import ConfigError
from connectors.hubspot.archive import Round, archived_since
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.lanes import Lanes
from connectors.hubspot.lanes import Place as Lane
from connectors.hubspot.read import BATCH, Reader
from connectors.hubspot.records import OBJECT_ID, from_millis, record_of, to_millis
from connectors.hubspot.schema import Schema
from connectors.hubspot.search import FIRST_INSTANT, Place, Search
from connectors.hubspot.settings import HubSpotSettings
from mapping.records import RawRecord


@dataclass(frozen=True, slots=True)
class Position:
    """Where a pull of record streams stands; times are epoch milliseconds.

    `started` is when the pull began, by the earlier one of both clocks: the next window looks back behind it.
    `since` is absent in a full pull. `after` is the list's token, `listed` the highest of the `count` ids that it gave
    and `back` the lowest id that was read from the other end; `floor`, `last_id` and `rows` are the search's place.
    `fresh` and `began` are those of the archive's round, of which `pages` were read; `archive` says that it is to be
    read whole, or not at all.
    """

    phase: Literal["live", "search", "archived"]
    started: int
    since: int | None = None
    until: int | None = None
    after: str | None = None
    listed: int = 0
    count: int = 0
    back: int | None = None
    floor: int | None = None
    last_id: str | None = None
    rows: int = 0
    pages: int = 0
    fresh: int | None = None
    began: int | None = None
    archive: Literal["none", "all"] | None = None

    def text(self) -> str:
        """The form that the engine stores."""
        return orjson.dumps({name: value for name, value in asdict(self).items() if value is not None}).decode()

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position from its stored form; raises `ConfigError` for one of another version."""
        try:
            return cls(**orjson.loads(text))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise ConfigError(
                "The stored position of a HubSpot pull cannot be read.", hint="Start over with --full."
            ) from error


class Pulls:
    """Pages of record streams."""

    def __init__(
        self, client: HubSpotClient, schema: Schema, reader: Reader, search: Search, settings: HubSpotSettings
    ) -> None:
        self._client = client
        self._schema = schema
        self._reader = reader
        self._search = search
        self._lanes = Lanes(reader, search, split_from=settings.pull.split_from)
        self._overlap = timedelta(minutes=settings.overlap_minutes)
        self._archived_pages = settings.pull.archived_pages

    def pages(self, kind: str, window: Window) -> Iterator[Page]:
        """Every record of the window, then the archived ones."""
        properties = self._schema.wanted(kind)
        position = Position.parse(window.position) if window.position else self._begin(window)
        if position.phase == "live":
            yield from self._live(kind, properties, position)
        elif position.phase == "search":
            yield from self._modified(kind, properties, position)
        else:
            yield from self._archived(kind, properties, position)

    def count(self, kind: str, window: Window) -> int | None:
        """About how many live records a window with two ends has; HubSpot does not count archived ones."""
        position = self._begin(window)
        return self._search.count_between(kind, position.since or FIRST_INSTANT, position.until or position.started)

    def all_ids(self, kind: str) -> Iterator[str]:
        """Ids of all live records."""
        for page in self._reader.listed(kind, (OBJECT_ID,)):
            yield from (str(row["id"]) for row in page.rows)

    def lookup(self, kind: str, ids: Sequence[str]) -> Iterator[Page]:
        """The records behind `ids` that are there, a hundred a page."""
        properties = self._schema.wanted(kind)
        for start in range(0, len(ids), BATCH):
            asked = ids[start : start + BATCH]
            found, problems = self._reader.by_ids(kind, asked, properties)
            gone = {one for problem in problems if problem.not_found() for one in problem.ids}
            # A batch may leave records out without a word; a single look settles it.
            silent = (self._reader.one(kind, one, properties) for one in asked if one not in found and one not in gone)
            rows = [*found.values(), *(row for row in silent if row is not None)]
            yield Page(tuple(record_of(row) for row in rows), complete=start + BATCH >= len(ids))

    def _begin(self, window: Window) -> Position:
        started, ends = to_millis(self._client.earliest_now()), to_millis(self._client.latest_now())
        if window.since is None:
            return Position("live", started)
        until = min(ends, to_millis(window.until)) if window.until else ends
        since = max(FIRST_INSTANT, min(to_millis(window.since), until))
        round_ = Round.for_window(since, window.carry)
        archive = None if window.archived == "round" else window.archived
        return Position(
            "search", started, since, until, round_.after,
            floor=since, fresh=round_.since, began=round_.began, archive=archive,
        )  # fmt: skip

    def _high_water(self, position: Position, reached: int | None = None) -> datetime:
        """Up to where the next window need not look: never closer to the start of the pull than the overlap.

        A row that the search index does not have yet can be older than rows that it gives.
        """
        upto = position.started if position.until is None else position.until
        safe = min(from_millis(upto), from_millis(position.started) - self._overlap)
        return safe if reached is None else min(safe, from_millis(reached))

    def _live(self, kind: str, properties: tuple[str, ...], position: Position) -> Iterator[Page]:
        place = Lane(position.after, position.listed, position.count, position.back)
        with closing(self._lanes.pages(kind, properties, place)) as pages:
            for rows, reached in pages:
                position = replace(position, **asdict(reached))
                # A list that was read to its end has given everything, whatever the other lane still has to give.
                whole = reached.after is None and reached.listed > 0
                position = Position("archived", position.started) if whole else position
                yield Page(tuple(record_of(row) for row in rows), position=position.text())
                if whole:
                    break
        yield from self._archived(kind, properties, Position("archived", position.started))

    def _modified(self, kind: str, properties: tuple[str, ...], position: Position) -> Iterator[Page]:
        until = position.until or position.started
        place = Place(position.floor or FIRST_INSTANT, until, position.last_id, position.rows)
        for found in self._search.modified(kind, properties, place):
            if found.place is not None:
                position = replace(position, floor=found.place.floor, last_id=found.place.last_id, rows=found.proven)
                high_water = self._high_water(position, found.reached)
            else:
                position = replace(position, phase="archived", rows=found.proven, floor=None, last_id=None)
                high_water = self._high_water(position)
            yield Page(tuple(record_of(row) for row in found.rows), position=position.text(), high_water=high_water)
        yield from self._archived(kind, properties, position)

    def _archived(self, kind: str, properties: tuple[str, ...], position: Position) -> Iterator[Page]:
        """The archived records: all of them after a full pull, some pages of the round after an increment."""
        if position.archive == "none":
            yield Page(complete=True, high_water=self._high_water(position), expected=position.rows)
            return
        most = None if position.since is None or position.archive == "all" else self._archived_pages
        for page in self._reader.listed(kind, properties, after=position.after, archived=True):
            position = replace(position, after=page.after, pages=position.pages + 1)
            records = archived_since(page.rows, position.fresh)
            if page.after is None or position.pages == most:
                yield self._last(records, position)
                return
            yield Page(records, position=position.text())

    def _last(self, records: tuple[RawRecord, ...], position: Position) -> Page:
        if position.since is None:
            return Page(records, complete=True, high_water=self._high_water(position))
        round_ = Round(position.after, position.fresh or position.since, position.began)
        return Page(
            records,
            complete=True,
            high_water=self._high_water(position),
            expected=position.rows,
            carry=round_.carried(position.since),
        )
