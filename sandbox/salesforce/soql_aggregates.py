"""COUNT, MIN, MAX, SUM and AVG, over all rows or by group; money is aggregated in the corporate currency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from sandbox.salesforce.fields import NUMBER_TYPES, Field, Value
from sandbox.salesforce.soql_ast import Call, Path, Query
from sandbox.salesforce.soql_columns import Column, Columns, Getter
from sandbox.salesforce.soql_filters import Filters
from sandbox.salesforce.table import Row

MAX_GROUPS = 2000
Maker = Callable[[Sequence[Row]], Value]


class Aggregation:
    """The aggregate rows of one query; `names` are the keys of a row, `exprN` where no alias was given."""

    def __init__(self, columns: Columns, query: Query, now: datetime) -> None:
        self._columns = columns
        self._query = query
        self._grouped = {str(item).lower(): self._group(item) for item in query.group_by}
        self.names: list[str] = []
        self._makers = [self._maker(item) for item in query.select if isinstance(item, Path | Call)]
        filters = Filters(columns, now, self._no_subquery, self._reach)
        self._kept = filters.compile(query.having) if query.having is not None else None

    def _group(self, item: Path | Call) -> Column:
        column = self._columns.reach(item)
        if column.field.is_long_text or column.field.type == "address":
            raise self._columns.error(item.at, f"field '{column.field.name}' can not be grouped in a query call")
        return column

    def _maker(self, item: Path | Call) -> Maker:
        if isinstance(item, Path):
            column = self._grouped_column(item)
            self.names.append(item.alias or column.field.name)
            return _of_first(column)
        unnamed = sum(name.startswith("expr") for name in self.names)
        self.names.append(item.alias or f"expr{unnamed}")
        return self._made(item)

    def _made(self, item: Call) -> Maker:
        if not item.aggregates:
            return _of_first(self._grouped_column(item))
        if item.path is None:
            return len
        column = self._columns.resolve(item.path)
        self._check(item, column)
        return _functions(item.function, self._columns.in_corporate_currency(column))

    def _reach(self, item: Path | Call) -> Column:
        """Find what HAVING names; the rows that the column reads are whole groups."""
        if isinstance(item, Path) or not item.aggregates:
            column = self._grouped_column(item)
            return Column(column.field, column.hops, cast(Getter, _of_first(column)))
        counted = Field(str(item), str(item), "int" if item.function.startswith("COUNT") else "double")
        if item.function in {"MIN", "MAX"} and item.path is not None:
            counted = self._columns.resolve(item.path).field
        return Column(counted, (), cast(Getter, self._made(item)))

    def _grouped_column(self, item: Path | Call) -> Column:
        if str(item).lower() not in self._grouped:
            name = item.parts[-1] if isinstance(item, Path) else str(item)
            raise self._columns.error(item.at, f"Field must be grouped or aggregated: {name}", "MALFORMED_QUERY")
        return self._grouped[str(item).lower()]

    def _no_subquery(self, inner: Query) -> frozenset[Value]:
        raise self._columns.error(inner.source_at, "semi-joins are not allowed in HAVING", "MALFORMED_QUERY")

    def _check(self, item: Call, column: Column) -> None:
        kind = column.field.type
        unfit = (item.function in {"SUM", "AVG"} and kind not in NUMBER_TYPES) or (
            item.function in {"MIN", "MAX"} and (kind == "boolean" or column.field.is_long_text)
        )
        if unfit:
            message = f"field {column.field.name} does not support aggregate operator {item.function}"
            raise self._columns.error(item.at, message, "MALFORMED_QUERY")

    def rows(self, rows: list[Row]) -> list[list[Value]]:
        """Return one list of values per group, in an unspecified but stable order unless the query says."""
        if not self._query.group_by:
            return [[make(rows) for make in self._makers]]
        getters = [column.get for column in self._grouped.values()]
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(get(row) for get in getters), []).append(row)
        kept = [members for members in groups.values() if self._kept is None or self._kept(cast(Row, members))]
        results = [[make(members) for make in self._makers] for members in kept]
        for key in reversed(self._query.order_by):
            position = self._position(key.path)
            results.sort(
                key=lambda result: _rank(result[position], key.descending == key.nulls_last), reverse=key.descending
            )
        first = self._query.offset or 0
        limit = MAX_GROUPS if self._query.limit is None else self._query.limit
        return results[first : first + limit]

    def _position(self, path: Path | Call) -> int:
        """Find which selected item an ORDER BY key names."""
        items = [item for item in self._query.select if isinstance(item, Path | Call)]
        for position, item in enumerate(items):
            if str(item).lower() == str(path).lower() or self.names[position] == str(path):
                return position
        raise self._columns.error(path.at, f"Ordered field must be grouped or aggregated: {path}", "MALFORMED_QUERY")

    def render(self, row: Sequence[Value], _version: str) -> dict[str, Any]:
        """Return one aggregate row as REST JSON; it looks the same in every API version."""
        return {"attributes": {"type": "AggregateResult"}, **dict(zip(self.names, row, strict=True))}


def _of_first(column: Column) -> Maker:
    get = column.get
    return lambda rows: get(rows[0])


def _rank(value: Value, nulls_low: bool) -> tuple[bool, Any]:
    return (not nulls_low, 0) if value is None else (nulls_low, value)


def _functions(name: str, get: Getter) -> Maker:
    def values(rows: Sequence[Row]) -> list[Any]:
        return [value for row in rows if (value := get(row)) is not None]

    makers: dict[str, Callable[[list[Any]], Value]] = {
        "COUNT": len,
        "COUNT_DISTINCT": lambda found: len(set(found)),
        "MIN": lambda found: min(found, default=None),
        "MAX": lambda found: max(found, default=None),
        "SUM": lambda found: float(sum(found)) if found else None,
        "AVG": lambda found: sum(found) / len(found) if found else None,
    }
    make = makers[name]
    return lambda rows: make(values(rows))
