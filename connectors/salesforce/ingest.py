"""Writing by Bulk API 2.0: for changes by the thousand, where a few calls carry them all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Outcome
from connectors.errors import BadAnswer, ConfigError, ConnectorError, CredentialsError, QuotaExhausted, RetryLater
from connectors.http import has_announced_length, lower_headers
from connectors.salesforce import jobs, values
from connectors.salesforce.answers import CallRefused, NotOurs, VendorError, lacks_resource
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.csv_rows import read_rows
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.rows import Row
from connectors.salesforce.schema import ObjectInfo
from connectors.salesforce.verdicts import of_csv_text, property_at_fault, verdict
from mapping.records import Ref

LARGEST_UPLOAD = 100 * 10**6
"""Bytes of CSV in a job: Salesforce takes 150 MB after it has encoded them as base64."""

_JOB = {"operation": "update", "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
_CSV = "text/csv; charset=UTF-8"
_WHOLE_JOB_ERROR = "INVALIDBATCH"
# Salesforce's pages and its clients do not agree on the spelling of these addresses.
_SPELLINGS = {
    "failedResults": ("failedResults/", "failedResults"),
    "successfulResults": ("successfulResults/", "successfulResults"),
    "unprocessedrecords": ("unprocessedrecords/", "unprocessedrecords", "unprocessedRecords"),
}


def upload(change_rows: Sequence[Row], info: ObjectInfo) -> bytes:
    """The CSV of a job: a column for each property that any row sets, empty where a row leaves it as it is."""
    columns = sorted({name for row in change_rows for name in row.change.values})
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["Id", *columns])
    for row in change_rows:
        given = row.change.values
        cells = [values.encode_csv(given[name], info.fields[name].type) if name in given else "" for name in columns]
        writer.writerow([row.id, *cells])
    return text.getvalue().encode()


class BulkWriter:
    """Updates rows of one object, job after job; jobs beside each other would fight for the same locks."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client

    def write(self, change_rows: Sequence[Row], info: ObjectInfo) -> dict[int, Outcome]:
        """Outcomes by the rows' places in the batch.

        Raises `CredentialsError` or `QuotaExhausted` only when nothing was written.
        """
        done: dict[int, Outcome] = {}
        for part in _parts(change_rows):
            try:
                done |= self._run(part, info)
            except (CredentialsError, QuotaExhausted) as error:
                if not done:
                    raise
                done |= _all(part, Outcome(part[0].ref, "pending", error.message))
        return done

    def _run(self, part: Sequence[Row], info: ObjectInfo) -> dict[int, Outcome]:
        try:
            job = jobs.create(self._client, "ingest", {"object": info.name, **_JOB})
            self._client.send("PUT", f"jobs/ingest/{job}/batches", data=upload(part, info), kind=_CSV)
        except (CredentialsError, QuotaExhausted):
            raise
        except CallRefused as refused:
            whole = verdict(part[0].ref, refused.error)
            # A refused job says nothing about a record, least of all that it is gone.
            return _all(part, replace(whole, kind="pending" if whole.kind == "pending" else "rejected"))
        except ConfigError as error:
            return _all(part, Outcome(part[0].ref, "rejected", str(error)))
        except ConnectorError as error:
            # Nothing runs before the job is closed, so whatever was lost here was surely not done.
            return _all(part, Outcome(part[0].ref, "pending", error.message))
        try:
            state = self._close_and_wait(job)
            return self._collect(job, part, state)
        except ConnectorError as error:
            return _all(part, Outcome(part[0].ref, "in_doubt", f"bulk job {job}: {error.message}"))

    def _close_and_wait(self, job: str) -> Mapping[str, Any]:
        """Start the job and wait for its end; closing it twice is harmless, so a lost answer is simply asked for."""
        try:
            self._close(job)
        except (RetryLater, BadAnswer):
            if jobs.look(self._client, "ingest", job)["state"] == "open":
                self._close(job)
        return jobs.wait(self._client, "ingest", job)

    def _close(self, job: str) -> None:
        self._client.send("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})

    def _collect(self, job: str, part: Sequence[Row], state: Mapping[str, Any]) -> dict[int, Outcome]:
        """Outcomes from all three result files; order is lost in them, so rows are found by id."""
        rows = {row.id: row for row in part}
        done: dict[int, Outcome] = {}
        for result in self._results(job, "failedResults"):
            row = rows.get(_id_of(result))
            if row is not None:
                done[row.index] = verdict(row.ref, of_csv_text(result.get("sf__Error", "")))
        for result in self._results(job, "successfulResults"):
            row = rows.get(_id_of(result))
            if row is not None:
                done[row.index] = Outcome(row.ref, "confirmed")
        unprocessed = _unprocessed(part[0].ref, state)
        # Rows in one of the first two files leave nothing for the third.
        for result in self._results(job, "unprocessedrecords") if len(done) < len(part) else ():
            row = rows.get(_id_of(result))
            if row is not None and row.index not in done:
                done[row.index] = replace(unprocessed, ref=row.ref)
        lost = Outcome(part[0].ref, "in_doubt", f"bulk job {job} has this record in none of its result files")
        if state["state"] == "failed" and not done:
            lost = unprocessed  # a job that failed as a whole, for instance on an unknown column
        return {row.index: done.get(row.index, replace(lost, ref=row.ref)) for row in part}

    def _results(self, job: str, file: str) -> Iterator[Mapping[str, str]]:
        rows = self._file(job, _SPELLINGS[file])
        header = rows[0] if rows else []
        for row in rows[1:]:
            yield dict(zip(header, row, strict=True))

    def _file(self, job: str, spellings: Sequence[str]) -> list[list[str]]:
        for spelling in spellings[:-1]:
            try:
                return self._download(f"jobs/ingest/{job}/{spelling}")
            except (CallRefused, NotOurs) as error:
                if not lacks_resource(error):
                    raise
        return self._download(f"jobs/ingest/{job}/{spellings[-1]}")

    def _download(self, path: str) -> list[list[str]]:
        def attempt() -> list[list[str]]:
            response = self._client.stream(path, {})
            whole = has_announced_length(lower_headers(response.headers))
            try:
                return list(read_rows(self._client.body(response), whole=whole))
            finally:
                response.close()

        rows: list[list[str]] = self._client.retrying(attempt)
        return rows


def _unprocessed(ref: Ref, state: Mapping[str, Any]) -> Outcome:
    """The outcome of rows that a job did not get to: refused with the whole job, or left for next time."""
    message = str(state.get("errorMessage") or "Salesforce did not get to this record")
    code = message.split(":", 1)[0].replace(" ", "")
    if code.upper() != _WHOLE_JOB_ERROR:
        return Outcome(ref, "pending", message)
    return Outcome(ref, "rejected", message, code, property_at_fault(VendorError(code, message)))


def _id_of(result: Mapping[str, str]) -> str:
    """The record of a result row; failed rows have no `sf__Id`, but the column that was uploaded."""
    for name in ("sf__Id", "Id"):
        if is_id(result.get(name, "")):
            return to18(result[name])
    return ""


def _all(part: Sequence[Row], outcome: Outcome) -> dict[int, Outcome]:
    return {row.index: replace(outcome, ref=row.ref) for row in part}


def _parts(change_rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows so that each upload stays below the cap, by a bound on the size of each row."""
    part: list[Row] = []
    size = 0
    for row in change_rows:
        needed = 64 + sum(4 * len(value or "") + 8 for value in row.change.values.values())
        if part and size + needed > LARGEST_UPLOAD:
            yield part
            part, size = [], 0
        part.append(row)
        size += needed
    if part:
        yield part
