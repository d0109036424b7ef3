"""What Keepwell wrote, laid over its own copy of the CRM, so that the next plan does not take its writes for edits.

A search index of a CRM may lag behind for a while; until the record is read again, the copy shows what we wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, and_, bindparam, select, update

from store.raw import DOUBTED
from store.sql import member
from store.tables import raw_record


def lay_over(
    c: Connection, ws: str, connection: str, stream: str, values: Mapping[str, Mapping[str, str | None]]
) -> None:
    """Set properties of stored raw rows (id → property → canonical value) without giving the rows a new number."""
    if not values:
        return
    here = and_(raw_record.c.workspace == ws, raw_record.c.connection == connection, raw_record.c.stream == stream)
    found = c.execute(select(raw_record.c.id, raw_record.c.payload).where(here, member(c, raw_record.c.id, values)))
    rows = [{"row_id": row.id, "laid": {**row.payload, **values[row.id]}} for row in found]
    if rows:
        statement = update(raw_record).where(here, raw_record.c.id == bindparam("row_id"))
        c.execute(statement.values(payload=bindparam("laid"), hash=DOUBTED), rows)
