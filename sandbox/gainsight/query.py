"""Reading rows: what to select, which rows, in which order, and which page of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from zlib import crc32

from sandbox.gainsight.errors import ApiError, invalid
from sandbox.gainsight.filters import Conditions, Test
from sandbox.gainsight.moments import iso_day, iso_instant, iso_second
from sandbox.gainsight.paths import Path, resolve
from sandbox.gainsight.tenant import Row, Table, Tenant
from sandbox.journal import Value

MOST_ROWS = 5_000
Writer = Callable[[Value], Value]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of endpoints asks: the key of a condition's field, and how an unknown selected field is refused.

    `iso` writes moments as text; the query API writes them as milliseconds, its delete log excepted.
    """

    key: str
    select_code: str
    select_status: int
    iso: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected columns by the name under which they were asked for, and the test that rows have to pass."""

    columns: tuple[tuple[str, Path], ...]
    test: Test


def read_selection(tenant: Tenant, table: Table, body: dict[str, Any], dialect: Dialect, zone: tzinfo) -> Selection:
    """Read `select` and `where`; raises ApiError for names that do not exist and conditions that cannot be."""
    wanted = body.get("select")
    if not isinstance(wanted, list) or not wanted:
        raise ApiError(dialect.select_status, dialect.select_code, "No fields in select clause")
    columns, unknown = [], []
    for name in wanted:
        path = resolve(tenant, table, name)
        if path is None:
            unknown.append(str(name))
        else:
            columns.append((str(name), path))
    if unknown:
        description = f"Invalid fields in select clause - {', '.join(unknown)}"
        raise ApiError(dialect.select_status, dialect.select_code, description)
    return Selection(tuple(columns), Conditions(tenant, table, dialect.key, zone).read(body.get("where")))


def order_of(tenant: Tenant, table: Table, body: dict[str, Any]) -> list[tuple[Path, bool]]:
    """Read `orderBy`: field paths, and whether they descend; raises ApiError."""
    given = body.get("orderBy") or {}
    if not isinstance(given, dict):
        raise invalid("orderBy must be an object of fields and directions")
    order = []
    for name, direction in given.items():
        path = resolve(tenant, table, name)
        if path is None:
            raise ApiError(400, "GSOBJ_1002", f"Invalid field in orderBy - {name}")
        if not path.target.sortable:
            raise invalid(f"{name} is not sortable")
        if direction not in ("asc", "desc"):
            raise invalid("a direction is asc or desc")
        order.append((path, direction == "desc"))
    return order


def page_of(body: dict[str, Any]) -> tuple[int, int]:
    """Read `limit` and `offset`; raises ApiError."""
    limit, offset = body.get("limit", MOST_ROWS), body.get("offset", 0)
    if any(isinstance(one, bool) or not isinstance(one, int) for one in (limit, offset)) or offset < 0:
        raise invalid("limit and offset must be whole numbers")
    if not 1 <= limit <= MOST_ROWS:
        raise invalid(f"limit must be between 1 and {MOST_ROWS}")
    return limit, offset


def sorted_rows(tenant: Tenant, rows: list[Row], order: list[tuple[Path, bool]], salt: int) -> list[Row]:
    """Sort rows; among equals the order differs from page to page (`salt`), as nothing promises one. Nulls come last
    ascending and first descending."""
    pepper = str(salt) if order else ""
    mixed = sorted(rows, key=lambda row: crc32(f"{row.get('Gsid') or row.get('RecordId')}{pepper}".encode()))
    for path, descending in reversed(order):
        keyed = [(path.get(tenant, row), row) for row in mixed]
        filled = [(value, row) for value, row in keyed if value is not None]
        empty = [row for value, row in keyed if value is None]
        filled.sort(key=_value, reverse=descending)
        full = [row for _, row in filled]
        mixed = empty + full if descending else full + empty
    return mixed


def shown(tenant: Tenant, row: Row, selection: Selection, *, iso: bool, omit_nulls: bool = False) -> dict[str, Value]:
    """Return a row as an answer shows it: flat, with the names under which fields were selected."""
    answer: dict[str, Value] = {}
    for name, path in selection.columns:
        value = path.get(tenant, row)
        if value is None and omit_nulls:
            continue
        answer[name] = _WRITERS[path.target.type](value) if iso and path.target.type in _WRITERS else value
        if path.target.name == "DeletedOn" and isinstance(value, int):
            answer[name] = iso_second(value)
    return answer


def _value(pair: tuple[Any, Row]) -> tuple[bool, Any]:
    """Sort text apart from numbers: a field that an administrator retyped holds both."""
    return isinstance(pair[0], str), pair[0]


def _written(write: Callable[[int], str]) -> Writer:
    return lambda value: write(value) if isinstance(value, int) else None


_WRITERS: dict[str, Writer] = {"DATE": _written(iso_day), "DATETIME": _written(iso_instant)}
