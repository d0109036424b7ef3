"""Bulk API 2.0 ingest jobs: created, given one CSV file, closed, polled, and read as three result files."""

from __future__ import annotations

import csv
import io

from starlette.responses import Response

from sandbox.salesforce.bulk_csv import BadUpload, read_upload
from sandbox.salesforce.bulk_jobs import DELIMITERS, FINAL_STATES, LINE_ENDINGS, IngestJob, RowResult
from sandbox.salesforce.bulk_query import format_of, next_state
from sandbox.salesforce.context import Call, answer, no_content
from sandbox.salesforce.errors import ApiError, RowError, not_found
from sandbox.salesforce.ids import canonical_id, make_id
from sandbox.salesforce.rest_rows import external_field, matching_rows
from sandbox.salesforce.state import SalesforceState
from sandbox.salesforce.table import Table
from sandbox.salesforce.writes import Writer, require_id

OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
NULL = "#N/A"
_MAX_UPLOAD = 150 * 1024 * 1024


async def create(call: Call) -> Response:
    """Create an ingest job, open for one upload."""
    body = await call.json_object()
    table = call.state.org.find_table(str(body.get("object")))
    if table is None or not table.kind.bulk:
        raise ApiError(400, "INVALIDENTITY", f"Entity '{body.get('object')}' is not supported by the Bulk API.")
    operation, key = body.get("operation"), body.get("externalIdFieldName")
    if operation not in OPERATIONS:
        raise ApiError(400, "API_ERROR", f"Unable to parse Job: unknown operation {operation}")
    if operation == "upsert":
        external_field(table, str(key))
    delimiter, line_ending = format_of(body)
    job = IngestJob(
        id=make_id("Job", next(call.state.numbers)),
        operation=operation,
        object=table.kind.name,
        version=call.version,
        user_id=call.session.user_id,
        created_at=call.now,
        state="Open",
        delimiter=delimiter,
        line_ending=line_ending,
        external_id=str(key) if key else None,
    )
    call.state.ingest_jobs[job.id] = job
    return answer(job.describe())


def _job(call: Call) -> IngestJob:
    job = call.state.ingest_jobs.get(canonical_id(call.path("job")) or "")
    if job is None:
        raise not_found()
    return job


async def upload(call: Call) -> Response:
    """Take the CSV file; a job takes exactly one."""
    job = _job(call)
    if job.state != "Open" or job.data is not None:
        raise ApiError(400, "CONFLICT", "Found multiple contents for job. A job takes one upload while it is Open")
    declared = call.request.headers.get("content-type", "text/csv")
    if not declared.startswith("text/csv"):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type not supported: {declared}")
    data = await call.request.body()
    if len(data) > _MAX_UPLOAD:
        raise ApiError(413, "REQUEST_TOO_LARGE", "The upload is larger than 150 MB")
    job.data = data
    return Response(status_code=201)


async def change(call: Call) -> Response:
    """Close the upload, or abort the job."""
    job = _job(call)
    wanted = (await call.json_object()).get("state")
    allowed = wanted == "Aborted" or (wanted == "UploadComplete" and job.state == "Open" and job.data is not None)
    if not allowed or job.state in FINAL_STATES:
        message = f"Job {job.id} cannot go from {job.state} to {wanted}; upload data first, then UploadComplete"
        raise ApiError(400, "INVALIDJOBSTATE", message)
    if wanted == "Aborted":
        _keep_unprocessed(job)
    job.closed_at = call.now
    job.state = str(wanted)
    return answer(job.describe())


def _keep_unprocessed(job: IngestJob) -> None:
    """Record every uploaded line of an aborted job as unprocessed, if the file can be read at all."""
    try:
        job.header, job.unprocessed = read_upload(job.data or b"", job)
    except BadUpload as problem:
        job.error = str(problem)


async def info(call: Call) -> Response:
    """Return a job's state; every poll moves a closed job on, and the last one does the work."""
    job = _job(call)
    state = next_state(job, call.state.options.bulk_polls)
    if state == "JobComplete" and job.state != "JobComplete":
        state = _process(call.state, job)
    job.state = state
    return answer(job.info())


def carry_out_unattended(state: SalesforceState) -> None:
    """Do the work of closed jobs whose client went away: the vendor does not wait to be asked."""
    for job in state.ingest_jobs.values():
        waiting = job.state not in FINAL_STATES and job.closed_at is not None
        if waiting and state.now() - job.closed_at >= state.options.bulk_unattended:  # type: ignore[operator]
            job.state = _process(state, job)


