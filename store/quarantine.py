"""Quarantine: records and fields that could not be read, until a later version of them can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select

from mapping.records import Quarantined
from store.sql import insert_into, member
from store.tables import quarantine

LONGEST_VALUE = 500
"""Characters kept of a value that could not be read."""

_Q = quarantine.c


def put_many(c: Connection, ws: str, items: Sequence[Quarantined], now: datetime) -> None:
    """Quarantine `items`; one that is there already counts once more."""
    rows = {
        (item.connection, item.stream, item.id, item.field_name or ""): {
            "workspace": ws,
            "connection": item.connection,
            "stream": item.stream,
            "id": item.id,
            "field_name": item.field_name or "",
            "reason": item.reason,
            "value": item.value[:LONGEST_VALUE],
            "first_seen_at": now,
            "last_seen_at": now,
            "times": 1,
        }
        for item in items
    }
    if not rows:
        return
    statement = insert_into(c, quarantine)
    fresh = statement.excluded
    again = {"reason": fresh.reason, "value": fresh.value, "last_seen_at": now, "times": _Q.times + 1}
    counted = statement.on_conflict_do_update(index_elements=list(quarantine.primary_key), set_=again)
    c.execute(counted, list(rows.values()))


def clear(c: Connection, ws: str, connection: str, stream: str, ids: Iterable[str]) -> int:
    """Release everything of the records `ids`; returns how many rows there were."""
    here = (_Q.workspace == ws) & (_Q.connection == connection) & (_Q.stream == stream) & member(_Q.id, ids)
    return c.execute(delete(quarantine).where(here)).rowcount


def count(c: Connection, ws: str, *, connection: str | None = None, stream: str | None = None) -> int:
    """Return how many records have something in quarantine."""
    here = _of(ws, connection)
    if stream is not None:
        here &= _Q.stream == stream
    records = select(_Q.connection, _Q.stream, _Q.id).where(here).distinct().subquery()
    return c.execute(select(func.count()).select_from(records)).scalar_one()


def _of(ws: str, connection: str | None) -> ColumnElement[bool]:
    here = _Q.workspace == ws
    return here if connection is None else here & (_Q.connection == connection)
