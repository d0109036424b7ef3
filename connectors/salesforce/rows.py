"""Changes made ready for sending: checked against the object's fields before a call is spent on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.base import Change, Outcome
from connectors.salesforce import values
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.schema import FieldInfo, ObjectInfo
from mapping.records import Ref


@dataclass(frozen=True, slots=True)
class Row:
    """One change that may be sent: its place in the batch, the 18-character id and what to set.

    A new record has its key for an id.
    """

    index: int
    ref: Ref
    id: str
    change: Change

    def json(self, info: ObjectInfo) -> dict[str, object]:
        """The record as sObject Collections takes it."""
        record: dict[str, object] = {"attributes": {"type": info.name}}
        if not self.change.new:
            record["id"] = self.id
        for name, value in self.change.values.items():
            record[name] = values.encode(value, info.fields[name].type)
        return record


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows to send, and outcomes that are known without sending."""

    rows: tuple[Row, ...]
    settled: Mapping[int, Outcome]


def prepare(batch: Sequence[Change], info: ObjectInfo) -> Prepared:
    """Split `batch` into rows that can be sent and changes whose outcome is known already."""
    rows: list[Row] = []
    settled: dict[int, Outcome] = {}
    seen: set[str] = set()
    for index, change in enumerate(batch):
        outcome = _checked(change, info)
        if outcome is not None:
            settled[index] = outcome
            continue
        record_id = change.ref.id if change.new else to18(change.ref.id)
        if record_id in seen:
            # Salesforce refuses both rows of a pair, and their order would decide which value stays.
            settled[index] = Outcome(change.ref, "pending", "the same record stands in this batch twice")
            continue
        seen.add(record_id)
        rows.append(Row(index, change.ref, record_id, change))
    return Prepared(tuple(rows), settled)


def _checked(change: Change, info: ObjectInfo) -> Outcome | None:
    if not change.new and not is_id(change.ref.id):
        return Outcome(change.ref, "rejected", f"{change.ref.id!r} is not a Salesforce id", "MALFORMED_ID")
    if not change.values:
        return Outcome(change.ref, "confirmed", "nothing to write")
    for name, value in change.values.items():
        problem = _problem(name, value, info.fields.get(name))
        if problem:
            code, reason = problem
            return Outcome(change.ref, "rejected", reason, code, property=name)
    return None


def _problem(name: str, value: str | None, field: FieldInfo | None) -> tuple[str, str] | None:
    """What Salesforce would say about a value, as (code, reason)."""
    if field is None:
        return "INVALID_FIELD", f"{name} does not exist, or the integration user may not see it"
    if not field.updateable:
        return "INVALID_FIELD_FOR_INSERT_UPDATE", f"the integration user may not write {name}"
    try:
        values.encode(value, field.type)
    except ValueError as error:
        return "INVALID_TYPE_ON_FIELD_IN_RECORD", str(error)
    return _misfit(name, value, field) if value is not None else None


def _misfit(name: str, value: str, field: FieldInfo) -> tuple[str, str] | None:
    if field.length and len(value) > field.length and field.type in {"string", "textarea"}:
        return "STRING_TOO_LONG", f"{len(value)} characters do not fit into the {field.length} of {name}"
    if field.restricted and field.values and field.type == "picklist" and value not in field.values:
        return "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"{value!r} is not a value of the picklist {name}"
    return None
