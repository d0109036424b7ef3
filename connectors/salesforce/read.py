"""Pulling: full or since a stamp, by REST or by a bulk job, with links and reference lists beside the records."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from connectors.base import Page, Stream, Window
from connectors.errors import BadAnswer, RetryLater
from connectors.salesforce import soql
from connectors.salesforce.answers import CallRefused, QueryTimeout
from connectors.salesforce.bulk import BulkQuery, NotForBulk
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.costs import Ways
from connectors.salesforce.counts import RecordCounts
from connectors.salesforce.history import FIRST_WON, FirstWon
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.keyset import BY_ID, BY_STAMP, Walk, Walker
from connectors.salesforce.links import attendees
from connectors.salesforce.position import Position
from connectors.salesforce.records import Records, of_reference
from connectors.salesforce.results import JobLost
from connectors.salesforce.schema import ObjectInfo, Schema
from connectors.salesforce.streams import ATTENDEES, REFERENCES, Source, Streams

Reading = Generator[Page, None, Position]
"""Pages, and in the end the position behind them."""

_GONE = ("IsDeleted", "MasterRecordId")


class Reader:
    """Pages of every stream of an org; thread-safe, for it keeps nothing of a pull."""

    def __init__(self, client: SalesforceClient, schema: Schema, streams: Streams) -> None:
        self._client = client
        self._schema = schema
        self._streams = streams
        self._pull = client.settings.pull
        self._ways = Ways(client.settings.pull)
        self._counts = RecordCounts(client)
        self._walker = Walker(client)
        self._bulk = BulkQuery(client)
        self._first_won = FirstWon(client)

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of `stream`, the last one marked complete; raises any `ConnectorError`."""
        if stream.name == ATTENDEES:
            return attendees(self._client, self._schema, ids)
        if stream.name in REFERENCES:
            return self._reference(stream)
        position = Position.load(window.position) if window.position else None
        if window.carry:
            self._bulk.finish(window.carry)
        if window.since is None:
            return self._full(stream, window.until, position)
        return self._increment(stream, window.since, window.until, position)

    def count(self, stream: Stream, window: Window) -> int | None:
        """Rows modified in a window with two ends, deleted ones included; None when Salesforce does not count them."""
        if window.since is None or window.until is None:
            return None
        nowhere = Position("stamp", self._upper(window.until))
        source = self._streams.source(stream.name)
        where = (*source.where, *_between(window.since, nowhere.upper))
        walk = Walk(source.object, ("Id",), where, BY_STAMP)
        try:
            counted = self._client.query(walk.count(nowhere, nowhere), include_deleted=True)
        except (CallRefused, QueryTimeout):  # a count over a large object may take longer than Salesforce lets it
            return None
        total = counted.get("totalSize")
        return total if isinstance(total, int) else None

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Ids of the live records of a records stream."""
        bare = replace(stream, properties=())
        for page in self._full(bare, None, None, merges=False):
            yield from (record.id for record in page.records)
            if page.carry:  # nobody goes on with a list of ids
                self._bulk.finish(page.carry)

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records behind `ids` that still are records of `stream`, as many a page as an address holds."""
        source, info = self._streams.source(stream.name), self._streams.info(stream.name)
        fields, records = _columns(stream, info, *_GONE), Records(stream, info)
        asked = [to18(one) for one in ids if is_id(one)]
        overhead = soql.encoded_length(soql.select(fields, source.object, source.where)) + 60
        for part in soql.chunks_that_fit(asked, overhead):
            query = soql.select(fields, source.object, (*source.where, soql.one_of("Id", part)))
            yield Page(self._first_won.add(records.of_json(self._client.rows(query, include_deleted=True))))
        yield Page(complete=True)

    def _full(
        self, stream: Stream, until: datetime | None, position: Position | None, *, merges: bool = True
    ) -> Iterator[Page]:
        source, info = self._streams.source(stream.name), self._streams.info(stream.name)
        where = self._full_window(source, info, until)
        walk = Walk(source.object, _columns(stream, info), where, BY_ID, source.archives, stream.optional)
        if position is None:
            position = Position("id", self._upper(until))
            position = position.by_job() if self._begins_by_bulk(source) else position
        if position.kind != "merged":
            position = yield from self._enriched(stream, self._walked(walk, position, Records(stream, info)))
        if merges and info.has("MasterRecordId"):
            position = yield from self._merged(stream, source, position)
        yield self._last(position)

    def _merged(self, stream: Stream, source: Source, position: Position) -> Reading:
        """Records that merges swallowed: a plain query hides them, but old references still lead to them."""
        if position.kind != "merged":
            position = Position("merged", position.upper, position.rows, job=position.job)
        fields = ("Id", "SystemModstamp", *_GONE)
        where = ("IsDeleted = true", "MasterRecordId != null")
        walk = Walk(source.object, fields, where, BY_ID, include_deleted=True)
        return (yield from self._by_rest(walk, position, Records(replace(stream, properties=())), may_switch=False))

    def _increment(
        self, stream: Stream, since: datetime, until: datetime | None, position: Position | None
    ) -> Iterator[Page]:
        source, info = self._streams.source(stream.name), self._streams.info(stream.name)
        position = position or Position("stamp", self._upper(until))
        fields = _columns(stream, info, *_GONE)
        where = (*source.where, *_between(since, position.upper))
        walk = Walk(source.object, fields, where, BY_STAMP, include_deleted=True, optional=stream.optional)
        position = yield from self._enriched(stream, self._walked(walk, position, Records(stream, info)))
        yield self._last(position)

    def _enriched(self, stream: Stream, reading: Reading) -> Reading:
        """The pages of `reading`, with what other objects know of their records."""
        if FIRST_WON not in stream.properties:
            return (yield from reading)
        while True:
            try:
                page = next(reading)
            except StopIteration as ended:
                position: Position = ended.value
                return position
            yield replace(page, records=self._first_won.add(page.records))

    def _walked(self, walk: Walk, position: Position, records: Records) -> Reading:
        """The rows of `walk` behind `position`, each in the way that is cheaper for what is left of them."""
        may_switch = True
        while True:
            if position.kind == "bulk":
                may_switch = False
                position = yield from self._by_bulk(walk, position, records)
                if position.kind == "bulk":
                    return position
            else:
                position = yield from self._by_rest(walk, position, records, may_switch=may_switch)
                if position.kind != "bulk":
                    return position

    def _by_rest(self, walk: Walk, position: Position, records: Records, *, may_switch: bool) -> Reading:
        """Pages by REST; where a bulk job is cheaper for what its first page leaves, the beginning of that job."""
        try:
            for batch in self._walker.run(walk, position):
                position = batch.reached
                if batch.rows:
                    yield Page(records.of_json(batch.rows), position=position.dump())
                if may_switch and self._ways.bulk_pays(walk.object, batch.left, len(batch.rows)):
                    return position.by_job()
        except QueryTimeout:
            if not may_switch or self._ways.settled(walk.object) is False:
                raise
            return position.by_job()  # too much for two minutes; a job has no such limit
        return position

    def _by_bulk(self, walk: Walk, position: Position, records: Records) -> Reading:
        """Pages of a bulk job; where Salesforce does not take or not finish the job, the walk that it stands for."""
        try:
            return (yield from self._job(walk, position, records))
        except NotForBulk:
            return position.without_job(walk.kind)
        except JobLost as lost:
            if position.job is None:
                raise RetryLater(f"Salesforce lost a bulk job of {walk.object}: {lost}", sent=False) from lost
        # The results of an earlier run's job are gone after seven days, and they have no order to go on in.
        return (yield from self._by_bulk(walk, position.by_job(), records))

    def _job(self, walk: Walk, position: Position, records: Records) -> Reading:
        query, begun = walk.query(position, ordered=False), position.job is not None
        job = position.job or self._bulk.start(query, include_deleted=walk.include_deleted)
        if not begun:
            position = replace(position, job=job)
            yield Page(position=position.dump())  # an interrupted run finds the job again, however long it takes
        expected = self._bulk.wait(job, begun=begun)
        # An empty result may come without a header row or without a body: the job's own count is what holds.
        chunks = self._bulk.results.chunks(job, position.locator, position.skip, expected) if expected != 0 else ()
        for chunk in chunks:
            rows = position.rows + len(chunk.rows)
            position = replace(position, locator=chunk.locator, skip=chunk.skip, rows=rows)
            if chunk.rows:
                yield Page(records.of_cells(chunk.header, chunk.rows, walk.fields), position=position.dump())
        found = position.rows - position.before
        if expected is not None and found < expected:
            raise BadAnswer(f"The bulk job gave {found} rows of {walk.object}, but found {expected}.")
        return position

    def _reference(self, stream: Stream) -> Iterator[Page]:
        source = REFERENCES[stream.name][1]
        info = self._schema.object(source.object)
        # Some orgs hide e-mail addresses of users, and not every version has every column of a list.
        wanted = ("Id", "ApiName", *source.renamed)
        fields = tuple(name for name in wanted if info is None or info.has(name))
        walk = Walk(source.object, fields, (), BY_ID, optional=stream.optional)
        position = Position(kind="id", upper=self._upper(None))
        for batch in self._walker.run(walk, position):
            position = batch.reached
            if batch.rows:
                yield Page(tuple(of_reference(stream.name, source, row) for row in batch.rows))
        yield replace(self._last(position), position=None, high_water=None)

    def _last(self, position: Position) -> Page:
        """The page that ends a window; a job is only deleted by the next one, when all of this is surely stored."""
        return Page(
            carry=position.job,
            position=position.dump(),
            complete=True,
            high_water=position.upper - timedelta(minutes=self._pull.overlap_minutes),
            expected=position.rows,
        )

    def _upper(self, until: datetime | None) -> datetime:
        """End of a window opened now, on Salesforce's clock."""
        # The Date header is cut to whole seconds; rounding up keeps what changed in this very second inside.
        now = self._client.server_now().replace(microsecond=0) + timedelta(seconds=1)
        edge = now - timedelta(seconds=self._pull.lag_seconds)
        return edge if until is None else min(edge, until)

    def _begins_by_bulk(self, source: Source) -> bool:
        settled = self._ways.settled(source.object)
        if settled is not None:
            return settled
        count = self._counts.of(source.object, self._streams.objects())
        return count is not None and self._ways.bulk_pays(source.object, count)

    @staticmethod
    def _full_window(source: Source, info: ObjectInfo, until: datetime | None) -> tuple[str, ...]:
        where = [*source.where, *([f"SystemModstamp <= {soql.instant(until)}"] if until else [])]
        if source.archives and info.has("IsDeleted"):
            # Only queryAll reaches archived rows, and it brings the deleted ones with them.
            where.append("IsDeleted = false")
        return tuple(where)


def _between(since: datetime, upper: datetime) -> tuple[str, str]:
    return f"SystemModstamp >= {soql.instant(since)}", f"SystemModstamp <= {soql.instant(upper)}"


def _columns(stream: Stream, info: ObjectInfo, *extra: str) -> tuple[str, ...]:
    """Fields to ask for: those of the stream whatever the org says, and what we need ourselves where it has them."""
    wanted = dict.fromkeys(chain(("Id", "SystemModstamp"), stream.properties, extra))
    wanted.pop(FIRST_WON, None)
    return tuple(name for name in wanted if info.has(name) or name in stream.properties)
