"""Room 3: raw rows that are new since the last time become entity rows; what cannot be read is quarantined.

A mark `normalised:<connection>:<stream>` keeps (sequence number, field-map hash): when the map of a stream changed,
all of its rows are read again from the store, without a call to the CRM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from connectors.base import Connector, Stream
from mapping.fieldmap import StreamMap
from mapping.normalise import attendance_row, normalise, primary_target
from mapping.records import ENTITIES, Quarantined, RawRecord
from store import aliases, entities, links, marks, quarantine, raw
from store.raw import RawRow
from sync.faults import fp
from sync.reference import reference_map
from sync.relink import ALL, forget_relinked, relinked
from sync.session import Session

CHUNK = 2000
READINGS_KEPT = timedelta(days=400)
"""A year and more of usage readings: what an evaluation for a day in the past year looks back to."""
_TELLS = {"account": "account_ref", "ticket": "id"}
"""Entities whose records tell of milestones, and the field of a milestone that names the record."""
T = TypeVar("T")


def normalise_all(session: Session) -> None:
    """Bring the entity tables up to date with the raw tables, in chunks that are committed one by one."""
    done = 0
    for connector in session.deps.connectors.values():
        streams = list(connector.streams())
        for stream in streams:
            if stream.kind == "links":
                done += _attendances(session, connector, stream) if stream.entity == "attendance" else 0
                continue
            stream_map = _stream_map(session, connector.name, stream)
            if stream_map is not None:
                done += _Normaliser(session, connector, stream, stream_map, streams).run()
            session.progress("normalise", done)


def _stream_map(session: Session, connection: str, stream: Stream) -> StreamMap | None:
    mapped = session.deps.field_maps[connection].streams.get(stream.name)
    return mapped if mapped is not None else reference_map(stream)


class _Normaliser:
    """One stream of one connection."""

    def __init__(
        self, session: Session, connector: Connector, stream: Stream, stream_map: StreamMap, streams: list[Stream]
    ) -> None:
        self._session = session
        self._connection = connector.name
        self._stream = stream
        self._map = stream_map
        self._zone = ZoneInfo(session.deps.settings.timezone)
        self._links = {s.name: ref for s in streams if (ref := _ref_field(s, stream, session, connector.name))}
        self._mark = f"normalised:{connector.name}:{stream.name}"

    def run(self) -> int:
        """Normalise what is new; returns the number of rows looked at."""
        store, ws = self._session.deps.store, self._session.ws
        version = self._version()
        with store.read() as c:
            known = marks.mark(c, ws, self._mark)
            again = relinked(c, ws, self._connection, self._stream.name)
            upto = raw.last_seq(c, ws, self._connection, self._stream.name)
        since = 0
        if isinstance(known, list) and known[1] == version and again != ALL:
            since = int(known[0])
        done = self._relinked_rows(again, since) if isinstance(again, list) and since else 0
        while chunk := self._changed(since):
            since = chunk[-1].seq
            self._store(chunk, seq=since, version=version)
            done += len(chunk)
            self._session.deps.stop.check()
        with self._session.write() as c:
            marks.set_mark(c, ws, self._mark, [max(upto, since), version])
            forget_relinked(c, ws, self._connection, self._stream.name)
        with store.read() as c:
            left = quarantine.count(c, ws, connection=self._connection, stream=self._stream.name)
        self._session.report.stream(self._connection, self._stream.name).quarantined = left
        return done

    def _changed(self, since: int) -> list[RawRow]:
        """The next chunk. A reader that stayed open while chunks are written would keep SQLite from taking them over
        from its log, which would grow to the size of all of them."""
        with self._session.deps.store.read() as c:
            rows = raw.iter_changed(c, self._session.ws, self._connection, self._stream.name, since, chunk=CHUNK)
            return list(islice(rows, CHUNK))

    def _version(self) -> str:
        text = f"{self._map!r}|{self._session.deps.settings.timezone}|{sorted(self._links.items())}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _relinked_rows(self, ids: list[str], since: int) -> int:
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            with self._session.deps.store.read() as c:
                found = raw.payloads(c, self._session.ws, self._connection, self._stream.name, part)
            rows = [
                RawRow(one, payload, archived=False, gone=False, seq=since, modified_at=None)
                for one, payload in found.items()
            ]
            self._store(rows, seq=None, version="")
        return len(ids)

    def _store(self, rows: list[RawRow], *, seq: int | None, version: str) -> None:
        """Replace the entity rows of a chunk and what is quarantined of it, in one transaction with the mark."""
        ws, connection, stream = self._session.ws, self._connection, self._stream.name
        live = [row for row in rows if not (row.archived or row.gone)]
        dead = [row.id for row in rows if row.archived or row.gone]
        with self._session.write() as c:
            refs = self._refs(c, [row.id for row in live])
            good: list[dict[str, object]] = []
            problems: list[Quarantined] = []
            milestones: list[dict[str, object]] = []
            readings: list[dict[str, object]] = []
            for row in live:
                record = RawRecord(row.id, row.payload)
                read = normalise(record, self._map, connection, refs=refs.get(row.id), zone=self._zone)
                problems.extend(read.problems)
                if self._map.entity == "ticket" and read.milestones:
                    dead.append(row.id)  # it was a ticket, if the map that says otherwise is new
                else:
                    good.append(dict(read.row))
                milestones.extend(dict(one) for one in read.milestones)
                readings.extend([dict(read.reading)] if read.reading is not None else [])
            quarantine.clear(c, ws, connection, stream, [row.id for row in rows])
            quarantine.put_many(c, ws, problems, self._session.deps.clock.now())
            entities.replace_entities(c, ws, self._map.entity, connection, good)
            entities.delete_entities(c, ws, self._map.entity, connection, dead, stream=stream)
            if teller := _TELLS.get(self._map.entity):
                told = [row.id for row in rows]
                entities.replace_milestones(c, ws, connection, stream, told, milestones, teller=teller)
            if self._map.entity == "account":
                before = self._session.at.date - READINGS_KEPT
                entities.keep_readings(c, ws, connection, stream, readings, gone=dead, before=before)
            if seq is not None:
                marks.set_mark(c, ws, self._mark, [seq, version])
        fp("normalise.chunk_stored")

    def _refs(self, c: Connection, ids: list[str]) -> dict[str, dict[str, str]]:
        """What the links of records lead to; a record that was merged away is stood in for by its survivor."""
        ws, connection = self._session.ws, self._connection
        refs: dict[str, dict[str, str]] = {}
        for kind, field_name in self._links.items():
            found = links.links_from(c, ws, connection, kind, ids)
            chosen = {one: target for one, each in found.items() if (target := primary_target(each)) is not None}
            merged = aliases.survivors(c, ws, connection, kind.partition(">")[2], set(chosen.values()))
            for from_id, target in chosen.items():
                refs.setdefault(from_id, {})[field_name] = merged.get(target, target)
        return refs


def _ref_field(links_stream: Stream, stream: Stream, session: Session, connection: str) -> str | None:
    """Which reference field of `stream` its links fill: `account_ref`, or `contact_ref` where it has one."""
    if links_stream.kind != "links" or links_stream.ids_from != stream.name or links_stream.entity == "attendance":
        return None
    target = links_stream.name.partition(">")[2]
    if target == "contacts":
        return "contact_ref" if any(item.name == "contact_ref" for item in ENTITIES[stream.entity]) else None
    mapped = session.deps.field_maps[connection].streams.get(target)
    return "account_ref" if mapped is not None and mapped.entity == "account" else None


def _attendances(session: Session, connector: Connector, stream: Stream) -> int:
    """Replace the attendances of a meeting → contact links stream when any of its links changed."""
    ws, name = session.ws, connector.name
    done = 0
    with session.write() as c:
        if not relinked(c, ws, name, stream.name):
            return 0
        entities.clear_entities(c, ws, "attendance", name, stream.name)
        for chunk in _chunked(links.iter_links(c, ws, name, stream.name), CHUNK):
            rows = [dict(attendance_row(link, name, stream.name)) for link in chunk]
            unique = {str(row["id"]): row for row in rows}
            entities.replace_entities(c, ws, "attendance", name, list(unique.values()))
            done += len(chunk)
        forget_relinked(c, ws, name, stream.name)
    return done


def _chunked(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
