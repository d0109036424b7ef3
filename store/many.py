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

_SIZES = (512, 64, 8, 1)
"""Rows a statement on SQLite: few different ones, because the driver keeps each of them prepared."""
_MOST_PARAMETERS = 32_000
"""SQLite takes 32,766 in a statement."""


def upsert_many(
    c: Connection, table: Table, same: Mapping[str, object], columns: Mapping[str, Sequence[object]]
) -> None:
    """Upsert rows that are given column by column: `same` holds in every row, `columns` have one value a row.

    Every column of the table is named in one of the two, and all columns are equally long. Of rows with the same key
    the last one stays.
    """
    constant = {name: _converter(c, table, name)(value) for name, value in same.items()}
    names = [column.name for column in table.columns if column.name not in same]
    rows = zip(*(map(_converter(c, table, name), columns[name]) for name in names), strict=True)
    if c.dialect.name == "sqlite":
        _in_blocks(c, table, constant, list(rows), len(names))
        return
    given = [{**constant, **dict(zip(names, row, strict=True))} for row in rows]
    if given:
        c.exec_driver_sql(_by_row(c.dialect, table), given)


def _converter(c: Connection, table: Table, name: str) -> Any:
    return table.c[name].type.dialect_impl(c.dialect).bind_processor(c.dialect) or _as_it_is


def _as_it_is(value: object) -> object:
    return value


def _in_blocks(
    c: Connection, table: Table, constant: Mapping[str, object], rows: Sequence[tuple[object, ...]], width: int
) -> None:
    """Hand SQLite up to 512 rows at a time.

    Its driver lets other threads run during a statement. With a statement a row they would take turns with this one
    row by row; so they run beside it.
    """
    start = 0
    for size in _SIZES:
        if size > 1 and size * width + len(constant) > _MOST_PARAMETERS:
            continue
        while len(rows) - start >= size:
            statement, order = _by_block(c.dialect, table, tuple(constant), size)
            values: Iterable[object] = chain.from_iterable(rows[start : start + size])
            c.exec_driver_sql(statement, (*(constant[name] for name in order), *values))
            start += size


@lru_cache(maxsize=64)
def _by_block(dialect: Dialect, table: Table, same: tuple[str, ...], size: int) -> tuple[str, Sequence[str]]:
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
    compiled = on_conflict_update(insert_for(dialect, table).from_select(names, query), table).compile(dialect=dialect)
    return str(compiled), list(compiled.positiontup or ())


@lru_cache(maxsize=64)
def _by_row(dialect: Dialect, table: Table) -> str:
    names = [column.name for column in table.columns]
    return str(on_conflict_update(insert_for(dialect, table), table).compile(dialect=dialect, column_keys=names))
