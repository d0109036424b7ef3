"""Entities as polars frames: columns straight from the driver, because a Python object a row would cost the most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    func,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from mapping.records import ENTITIES, Field, FieldType
from mapping.schema import DTYPES, INSTANT, MONEY
from store.sql import member
from store.tables import ENTITY_TABLES, account_link

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
) -> pl.DataFrame:
    """Return an entity's rows in key order, of some accounts or of one connection if given.

    `account_ids` are resolved through the account links: accounts themselves, children by their `account_ref`,
    attendances by the meeting they belong to. Money is rounded to six decimals.
    """
    table = ENTITY_TABLES[entity]
    here = table.c.workspace == ws
    if connection is not None:
        here &= table.c.connection == connection
    if account_ids is None:
        return read_frame(c, _query(c, table, entity, here).order_by(*_order(table)), schema(entity))
    # Put in order here: asked for it, SQLite walks the key through the whole connection to find the few rows of a
    # slice. Polars compares text by its bytes, as both databases do.
    query = _query(c, table, entity, here & _of_accounts(c, ws, table, account_ids))
    return read_frame(c, query, schema(entity)).sort("connection", "stream", "id")


def frames(c: Connection, ws: str, entity: str, *, rows: int = 100_000) -> Iterator[pl.DataFrame]:
    """Yield an entity's rows in slices of at most `rows`, in key order; memory holds one slice at a time."""
    table = ENTITY_TABLES[entity]
    query = _query(c, table, entity, table.c.workspace == ws).order_by(*_order(table))
    yield from _read(c, query, schema(entity), rows)


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


def _query(c: Connection, table: Table, entity: str, here: ColumnElement[bool]) -> Select[Any]:
    fields: Sequence[Field] = ENTITIES[entity]
    keys = [table.c[name] for name in _KEYS]
    return select(*keys, *(stored(c, table.c[field.name], field.type) for field in fields)).where(here)


def _order(table: Table) -> tuple[ColumnElement[Any], ...]:
    return (table.c.connection, table.c.stream, table.c.id)


def _of_accounts(c: Connection, ws: str, table: Table, account_ids: Iterable[str]) -> ColumnElement[bool]:
    linked = and_(account_link.c.workspace == ws, member(c, account_link.c.account_id, account_ids))
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
    with c.execute(query.execution_options(yield_per=size)) as result:
        for rows in result.partitions():
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
