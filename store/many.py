"""Many rows in few statements: what a pull stores, a page at a time.

SQLAlchemy converts and arranges each value of each row by itself, which takes longer than storing it. Here a column is
converted in one go by its own type, and the driver is given finished rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Table, bindparam, literal_column, select, text, true

from store.sql import insert_for, on_conflict_update
from store.types import Instant, Words, clean_texts, to_micros

_SIZES = (5_000, 1_000, 100, 10, 1)
"""Rows a statement on SQLite: few sizes, those of usual pages, because the driver keeps each statement prepared."""
_MOST_PARAMETERS = 32_000
"""SQLite takes 32,766 in a statement."""


def upsert_many(
    c: Connection,
    table: Table,
    same: Mapping[str, object],
    columns: Mapping[str, Sequence[object]],
    *,
    keep: tuple[str, ...] = (),
    ready: tuple[str, ...] = (),
) -> None:
    """Upsert rows that are given column by column: `same` holds in every row, `columns` have one value a row.

    Every column of the table is named in one of the two, and all columns are equally long. Of rows with the same key
    the last one stays. Columns named in `keep` stay as they are in rows that are there already; those in `ready` hold
    what the database takes, so that nothing is converted.
    """
    constant = {name: _converted(c, table, name, [value])[0] for name, value in same.items()}
    names = [column.name for column in table.columns if column.name not in same]
    given = [columns[name] if name in ready else _converted(c, table, name, columns[name]) for name in names]
    rows = zip(*given, strict=True)
    if c.dialect.name == "sqlite":
        _in_blocks(c, table, constant, list(rows), len(names), keep)
        return
    by_name = [{**constant, **dict(zip(names, row, strict=True))} for row in rows]
    if by_name:
        c.exec_driver_sql(_by_row(c.dialect, table, keep), by_name)


def insert_many(
    c: Connection,
    table: Table,
    same: Mapping[str, object],
    columns: Mapping[str, Sequence[object]],
    *,
    ready: tuple[str, ...] = (),
) -> None:
    """Insert rows that are given column by column as for `upsert_many`; the database numbers them."""
    rows = len(next(iter(columns.values())))
    given: dict[str, Iterable[object]] = {
        name: repeat(_converted(c, table, name, [value])[0], rows) for name, value in same.items()
    }
    given |= {name: one if name in ready else _converted(c, table, name, one) for name, one in columns.items()}
    statement, order = _plain(c.dialect, table, tuple(given))
    found = list(zip(*(given[name] for name in order or given), strict=True))
    if found:
        c.exec_driver_sql(statement, found if order else [dict(zip(given, row, strict=True)) for row in found])


def _converted(c: Connection, table: Table, name: str, values: Sequence[Any]) -> Sequence[object]:
    kind = table.c[name].type
    if isinstance(kind, Words):
        return clean_texts(values)
    if isinstance(kind, Instant) and c.dialect.name == "sqlite":
        return [value if value is None else to_micros(value) for value in values]
    convert = kind.dialect_impl(c.dialect).bind_processor(c.dialect)
    return values if convert is None else list(map(convert, values))


def _in_blocks(
    c: Connection,
    table: Table,
    constant: Mapping[str, object],
    rows: Sequence[tuple[object, ...]],
    width: int,
    keep: tuple[str, ...],
) -> None:
    """Hand SQLite up to 5,000 rows at a time.

    Its driver lets other threads run during a statement. With a statement a row they would take turns with this one
    row by row; so they run beside it.
    """
    start = 0
    for size in _SIZES:
        if size > 1 and size * width + len(constant) > _MOST_PARAMETERS:
            continue
        while len(rows) - start >= size:
            statement, order = _by_block(c.dialect, table, tuple(constant), size, keep)
            values: Iterable[object] = chain.from_iterable(rows[start : start + size])
            c.exec_driver_sql(statement, (*(constant[name] for name in order), *values))
            start += size


@lru_cache(maxsize=64)
def _by_block(
    dialect: Dialect, table: Table, same: tuple[str, ...], size: int, keep: tuple[str, ...]
) -> tuple[str, Sequence[str]]:
    """The statement for `size` rows, and the order of the values that are the same in each."""
    varying = [column.name for column in table.columns if column.name not in same]
    row = f"({', '.join('?' * len(varying))})"
    found: dict[str, ColumnElement[Any]] = {
        name: literal_column(f"column{place}") for place, name in enumerate(varying, start=1)
    }
    query = (
        select(*(found[column.name] if column.name in found else bindparam(column.name) for column in table.columns))
        .select_from(text(f"(VALUES {', '.join(repeat(row, size))})"))
        .where(true())  # without it SQLite takes ON for a join's
    )
    names = [column.name for column in table.columns]
    insert = insert_for(dialect, table).from_select(names, query)
    compiled = on_conflict_update(insert, table, _changing(table, keep)).compile(dialect=dialect)
    return str(compiled), list(compiled.positiontup or ())


@lru_cache(maxsize=64)
def _by_row(dialect: Dialect, table: Table, keep: tuple[str, ...]) -> str:
    names = [column.name for column in table.columns]
    upsert = on_conflict_update(insert_for(dialect, table), table, _changing(table, keep))
    return str(upsert.compile(dialect=dialect, column_keys=names))


@lru_cache(maxsize=64)
def _plain(dialect: Dialect, table: Table, names: tuple[str, ...]) -> tuple[str, Sequence[str] | None]:
    """A plain INSERT, and the order of its values where the driver takes them by place."""
    compiled = insert_for(dialect, table).compile(dialect=dialect, column_keys=list(names))
    return str(compiled), compiled.positiontup


def _changing(table: Table, keep: tuple[str, ...]) -> list[str]:
    """All columns but those of the key and those that an update keeps."""
    key = {column.name for column in table.primary_key}
    return [column.name for column in table.columns if column.name not in key and column.name not in keep]
