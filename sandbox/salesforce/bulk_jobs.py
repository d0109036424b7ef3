"""Bulk API 2.0 jobs: what they are asked to do, the state they are in, and what they have produced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.salesforce.moments import stamp
from sandbox.salesforce.soql_run import Answer, Prepared

DELIMITERS = {"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
FINAL_STATES = frozenset({"JobComplete", "Failed", "Aborted"})


@dataclass(slots=True)
class Job:
    """What both kinds of job share; `polls` counts how often an unfinished job was asked for its state."""

    id: str
    operation: str
    object: str
    version: str
    user_id: str
    created_at: datetime
    state: str
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    polls: int = 0
    processed: int = 0
    error: str | None = None

    def json(self) -> dict[str, Any]:
        """Return the description that creating a job answers with."""
        moment = stamp(self.created_at)
        return {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.user_id,
            "createdDate": moment,
            "systemModstamp": moment,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }


@dataclass(slots=True)
class QueryJob(Job):
    """A job that reads; it runs when it completes, so it sees what was committed until then."""

    prepared: Prepared | None = None
    answer: Answer | None = None

    def info(self) -> dict[str, Any]:
        """Return the description that asking for a job answers with."""
        details: dict[str, Any] = {
            **self.json(),
            "jobType": "V2Query",
            "numberRecordsProcessed": self.processed,
            "retries": 0,
            "totalProcessingTime": 10 * self.polls,
            "isPkChunkingSupported": True,
        }
        if self.error is not None:
            details["errorMessage"] = self.error
        return details


@dataclass(slots=True)
class RowResult:
    """What became of one uploaded line."""

    line: list[str]
    id: str = ""
    created: bool = False
    error: str | None = None


@dataclass(slots=True)
class IngestJob(Job):
    """A job that writes the lines of one uploaded file; `closed_at` is when its upload was complete."""

    closed_at: datetime | None = None
    external_id: str | None = None
    data: bytes | None = None
    header: list[str] = field(default_factory=list)
    results: list[RowResult] = field(default_factory=list)
    unprocessed: list[list[str]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many lines were refused."""
        return sum(result.error is not None for result in self.results)

    def describe(self) -> dict[str, Any]:
        """Return the description that creating a job answers with."""
        shown = self.json()
        shown["contentUrl"] = f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"
        if self.external_id:
            shown["externalIdFieldName"] = self.external_id
        return shown

    def info(self) -> dict[str, Any]:
        """Return the description that asking for a job answers with."""
        details: dict[str, Any] = {
            **self.describe(),
            "jobType": "V2Ingest",
            "retries": 0,
            "totalProcessingTime": 10 * self.polls,
            "apiActiveProcessingTime": 5 * self.polls,
            "apexProcessingTime": 0,
            "numberRecordsProcessed": self.processed,
            "numberRecordsFailed": self.failed,
        }
        if self.error is not None:
            details["errorMessage"] = self.error
        return details
