"""Normalised records: one typed row an entity, replaced as a whole whenever its raw record changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

from mapping.records import IMPORTED
from store.many import upsert_many
from store.sql import member
from store.tables import ENTITY_TABLES


def replace_entities(c: Connection, ws: str, entity: str, connection: str, rows: Sequence[Mapping[str, object]]) -> int:
    """Store `rows` (`id`, `stream` and unified fields); a field that is not given becomes null. Returns how many.

    Of two rows with one stream and id the last one stays. Raises KeyError for a field that the entity does not have.
    """
    if not rows:
        return 0
    table = ENTITY_TABLES[entity]
    names = [column.name for column in table.columns]
    unknown = {name for row in rows for name in row} - set(names)
    if unknown:
        raise KeyError(f"The entity {entity} has no field {', '.join(sorted(unknown))}.")
    same = {"workspace": ws, "connection": connection}
    last = {(row["stream"], row["id"]): row for row in rows}
    upsert_many(c, table, same, {name: [row.get(name) for row in last.values()] for name in names if name not in same})
    return len(last)


def delete_entities(
    c: Connection, ws: str, entity: str, connection: str, ids: Iterable[str], *, stream: str | None = None
) -> int:
    """Delete rows by id, of one stream if given; returns how many there were."""
    table = ENTITY_TABLES[entity]
    return c.execute(delete(table).where(_rows(table, ws, connection, stream), member(table.c.id, ids))).rowcount


def replace_milestones(
    c: Connection,
    ws: str,
    connection: str,
    stream: str,
    record_ids: Iterable[str],
    rows: Sequence[Mapping[str, object]],
    *,
    teller: str,
) -> None:
    """Store `rows` as all the milestones that the records `record_ids` of a stream tell of; `teller` is the field of a
    milestone that names the record."""
    table = ENTITY_TABLES["milestone"]
    told = _rows(table, ws, connection, stream) & member(table.c[teller], record_ids)
    c.execute(delete(table).where(told))
    replace_entities(c, ws, "milestone", connection, rows)


def keep_readings(
    c: Connection,
    ws: str,
    connection: str,
    stream: str,
    rows: Sequence[Mapping[str, object]],
    *,
    gone: Iterable[str],
    before: date,
) -> None:
    """Store usage readings of account records beside those of other months.

    Forgets those of these records from days earlier than `before`, and all of the records in `gone`.
    """
    table = ENTITY_TABLES["reading"]
    here = _rows(table, ws, connection, stream)
    old = and_(member(table.c.account_ref, {str(row["account_ref"]) for row in rows}), table.c.read_on < before)
    for chosen in (old, member(table.c.account_ref, gone)):
        c.execute(delete(table).where(here, chosen))
    replace_entities(c, ws, "reading", connection, rows)


def delete_imported(c: Connection, ws: str, ids: Iterable[str]) -> int:
    """Delete milestones that came from a file, by id; returns how many there were."""
    table = ENTITY_TABLES["milestone"]
    here = and_(table.c.workspace == ws, table.c.stream == IMPORTED, member(table.c.id, ids))
    return c.execute(delete(table).where(here)).rowcount


def imported_id(connection: str, record_id: str, key: str) -> str:
    """The id of a milestone that came from a file."""
    return f"{connection}:{record_id}:{key}"


def follow_merges(c: Connection, ws: str, connection: str, merged: Mapping[str, str]) -> None:
    """Give milestones from a file to the account records that live on; `merged` is old id → survivor.

    Where several records had one milestone, its earliest days stay, as if all of them counted.
    """
    table = ENTITY_TABLES["milestone"]
    t, imported = table.c, _rows(table, ws, connection, IMPORTED)
    if c.execute(select(t.id).where(imported, member(t.account_ref, merged)).limit(1)).first() is None:
        return
    concerned = imported & member(t.account_ref, {*merged, *merged.values()})
    found: dict[tuple[str, str], dict[str, object]] = {}
    for row in c.execute(select(t.account_ref, t.key, t.due_on, t.completed_on).where(concerned)):
        record_id = merged.get(row.account_ref, row.account_ref)
        own = {"id": imported_id(connection, record_id, row.key), "stream": IMPORTED, "account_ref": record_id}
        one = found.setdefault((record_id, row.key), {**own, "key": row.key})
        one["due_on"] = _earlier(one.get("due_on"), row.due_on)
        one["completed_on"] = _earlier(one.get("completed_on"), row.completed_on)
    c.execute(delete(table).where(concerned))
    replace_entities(c, ws, "milestone", connection, list(found.values()))


def clear_entities(c: Connection, ws: str, entity: str, connection: str, stream: str) -> int:
    """Delete all rows of a stream, before it is normalised anew; returns how many there were."""
    table = ENTITY_TABLES[entity]
    return c.execute(delete(table).where(_rows(table, ws, connection, stream))).rowcount


def count(c: Connection, ws: str, entity: str, connection: str | None = None) -> int:
    """Return how many rows an entity has, of one connection if given."""
    table = ENTITY_TABLES[entity]
    here = table.c.workspace == ws
    if connection is not None:
        here &= table.c.connection == connection
    return c.execute(select(func.count()).select_from(table).where(here)).scalar_one()


def _earlier(*days: Any) -> date | None:
    return min((day for day in days if day is not None), default=None)


def _rows(table: Table, ws: str, connection: str, stream: str | None) -> ColumnElement[bool]:
    here = and_(table.c.workspace == ws, table.c.connection == connection)
    return here if stream is None else here & (table.c.stream == stream)