def _process(state: SalesforceState, job: IngestJob) -> str:
    table = state.org.tables[job.object]
    try:
        header, lines = read_upload(job.data or b"", job)
        _check_header(state, job, table, header)
    except BadUpload as problem:
        job.error = None if state.options.bulk_failure_without_message else str(problem)
        return "Failed"
    job.header = header
    writer = state.writer(job.user_id, job.id)
    for line in lines:
        job.results.append(_row(writer, table, job, line))
    writer.commit()
    job.processed = len(lines)
    return "JobComplete"


def _check_header(state: SalesforceState, job: IngestJob, table: Table, header: list[str]) -> None:
    """Fail the whole job for the first column that the user cannot see."""
    for name in header:
        found = table.kind.find(name)
        if found is None or not state.org.access.can_read(job.user_id, table.kind.name, found.name):
            raise BadUpload(f"InvalidBatch : Field name not found : {name}")


def _row(writer: Writer, table: Table, job: IngestJob, line: list[str]) -> RowResult:
    result = RowResult(line)
    before = writer.mark()
    cells = dict(zip(job.header, line, strict=False))
    try:
        _check_length(job.header, line)
        result.id, result.created = _apply(writer, table, job, cells)
    except RowError as error:
        writer.rollback(before)
        result.id = canonical_id(_cell(cells, "Id")) or ""
        result.error = error.csv_text()
    return result


def _check_length(header: list[str], line: list[str]) -> None:
    if len(line) != len(header):
        raise RowError("INVALID_CSV_RECORD", f"line has {len(line)} cells instead of {len(header)}")


def _cell(cells: dict[str, str], name: str) -> str:
    return next((value for key, value in cells.items() if key.lower() == name.lower()), "").strip()


def _apply(writer: Writer, table: Table, job: IngestJob, cells: dict[str, str]) -> tuple[str, bool]:
    """Do one line; returns the record's id and whether it was created."""
    name = table.kind.name
    key = job.external_id if job.operation == "upsert" and job.external_id else "Id"
    values = {
        column: None if text == NULL else text for column, text in cells.items() if text and column.lower() != "id"
    }
    if job.operation == "insert":
        return writer.insert(name, values, from_csv=True), True
    if job.operation == "upsert" and key.lower() != "id":
        return _upsert(writer, table, key, _cell(cells, key), values)
    record_id = require_id(_cell(cells, "Id"), table.kind.label)
    if job.operation in {"delete", "hardDelete"}:
        writer.delete(name, record_id, hard=job.operation == "hardDelete")
    else:
        writer.update(name, record_id, values, from_csv=True)
    return record_id, False


def _upsert(writer: Writer, table: Table, key: str, value: str, values: dict[str, str | None]) -> tuple[str, bool]:
    matches = matching_rows(table, external_field(table, key), value)
    if len(matches) > 1:
        raise RowError("DUPLICATE_EXTERNAL_ID", f"{key}: more than one record found for external id field")
    if not matches:
        return writer.insert(table.kind.name, values, from_csv=True), True
    record_id = str(matches[0][table.columns["Id"]])
    others = {name: text for name, text in values.items() if name.lower() != key.lower()}
    writer.update(table.kind.name, record_id, others, from_csv=True)
    return record_id, False


async def remove(call: Call) -> Response:
    """Delete a job that is finished or still open."""
    job = _job(call)
    if job.state not in FINAL_STATES and job.state != "Open":
        raise ApiError(400, "API_ERROR", f"Error encountered when deleting the job because the job is in {job.state}")
    del call.state.ingest_jobs[job.id]
    return no_content()


async def list_jobs(call: Call) -> Response:
    """List all ingest jobs."""
    records = [job.info() for job in call.state.ingest_jobs.values()]
    return answer({"done": True, "records": records, "nextRecordsUrl": None})


async def results(call: Call) -> Response:
    """Return one of the three result files, in an order that is not the upload's."""
    job = _job(call)
    kind = call.path("results").lower()
    if kind not in {"successfulresults", "failedresults", "unprocessedrecords"}:
        raise not_found()
    if job.state not in FINAL_STATES:
        raise ApiError(400, "INVALIDJOBSTATE", f"Job is not completed: {job.state}")
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=DELIMITERS[job.delimiter], lineterminator=LINE_ENDINGS[job.line_ending], quoting=csv.QUOTE_ALL
    )
    writer.writerows(_file(call, job, kind))
    return Response(text.getvalue(), media_type="text/csv;charset=UTF-8")


def _file(call: Call, job: IngestJob, kind: str) -> list[list[str]]:
    mixed = call.state.shuffled(job.results)
    if kind == "successfulresults":
        done = [[result.id, str(result.created).lower(), *result.line] for result in mixed if result.error is None]
        return [["sf__Id", "sf__Created", *job.header], *done]
    if kind == "failedresults":
        failed = [[result.id, result.error, *result.line] for result in mixed if result.error is not None]
        return [["sf__Id", "sf__Error", *job.header], *failed]
    return [job.header, *call.state.shuffled(job.unprocessed)]
