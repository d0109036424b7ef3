"""Records as the CRM gave them; each change of a row takes the next number of its stream, so readers see the news."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import compress
from operator import not_
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Text, and_, func, select, true, type_coerce, update

from mapping.records import RawRecord
from store.many import upsert_many
from store.sql import CHUNK, insert_for, its, member
from store.tables import raw_record, raw_seq
from store.types import clean_texts, dump_bytes

_R = raw_record.c
_THESE = its(_R.workspace, _R.connection, _R.stream) & member(_R.id, name="ids")
_KNOWN = select(_R.id, _R.hash, _R.archived, _R.gone, _R.modified_at).where(_THESE)
_PAYLOADS = select(_R.id, _R.payload).where(_THESE)
_SEEN = update(raw_record).where(_THESE)

DOUBTED = "doubted"
"""Stands for the content hash of a row whose content is not what was read: whatever is read next counts as news."""


def content_hash(document: bytes) -> str:
    """Return what stands for the content of a stored document."""
    return hashlib.blake2b(document, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class PageCounts:
    """What a page did to the store; a row seen twice on one page counts once.

    `strangers` are deletions of records that were never held, told by nothing but an id: they leave no trace.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class RawRow:
    """A stored record: `archived` as the CRM says, `gone` when the CRM does not show it any more."""

    id: str
    payload: dict[str, Any]
    archived: bool
    gone: bool
    seq: int
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Known:
    hash: str
    archived: bool
    gone: bool
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Versions:
    """Records as they will be stored, of each id the latest: what can be worked out before the store is locked."""

    ids: Sequence[str]
    records: Sequence[RawRecord]
    documents: Sequence[str]
    hashes: Sequence[str]

    @classmethod
    def of(cls, records: Sequence[RawRecord]) -> Versions:
        """Of one id the latest version wins, by modification, then by position.

        They are in the order of the table's key, so that the store visits each page of its index once, however an
        answer is sorted.
        """
        latest = _latest_versions(records)
        ids = sorted(latest)
        ordered = [latest[one] for one in ids]
        documents: list[str] = []
        hashes: list[str] = []
        for record in ordered:
            document = _document(record)
            hashes.append(content_hash(document))
            documents.append(document.decode("utf-8"))  # text is short; the bytes keep the 8 KiB they were written into
        return cls(ids, ordered, documents, hashes)

    def only(self, chosen: Sequence[bool]) -> Versions:
        """Those that are `chosen`, which has a place for each."""
        parts = (self.ids, self.records, self.documents, self.hashes)
        return Versions(*(list(compress(part, chosen)) for part in parts))  # type: ignore[arg-type]


def upsert_page(
    c: Connection,
    ws: str,
    connection: str,
    stream: str,
    epoch_id: int,
    page: Versions | Sequence[RawRecord],
    now: datetime,
) -> PageCounts:
    """Store a page; unchanged rows only learn that this epoch saw them.

    A version older than the stored one is what a lagging index shows: it proves the row exists and changes nothing
    else. Whoever shares the store with others makes the `Versions` of a page before the transaction begins.
    """
    given = page if isinstance(page, Versions) else Versions.of(page)
    known = _known(c, ws, connection, stream, given.ids)
    ours = [one in known or not _is_bare_end(record) for one, record in zip(given.ids, given.records, strict=True)]
    versions = given if all(ours) else given.only(ours)
    news = [_is_news(*one) for one in zip(versions.records, versions.hashes, map(known.get, versions.ids), strict=True)]
    changed = versions if all(news) else versions.only(news)
    if changed is not versions:
        seen = list(compress(versions.ids, map(not_, news)))
        c.execute(_SEEN, _of_stream(ws, connection, stream) | {"ids": seen, "last_epoch": epoch_id})
    if changed.ids:
        first = _reserve(c, ws, connection, stream, len(changed.ids))
        same = {
            "workspace": ws,
            "connection": connection,
            "stream": stream,
            "gone": False,
            "last_epoch": epoch_id,
            "first_seen_at": now,
            "changed_at": now,
        }
        columns: dict[str, Sequence[object]] = {
            "id": changed.ids,
            "hash": changed.hashes,
            "payload": changed.documents,
            "modified_at": [record.modified_at for record in changed.records],
            "archived": [record.archived for record in changed.records],
            "seq": range(first, first + len(changed.ids)),
        }
        upsert_many(c, raw_record, same, columns, keep=("first_seen_at",), ready=("hash", "payload", "seq"))
    updated = sum(1 for one in changed.ids if one in known)
    strangers = len(given.ids) - len(versions.ids)
    return PageCounts(len(changed.ids) - updated, updated, len(versions.ids) - len(changed.ids), strangers)


