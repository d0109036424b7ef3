"""Tasks of companies, each under a key of its own: a unique property that tells whether a lost request made one."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from connectors.base import Capabilities, Change, FieldProvisioner, Observed, Outcome
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.fields import Provisioner
from connectors.hubspot.links import Links
from connectors.hubspot.paths import Paths
from connectors.hubspot.read import BATCH, Reader, Row
from connectors.hubspot.records import properties_of
from connectors.hubspot.schema import Property, Schema
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.values import encode
from connectors.hubspot.write import Writer
from mapping.records import Ref

KIND = "tasks"
KEY = "alert_key"
COMPANY = "company"
"""Stands for the association with the company, which is no property of a task."""
TO_COMPANY = 192
"""HubSpot's own association type from a task to a company."""
_STATUS, _PRIORITY, _BODY = "hs_task_status", "hs_task_priority", "hs_task_body"
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "task_subject": "hs_task_subject",
        "task_account": COMPANY,
        "task_owner": "hubspot_owner_id",
        "task_due": "hs_timestamp",
        "task_priority": _PRIORITY,
        "task_status": _STATUS,
        "task_body": _BODY,
    }
)
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        _STATUS: {"open": "NOT_STARTED", "in_progress": "IN_PROGRESS", "done": "COMPLETED"},
        _PRIORITY: {"normal": "MEDIUM", "high": "HIGH"},
    }
)
_TAKEN = "CONFLICTING_UNIQUE_VALUE"


