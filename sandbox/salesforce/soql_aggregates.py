"""COUNT, MIN, MAX, SUM and AVG, over all rows or by group; money is aggregated in the corporate currency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.salesforce.fields import NUMBER_TYPES, Value
from sandbox.salesforce.org import RATES, Org
from sandbox.salesforce.soql_ast import Call, Path, Query
from sandbox.salesforce.soql_columns import Column, Columns, Getter
from sandbox.salesforce.table import Row

MAX_GROUPS = 2000


class Aggregation:
    """The aggregate rows of one query; `names` are the keys of a row, `exprN` where no alias was given."""

    def __init__(self, org: Org, columns: Columns, query: Query) -> None:
        self._org = org
        self._columns = columns
        self._query = query
        self._group_getters = [self._group(path).get for path in query.group_by]
        self.names: list[str] = []
        self._makers = [self._maker(item) for item in query.select if isinstance(item, Path | Call)]

    def _group(self, path: Path) -> Column:
        column = self._columns.resolve(path)
        if column.field.is_long_text or column.field.type == "address":
            raise self._columns.error(path.at, f"field '{column.field.name}' can not be grouped in a query call")
        return column

    def _maker(self, item: Path | Call) -> Callable[[Sequence[Row]], Value]:
        if isinstance(item, Path):
            return self._grouped_field(item)
        unnamed = sum(name.startswith("expr") for name in self.names)
        self.names.append(item.alias or f"expr{unnamed}")
        if item.path is None:
            return len
        column = self._columns.resolve(item.path)
        self._check(item, column)
        return _functions(item.function, self._money(column))

    def _grouped_field(self, path: Path) -> Callable[[Sequence[Row]], Value]:
        grouped = {str(key).lower() for key in self._query.group_by}
        if str(path).lower() not in grouped:
            message = f"Field must be grouped or aggregated: {path.parts[-1]}"
            raise self._columns.error(path.at, message, "MALFORMED_QUERY")
        column = self._columns.resolve(path)
        self.names.append(column.field.name)
        return lambda rows: column.get(rows[0])

    def _check(self, item: Call, column: Column) -> None:
        kind = column.field.type
        numeric = kind in NUMBER_TYPES
        if item.function in {"SUM", "AVG"} and not numeric:
            raise self._columns.error(
                item.at,
                f"field {column.field.name} does not support aggregate operator {item.function}",
                "MALFORMED_QUERY",
            )
        if item.function in {"MIN", "MAX"} and (kind == "boolean" or column.field.is_long_text):
            raise self._columns.error(
                item.at,
                f"field {column.field.name} does not support aggregate operator {item.function}",
                "MALFORMED_QUERY",
            )

    def _money(self, column: Column) -> Getter:
        """Read a currency field in the corporate currency when the org has several."""
        iso = self._columns.table.columns.get("CurrencyIsoCode")
        if column.field.type != "currency" or iso is None or column.hops or not self._org.multi_currency:
            return column.get

        def convert(row: Row) -> Value:
            value = column.get(row)
            return None if value is None else float(value) / RATES.get(str(row[iso]), 1.0)

        return convert

    def rows(self, rows: list[Row]) -> list[list[Value]]:
        """Return one list of values per group, in an unspecified but stable order unless the query says."""
        if not self._query.group_by:
            return [[make(rows) for make in self._makers]]
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(get(row) for get in self._group_getters), []).append(row)
        results = [[make(members) for make in self._makers] for members in groups.values()]
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
            same_call = isinstance(item, Call) and isinstance(path, Call)
            if same_call and (item.function, item.path) == (path.function, path.path):  # type: ignore[union-attr]
                return position
            if isinstance(path, Path) and (item == path or self.names[position] == str(path)):
                return position
        raise self._columns.error(path.at, f"Ordered field must be grouped or aggregated: {path}", "MALFORMED_QUERY")

    def render(self, row: Sequence[Value], _version: str) -> dict[str, Any]:
        """Return one aggregate row as REST JSON; it looks the same in every API version."""
        return {"attributes": {"type": "AggregateResult"}, **dict(zip(self.names, row, strict=True))}


def _rank(value: Value, nulls_low: bool) -> tuple[bool, Any]:
    return (not nulls_low, 0) if value is None else (nulls_low, value)


def _functions(name: str, get: Getter) -> Callable[[Sequence[Row]], Value]:
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
