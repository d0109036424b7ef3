"""The tenant: its objects with their rows, picklists, deleted records, and the writes that every way in shares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import count

from sandbox.gainsight.actor import Actor
from sandbox.gainsight.errors import FieldError
from sandbox.gainsight.fields import Field, coerce
from sandbox.gainsight.ids import gsid, is_gsid
from sandbox.gainsight.moments import DAY_MS, iso_instant
from sandbox.gainsight.objects import ObjectType, objects
from sandbox.gainsight.picklists import Category, Item, categories
from sandbox.journal import Change, Journal, Value

Row = dict[str, Value]
Values = tuple[Value, ...]
RETENTION_MS = 15 * DAY_MS
"""How long deleted records can be found."""


class Table:
    """The live rows of one object by GSID, and those deleted within the last fifteen days."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.deleted: list[tuple[int, Row]] = []
        self._numbers = count(1)

    def new_id(self) -> str:
        """Return an unused GSID."""
        return gsid(self.kind.name, f"new/{next(self._numbers)}")

    def matching(self, values: Mapping[str, Value]) -> list[Row]:
        """Return the rows that have exactly these values."""
        if set(values) == {"Gsid"}:
            row = self.rows.get(str(values["Gsid"]))
            return [] if row is None else [row]
        return [row for row in self.rows.values() if all(row.get(name) == value for name, value in values.items())]

    def matching_any(self, names: list[str], wanted: Collection[Values]) -> dict[Values, list[Row]]:
        """Return the rows whose values of these fields are among the wanted ones, by those values."""
        found: dict[Values, list[Row]] = {}
        if names == ["Gsid"]:
            return {key: [self.rows[str(key[0])]] for key in wanted if key[0] in self.rows}
        for row in self.rows.values():
            if (key := tuple(row.get(name) for name in names)) in wanted:
                found.setdefault(key, []).append(row)
        return found


class Tenant:
    """Everything that a tenant holds; `now_ms` returns milliseconds since 1970.

    `account_keys` says which account of the portfolio a seeded company is.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.categories: dict[str, Category] = categories()
        self.tables: dict[str, Table] = {kind.name: Table(kind) for kind in objects()}
        self.journal = Journal()
        self.account_keys: dict[str, int] = {}
        self.integration_user = ""

    def person(self) -> str:
        """Return the id of an active user who is not the integration's."""
        users = self.tables["gsuser"].rows.values()
        active = (row for row in users if row["IsActiveUser"] and row["Gsid"] != self.integration_user)
        return str(next(active, {"Gsid": self.integration_user})["Gsid"])

    def table(self, name: str) -> Table | None:
        """Look an object up; the case of its name does not matter."""
        return self.tables.get(name.lower())

    def rows(self, table: Table) -> Iterator[Row]:
        """Return the rows that a reader of an object sees, some of which are kept elsewhere."""
        if table.kind.name == "da_picklist":
            return self._items()
        if table.kind.name == "record_delete_log":
            return self._graves()
        return iter(table.rows.values())

    def find(self, table: Table, identity: Value) -> Row | None:
        """Return the row that a lookup leads to."""
        if table.kind.name == "da_picklist":
            found = ((one, one.by_gsid(identity)) for one in self.categories.values())
            return next((_item_row(category, item) for category, item in found if item is not None), None)
        return table.rows.get(str(identity))

    def value(self, target: Field, raw: object) -> Value:
        """Check a client's value and return the stored one; raises FieldError."""
        if raw is None or raw == "" or (target.category is None and target.lookup is None):
            return coerce(target, raw)
        if target.category is not None:
            return self._picked(target, raw)
        linked = self.tables[str(target.lookup)]
        if not is_gsid(raw) or self.find(linked, str(raw)) is None:
            raise FieldError("GSOBJ_1004", f"GSID is missing or invalid for {target.name}", target.name, raw)
        return str(raw)

    def values(self, table: Table, given: Mapping[str, object]) -> Row:
        """Check a client's values for one record; raises FieldError for the first that cannot be stored."""
        checked: Row = {}
        for name, raw in given.items():
            target = table.kind.fields.get(name)
            if target is None or target.read_only:
                raise FieldError("GSOBJ_1002", f"Invalid field {name}", name, raw)
            checked[name] = self.value(target, raw)
        return checked

    def insert(self, table: Table, values: Mapping[str, Value], actor: Actor) -> Row:
        """Store a new row; the values are checked ones."""
        now, kind = self.now_ms(), table.kind
        row: Row = {
            **dict.fromkeys(kind.fields), "Gsid": table.new_id(), "CreatedDate": now, "CreatedBy": actor.user_id,
            "ModifiedBy": actor.user_id, **values, kind.clock: now,
        }  # fmt: skip
        table.rows[str(row["Gsid"])] = row
        self._note("create", table, row, actor)
        for name, value in values.items():
            if value is not None:
                self._note("set", table, row, actor, (name, None, value))
        return row

    def update(self, table: Table, row: Row, values: Mapping[str, Value], actor: Actor) -> None:
        """Change a row; it counts as modified even when every value was there already."""
        before = dict(row)
        row |= {**values, table.kind.clock: self.now_ms(), "ModifiedBy": actor.user_id}
        for name, value in values.items():
            if before.get(name) != value:
                self._note("set", table, row, actor, (name, before.get(name), value))

    def delete(self, table: Table, row: Row, actor: Actor) -> None:
        """Take a row away; what pointed to it keeps pointing there."""
        now = self.now_ms()
        del table.rows[str(row["Gsid"])]
        table.deleted.append((now, row))
        self._note("archive", table, row, actor)

    def retained(self, table: Table) -> list[Row]:
        """Return the deleted rows that can still be found."""
        oldest = self.now_ms() - RETENTION_MS
        return [row for at, row in table.deleted if at > oldest]

    def _picked(self, target: Field, raw: object) -> Value:
        category = self.categories[str(target.category)]
        given = raw.split(";") if isinstance(raw, str) and target.type == "MULTISELECTDROPDOWNLIST" else raw
        chosen = []
        for one in given if isinstance(given, list) else [given]:
            item = category.find(one)
            if item is None or not item.active:
                raise FieldError("GSOBJ_1002", f"Invalid picklist value ({target.name} = {raw})", target.name, raw)
            chosen.append(item.gsid)
        if target.type != "MULTISELECTDROPDOWNLIST" and len(chosen) != 1:
            raise FieldError("GSOBJ_1002", f"Invalid picklist value ({target.name} = {raw})", target.name, raw)
        return ";".join(chosen)

    def _items(self) -> Iterator[Row]:
        return (_item_row(category, item) for category in self.categories.values() for item in category.items)

    def _graves(self) -> Iterator[Row]:
        oldest = self.now_ms() - RETENTION_MS
        for table in self.tables.values():
            for at, row in table.deleted:
                if at > oldest:
                    name = "Company" if table.kind.name == "company" else table.kind.name
                    yield {"RecordId": row["Gsid"], "DeletedOn": at // 1000 * 1000, "ObjectName": name}

    def _note(
        self, action: str, table: Table, row: Row, actor: Actor, change: Change = ("", None, None)
    ) -> None:  # fmt: skip
        self.journal.note(iso_instant(self.now_ms()), action, table.kind.name, str(row["Gsid"]), actor, change=change)


def _item_row(category: Category, item: Item) -> Row:
    return {
        "Gsid": item.gsid, "Name": item.label, "CategoryId": category.gsid, "CategoryName": category.name,
        "IsActive": item.active,
    }  # fmt: skip