def distrust(c: Connection, ws: str, connection: str, stream: str, page: Versions | Sequence[RawRecord]) -> int:
    """Let `upsert_page` store `page` whatever the store says that it has of it; returns how many it has as such.

    A row that is newer than its record stays. For reading again what may have been damaged: those rows take new
    numbers, so that everything that follows from them is made again as well.
    """
    versions = page if isinstance(page, Versions) else Versions.of(page)
    latest = dict(zip(versions.ids, zip(versions.records, versions.documents, strict=True), strict=True))
    r = raw_record.c
    here = and_(_stream(ws, connection, stream), _among(latest))
    # The document as it is stored: what it says may be damaged beyond reading.
    document = type_coerce(r.payload, Text).label("document")
    rows = c.execute(select(r.id, document, r.archived, r.gone, r.modified_at).where(here)).all()
    doubted = [row for row in rows if not _older(latest[row.id][0].modified_at, row.modified_at)]
    if doubted:
        ids = _among([row.id for row in doubted])
        c.execute(update(raw_record).where(_stream(ws, connection, stream), ids).values(hash=DOUBTED))
    return sum(1 for row in doubted if _same(row.document, row.archived or row.gone, *latest[row.id]))


def unseen(c: Connection, ws: str, connection: str, stream: str, epoch_id: int) -> list[str]:
    """Return the ids of live rows that an epoch did not see, in order."""
    r = raw_record.c
    here = and_(_stream(ws, connection, stream), ~r.gone, ~r.archived, r.last_epoch != epoch_id)
    return list(c.execute(select(r.id).where(here).order_by(r.id)).scalars())


def mark_unseen_gone(c: Connection, ws: str, connection: str, stream: str, epoch_id: int, now: datetime) -> int:
    """After a sealed full epoch: rows that it did not see are gone. Returns how many."""
    return _end(c, ws, connection, stream, raw_record.c.last_epoch != epoch_id, now)


def mark_gone(c: Connection, ws: str, connection: str, stream: str, ids: Iterable[str], now: datetime) -> int:
    """Note that the CRM does not list `ids` any more; returns how many rows that changed."""
    return _end(c, ws, connection, stream, _among(ids), now)


def iter_ids(c: Connection, ws: str, connection: str, stream: str, *, chunk: int = CHUNK) -> Iterator[str]:
    """Yield the ids of live rows in order, reading `chunk` at a time."""
    after = ""
    here = and_(_stream(ws, connection, stream), ~raw_record.c.gone, ~raw_record.c.archived)
    while True:
        query = select(raw_record.c.id).where(here, raw_record.c.id > after).order_by(raw_record.c.id).limit(chunk)
        ids = c.execute(query).scalars().all()
        yield from ids
        if len(ids) < chunk:
            return
        after = ids[-1]


def iter_changed(
    c: Connection, ws: str, connection: str, stream: str, since_seq: int = 0, *, chunk: int = 1_000
) -> Iterator[RawRow]:
    """Yield rows that changed after `since_seq`, in the order of their change, reading `chunk` at a time."""
    wanted = select(
        raw_record.c.id,
        raw_record.c.payload,
        raw_record.c.archived,
        raw_record.c.gone,
        raw_record.c.seq,
        raw_record.c.modified_at,
    )
    while True:
        here = and_(_stream(ws, connection, stream), raw_record.c.seq > since_seq)
        rows = c.execute(wanted.where(here).order_by(raw_record.c.seq).limit(chunk)).all()
        for row in rows:
            yield RawRow(*row)
        if len(rows) < chunk:
            return
        since_seq = rows[-1].seq


def last_seq(c: Connection, ws: str, connection: str, stream: str) -> int:
    """Return the number of the latest change of a stream, 0 before the first."""
    counter = and_(raw_seq.c.workspace == ws, raw_seq.c.connection == connection, raw_seq.c.stream == stream)
    return c.execute(select(raw_seq.c.value).where(counter)).scalar_one_or_none() or 0


