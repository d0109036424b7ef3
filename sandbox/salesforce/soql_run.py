"""Runs a parsed query: which rows, in which order, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any
from zlib import crc32

from sandbox.salesforce.fields import TEXT_TYPES, Value
from sandbox.salesforce.org import Org
from sandbox.salesforce.soql_aggregates import Aggregation
from sandbox.salesforce.soql_ast import Call, Fields, Path, Query
from sandbox.salesforce.soql_children import Child, with_children
from sandbox.salesforce.soql_columns import Column, Columns
from sandbox.salesforce.soql_filters import Filters, Predicate, id_set, stamp_bounds
from sandbox.salesforce.soql_parser import parse
from sandbox.salesforce.soql_shape import cells, select
from sandbox.salesforce.table import Row, Table

_FIELDS_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows that a query found.

    `render` makes one of them REST JSON for an API version, `texts` any of them columns of a CSV file.
    """

    object_name: str
    total: int
    rows: list[Any]
    render: Callable[[Any, str], dict[str, Any]]
    header: list[str]
    texts: Callable[[Sequence[Any]], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query whose names and types were checked for a user, ready to run."""

    text: str
    query: Query
    columns: Columns


def prepare(org: Org, text: str, user_id: str) -> Prepared:
    """Parse a query and check its names; raises ApiError as the vendor words it."""
    query = parse(text)
    return _prepared(org, text, query, Columns(org, text, query.source, query.source_at, user_id, query.alias))


def _prepared(org: Org, text: str, query: Query, columns: Columns) -> Prepared:
    return Prepared(text, replace(query, select=_expand(query, columns, org, columns.user_id)), columns)


def run(org: Org, prepared: Prepared, now: datetime, *, include_deleted: bool = False) -> Answer:
    """Run a prepared query; the rows of the answer are a snapshot."""
    query, columns = prepared.query, prepared.columns
    filters = Filters(columns, now, lambda inner: _inner_values(org, inner, prepared, now))
    matches = filters.compile(query.where) if query.where is not None else None
    if query.aggregates:
        return _aggregate(prepared, now, _matching(columns.table, query, matches, include_deleted=include_deleted))
    shape, resolved = select(columns, org, tuple(item for item in query.select if isinstance(item, Path | Call)))
    order = [_order_column(columns, key.path) for key in query.order_by]
    rows = _ordered(columns.table, query, order, matches, include_deleted)
    inner = [item for item in query.select if isinstance(item, Query)]
    children = [_child(org, item, prepared, now, include_deleted=include_deleted) for item in inner]
    readers = [cells(column) for column in resolved]
    return Answer(
        columns.table.kind.name,
        len(rows),
        rows,
        with_children(shape.render, children, columns.table.columns["Id"]),
        [_heading(column) for column in resolved],
        lambda some: [read(some) for read in readers],
    )


def _heading(column: Column) -> str:
    return ".".join((*column.hops, column.field.name))


def _expand(query: Query, columns: Columns, org: Org, user_id: str) -> tuple[Path | Call | Fields | Query, ...]:
    """Replace FIELDS() by the fields it stands for."""
    kind = columns.table.kind
    items: list[Path | Call | Fields | Query] = []
    for item in query.select:
        if not isinstance(item, Fields):
            items.append(item)
            continue
        if item.group != "STANDARD" and (query.limit is None or query.limit > _FIELDS_LIMIT):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {_FIELDS_LIMIT}"
            raise columns.error(item.at, message, "MALFORMED_QUERY")
        wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[item.group]
        chosen = [name for name, found in kind.fields.items() if found.custom in wanted]
        items += [Path((name,), item.at) for name in chosen if org.access.can_read(user_id, kind.name, name)]
    return tuple(items)


def _child(org: Org, inner: Query, outer: Prepared, now: datetime, *, include_deleted: bool) -> Child:
    """Run a subquery once for all parents; `FROM` names the relationship."""
    parents = outer.columns
    named = {name.lower(): (name, table, link) for name, table, link in org.child_links(parents.table.kind)}
    if inner.source.lower() not in named or inner.aggregates or any(isinstance(i, Query) for i in inner.select):
        message = f"Didn't understand relationship '{inner.source}' in FROM part of query call."
        raise parents.error(inner.source_at, message, "INVALID_TYPE")
    name, table, link = named[inner.source.lower()]
    columns = Columns(org, outer.text, table.kind.name, inner.source_at, parents.user_id, inner.alias)
    prepared = _prepared(org, outer.text, replace(inner, limit=None, offset=None), columns)
    found = run(org, prepared, now, include_deleted=include_deleted)
    return Child(name, found.rows, table.columns[link.name], (inner.offset or 0, inner.limit), found.render)


def _inner_values(org: Org, inner: Query, outer: Prepared, now: datetime) -> frozenset[Value]:
    columns = Columns(org, outer.text, inner.source, inner.source_at, outer.columns.user_id, inner.alias)
    path = inner.select[0]
    if len(inner.select) != 1 or not isinstance(path, Path):
        raise columns.error(inner.source_at, "a semi-join selects exactly one field", "MALFORMED_QUERY")
    column = columns.resolve(path)
    filters = Filters(columns, now, lambda query: _inner_values(org, query, outer, now))
    matches = filters.compile(inner.where) if inner.where is not None else None
    return frozenset(column.get(row) for row in _matching(columns.table, inner, matches, include_deleted=False))


def _candidates(table: Table, query: Query) -> Iterable[Row]:
    wanted = id_set(query.where)
    if wanted is not None:
        return [row for record_id in sorted(wanted) if (row := table.get(record_id)) is not None]
    low, high = stamp_bounds(query.where)
    if low is None and high is None:
        return table.scan()
    id_at = table.columns["Id"]
    return sorted(table.by_stamp(low, high), key=lambda row: crc32(str(row[id_at]).encode()))


def _filtered(rows: Iterable[Row], table: Table, matches: Predicate | None, include_deleted: bool) -> Iterable[Row]:
    deleted_at = table.columns.get("IsDeleted")
    if deleted_at is not None and not include_deleted:
        rows = (row for row in rows if not row[deleted_at])
    return rows if matches is None else (row for row in rows if matches(row))


def _matching(table: Table, query: Query, matches: Predicate | None, *, include_deleted: bool) -> list[Row]:
    return list(_filtered(_candidates(table, query), table, matches, include_deleted))


def _order_column(columns: Columns, path: Path | Call) -> Column:
    column = columns.reach(path)
    if not column.field.sortable:
        raise columns.error(path.at, f"field '{column.field.name}' can not be sorted in a query call")
    return column


def _ordered(
    table: Table, query: Query, order: list[Column], matches: Predicate | None, include_deleted: bool
) -> list[Row]:
    first = query.offset or 0
    last = None if query.limit is None else first + query.limit
    if _walks_index(query, order):
        low, high = stamp_bounds(query.where)
        return list(islice(_filtered(table.by_stamp(low, high), table, matches, include_deleted), first, last))
    rows = _matching(table, query, matches, include_deleted=include_deleted)
    for key, column in reversed(list(zip(query.order_by, order, strict=True))):
        rows.sort(key=sort_key(column, key.descending == key.nulls_last), reverse=key.descending)
    return rows[first:last]


def _walks_index(query: Query, order: list[Column]) -> bool:
    """Whether the order is (SystemModstamp, Id), in which the index already holds the rows."""
    plain = not any(key.descending or key.nulls_last for key in query.order_by)
    return plain and [_heading(column) for column in order] == ["SystemModstamp", "Id"]


def sort_key(column: Column, nulls_low: bool) -> Callable[[Row], tuple[bool, Any]]:
    """Return a sort key that puts nulls below or above every value; text sorts without regard to case."""
    get = column.get
    fold = column.field.type in TEXT_TYPES

    def key(row: Row) -> tuple[bool, Any]:
        value = get(row)
        if value is None:
            return (not nulls_low, 0)
        return (nulls_low, value.casefold() if fold and isinstance(value, str) else value)

    return key


def _aggregate(prepared: Prepared, now: datetime, rows: list[Row]) -> Answer:
    query = prepared.query
    if query.counts_only:
        total = len(rows) if query.limit is None else min(len(rows), query.limit)
        return Answer(prepared.columns.table.kind.name, total, [], _nothing, [], _texts)
    aggregation = Aggregation(prepared.columns, query, now)
    results = aggregation.rows(rows)
    return Answer("AggregateResult", len(results), results, aggregation.render, aggregation.names, _texts)


def _nothing(_row: Any, _version: str) -> dict[str, Any]:
    """Render a row of an answer that is only a number and has no rows."""
    return {}


def _texts(rows: Sequence[Any]) -> list[list[str]]:
    return [[str(value) for value in column] for column in zip(*rows, strict=True)]
