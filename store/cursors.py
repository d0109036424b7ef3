"""Cursors: from when on the next increment of a stream has to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from store.errors import StoreCorrupt
from store.sql import digest, its, upsert
from store.tables import cursor as cursors

_ROW = select(cursors).where(its(cursors.c.workspace, cursors.c.connection, cursors.c.stream))


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next `since` of a stream and the sealed epoch that proved it."""

    connection: str
    stream: str
    at: datetime
    epoch_id: int
    updated_at: datetime


def cursor(c: Connection, ws: str, connection: str, stream: str) -> Cursor | None:
    """Return a stream's cursor, None before its first sealed epoch; raises StoreCorrupt when the row was damaged."""
    found = c.execute(_ROW, {"its_workspace": ws, "its_connection": connection, "its_stream": stream}).one_or_none()
    if found is None:
        return None
    if found.checksum != _checksum(ws, connection, stream, found.at, found.epoch_id):
        hint = "Read it from the start: `keepwell pull --full`."
        raise StoreCorrupt(f"The cursor of {connection} {stream} does not match its checksum.", hint)
    return Cursor(connection, stream, found.at, found.epoch_id, found.updated_at)


def move(c: Connection, ws: str, connection: str, stream: str, at: datetime, epoch_id: int, now: datetime) -> None:
    """Set a stream's cursor; only `epochs.seal` does this."""
    row = {
        "workspace": ws,
        "connection": connection,
        "stream": stream,
        "at": at,
        "epoch_id": epoch_id,
        "updated_at": now,
        "checksum": _checksum(ws, connection, stream, at, epoch_id),
    }
    c.execute(upsert(c, cursors), row)


def forget(c: Connection, ws: str, connection: str, stream: str) -> None:
    """Remove a stream's cursor, so that the next pull reads everything."""
    c.execute(delete(cursors).where(_stream(ws, connection, stream)))


def _stream(ws: str, connection: str, stream: str) -> ColumnElement[bool]:
    return and_(cursors.c.workspace == ws, cursors.c.connection == connection, cursors.c.stream == stream)


def _checksum(ws: str, connection: str, stream: str, at: datetime, epoch_id: int) -> str:
    return digest(1, ws, connection, stream, at.isoformat(), epoch_id)
