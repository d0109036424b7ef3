"""Tasks of accounts, each under a key of its own: a unique field of Activity, which Task and Event share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from types import MappingProxyType
from typing import Any

from connectors.base import Capabilities, Change, Observed, Outcome
from connectors.errors import SchemaDrift
from connectors.salesforce import soql
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.current import Current
from connectors.salesforce.fields import SalesforceFields
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.schema import Schema
from connectors.salesforce.write import WRITE_BATCH, CollectionsWriter
from mapping.records import FieldSpec, Ref, ValueType

TASK = "Task"
KEY = "alert_key"
_STATUS, _CLOSED, _OWNER = "Status", "IsClosed", "OwnerId"
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "task_subject": "Subject",
        "task_account": "WhatId",
        "task_owner": _OWNER,
        "task_due": "ActivityDate",
        "task_priority": "Priority",
        "task_status": _STATUS,
        "task_body": "Description",
    }
)
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        _STATUS: {"open": "Not Started", "in_progress": "In Progress", "done": "Completed"},
        "Priority": {"normal": "Normal", "high": "High"},
    }
)
_TAKEN = "DUPLICATE_VALUE"
_LEFT = "INACTIVE_OWNER_OR_USER"


class SalesforceTasks:
    """Reads, makes and changes tasks by their keys; see `connectors.made.Tasks`."""

    object_name = TASK
    whole_days = True
    always_due = False
    settles_after = 0.0

    def __init__(self, client: SalesforceClient, schema: Schema, prefix: str) -> None:
        self.settings = client.settings.tasks
        self._client = client
        self._schema = schema
        self._fields = SalesforceFields(client, schema, TASK, prefix)
        self._key = self._fields.property_name(FieldSpec(KEY, ValueType.TEXT, "", ""))
        self.names: Mapping[str, str] = {**_NAMES, KEY: self._key}
        self._writer = CollectionsWriter(client, schema, Current(client, schema, TASK), TASK)
        self._ids: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """200 rows a call, an outcome for each row."""
        return Capabilities(write_batch=WRITE_BATCH, read_batch=WRITE_BATCH, partial_success=True)

    def fallback_owner(self) -> None:
        """None: a task may be nobody's."""

    def fields(self) -> SalesforceFields:
        """The unique key."""
        return self._fields

    def write_cost(self, made: int, changed: int, read_back: int = 0) -> int:
        """A look and a request for each 200, and a look at those that are read back."""
        return 2 * ceil(made / WRITE_BATCH) + 2 * ceil(changed / WRITE_BATCH) + ceil(read_back / WRITE_BATCH)

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values by key; of a deleted task, which its query still shows, the id is told."""
        rows: dict[str, Mapping[str, Any]] = {}
        keys = list(dict.fromkeys(ref.id for ref in refs))
        for start in range(0, len(keys), WRITE_BATCH):
            rows |= self._rows(keys[start : start + WRITE_BATCH], properties)
        return [self._observed(ref, rows.get(ref.id), properties) for ref in refs]

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make or change up to 200 tasks in one attempt."""
        if batch and batch[0].new:
            given = [replace(one, values={name: value for name, value in one.values.items() if value}) for one in batch]
            made = self._writer.write([_in_words(change) for change in given])
            return [self._judged(outcome, one) for one, outcome in zip(given, made, strict=True)]
        unknown = [change.ref for change in batch if change.ref.id not in self._ids]
        if unknown:
            self.read_values(unknown, [self._key])
        there = [change for change in batch if change.ref.id in self._ids]
        sent = [_in_words(replace(one, ref=replace(one.ref, id=self._ids[one.ref.id]))) for one in there]
        outcomes = iter(self._writer.write(sent))
        gone = "The task was deleted in Salesforce."
        return [
            replace(next(outcomes), ref=one.ref)
            if one.ref.id in self._ids
            else Outcome(one.ref, "gone", gone, "ENTITY_IS_DELETED")
            for one in batch
        ]

    def _observed(self, ref: Ref, row: Mapping[str, Any] | None, properties: Sequence[str]) -> Observed:
        own = str(row["Id"]) if row is not None else None
        if row is None or own is None or row.get("IsDeleted"):
            self._ids.pop(ref.id, None)
            return Observed(ref, missing=True, record_id=own)
        self._ids[ref.id] = own
        values = {name: _neutral(name, row.get(name)) for name in properties}
        if _STATUS in values and row.get(_CLOSED):
            values[_STATUS] = "done"  # an org may have several statuses that close a task
        return Observed(ref, values, record_id=own)

    def _rows(self, keys: Sequence[str], properties: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Tasks by key; a live one before a deleted one."""
        columns = tuple(dict.fromkeys(("Id", "IsDeleted", _CLOSED, self._key, *properties)))
        where = f"{soql.name(self._key)} IN ({','.join(soql.text(key) for key in keys)})"
        try:
            found = self._client.rows(soql.select(columns, TASK, (where,)), include_deleted=True)
        except CallRefused as refused:
            if refused.code == "INVALID_FIELD":
                self._schema.forget(TASK)
                raise SchemaDrift(str(refused), hint="Check the field-level security of Task.") from refused
            raise
        found.sort(key=lambda row: not row.get("IsDeleted"))
        return {str(row[self._key]): {**row, "Id": to18(str(row["Id"]))} for row in found if is_id(str(row.get("Id")))}

    def _judged(self, outcome: Outcome, change: Change) -> Outcome:
        """A key that is taken says that an earlier request made the task, and nothing about its values; of an owner who
        left Salesforce does not say that it is about a field."""
        if outcome.kind == "rejected" and outcome.code == _TAKEN and outcome.property in (None, self._key):
            return Outcome(outcome.ref, "in_doubt", "The task is there already.", _TAKEN)
        if outcome.code == _LEFT and outcome.property is None and _OWNER in change.values:
            return replace(outcome, property=_OWNER)
        return outcome


def _in_words(change: Change) -> Change:
    """The same with canonical values in Salesforce's words."""
    words = {name: _WORDS.get(name, {}) for name in change.values}
    return replace(change, values={name: words[name].get(value or "", value) for name, value in change.values.items()})


def _neutral(name: str, value: object) -> object:
    """Salesforce's value in our words; what has none stays as it is."""
    return {theirs: ours for ours, theirs in _WORDS.get(name, {}).items()}.get(str(value), value)
