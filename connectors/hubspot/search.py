"""Increments: records by time of modification, through the search endpoint.

Search pages by offset, and a record that is modified meanwhile leaves its place, so that another one slips past
the reader. Therefore no offset is used: every query starts at the last millisecond that was seen and reads it
again. That also makes the cap of 10,000 results meaningless. When one millisecond holds more than a page, it is
walked by record id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import orjson

from connectors.errors import BadAnswer
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.read import Reader, Row
from connectors.hubspot.records import MODIFIED, OBJECT_ID, instant, next_after, properties_of, rows_of, to_millis
from connectors.hubspot.schema import Schema
from connectors.hubspot.transport import Request

PAGE = 200
LARGEST_BODY = 2_800
"""Bytes; HubSpot refuses search bodies over 3,000 characters. Wider rows are read by id in a second call."""

FIRST_INSTANT = 1_000
"""Epoch milliseconds; a filter on the epoch itself makes HubSpot fail."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search stands: all up to `floor` was read, and of that millisecond the ids up to `last_id`."""

    floor: int
    until: int
    last_id: str | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one query and the place after it; None when the window is read to its end."""

    rows: list[Row]
    place: Place | None
    reached: int
    proven: int


class Search:
    """Reads one object type's modified records in ascending order."""

    def __init__(self, client: HubSpotClient, paths: Paths, schema: Schema, reader: Reader) -> None:
        self._client = client
        self._paths = paths
        self._schema = schema
        self._reader = reader

    def modified(self, kind: str, properties: Sequence[str], place: Place) -> Iterator[Found]:
        """Every record modified in the window that `place` describes, at least once.

        `Found.proven` counts the rows that HubSpot's own totals vouch for. Raises `BadAnswer` when they do not
        match, or when rows do not come in the order that was asked for.
        """
        previous: frozenset[tuple[str, int]] = frozenset()
        current: Place | None = place
        while current is not None:
            rows, more = self._pages(kind, self._body(properties, current))
            following = self._next(current, rows, more=more)
            stalled = following is not None and current.last_id is None and following.last_id is not None
            # The walk by id that follows a stall reads the whole millisecond from its beginning.
            emitted = [] if stalled else [row for row in rows if (str(row["id"]), _modified(row)) not in previous]
            previous = frozenset() if stalled else _last_instant(rows)
            full = self._completed(kind, emitted, properties)
            self._schema.check_page(kind, properties, full)
            proven = current.rows + len(full)
            reached = max([_modified(row) for row in emitted], default=current.floor)
            current = replace(following, rows=proven) if following is not None else None
            yield Found(full, current, reached, proven)

    def below(self, kind: str, properties: Sequence[str], bound: int | None) -> tuple[list[Row], bool]:
        """Records with the highest ids below `bound`, falling, and whether there are more.

        They carry `properties` where `carries` says so, else nothing. Raises `BadAnswer` when ids do not fall.
        """
        carried = properties if self.carries(properties) else [OBJECT_ID]
        filters = [] if bound is None else [_filter(OBJECT_ID, "LT", bound)]
        rows, more = self._pages(kind, _asking(filters, OBJECT_ID, "DESCENDING", carried))
        ids = [int(text) for row in rows if (text := str(row["id"])).isdecimal()]
        falling = all(high > low for high, low in pairwise([*([] if bound is None else [bound]), *ids]))
        if len(ids) < len(rows) or not falling:
            raise BadAnswer("HubSpot's search by record id is not in numeric order.", sent=True)
        if carried is properties:
            self._schema.check_page(kind, properties, rows)
        return rows, more

    def carries(self, properties: Sequence[str]) -> bool:
        """Whether a search by id may ask for `properties`; a longer list would make its body too long."""
        longest = [_filter(OBJECT_ID, "LT", 10**20)]
        return len(orjson.dumps(_asking(longest, OBJECT_ID, "DESCENDING", properties))) <= LARGEST_BODY

    def count_below(self, kind: str, bound: int) -> int:
        """How many live records have an id below `bound`."""
        total = self._count(kind, _asking([_filter(OBJECT_ID, "LT", bound)], OBJECT_ID, "ASCENDING", [OBJECT_ID]))
        if total is None:
            raise BadAnswer("HubSpot's search answer has no total.", sent=True)
        return total

    def count_between(self, kind: str, since: int, until: int) -> int | None:
        """How many live records were modified between two milliseconds, as far as HubSpot says."""
        return self._count(kind, self._body((OBJECT_ID,), Place(since, until)))

    def _count(self, kind: str, body: Mapping[str, object]) -> int | None:
        request = Request("POST", self._paths.objects(kind, "search"), body={**body, "limit": 1}, quota="search")
        total = self._client.read(request).get("total")
        return total if isinstance(total, int) else None

    def compares_numbers(self, kind: str, highest: int) -> bool:
        """Whether ids are compared as numbers: then none is at or above the power of ten above the highest one.

        Compared as text, nearly all of them would be. Where the order alone is by text, `below` notices it.
        """
        longer = _filter(OBJECT_ID, "GTE", 10 ** len(str(highest)))
        rows, _ = self._pages(kind, {**_asking([longer], OBJECT_ID, "ASCENDING", [OBJECT_ID]), "limit": 1})
        return not rows

    def _next(self, place: Place, rows: list[Row], *, more: bool) -> Place | None:
        if place.last_id is not None:
            _check_ids(rows, place.last_id)
            if more:
                return replace(place, last_id=str(rows[-1]["id"]))
            return replace(place, floor=place.floor + 1, last_id=None) if place.floor < place.until else None
        if not more:
            return None
        _check_order(rows)
        last = _modified(rows[-1])
        return replace(place, floor=last) if last > place.floor else replace(place, last_id="0")

    def _pages(self, kind: str, body: Mapping[str, object]) -> tuple[list[Row], bool]:
        """Rows of one query, and whether there are more after them; empty pages in between are passed over."""
        rows: list[Row] = []
        seen: set[str] = set()
        after: str | None = None
        while True:
            asked = body if after is None else {**body, "after": after}
            request = Request("POST", self._paths.objects(kind, "search"), body=asked, quota="search")
            answer = self._client.read(request, check=partial(_check_total, len(rows)))
            rows += rows_of(answer, request.what)
            after = next_after(answer)
            if after is None or rows:
                return rows, after is not None
            if after in seen:
                raise BadAnswer(f"HubSpot's search of {kind} leads in a circle at {after!r}.", sent=True)
            seen.add(after)

    def _body(self, properties: Sequence[str], place: Place) -> dict[str, object]:
        if place.last_id is not None:
            filters = [_filter(MODIFIED, "EQ", place.floor), _filter(OBJECT_ID, "GT", place.last_id)]
            order = OBJECT_ID
        else:
            filters = [_filter(MODIFIED, "GTE", place.floor), _filter(MODIFIED, "LTE", place.until)]
            order = MODIFIED
        return _asking(filters, order, "ASCENDING", properties if _fits(properties) else [MODIFIED])

    def _completed(self, kind: str, rows: list[Row], properties: Sequence[str]) -> list[Row]:
        """The rows with all properties: read by id when they were too many for a search."""
        if _fits(properties):
            return rows
        # What was archived between the two calls comes with the archived records.
        return self._reader.completed(kind, rows, properties)


