"""Bulk import: CSV files that a job, set up by an administrator, loads while its state is asked for."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from itertools import count
from typing import Any

from sandbox.gainsight.actor import Actor
from sandbox.gainsight.errors import ApiError, invalid
from sandbox.gainsight.fields import NUMBER_TYPES
from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.tenant import Table, Tenant
from sandbox.gainsight.writes import Writes

JOB_ID = "sandbox-company-job"
MOST_BYTES = 80_000_000
_STATES = ("INIT", "IN_PROGRESS", "COMPLETED")


@dataclass(frozen=True, slots=True)
class Job:
    """What an administrator set up: the object that files go to, and the fields that find its records."""

    object: str
    keys: tuple[str, ...]


@dataclass(slots=True)
class Load:
    """One file: its rows until they are loaded, how often its state was asked for, and what became of the rows."""

    job: Job
    rows: list[dict[str, str]]
    actor: Actor
    polls: int = 0
    loaded: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self, state: str) -> dict[str, Any]:
        """Return the answer to a poll."""
        return {
            "jobStatus": state, "totalRecords": self.loaded + len(self.failed) + len(self.rows),
            "successCount": self.loaded, "failureCount": len(self.failed), "failedRecords": self.failed,
        }  # fmt: skip


class Bulk:
    """The jobs of a tenant by id, and the loads by status id."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {JOB_ID: Job("company", ("Gsid",))}
        self._loads: dict[str, Load] = {}
        self._numbers = count(1)

    def accept(self, content_type: str, body: bytes, actor: Actor) -> str:
        """Take a form of `file` and `jobId` and return the status id; raises ApiError."""
        parts = _form(content_type, body)
        job = self.jobs.get(parts.get("jobId", b"").decode("utf-8", "replace"))
        if job is None or "file" not in parts:
            raise invalid("The form needs a file and the jobId of a bulk job")
        if len(body) > MOST_BYTES:
            raise invalid("The file is larger than 80 MB")
        text = parts["file"].decode("utf-8-sig", "replace")
        rows = [{name: cell or "" for name, cell in row.items() if name} for row in csv.DictReader(io.StringIO(text))]
        if not rows:
            raise ApiError(400, "GS_7571", "The file has no data rows")
        status_id = f"bulk-{next(self._numbers):06d}"
        self._loads[status_id] = Load(job, rows, actor)
        return status_id

    def poll(self, status_id: str, tenant: Tenant, options: GainsightOptions) -> dict[str, Any]:
        """Let a load go on and return its state; raises ApiError for an id that there is not."""
        load = self._loads.get(status_id)
        if load is None:
            raise invalid("There is no such status id")
        step = min(load.polls // max(1, options.bulk_polls), len(_STATES) - 1)
        load.polls += 1
        if _STATES[step] == "COMPLETED" and load.rows:
            _carry_out(load, tenant, options)
        return load.as_json(_STATES[step])


def _carry_out(load: Load, tenant: Tenant, options: GainsightOptions) -> None:
    """Load row by row; unlike the other writes a refused row does not hold up the rest."""
    table, keys = tenant.tables[load.job.object], list(load.job.keys)
    writes = Writes(tenant, table, options, load.actor)
    records = [_record(table, row) for row in load.rows]
    known = set(table.matching_any(keys, {tuple(record.get(name) for name in keys) for record in records}))
    for row, record in zip(load.rows, records, strict=True):
        key = tuple(record.get(name) for name in keys)
        try:
            if None not in key and key in known:
                writes.update({"records": [record]}, keys)
            else:
                writes.insert({"records": [record]})
                known.add(key)
            load.loaded += 1
        except ApiError as error:
            load.failed.append({"record": row, "errors": [{"errorCode": error.code, "errorMessage": str(error)}]})
    load.rows = []


def _record(table: Table, row: dict[str, str]) -> dict[str, Any]:
    """Return a CSV row as a record: cells take the type of their field if they can, empty ones are left out."""
    record: dict[str, Any] = {}
    for name, text in row.items():
        target = table.kind.fields.get(name)
        if text == "":
            continue
        record[name] = text
        if target is not None and target.type in NUMBER_TYPES:
            with suppress(ValueError):
                record[name] = float(text)
        elif target is not None and target.type == "BOOLEAN" and text.lower() in {"true", "false"}:
            record[name] = text.lower() == "true"
    return record


def _form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the parts of a multipart form by name; raises ApiError for anything else."""
    if not content_type.startswith("multipart/form-data"):
        raise invalid("The request must be a multipart form")
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    parts: dict[str, bytes] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            parts[name] = content.removesuffix(b"\r\n")
    return parts
