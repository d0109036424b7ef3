"""What an org forbids beyond field types: an admin's validation rules, and records that must be unique."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.salesforce.errors import RowError
from sandbox.salesforce.fields import Value
from sandbox.salesforce.table import Row, Table

_UNIQUE_TOGETHER = {
    "PermissionSet": ("Name",),
    "PermissionSetAssignment": ("AssigneeId", "PermissionSetId"),
    "FieldPermissions": ("ParentId", "Field"),
}


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """Refuses writes of API clients that leave a field with one of the values; no values means any but null.

    The error names the field, or whichever one the admin chose to show it at.
    """

    object: str
    field: str
    message: str
    values: tuple[Value, ...] = ()
    shown_at: str | None = None

    def forbids(self, value: Value) -> bool:
        """Whether the rule refuses this value."""
        return value in self.values if self.values else value is not None


def check_rules(rules: Iterable[ValidationRule], table: Table, row: Row, given: frozenset[str]) -> None:
    """Raise RowError FIELD_CUSTOM_VALIDATION_EXCEPTION when a rule refuses a field that the client sent."""
    for rule in rules:
        applies = rule.object == table.kind.name and rule.field in given
        if applies and rule.forbids(row[table.columns[rule.field]]):
            raise RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, [rule.shown_at or rule.field])


def check_owner(users: Table, table: Table, row: Row, given: frozenset[str]) -> None:
    """Raise RowError INACTIVE_OWNER_OR_USER, which names no field, when a client gives an activity to who left."""
    if table.kind.name not in {"Task", "Event"} or "OwnerId" not in given:
        return
    owner = users.get(str(row[table.columns["OwnerId"]]))
    if owner is not None and not owner[users.columns["IsActive"]]:
        message = f"operation performed with inactive user [{row[table.columns['OwnerId']]}]"
        raise RowError("INACTIVE_OWNER_OR_USER", f"{message} as owner of {table.kind.name.lower()}")


def check_unique(table: Table, row: Row) -> None:
    """Raise RowError DUPLICATE_VALUE when another record already has what must be unique."""
    groups: list[tuple[str, ...]] = [(name,) for name, found in table.kind.fields.items() if found.unique]
    if table.kind.name in _UNIQUE_TOGETHER:
        groups.append(_UNIQUE_TOGETHER[table.kind.name])
    id_at = table.columns["Id"]
    for names in groups:
        positions = [table.columns[name] for name in names]
        wanted = [_folded(row[at]) for at in positions]
        if None in wanted:
            continue
        for other in table.rows.values():
            if other[id_at] != row[id_at] and [_folded(other[at]) for at in positions] == wanted:
                message = (
                    f"duplicate value found: {', '.join(names)} duplicates value on record with id: {other[id_at]}"
                )
                raise RowError("DUPLICATE_VALUE", message, names)


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value
