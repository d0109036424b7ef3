"""Changes to records: checks, derived fields, stamps, undo within a request, and the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.salesforce.derived import derive
from sandbox.salesforce.errors import RowError
from sandbox.salesforce.fields import Field, Value, coerce
from sandbox.salesforce.ids import canonical_id
from sandbox.salesforce.journal import Effect, Journal
from sandbox.salesforce.moments import stamp
from sandbox.salesforce.org import Org
from sandbox.salesforce.rules import ValidationRule, check_owner, check_rules, check_unique
from sandbox.salesforce.table import Row, Table

_PERMISSION_OBJECTS = frozenset({"FieldPermissions", "PermissionSetAssignment", "PermissionSet"})
_CASCADE = {"Account": ("Opportunity", "Case", "Contract", "Contact"), "Event": ("EventRelation",)}
_STAMPS = ("SystemModstamp", "LastModifiedDate", "LastModifiedById")


@dataclass(slots=True)
class Writer:
    """Writes on behalf of one user in one request.

    `privileged` writers (people in the control plane, the system itself) are not held to field-level security.
    Nothing is journalled before `commit`; `rollback` restores the rows changed since a mark.
    """

    org: Org
    journal: Journal
    user_id: str
    now: datetime
    request_id: str = ""
    privileged: bool = False
    locked: Callable[[], bool] = lambda: False
    visible_at: datetime | None = None
    rules: Sequence[ValidationRule] = ()
    keep_stamps: bool = False
    held: bool = False  # whoever holds a writer for several requests commits for all of them
    _undo: list[tuple[Table, str, Row | None]] = field(default_factory=list)
    _effects: list[Effect] = field(default_factory=list)

    def insert(self, object_name: str, values: Mapping[str, object], *, from_csv: bool = False) -> str:
        """Create a record and return its id; raises RowError."""
        table = self._writable(object_name, "createable")
        stored = self._values(table, values, inserting=True, from_csv=from_csv)
        self._check_required(table, stored)
        moment = stamp(self.now)
        record_id = table.new_id()
        audit: dict[str, Value] = {"Id": record_id, "CreatedDate": moment, "CreatedById": self.user_id}
        if "OwnerId" in table.columns:
            audit["OwnerId"] = self.user_id
        row = table.row({**audit, **stored})
        self._stamp(table, row)
        self._finish(table, row, None, frozenset(stored))
        return record_id

    def update(self, object_name: str, record_id: str, values: Mapping[str, object], *, from_csv: bool = False) -> None:
        """Change a record; raises RowError."""
        table = self._writable(object_name, "updateable")
        before = self.find(object_name, record_id)
        if self.locked():
            message = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
            raise RowError("UNABLE_TO_LOCK_ROW", message)
        stored = self._values(table, values, inserting=False, from_csv=from_csv)
        row = list(before)
        for name, value in stored.items():
            row[table.columns[name]] = value
        if not self.keep_stamps:
            self._stamp(table, row)
        self._finish(table, row, before, frozenset(stored))

    def _finish(self, table: Table, row: Row, before: Row | None, given: frozenset[str]) -> None:
        derive(self, table, row, before, given)
        check_rules(self.rules, table, row, given)
        if not self.privileged:
            check_owner(self.org.tables["User"], table, row, given)
        check_unique(table, row)
        self._store(table, row, before)
        # The vendor keeps no record of a permission that grants nothing.
        if table.kind.name == "FieldPermissions" and not row[table.columns["PermissionsRead"]]:
            table.remove(str(row[table.columns["Id"]]))

    def find(self, object_name: str, record_id: str) -> Row:
        """Return a live record by its 18-character id; raises RowError when it is gone or never was."""
        table = self.org.tables[object_name]
        row = table.get(record_id)
        if row is None:
            if not record_id.startswith(table.kind.key_prefix):
                raise RowError(
                    "MALFORMED_ID", f"{table.kind.label} ID: id value of incorrect type: {record_id}", ["Id"]
                )
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if self._is_deleted(table, row):
            raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        return row

    def delete(self, object_name: str, record_id: str, *, hard: bool = False) -> None:
        """Put a record and what belongs to it into the recycle bin, or purge it; raises RowError."""
        table = self._writable(object_name, "deletable")
        before = self.find(object_name, record_id)
        for child in _CASCADE.get(object_name, ()):
            self._delete_children(child, f"{object_name}Id", record_id)
        if hard or "IsDeleted" not in table.columns:
            self._note("purge", table, record_id)
            self._undo.append((table, record_id, before))
            table.remove(record_id)
            self._after(table)
            return
        row = list(before)
        row[table.columns["IsDeleted"]] = True
        self._stamp(table, row)
        self._store(table, row, before)

    def _delete_children(self, object_name: str, link: str, parent_id: str) -> None:
        table = self.org.tables.get(object_name)
        if table is None:
            return
        position = table.columns[link]
        for row in [row for row in table.rows.values() if row[position] == parent_id]:
            if not self._is_deleted(table, row):
                self.delete(object_name, str(row[table.columns["Id"]]))

    def undelete(self, object_name: str, record_id: str) -> None:
        """Take a record out of the recycle bin; raises RowError when it is not in it."""
        table = self.org.tables[object_name]
        before = table.get(record_id)
        if before is None or not self._is_deleted(table, before):
            raise RowError("UNDELETE_FAILED", "Entity is not in the recycle bin")
        row = list(before)
        row[table.columns["IsDeleted"]] = False
        self._stamp(table, row)
        self._store(table, row, before)

    def merge(self, object_name: str, winner: str, losers: list[str]) -> None:
        """Merge up to two records into a winner: losers go to the bin, their children move; raises RowError."""
        table = self.org.tables[object_name]
        self.find(object_name, winner)
        if "MasterRecordId" not in table.columns or not 1 <= len(losers) <= 2 or winner in losers:
            raise RowError("INVALID_ARGUMENT_TYPE", f"cannot merge these {object_name} records")
        for loser in losers:
            before = self.find(object_name, loser)
            self._reparent(object_name, loser, winner)
            row = list(before)
            row[table.columns["IsDeleted"]] = True
            row[table.columns["MasterRecordId"]] = winner
            self._stamp(table, row)
            self._store(table, row, before)

    def _reparent(self, object_name: str, loser: str, winner: str) -> None:
        for table in self.org.tables.values():
            links = [f.name for f in table.kind.fields.values() if object_name in f.reference_to]
            positions = [table.columns[name] for name in links if name != "MasterRecordId"]
            for before in [row for row in table.rows.values() if any(row[at] == loser for at in positions)]:
                row = list(before)
                for at in positions:
                    row[at] = winner if row[at] == loser else row[at]
                self._stamp(table, row)
                self._store(table, row, before)

    def mark(self) -> tuple[int, int]:
        """Return a point to roll back to."""
        return len(self._undo), len(self._effects)

    def rollback(self, mark: tuple[int, int]) -> None:
        """Restore every row changed since the mark and forget the effects."""
        undo_from, effects_from = mark
        for table, record_id, row in reversed(self._undo[undo_from:]):
            if row is None:
                table.remove(record_id)
            else:
                table.put(row)
        del self._undo[undo_from:]
        del self._effects[effects_from:]
        self.org.access.forget()

    def commit(self) -> None:
        """Make the changes final and write them to the journal, unless someone holds the writer."""
        if self.held:
            return
        actor = "user" if self.privileged else f"api:{self.user_id}"
        self.journal.append(self._effects, actor, self.request_id)
        self._effects.clear()
        self._undo.clear()

    def add_system_row(self, object_name: str, values: Mapping[str, Value]) -> None:
        """Add a row that the system itself writes, such as a history entry."""
        table = self.org.tables[object_name]
        moment = stamp(self.now)
        audit: dict[str, Value] = {"Id": table.new_id(), "CreatedDate": moment, "CreatedById": self.user_id}
        row = table.row({**audit, **values})
        self._stamp(table, row)
        self._undo.append((table, str(audit["Id"]), None))
        table.put(row)

    def _writable(self, object_name: str, right: str) -> Table:
        table = self.org.tables[object_name]
        if not (self.privileged or getattr(table.kind, right)):
            raise RowError("INSUFFICIENT_ACCESS_OR_READONLY", f"entity type {object_name} is not {right}")
        return table

    def _values(
        self, table: Table, values: Mapping[str, object], *, inserting: bool, from_csv: bool
    ) -> dict[str, Value]:
        stored: dict[str, Value] = {}
        for name, raw in values.items():
            target = self._target(table, name, inserting=inserting)
            value = coerce(target, raw, from_csv=from_csv)
            if target.type == "reference" and value is not None:
                self._check_reference(target, str(value))
            stored[target.name] = value
        return stored

    def _target(self, table: Table, name: str, *, inserting: bool) -> Field:
        kind, access = table.kind, self.org.access
        found = kind.find(name)
        visible = found is not None and (self.privileged or access.can_read(self.user_id, kind.name, found.name))
        if found is None or not visible:
            raise RowError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}", [name])
        writable = found.createable if inserting else found.updateable or (self.keep_stamps and found.calculated)
        if not writable or not (self.privileged or access.can_edit(self.user_id, kind.name, found.name)):
            message = (
                f"Unable to create/update fields: {found.name}. Please check the security settings of this field and "
                "verify that it is read/write for your profile or permission set."
            )
            raise RowError("INVALID_FIELD_FOR_INSERT_UPDATE", message, [found.name])
        return found

    def _check_reference(self, target: Field, record_id: str) -> None:
        prefixes = {table.kind.key_prefix for table in self.org.targets(target)}
        if record_id[:3] not in prefixes:
            message = f"{target.label}: id value of incorrect type: {record_id}"
            raise RowError("MALFORMED_ID", message, [target.name])
        if not self.org.exists(record_id, target.reference_to):
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [target.name])

    def _check_required(self, table: Table, stored: Mapping[str, Value]) -> None:
        fields = table.kind.fields.values()
        required = [f.name for f in fields if f.createable and not f.nillable and not f.defaulted]
        if missing := [name for name in required if stored.get(name) is None]:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)

    def _stamp(self, table: Table, row: Row) -> None:
        moment = stamp(self.now)
        for name, value in zip(_STAMPS, (moment, moment, self.user_id), strict=True):
            row[table.columns[name]] = value

    def _is_deleted(self, table: Table, row: Row) -> bool:
        position = table.columns.get("IsDeleted")
        return position is not None and bool(row[position])

    def _store(self, table: Table, row: Row, before: Row | None) -> None:
        record_id = str(row[table.columns["Id"]])
        self._note_changes(table, record_id, row, before)
        if self.visible_at is not None and self.visible_at > self.now:
            table.put_late(row, before, self.visible_at)
            return
        self._undo.append((table, record_id, before))
        table.put(row)
        self._after(table)

    def _after(self, table: Table) -> None:
        if table.kind.name in _PERMISSION_OBJECTS:
            self.org.access.forget()

    def _note_changes(self, table: Table, record_id: str, row: Row, before: Row | None) -> None:
        action = "create" if before is None else "set"
        for name, position in table.columns.items():
            old = None if before is None else before[position]
            new = row[position]
            if name == "IsDeleted" and before is not None and old != new:
                self._note("archive" if new else "restore", table, record_id)
            elif name == "MasterRecordId" and old != new:
                self._note("merge", table, record_id, (None, None, new))
            elif old != new and name not in _STAMPS:
                self._note(action, table, record_id, (name, old, new))

    def _note(
        self, action: str, table: Table, record_id: str, change: tuple[str | None, Value, Value] = (None, None, None)
    ) -> None:
        """Note one effect; `change` is (field, old, new)."""
        self._effects.append(Effect(stamp(self.now), action, table.kind.name, record_id, *change))


def require_id(raw: object, label: str) -> str:
    """Return the 18-character form of a client's id; raises RowError MALFORMED_ID."""
    full = canonical_id(raw)
    if full is None:
        raise RowError("MALFORMED_ID", f"{label} ID: id value of incorrect type: {raw}", ["Id"])
    return full
