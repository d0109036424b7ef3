"""How the selected fields of a row are laid out: nested JSON for REST, one flat line of cells for bulk files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.salesforce.moments import csv_instant
from sandbox.salesforce.org import Org
from sandbox.salesforce.soql_ast import Call, Path
from sandbox.salesforce.soql_columns import Column, Columns, Getter
from sandbox.salesforce.soql_functions import DATE_PARTS
from sandbox.salesforce.table import Row, Table

ADDRESS_PARTS = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
Record = dict[str, Any]


@dataclass(slots=True)
class Shape:
    """The selected fields of one object and of the parents reached from it."""

    org: Org
    table: Table
    leaves: list[tuple[str, int]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    branches: dict[str, Branch] = field(default_factory=dict)
    computed: list[tuple[str, Getter]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def add(self, parts: tuple[str, ...]) -> bool:
        """Select a field by path, already known to exist; False if it was selected before."""
        if len(parts) > 1:
            return self._branch(parts[0]).add(parts[1:])
        found = self.table.kind.find(parts[0])
        if found is None or found.name in self.order:
            return found is None
        self.order.append(found.name)
        if found.type == "address":
            self.addresses.append(found.name)
        else:
            self.leaves.append((found.name, self.table.columns[found.name]))
        return True

    def compute(self, name: str, get: Getter) -> bool:
        """Show the result of a function under a name; False if the name is taken."""
        if name in self.order:
            return False
        self.order.append(name)
        self.computed.append((name, get))
        return True

    def knows(self, part: str) -> bool:
        """Whether the object has a field or relationship of this name."""
        return self.table.kind.find(part) is not None or self.table.kind.parent_field(part) is not None

    def _branch(self, relationship: str) -> Branch:
        link = self.table.kind.parent_field(relationship)
        name = str(link.relationship) if link else relationship
        if link is not None and name not in self.branches:
            shapes = {table.kind.name: Shape(self.org, table) for table in self.org.targets(link)}
            self.branches[name] = Branch(self.table.columns[link.name], shapes)
        return self.branches[name]

    def render(self, row: Row, version: str) -> Record:
        """Return the record as REST JSON, with `attributes` and nested parents."""
        kind = self.table.kind.name
        record_id = row[self.table.columns["Id"]]
        url = f"/services/data/v{version}/sobjects/{kind}/{record_id}"
        record: Record = {"attributes": {"type": kind, "url": url}}
        for name, position in self.leaves:
            record[name] = row[position]
        for name, get in self.computed:
            record[name] = get(row)
        for name in self.addresses:
            record[name] = self._address(name, row)
        for name, branch in self.branches.items():
            record[name] = branch.render(row, version)
        return record

    def _address(self, name: str, row: Row) -> Record | None:
        prefix = name.removesuffix("Address")
        columns = self.table.columns
        address: Record = {}
        for part in ADDRESS_PARTS:
            position = columns.get(prefix + part[0].upper() + part[1:])
            address[part] = None if position is None else row[position]
        return address if any(value is not None for value in address.values()) else None


@dataclass(slots=True)
class Branch:
    """A parent relationship: where the id stands and what to show of each possible parent object."""

    position: int
    shapes: dict[str, Shape]

    def add(self, parts: tuple[str, ...]) -> bool:
        """Select a field in every possible parent object that has it."""
        results = [shape.add(parts) for shape in self.shapes.values() if shape.knows(parts[0])]
        return all(results)

    def render(self, row: Row, version: str) -> Record | None:
        """Return the parent's selected fields, or None without a parent."""
        target = row[self.position]
        if not isinstance(target, str):
            return None
        for shape in self.shapes.values():
            parent = shape.table.get(target)
            if parent is not None:
                return shape.render(parent, version)
        return None


def select(columns: Columns, org: Org, items: tuple[Path | Call, ...]) -> tuple[Shape, list[Column]]:
    """Resolve the selected fields and functions.

    Raises ApiError INVALID_FIELD for unknown, hidden and repeated fields, MALFORMED_QUERY for misused functions.
    """
    shape = Shape(org, columns.table)
    resolved = []
    for item in items:
        column = columns.reach(item)
        if isinstance(item, Call):
            column = _computed(columns, item, column)
            added = shape.compute(column.field.name, column.get)
        else:
            if item.alias:
                raise columns.error(item.at, "only aggregate expressions use field aliasing", "MALFORMED_QUERY")
            added = shape.add(columns.inner(item))
        if not added:
            raise columns.error(item.at, f"duplicate field selected: {item.alias or item}")
        resolved.append(column)
    return shape, resolved


def _computed(columns: Columns, item: Call, column: Column) -> Column:
    """Name the result of a function: by its alias, else like the field."""
    if item.function in DATE_PARTS or item.function in {"DAY_ONLY", "HOUR_IN_DAY"}:
        raise columns.error(item.at, f"{item} must be grouped", "MALFORMED_QUERY")
    if column.hops:
        raise columns.error(item.at, f"the sandbox applies {item.function} to the object's own fields only")
    return Column(replace(column.field, name=item.alias or column.field.name), (), column.get)


def cells(column: Column) -> Callable[[Sequence[Row]], list[str]]:
    """Return how a bulk file shows a column of rows: nulls empty, booleans in lower case, instants with Z."""
    get = column.get
    if column.field.type == "datetime":
        return lambda rows: ["" if value is None else csv_instant(str(value)) for value in map(get, rows)]
    if column.field.type == "boolean":
        return lambda rows: ["" if value is None else str(value).lower() for value in map(get, rows)]
    return lambda rows: ["" if value is None else str(value) for value in map(get, rows)]
