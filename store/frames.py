"""Entities as polars frames: columns straight from the driver, because a Python object a row would cost the most."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import polars as pl
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from mapping.records import ENTITIES, FieldType
from mapping.schema import DTYPES, INSTANT, MONEY
from store.sql import member
from store.tables import ENTITY_TABLES, account_link
from store.tables.entities import PARENT_REFS

_BATCH = 20_000

_KEYS = ("connection", "id", "stream")


def schema(entity: str) -> dict[str, pl.DataType]:
    """Return column → dtype of an entity's frame: connection, id, stream, then the unified fields in order."""
    return {**dict.fromkeys(_KEYS, pl.String()), **{field.name: DTYPES[field.type] for field in ENTITIES[entity]}}


def frame(
    c: Connection,
    ws: str,
    entity: str,
    *,
    account_ids: Iterable[str] | None = None,
    connection: str | None = None,
    fields: Collection[str] | None = None,
) -> pl.DataFrame:
    """Return an entity's rows in key order, of some accounts or of one connection if given.

    `fields` are the unified fields to read besides those that lead to an account, all of them without it.
    `account_ids` are resolved through the account links: accounts themselves, children by their `account_ref`,
    attendances by the meeting they belong to. Money is rounded to six decimals.
    """
    table = ENTITY_TABLES[entity]
    here = table.c.workspace == ws
    if connection is not None:
        here &= table.c.connection == connection
    wanted = {*_KEYS, *PARENT_REFS, *fields} if fields is not None else {*schema(entity)}
    columns = {name: kind for name, kind in schema(entity).items() if name in wanted}
    if account_ids is None:
        return read_frame(c, _query(c, table, entity, here, columns).order_by(*_order(table)), columns)
    # Put in order here: asked for it, SQLite walks the key through the whole connection to find the few rows of a
    # slice. Polars compares text by its bytes, as both databases do.
    query = _query(c, table, entity, here & _of_accounts(ws, table, account_ids), columns)
    return read_frame(c, query, columns).sort("connection", "stream", "id")


def strays(c: Connection, ws: str, entity: str, connection: str, account_object: str) -> pl.DataFrame:
    """Return a connection's rows of an entity that belong to no account: their `account_ref` leads to none, or is null.

    `account_object` is what the connection calls the records that are accounts.
    """
    table, columns = ENTITY_TABLES[entity], schema(entity)
    linked = and_(
        account_link.c.workspace == ws,
        account_link.c.connection == connection,
        account_link.c.object == account_object,
        account_link.c.crm_id == table.c.account_ref,
    )
    here = and_(table.c.workspace == ws, table.c.connection == connection, ~exists().where(linked))
    return read_frame(c, _query(c, table, entity, here, columns).order_by(*_order(table)), columns)


def filled(c: Connection, ws: str, entity: str) -> frozenset[str]:
    """Return the fields of which any row of an entity has a value; reads the entity once, in the database."""
    table = ENTITY_TABLES[entity]
    names = [field.name for field in ENTITIES[entity]]
    found = c.execute(select(*(func.count(table.c[name]) for name in names)).where(table.c.workspace == ws)).one()
    return frozenset(name for name, rows in zip(names, found, strict=True) if rows)


def frames(c: Connection, ws: str, entity: str, *, rows: int = 100_000) -> Iterator[pl.DataFrame]:
    """Yield an entity's rows in slices of at most `rows`, in key order; memory holds one slice at a time."""
    table = ENTITY_TABLES[entity]
    columns = schema(entity)
    query = _query(c, table, entity, table.c.workspace == ws, columns).order_by(*_order(table))
    yield from _read(c, query, columns, rows)


