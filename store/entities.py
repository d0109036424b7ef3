"""Normalised records: one typed row an entity, replaced as a whole whenever its raw record changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

from store.sql import member, upsert
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
    blank: dict[str, object] = dict.fromkeys(names)
    blank.update(workspace=ws, connection=connection)
    full = {(row["stream"], row["id"]): {**blank, **row} for row in rows}
    c.execute(upsert(c, table), list(full.values()))
    return len(full)


def delete_entities(
    c: Connection, ws: str, entity: str, connection: str, ids: Iterable[str], *, stream: str | None = None
) -> int:
    """Delete rows by id, of one stream if given; returns how many there were."""
    table = ENTITY_TABLES[entity]
    return c.execute(delete(table).where(_rows(table, ws, connection, stream), member(c, table.c.id, ids))).rowcount


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