class HubSpotTasks:
    """Reads, makes and changes tasks by their keys."""

    object_name = KIND
    whole_days = False
    always_due = False
    settles_after = 0.0

    def __init__(
        self,
        client: HubSpotClient,
        paths: Paths,
        schema: Schema,
        reader: Reader,
        links: Links,
        *,
        settings: HubSpotSettings,
        prefix: str,
    ) -> None:
        self.settings = settings.tasks
        self._reader = reader
        self._links = links
        self._fields = Provisioner(client, paths, schema, kind=KIND, prefix=prefix, group=settings.property_group)
        self._key = prefix + KEY
        self.names: Mapping[str, str] = {**_NAMES, KEY: self._key}
        self._changer = Writer(client, paths, schema, reader, KIND)
        self._maker = _Maker(client, paths, schema, reader, KIND, self._key)
        self._ids: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """Batches of a hundred; good rows are written when others are bad."""
        return Capabilities(write_batch=BATCH, read_batch=BATCH, partial_success=True)

    def fallback_owner(self) -> None:
        """None: a task may be nobody's."""

    def fields(self) -> FieldProvisioner:
        """The unique key."""
        return self._fields

    def write_cost(self, made: int, changed: int, read_back: int = 0) -> int:
        """For each hundred: a look and a request; of new ones and of those read back the companies are looked up."""
        return 2 * math.ceil(made / BATCH) + 2 * math.ceil(changed / BATCH) + 2 * math.ceil(read_back / BATCH)

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values by key, a hundred tasks a call, and another one for the companies of those that are there."""
        observed: list[Observed] = []
        for start in range(0, len(refs), BATCH):
            observed += self._observe(refs[start : start + BATCH], properties)
        return observed

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make or change up to a hundred tasks in one attempt."""
        if batch and batch[0].new:
            return [self._judged(outcome) for outcome in self._maker.write(batch)]
        self._look_up(change.ref for change in batch)
        there = [change for change in batch if change.ref.id in self._ids]
        sent = [
            Change(
                replace(one.ref, id=self._ids[one.ref.id]),
                {name: _vendor(name, one.values[name]) for name in one.values},
            )
            for one in there
        ]
        outcomes = iter(self._changer.write(sent)) if sent else iter(())
        return [
            replace(next(outcomes), ref=one.ref)
            if one.ref.id in self._ids
            else Outcome(one.ref, "gone", "The task was deleted in HubSpot.", "OBJECT_NOT_FOUND")
            for one in batch
        ]

    def _observe(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        names = [name for name in properties if name != COMPANY]
        rows = self._rows([ref.id for ref in refs], names)
        ids = sorted(str(row["id"]) for row in rows.values())
        companies = self._companies(ids) if COMPANY in properties and ids else {}
        observed = []
        for ref in refs:
            row = rows.get(ref.id)
            if row is None:
                self._ids.pop(ref.id, None)
                observed.append(Observed(ref, missing=True))
                continue
            own = self._ids[ref.id] = str(row["id"])
            values: dict[str, object] = {name: _neutral(name, properties_of(row).get(name)) for name in names}
            if COMPANY in properties:
                values[COMPANY] = companies.get(own)
            observed.append(Observed(ref, values, record_id=own))
        return observed

    def _rows(self, keys: Sequence[str], names: Sequence[str]) -> dict[str, Row]:
        """Live tasks by key; what the answer neither has nor misses is looked for by itself."""
        asked = [*names, self._key]
        found, problems = self._reader.by_ids(KIND, keys, asked, key=self._key)
        rows = {str(properties_of(row).get(self._key)): row for row in found.values()}
        gone = {one for problem in problems if problem.not_found() for one in problem.ids}
        for key in keys:
            if key not in rows and key not in gone:
                row = self._reader.one(KIND, key, asked, key=self._key)
                if row is not None:
                    rows[key] = row
        return rows

    def _companies(self, ids: Sequence[str]) -> dict[str, str]:
        """Task → its company; several are told one after the other, as nobody made them here."""
        found: dict[str, list[str]] = {}
        for page in self._links.pages(f"{KIND}>companies", ids, None):
            for link in page.links:
                found.setdefault(link.from_id, []).append(link.to_id)
        return {one: ";".join(sorted(to)) for one, to in found.items()}

    def _look_up(self, refs: Iterable[Ref]) -> None:
        """The ids of tasks that this connection has not looked at yet."""
        unknown = [ref for ref in refs if ref.id not in self._ids]
        if unknown:
            self._observe(unknown, [self._key])

    def _judged(self, outcome: Outcome) -> Outcome:
        """A key that is taken says that an earlier request made the task, and nothing about its values."""
        if outcome.kind == "rejected" and outcome.code == _TAKEN and outcome.property in (None, self._key):
            return Outcome(outcome.ref, "in_doubt", "The task is there already.", _TAKEN)
        return outcome


class _Maker(Writer):
    """Makes tasks, each together with its association."""

    operation = "create"

    def __init__(
        self, client: HubSpotClient, paths: Paths, schema: Schema, reader: Reader, kind: str, key: str
    ) -> None:
        super().__init__(client, paths, schema, reader, kind)
        self._key = key

    def described(self, change: Change, known: Mapping[str, Property]) -> dict[str, object]:
        """A new task; what is empty is left out."""
        values = {name: _vendor(name, value) for name, value in change.values.items() if value is not None}
        company = values.pop(COMPANY, None)
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TO_COMPANY}]
        return {
            "properties": {"hs_task_type": "TODO"}
            | {name: encode(value, known.get(name)) for name, value in values.items()},
            "associations": [] if company is None else [{"to": {"id": company}, "types": types}],
        }

    def address(self, row: Mapping[str, object]) -> str:
        """The key that the new task was given."""
        return str(properties_of(row).get(self._key))


def _vendor(name: str, value: str | None) -> str | None:
    """A canonical value in HubSpot's words; the text of a task is HTML there."""
    if value is None:
        return None
    return html.escape(value, quote=False) if name == _BODY else _WORDS.get(name, {}).get(value, value)


def _neutral(name: str, value: object) -> object:
    """HubSpot's value in our words; what has none stays as it is."""
    if name == _BODY and isinstance(value, str):
        return html.unescape(value)
    return {theirs: ours for ours, theirs in _WORDS.get(name, {}).items()}.get(str(value), value)
