"""What is known of records that Keepwell makes in a CRM under keys of its own, whichever table has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, and_, bindparam, update

from store.sql import insert_into

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def enter_wanted(c: Connection, table: Table, ws: str, rows: Iterable[DataclassInstance]) -> None:
    """Enter what a plan makes, before anything is sent; rows that are there stay as they are."""
    values = [{"workspace": ws, **{item.name: getattr(row, item.name) for item in fields(row)}} for row in rows]
    if values:
        keys = list(table.primary_key)
        c.execute(insert_into(c, table).on_conflict_do_nothing(index_elements=keys), values)


def enter_made(
    c: Connection,
    table: Table,
    ws: str,
    connection: str,
    made: Mapping[str, str | None],
    *,
    run_id: str,
    now: datetime,
) -> None:
    """Enter by key that records are there, and under which id of the CRM; what is entered already stays."""
    t = table.c
    of_key = and_(
        t.workspace == bindparam("its_workspace"),
        t.connection == bindparam("its_connection"),
        t.key == bindparam("its_key"),
    )
    here = {"its_workspace": ws, "its_connection": connection}
    if made:
        first = update(table).where(of_key, t.made_at.is_(None)).values(made_at=now, run_id=run_id)
        c.execute(first, [{**here, "its_key": key} for key in made])
    named = [{**here, "its_key": key, "record": one} for key, one in made.items() if one]
    if named:
        c.execute(update(table).where(of_key, t.record_id.is_(None)).values(record_id=bindparam("record")), named)
