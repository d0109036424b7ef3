"""Resolves field names of a query to functions that read a row, with the errors the vendor gives for bad names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.fields import Field, Value
from sandbox.salesforce.org import RATES, Org
from sandbox.salesforce.soql_ast import Call, Path
from sandbox.salesforce.soql_functions import accepts, evaluate, resulting
from sandbox.salesforce.soql_tokens import located
from sandbox.salesforce.table import Row, Table

Getter = Callable[[Row], Value]


@dataclass(frozen=True, slots=True)
class Column:
    """A field reached from the queried object, and how to read it from one of its rows."""

    field: Field
    hops: tuple[str, ...]
    get: Getter


class Columns:
    """Name resolution for one query of one user."""

    def __init__(self, org: Org, text: str, source: str, at: int, user_id: str, alias: str | None = None) -> None:
        self._org = org
        self._text = text
        self._alias = (alias or "").lower()
        self.user_id = user_id
        self.table = self._table(source, at)

    def _table(self, source: str, at: int) -> Table:
        table = self._org.find_table(source)
        if table is None:
            message = (
                f"sObject type '{source}' is not supported. If you are attempting to use a custom object, be sure to "
                "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
                "appropriate names."
            )
            raise ApiError(400, "INVALID_TYPE", located(self._text, at, message))
        return table

    def error(self, at: int, message: str, code: str = "INVALID_FIELD") -> ApiError:
        """Return an error that points at a place in the query."""
        return ApiError(400, code, located(self._text, at, message))

    def resolve(self, path: Path) -> Column:
        """Find the field at the end of a path; raises ApiError INVALID_FIELD when the user cannot see it."""
        return self._walk(self.table, self.inner(path), path)

    def inner(self, path: Path) -> tuple[str, ...]:
        """Return the parts of a path after the alias or the name of the queried object, if it starts with one."""
        first, *rest = path.parts
        own = first.lower() in {self._alias, self.table.kind.name.lower()}
        return tuple(rest) if rest and own and self.table.kind.parent_field(first) is None else path.parts

    def reach(self, item: Path | Call) -> Column:
        """Find a field, or the value of a function of one that needs one row only; raises ApiError."""
        if isinstance(item, Path):
            return self.resolve(item)
        if item.aggregates or item.path is None:
            raise self.error(item.at, f"aggregate function {item} is not allowed here", "MALFORMED_QUERY")
        column = self.resolve(item.path)
        if not accepts(item.function, column.field):
            message = f"field {column.field.name} does not support function {item.function}"
            raise self.error(item.at, message, "MALFORMED_QUERY")
        made = resulting(item.function, column.field)
        if item.function == "CONVERTCURRENCY":
            return Column(made, column.hops, self.in_corporate_currency(column))
        get, target, function = column.get, column.field, item.function
        return Column(made, column.hops, lambda row: evaluate(function, target, get(row)))

    def in_corporate_currency(self, column: Column) -> Getter:
        """Return how to read a currency field in the corporate currency, which is also the API user's."""
        iso = self.table.columns.get("CurrencyIsoCode")
        if column.field.type != "currency" or iso is None or column.hops or not self._org.multi_currency:
            return column.get

        def convert(row: Row) -> Value:
            value = column.get(row)
            return None if value is None else float(value) / RATES.get(str(row[iso]), 1.0)

        return convert

    def _walk(self, table: Table, parts: tuple[str, ...], path: Path) -> Column:
        if len(parts) == 1:
            found = self._visible(table, parts[0])
            if found is None:
                raise self._no_such_column(parts[0], table.kind.name, path)
            return Column(found, (), self._reader(table, found))
        link = table.kind.parent_field(parts[0])
        if link is None or not self._org.access.can_read(self.user_id, table.kind.name, link.name):
            raise self.error(path.at, _no_relation(parts[0], table.kind.name))
        position = table.columns[link.name]
        inner = {name: self._walk(self._org.tables[name], parts[1:], path) for name in self._targets(link, parts[1])}
        if not inner:
            raise self._no_such_column(parts[1], "Name", path)
        first = next(iter(inner.values()))
        return Column(first.field, (str(link.relationship), *first.hops), self._hop(position, inner))

    def _targets(self, link: Field, part: str) -> list[str]:
        """Return the objects of a polymorphic lookup that know the next part; a plain lookup is not filtered."""
        kinds = [table.kind for table in self._org.targets(link)]
        if len(link.reference_to) == 1:
            return [kind.name for kind in kinds]
        return [kind.name for kind in kinds if kind.find(part) or kind.parent_field(part)]

    def _hop(self, position: int, inner: dict[str, Column]) -> Getter:
        routes = [(self._org.tables[name].rows, column.get) for name, column in inner.items()]

        def get(row: Row) -> Value:
            target = row[position]
            if not isinstance(target, str):
                return None
            for rows, read in routes:
                parent = rows.get(target)
                if parent is not None:
                    return read(parent)
            return None

        return get

    def _visible(self, table: Table, name: str) -> Field | None:
        found = table.kind.find(name)
        if found is None or not self._org.access.can_read(self.user_id, table.kind.name, found.name):
            return None
        return found

    def _reader(self, table: Table, found: Field) -> Getter:
        position = table.columns[found.name]
        return itemgetter(position)  # faster than any function of our own, and every cell comes through here

    def _no_such_column(self, name: str, entity: str, path: Path) -> ApiError:
        return self.error(
            path.at,
            f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to "
            "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )


def _no_relation(name: str, entity: str) -> str:
    return (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, "
        f"be sure to append the '__r' after the custom relationship name. (entity {entity})"
    )
