"""Normalised records: one typed row an entity, replaced as a whole whenever its raw record changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

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
    return c.execute(delete(table).where(_rows(table, ws, connection, stream), member(c, table.c.id, ids))).rowcount


def replace_milestones(
    c: Connection,
    ws: str,
    connection: str,
    stream: str,
    account_ids: Iterable[str],
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Store `rows` as all the milestones that the records `account_ids` of a stream of accounts tell of."""
    table = ENTITY_TABLES["milestone"]
    told = _rows(table, ws, connection, stream) & member(c, table.c.account_ref, account_ids)
    c.execute(delete(table).where(told))
    replace_entities(c, ws, "milestone", connection, rows)


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


def _rows(table: Table, ws: str, connection: str, stream: str | None) -> ColumnElement[bool]:
    here = and_(table.c.workspace == ws, table.c.connection == connection)
    return here if stream is None else here & (table.c.stream == stream)
