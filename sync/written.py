"""What Keepwell wrote, laid over its own copy of the CRM, so that the next plan does not take its writes for edits.

A search index of a CRM may lag behind for a while; until the record is read again, the copy shows what we wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, update

from store import raw
from store.sql import its
from store.tables import raw_record

_R = raw_record.c
_LAY = update(raw_record).where(its(_R.workspace, _R.connection, _R.stream, _R.id))


def lay_over(
    c: Connection, ws: str, connection: str, stream: str, values: Mapping[str, Mapping[str, str | None]]
) -> None:
    """Set properties of stored raw rows (id → property → canonical value) without giving the rows a new number."""
    if not values:
        return
    stored = raw.payloads(c, ws, connection, stream, values)
    here = {"its_workspace": ws, "its_connection": connection, "its_stream": stream}
    rows = [
        {**here, "its_id": one, "payload": {**payload, **values[one]}, "hash": raw.DOUBTED}
        for one, payload in stored.items()
    ]
    if rows:
        c.execute(_LAY, rows)
