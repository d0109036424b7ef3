"""The few pieces of SQL that the two databases spell differently."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from store.types import Instant, clean_texts, dump_json

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


class _Texts(TypeDecorator[Sequence[str]]):
    """Any number of texts as one parameter: an array on PostgreSQL, a JSON document on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> Any:
        listed = list(clean_texts(list(value or ())))
        return listed if dialect.name == "postgresql" else dump_json(listed)


class _Numbers(TypeDecorator[Sequence[int]]):
    """Any number of integers as one parameter, in the same way."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(BigInteger()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Iterable[int] | None, dialect: Dialect) -> Any:
        listed = list(value or ())
        return listed if dialect.name == "postgresql" else dump_json(listed)


class _Member(FunctionElement[bool]):
    """`tested IN values`, where all values are one parameter."""

    type = Boolean()
    inherit_cache = True
    name = "member"

    def self_group(self, against: Any = None) -> _Member:  # noqa: ARG002 - binds more tightly than what it stands in
        # Otherwise SQLite, which knows no booleans, would be asked for `… IN … = 1`, and use no index.
        return self


@compiles(_Member, "sqlite")
def _sqlite_member(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    tested, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{tested} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are SQL that was compiled


@compiles(_Member, "postgresql")
def _postgresql_member(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    tested, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{tested} = ANY ({values})"


def member(
    tested: ColumnElement[Any], values: Iterable[str] | Iterable[int] | None = None, name: str | None = None
) -> ColumnElement[bool]:
    """Return the condition `tested IN values` with one parameter, however many values there are.

    In a statement that is built once `name` is given instead, that of the parameter which takes the values.
    """
    kind = _Numbers() if isinstance(tested.type, Integer) else _Texts()
    listed = None if values is None else list(values)
    return _Member(tested, bindparam(name, listed, type_=kind, required=values is None))


def its(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that `columns` have the values of the parameters `its_…`, one named after each.

    For statements that are built once: SQLAlchemy takes several times as long to build a short one as to carry it out.
    """
    return and_(*(column == bindparam(f"its_{column.key}") for column in columns))


class _Unindexed(FunctionElement[Any]):
    """A column whose indexes are not considered; PostgreSQL needs no such hint."""

    inherit_cache = True
    name = "unindexed"


@compiles(_Unindexed, "sqlite")
def _sqlite_unindexed(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(_Unindexed, "postgresql")
def _postgresql_unindexed(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


def numbered(table: Table) -> ColumnElement[bool]:
    """Return the condition for rows of a workspace (`its_workspace`) by their surrogate key (`ids`).

    Without statistics SQLite takes any index that begins with `workspace` for better than the key itself and reads
    the whole workspace; the unary plus keeps it from considering those.
    """
    workspace = _Unindexed(table.c.workspace)
    workspace.type = table.c.workspace.type
    return and_(workspace == bindparam("its_workspace"), member(table.c.id, name="ids"))


def insert_into(c: Connection, table: Table) -> Any:
    """Return the dialect's INSERT, which knows ON CONFLICT."""
    return insert_for(c.dialect, table)


def insert_for(dialect: Dialect, table: Table) -> Any:
    """Return the INSERT of `dialect`."""
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def upsert(c: Connection, table: Table, changing: Sequence[str] | None = None) -> Any:
    """Return an INSERT that updates `changing` (default: all but the key) where the primary key is there already."""
    return _upsert(c.dialect, table, None if changing is None else tuple(changing))


@lru_cache(maxsize=128)
def _upsert(dialect: Dialect, table: Table, changing: tuple[str, ...] | None) -> Any:
    return on_conflict_update(insert_for(dialect, table), table, changing)


def on_conflict_update(statement: Any, table: Table, changing: Sequence[str] | None = None) -> Any:
    """Let an INSERT update `changing` (default: all but the key) where the primary key is there already."""
    keys = {item.name for item in table.primary_key}
    names = [item.name for item in table.columns if item.name not in keys] if changing is None else changing
    updates = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=updates)


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