def _fits(properties: Sequence[str]) -> bool:
    """Whether searches may ask for `properties`: one answer for all of a pull, whatever their places are.

    Both kinds of search count, with the largest instants and ids that there can be.
    """
    by_time = [_filter(MODIFIED, "GTE", 10**14), _filter(MODIFIED, "LTE", 10**14)]
    by_id = [_filter(MODIFIED, "EQ", 10**14), _filter(OBJECT_ID, "GT", 10**20)]
    longest = max(len(orjson.dumps(_asking(one, MODIFIED, "ASCENDING", properties))) for one in (by_time, by_id))
    return longest <= LARGEST_BODY


def _asking(
    filters: Sequence[Mapping[str, str]], order: str, direction: str, properties: Sequence[str]
) -> dict[str, object]:
    return {
        "filterGroups": [{"filters": list(filters)}] if filters else [],
        "sorts": [{"propertyName": order, "direction": direction}],
        "properties": list(properties),
        "limit": PAGE,
    }


def _filter(name: str, operator: str, value: object) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _modified(row: Mapping[str, object]) -> int:
    moment = instant(properties_of(row).get(MODIFIED)) or instant(row.get("updatedAt"))
    if moment is None:
        raise BadAnswer(f"HubSpot's search gave record {row.get('id')} without {MODIFIED}.", sent=True)
    return to_millis(moment)


def _last_instant(rows: list[Row]) -> frozenset[tuple[str, int]]:
    if not rows:
        return frozenset()
    last = _modified(rows[-1])
    return frozenset((str(row["id"]), last) for row in rows if _modified(row) == last)


def _check_order(rows: list[Row]) -> None:
    stamps = [_modified(row) for row in rows]
    if stamps != sorted(stamps):
        raise BadAnswer("HubSpot's search did not keep the order by modification time that was asked for.", sent=True)


def _check_ids(rows: list[Row], after: str) -> None:
    """Ids must increase as numbers; compared as text by HubSpot they would skip records."""
    ids = [after, *(str(row["id"]) for row in rows)]
    if not all(one.isdecimal() for one in ids):
        raise BadAnswer("HubSpot's search gave a record id that is not a number.", sent=True)
    numbers = [int(one) for one in ids]
    if any(low >= high for low, high in pairwise(numbers)):
        raise BadAnswer(
            "HubSpot's search by record id is not in numeric order, so records could be missed.",
            hint="Run with --full, which does not use search.",
            sent=True,
        )


def _check_total(have: int, page: Mapping[str, object]) -> None:
    """The last page of a query must bring as many rows as the query is said to have."""
    total, rows = page.get("total"), page.get("results")
    if not isinstance(total, int) or not isinstance(rows, list):
        raise BadAnswer("HubSpot's search answer has no total or no results.", sent=True)
    if next_after(page) is None and have + len(rows) < total:
        raise BadAnswer(f"HubSpot's search announced {total} records but gave {have + len(rows)}.", sent=True)
