"""Field-level security: a field made by an admin is invisible until a permission set grants it to the user."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.salesforce.table import Table

FieldKey = tuple[str, str]


@dataclass(slots=True)
class _Grants:
    read: set[FieldKey] = field(default_factory=set)
    edit: set[FieldKey] = field(default_factory=set)


class Access:
    """Answers who may see and who may change which field.

    Fields that the org was born with are granted by every profile; `restrict` takes a field out of the profiles.
    """

    def __init__(self, tables: dict[str, Table]) -> None:
        self._tables = tables
        self._restricted: set[FieldKey] = set()
        self._grants: dict[str, _Grants] = {}

    def restrict(self, object_name: str, field_name: str) -> None:
        """Make a field depend on permission sets."""
        self._restricted.add((object_name, field_name))

    def forget(self) -> None:
        """Compute the grants anew, after permission records changed."""
        self._grants.clear()

    def can_read(self, user_id: str, object_name: str, field_name: str) -> bool:
        """Whether the user sees the field at all."""
        key = (object_name, field_name)
        return key not in self._restricted or key in self._granted(user_id).read

    def can_edit(self, user_id: str, object_name: str, field_name: str) -> bool:
        """Whether the user may write the field, apart from what the field itself allows."""
        key = (object_name, field_name)
        return key not in self._restricted or key in self._granted(user_id).edit

    def _granted(self, user_id: str) -> _Grants:
        if user_id not in self._grants:
            self._grants[user_id] = self._collect(user_id)
        return self._grants[user_id]

    def _collect(self, user_id: str) -> _Grants:
        assignments = self._tables["PermissionSetAssignment"]
        assignee, holder = assignments.columns["AssigneeId"], assignments.columns["PermissionSetId"]
        sets = {row[holder] for row in assignments.rows.values() if row[assignee] == user_id}
        permissions = self._tables["FieldPermissions"]
        parent, name = permissions.columns["ParentId"], permissions.columns["Field"]
        read, edit = permissions.columns["PermissionsRead"], permissions.columns["PermissionsEdit"]
        grants = _Grants()
        for row in permissions.rows.values():
            if row[parent] in sets:
                object_name, _, field_name = str(row[name]).partition(".")
                if row[read]:
                    grants.read.add((object_name, field_name))
                if row[edit]:
                    grants.edit.add((object_name, field_name))
        return grants