def read_frame(c: Connection, query: Select[Any], columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the rows of `query`, whose columns are in storage form (see `stored`), as a frame."""
    parts = list(_read(c, query, columns, _BATCH))
    return pl.concat(parts) if parts else pl.DataFrame(schema=dict(columns))


def stored(c: Connection, column: ColumnElement[Any], kind: FieldType) -> ColumnElement[Any]:
    """Return `column` in the form in which drivers are quick: text, whole numbers, floats and booleans."""
    if c.dialect.name != "postgresql":
        plain = _PLAIN.get(kind)  # how SQLite holds it anyway
        return column if plain is None else type_coerce(column, plain)
    if kind is FieldType.INSTANT:
        return cast(func.extract("epoch", column) * 1_000_000, BigInteger)
    return cast(column, Text) if kind in {FieldType.MONEY, FieldType.DATE} else column


_PLAIN: Mapping[FieldType, TypeEngine[Any]] = MappingProxyType(
    {
        FieldType.INSTANT: BigInteger(),
        FieldType.BOOL: BigInteger(),
        FieldType.MONEY: Text(),
        FieldType.DATE: Text(),
    }
)


def _query(
    c: Connection, table: Table, entity: str, here: ColumnElement[bool], columns: Collection[str]
) -> Select[Any]:
    wanted = [field for field in ENTITIES[entity] if field.name in columns]
    keys = [table.c[name] for name in _KEYS]
    return select(*keys, *(stored(c, table.c[field.name], field.type) for field in wanted)).where(here)


def _order(table: Table) -> tuple[ColumnElement[Any], ...]:
    return (table.c.connection, table.c.stream, table.c.id)


def _of_accounts(ws: str, table: Table, account_ids: Iterable[str]) -> ColumnElement[bool]:
    linked = and_(account_link.c.workspace == ws, member(account_link.c.account_id, account_ids))
    records = select(account_link.c.connection, account_link.c.crm_id).where(linked)
    if table is ENTITY_TABLES["account"]:
        return tuple_(table.c.connection, table.c.id).in_(records)
    if "account_ref" in table.c:
        return tuple_(table.c.connection, table.c.account_ref).in_(records)
    if "meeting_ref" in table.c:
        meeting = ENTITY_TABLES["meeting"].c
        mine = and_(meeting.workspace == ws, tuple_(meeting.connection, meeting.account_ref).in_(records))
        return tuple_(table.c.connection, table.c.meeting_ref).in_(select(meeting.connection, meeting.id).where(mine))
    raise ValueError(f"Rows of {table.name} do not belong to an account.")


def _read(c: Connection, query: Select[Any], columns: Mapping[str, pl.DataType], size: int) -> Iterator[pl.DataFrame]:
    """Run `query` and build a frame of every `size` rows, while the database still produces the next ones."""
    if c.dialect.name != "sqlite":
        with c.execute(query.execution_options(yield_per=size)) as result:
            for rows in result.partitions():
                yield _frame(rows, columns)
        return
    # SQLite's rows come straight from its driver: to wrap each of them costs half as much again as to fetch it.
    with c.execute(query) as result:
        while rows := result.cursor.fetchmany(size):
            yield _frame(rows, columns)


def _frame(rows: Sequence[Sequence[Any]], columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    values = zip(*rows, strict=True)
    return pl.DataFrame(
        [_series(name, dtype, list(cells)) for (name, dtype), cells in zip(columns.items(), values, strict=True)]
    )


def _series(name: str, dtype: pl.DataType, cells: list[Any]) -> pl.Series:
    if dtype == INSTANT:
        return pl.Series(name, cells, dtype=pl.Int64).cast(INSTANT)
    if dtype == pl.Boolean:
        return pl.Series(name, cells, dtype=pl.Int64, strict=False).cast(pl.Boolean)
    if dtype == pl.Date:
        return pl.Series(name, cells, dtype=pl.String).str.to_date("%Y-%m-%d")
    if dtype == MONEY:
        return pl.Series(name, cells, dtype=pl.String).cast(MONEY)
    return pl.Series(name, cells, dtype=dtype)
