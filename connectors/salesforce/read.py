"""Pulling: full or since a stamp, by REST or by a bulk job, with links and reference lists beside the records."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from connectors.base import Page, Stream, Window
from connectors.errors import BadAnswer, MissingScope, RetryLater, SchemaDrift
from connectors.salesforce import moments, soql
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.bulk import BulkQuery, Chunk, JobLost, NotForBulk
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.keyset import BY_ID, BY_STAMP, Walk, Walker
from connectors.salesforce.links import attendees
from connectors.salesforce.position import Position
from connectors.salesforce.schema import ObjectInfo, Schema
from connectors.salesforce.streams import ATTENDEES, RECORDS, REFERENCES, Source, Streams
from mapping.records import RawRecord


class Reader:
    """Pages of every stream of an org."""

    def __init__(self, client: SalesforceClient, schema: Schema, streams: Streams) -> None:
        self._client = client
        self._schema = schema
        self._streams = streams
        self._pull = client.settings.pull
        self._walker = Walker(client)
        self._bulk = BulkQuery(client)

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of `stream`, the last one marked complete; raises any `ConnectorError`."""
        if stream.name == ATTENDEES:
            return attendees(self._client, self._schema, ids)
        if stream.name in REFERENCES:
            return self._reference(stream)
        position = Position.load(window.position) if window.position else None
        if window.since is None:
            return self._full(stream, window, position)
        return self._increment(stream, window.since, window.until, position)

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Ids of the live records of a records stream."""
        bare = replace(stream, properties=())
        for page in self._full(bare, Window(), None, merges=False):
            yield from (record.id for record in page.records)

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records of `stream` behind `ids` as they are now, as many a page as an address holds."""
        source, info = RECORDS[stream.name], self._streams.info(stream.name)
        extra = [name for name in ("IsDeleted", "MasterRecordId") if info.has(name)]
        fields = tuple(dict.fromkeys((*_live_columns(stream, info), *extra)))
        asked = [to18(one) for one in ids if is_id(one)]
        overhead = soql.encoded_length(soql.select(fields, source.object)) + 60
        for part in soql.chunks_that_fit(asked, overhead):
            query = soql.select(fields, source.object, (soql.one_of("Id", part),))
            yield Page(_records(stream, self._client.rows(query, include_deleted=True)))
        yield Page(complete=True)

    def _full(
        self, stream: Stream, window: Window, position: Position | None, *, merges: bool = True
    ) -> Iterator[Page]:
        source, info = RECORDS[stream.name], self._streams.info(stream.name)
        where = self._full_window(source, info, window.until)
        fields = _live_columns(stream, info)
        if position is None:
            position = Position("bulk" if self._prefers_bulk(source) else "id", self._upper(window.until))
        if position.kind == "bulk":
            position = yield from self._by_bulk(stream, source, fields, where, position)
        if position.kind == "id":
            walk = Walk(source.object, fields, where, BY_ID, source.archives, stream.optional)
            for rows, reached in self._walker.run(walk, position):
                position = reached
                yield Page(_records(stream, rows), position=reached.dump())
        if merges and info.has("MasterRecordId"):
            position = yield from self._merged(stream, source, position)
        yield self._last(position)

    def _merged(self, stream: Stream, source: Source, position: Position) -> Generator[Page, None, Position]:
        """Records that merges swallowed: a plain query hides them, but old references still lead to them."""
        if position.kind != "merged":
            position = replace(position, kind="merged", last_id=None, stamp=None, job=None, locator=None, skip=0)
        fields = ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId")
        where = ("IsDeleted = true", "MasterRecordId != null")
        walk = Walk(source.object, fields, where, BY_ID, include_deleted=True)
        bare = replace(stream, properties=())
        for rows, reached in self._walker.run(walk, position):
            position = reached
            if rows:
                yield Page(_records(bare, rows), position=reached.dump())
        return position

    def _increment(
        self, stream: Stream, since: datetime, until: datetime | None, position: Position | None
    ) -> Iterator[Page]:
        source, info = RECORDS[stream.name], self._streams.info(stream.name)
        position = position or Position(kind="stamp", upper=self._upper(until))
        where = (f"SystemModstamp >= {soql.instant(since)}", f"SystemModstamp <= {soql.instant(position.upper)}")
        extra = [name for name in ("IsDeleted", "MasterRecordId") if info.has(name)]
        fields = tuple(dict.fromkeys((*_live_columns(stream, info), *extra)))
        walk = Walk(source.object, fields, where, BY_STAMP, include_deleted=True, optional=stream.optional)
        for rows, reached in self._walker.run(walk, position):
            position = reached
            if rows:
                yield Page(_records(stream, rows), position=reached.dump())
        yield self._last(position)

    def _by_bulk(
        self, stream: Stream, source: Source, fields: tuple[str, ...], where: tuple[str, ...], position: Position
    ) -> Generator[Page, None, Position]:
        """Pages of a bulk job; falls back to the REST walk where Salesforce does not take or not finish the job."""
        query = soql.select(fields, source.object, where)
        try:
            return (yield from self._job(stream, source, query, fields, position))
        except NotForBulk:
            return Position("id", position.upper)
        except JobLost as lost:
            if position.job is None:
                raise RetryLater(f"Salesforce lost a bulk job of {source.object}: {lost}", sent=False) from lost
        # The results of an earlier run's job are gone after seven days, and they have no order to go on in.
        return (yield from self._by_bulk(stream, source, fields, where, Position("bulk", position.upper)))

    def _job(
        self, stream: Stream, source: Source, query: str, fields: tuple[str, ...], position: Position
    ) -> Generator[Page, None, Position]:
        job = position.job or self._bulk.start(query, include_deleted=source.archives)
        if position.job is None:
            position = replace(position, job=job)
            yield Page(position=position.dump())  # an interrupted run finds the job again, however long it takes
        expected = self._bulk.wait(job)
        # An empty result may come without a header row or without a body: the job's own count is what holds.
        for chunk in self._bulk.chunks(job, position.locator, position.skip) if expected != 0 else ():
            rows = position.rows + len(chunk.rows)
            position = replace(position, locator=chunk.locator, skip=chunk.skip, rows=rows)
            if chunk.rows:
                yield Page(_bulk_records(stream, fields, chunk), position=position.dump())
        if expected is not None and position.rows < expected:
            raise BadAnswer(f"The bulk job gave {position.rows} rows of {source.object}, but found {expected}.")
        self._bulk.finish(job)
        return position

    def _reference(self, stream: Stream) -> Iterator[Page]:
        source = REFERENCES[stream.name][1]
        info = self._schema.object(source.object)
        # Some orgs hide e-mail addresses of users, and not every version has every column of a list.
        wanted = ("Id", "ApiName", *source.renamed)
        fields = tuple(name for name in wanted if info is None or info.has(name))
        walk = Walk(source.object, fields, (), BY_ID, optional=stream.optional)
        position = Position(kind="id", upper=self._upper(None))
        for rows, reached in self._walker.run(walk, position):
            position = reached
            if rows:
                yield Page(tuple(_reference_record(stream.name, source, row) for row in rows))
        yield replace(self._last(position), position=None, high_water=None)

    def _last(self, position: Position) -> Page:
        return Page(
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

    @staticmethod
    def _full_window(source: Source, info: ObjectInfo, until: datetime | None) -> tuple[str, ...]:
        where = [f"SystemModstamp <= {soql.instant(until)}"] if until else []
        if source.archives and info.has("IsDeleted"):
            # Only queryAll reaches archived rows, and it brings the deleted ones with them.
            where.append("IsDeleted = false")
        return tuple(where)

    def _prefers_bulk(self, source: Source) -> bool:
        if source.object in self._pull.never_bulk or not self._pull.bulk_from:
            return source.object not in self._pull.never_bulk
        try:
            answer = self._client.get("limits/recordCount", {"sObjects": source.object})
        except (CallRefused, MissingScope, BadAnswer):
            return False  # the count is a hint; without it REST is the safe choice
        counts = answer.get("sObjects") if isinstance(answer, Mapping) else None
        for entry in counts if isinstance(counts, list) else ():
            if isinstance(entry, Mapping) and entry.get("name") == source.object:
                count = entry.get("count")
                return isinstance(count, int) and count >= self._pull.bulk_from
        return False


def _live_columns(stream: Stream, info: ObjectInfo) -> tuple[str, ...]:
    wanted = dict.fromkeys(chain(("Id", "SystemModstamp"), stream.properties))
    return tuple(name for name in wanted if info.has(name) or name in stream.properties)


def _records(stream: Stream, rows: Sequence[Mapping[str, object]]) -> tuple[RawRecord, ...]:
    return tuple(_record(stream, row) for row in rows)


def _record(stream: Stream, row: Mapping[str, object]) -> RawRecord:
    survivor = row.get("MasterRecordId")
    return RawRecord(
        id=_id(row.get("Id")),
        properties={name: row.get(name) for name in stream.properties},
        modified_at=moments.parse(row.get("SystemModstamp")),
        archived=row.get("IsDeleted") is True,
        merged_into=str(survivor) if survivor else None,
    )


def _id(value: object) -> str:
    """The 18-character id of a row; raises `BadAnswer`, for a row without one can be neither kept nor written."""
    if not isinstance(value, str) or not is_id(value):
        raise BadAnswer(f"A row came with the id {value!r}, which is none.", sent=True)
    return to18(value)


def _bulk_records(stream: Stream, fields: Sequence[str], chunk: Chunk) -> tuple[RawRecord, ...]:
    """Records from cells: text as it stands, an empty cell as null, for CSV knows no difference."""
    place = {name: index for index, name in enumerate(chunk.header)}
    lost = [name for name in fields if name not in place]
    if lost:
        raise SchemaDrift(f"A bulk result came without {', '.join(lost)}, which was asked for.")
    wanted = [(name, place[name]) for name in stream.properties]
    record_id, stamp = place["Id"], place["SystemModstamp"]
    return tuple(
        RawRecord(
            id=_id(cells[record_id]),
            properties={name: cells[index] or None for name, index in wanted},
            modified_at=moments.parse(cells[stamp]),
        )
        for cells in chunk.rows
    )


def _reference_record(name: str, source: Source, row: Mapping[str, object]) -> RawRecord:
    properties = {unified: row.get(vendor) for vendor, unified in source.renamed.items()}
    if name == "owners":
        return RawRecord(str(row["Id"]), properties)
    percent = properties.get("probability")
    properties["probability"] = percent / 100 if isinstance(percent, (int, float)) else None
    # An opportunity's StageName holds the stage's API name, so that is what it is known by.
    return RawRecord(str(row.get("ApiName") or row.get("MasterLabel") or row["Id"]), {**properties, "object": "deal"})