def payloads(c: Connection, ws: str, connection: str, stream: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return id → properties of the rows among `ids` that are stored, gone ones included."""
    rows = c.execute(_PAYLOADS, _of_stream(ws, connection, stream) | {"ids": ids}).all()
    return {row.id: row.payload for row in rows}


def live_ids(c: Connection, ws: str, connection: str, stream: str, ids: Iterable[str]) -> frozenset[str]:
    """Return those of `ids` whose rows are neither gone nor archived."""
    here = and_(_stream(ws, connection, stream), _among(ids), ~raw_record.c.gone, ~raw_record.c.archived)
    return frozenset(c.execute(select(raw_record.c.id).where(here)).scalars())


def count_live(c: Connection, ws: str, connection: str, stream: str) -> int:
    """Return how many rows are neither gone nor archived."""
    here = and_(_stream(ws, connection, stream), ~raw_record.c.gone, ~raw_record.c.archived)
    return c.execute(select(func.count()).select_from(raw_record).where(here)).scalar_one()


def _of_stream(ws: str, connection: str, stream: str) -> dict[str, Any]:
    return {"its_workspace": ws, "its_connection": connection, "its_stream": stream}


def _stream(ws: str, connection: str, stream: str) -> ColumnElement[bool]:
    return and_(raw_record.c.workspace == ws, raw_record.c.connection == connection, raw_record.c.stream == stream)


def _among(ids: Iterable[str]) -> ColumnElement[bool]:
    return member(raw_record.c.id, ids)


def _latest_versions(records: Sequence[RawRecord]) -> dict[str, RawRecord]:
    latest: dict[str, RawRecord] = {}
    for record_id, record in zip(clean_texts([record.id for record in records]), records, strict=True):
        before = latest.get(record_id)
        if before is None or not _older(record.modified_at, before.modified_at):
            latest[record_id] = record
    return latest


def _document(record: RawRecord) -> bytes:
    """Its properties as they are stored; one that is nested too deeply to be written is kept as an empty object, which
    no field reads, so that it costs this value and not the page."""
    try:
        return dump_bytes(record.properties)
    except RecursionError:
        return dump_bytes(
            {name: {} if isinstance(one, dict | list) else one for name, one in record.properties.items()}
        )


def _same(stored: str, ended: bool, record: RawRecord, document: str) -> bool:
    return ended == record.archived and stored == document


def _older(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _known(c: Connection, ws: str, connection: str, stream: str, ids: Iterable[str]) -> dict[str, _Known]:
    rows = c.execute(_KNOWN, _of_stream(ws, connection, stream) | {"ids": ids}).all()
    return {row[0]: _Known(*row[1:]) for row in rows}


def _is_news(record: RawRecord, content: str, known: _Known | None) -> bool:
    if known is None or known.gone or known.archived != record.archived:
        return True
    return known.hash != content and not _older(record.modified_at, known.modified_at)


def _is_bare_end(record: RawRecord) -> bool:
    """Whether a record is only told to be deleted: a log of deletions does not say to which stream it belonged."""
    return record.archived and not record.properties and record.merged_into is None


def _reserve(c: Connection, ws: str, connection: str, stream: str, count: int) -> int:
    """Take `count` change numbers and return the first; the counter's row lock keeps them in commit order."""
    given = {"workspace": ws, "connection": connection, "stream": stream, "value": count}
    last: int = c.execute(_counting(c.dialect), given).scalar_one()
    return last - count + 1


@lru_cache(maxsize=8)
def _counting(dialect: Dialect) -> Any:
    insert = insert_for(dialect, raw_seq)
    return insert.on_conflict_do_update(
        index_elements=list(raw_seq.primary_key), set_={"value": raw_seq.c.value + insert.excluded.value}
    ).returning(raw_seq.c.value)


def _end(c: Connection, ws: str, connection: str, stream: str, which: ColumnElement[bool], now: datetime) -> int:
    """Mark those of `which` as gone that are not yet, each under a change number of its own."""
    here = and_(_stream(ws, connection, stream), ~raw_record.c.gone, which)
    count = c.execute(select(func.count()).select_from(raw_record).where(here)).scalar_one()
    if not count:
        return 0
    first = _reserve(c, ws, connection, stream, count)
    place = func.row_number().over(order_by=raw_record.c.id)
    ranked = select(raw_record.c.id, place.label("place")).where(here).subquery()
    values = {"seq": ranked.c.place + (first - 1), "changed_at": now, "gone": true()}
    matched = and_(_stream(ws, connection, stream), raw_record.c.id == ranked.c.id)
    c.execute(update(raw_record).where(matched).values(values))
    return count
