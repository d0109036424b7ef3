"""The few pieces of SQL that the two databases spell differently."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import custom_op

from store.types import Instant, clean_text, dump_json

T = TypeVar("T")

CHUNK = 5_000
"""Rows read at a time where a caller iterates over a whole table."""
NOW = "keepwell_now"
"""Name of the execution option with a clock that stands in for the database's."""


class _DatabaseNow(FunctionElement[datetime]):
    """The clock of the database: the only one that several machines share."""

    type = Instant()
    inherit_cache = True
    name = "database_now"


@compiles(_DatabaseNow, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    # Milliseconds, the resolution of SQLite's clock; `unixepoch('subsec')` needs a newer SQLite than Python 3.11 has.
    return "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"


@compiles(_DatabaseNow, "postgresql")
def _postgresql_now(*_: Any, **__: Any) -> str:
    return "clock_timestamp()"


def now(c: Connection) -> datetime:
    """Return the clock that all processes on a store share: the database's, unless the store was given another one."""
    given: Callable[[], datetime] | None = c.get_execution_options().get(NOW)
    return given() if given is not None else c.execute(select(_DatabaseNow())).scalar_one()


def member(c: Connection, tested: ColumnElement[Any], values: Iterable[str] | Iterable[int]) -> ColumnElement[bool]:
    """Return the condition `tested IN values` with one parameter, however many values there are."""
    listed = [clean_text(value) if isinstance(value, str) else value for value in values]
    if c.dialect.name == "postgresql":
        kind = ARRAY(BigInteger if isinstance(tested.type, Integer) else Text)
        return tested == func.any(bindparam(None, listed, type_=kind))
    given = func.json_each(bindparam(None, dump_json(listed), type_=Text())).table_valued("value")
    return tested.in_(select(given.c.value))


def numbered(c: Connection, table: Table, ws: str, ids: Iterable[int]) -> ColumnElement[bool]:
    """Return the condition for rows of a workspace by their surrogate key.

    Without statistics SQLite takes any index that begins with `workspace` for better than the key itself and reads
    the whole workspace; the unary plus keeps it from considering those.
    """
    workspace: ColumnElement[Any] = table.c.workspace
    if c.dialect.name == "sqlite":
        workspace = UnaryExpression(workspace, operator=custom_op("+"), type_=workspace.type)
    return and_(workspace == ws, member(c, table.c.id, ids))


def insert_into(c: Connection, table: Table) -> Any:
    """Return the dialect's INSERT, which knows ON CONFLICT."""
    return insert_for(c.dialect, table)


def insert_for(dialect: Dialect, table: Table) -> Any:
    """Return the INSERT of `dialect`."""
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def upsert(c: Connection, table: Table, changing: Sequence[str] | None = None) -> Any:
    """Return an INSERT that updates `changing` (default: all but the key) where the primary key is there already."""
    return on_conflict_update(insert_into(c, table), table, changing)


def on_conflict_update(statement: Any, table: Table, changing: Sequence[str] | None = None) -> Any:
    """Let an INSERT update `changing` (default: all but the key) where the primary key is there already."""
    keys = {item.name for item in table.primary_key}
    names = [item.name for item in table.columns if item.name not in keys] if changing is None else changing
    updates = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=updates)


def for_update(c: Connection, query: Any) -> Any:
    """Return `query` with its rows locked; SQLite needs nothing because a writer there is alone."""
    return query.with_for_update() if c.dialect.name == "postgresql" else query


def refresh_figures(c: Connection, *tables: Table) -> None:
    """After a bulk change: let PostgreSQL's planner see the new sizes now, not when autovacuum comes round.

    Until then it takes a freshly filled table for a nearly empty one and joins it row by row.
    """
    if c.dialect.name == "postgresql":
        for table in tables:
            c.exec_driver_sql(f"ANALYZE {c.dialect.identifier_preparer.format_table(table)}")


def pages(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return `items` in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that stand for `parts`."""
    return hashlib.blake2b(dump_json(parts).encode(), digest_size=16).hexdigest()
