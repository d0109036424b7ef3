"""Bulk API 2.0 query jobs: created, polled, then read as pages of CSV."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.responses import Response

from sandbox.salesforce.bulk_jobs import DELIMITERS, FINAL_STATES, LINE_ENDINGS, Job, QueryJob
from sandbox.salesforce.context import Call, answer, no_content
from sandbox.salesforce.errors import ApiError, not_found
from sandbox.salesforce.ids import canonical_id, make_id
from sandbox.salesforce.soql_ast import Call as SoqlCall
from sandbox.salesforce.soql_ast import Path, Query
from sandbox.salesforce.soql_run import Prepared, prepare, run

_PARALLEL_PAGES = 5


async def create(call: Call) -> Response:
    """Create a query job; a query that bulk cannot run is refused here."""
    body = await call.json_object()
    operation = body.get("operation")
    if operation not in {"query", "queryAll"}:
        raise ApiError(400, "API_ERROR", f"Unable to parse Job: operation {operation} is not a query")
    prepared = prepare(call.state.org, str(body.get("query") or ""), call.session.user_id)
    _check(prepared)
    delimiter, line_ending = format_of(body)
    job = QueryJob(
        id=make_id("Job", next(call.state.numbers)),
        operation=operation,
        object=prepared.columns.table.kind.name,
        version=call.version,
        user_id=call.session.user_id,
        created_at=call.now,
        state="UploadComplete",
        delimiter=delimiter,
        line_ending=line_ending,
        prepared=prepared,
    )
    call.state.query_jobs[job.id] = job
    return answer(job.json())


def format_of(body: dict[str, Any]) -> tuple[str, str]:
    """Return the column delimiter and line ending a job asks for; raises ApiError for unknown ones."""
    delimiter, line_ending = body.get("columnDelimiter") or "COMMA", body.get("lineEnding") or "LF"
    if delimiter not in DELIMITERS or line_ending not in LINE_ENDINGS or (body.get("contentType") or "CSV") != "CSV":
        message = f"Unable to parse Job: contentType, columnDelimiter {delimiter} or lineEnding {line_ending}"
        raise ApiError(400, "API_ERROR", message)
    return delimiter, line_ending


def _check(prepared: Prepared) -> None:
    """Refuse what a bulk query cannot do."""
    kind, query = prepared.columns.table.kind, prepared.query
    if not kind.bulk:
        raise ApiError(400, "INVALIDENTITY", f"Entity '{kind.name}' is not supported by the Bulk API.")
    if query.offset is not None:
        raise ApiError(400, "API_ERROR", "OFFSET is not supported in Bulk Query")
    if query.aggregates or any(isinstance(item, Query) for item in query.select):
        raise ApiError(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    columns = [prepared.columns.reach(item) for item in query.select if isinstance(item, Path | SoqlCall)]
    if any(column.field.type == "address" for column in columns):
        raise ApiError(400, "FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query")


def _job(call: Call) -> QueryJob:
    job = call.state.query_jobs.get(canonical_id(call.path("job")) or "")
    if job is None:
        raise not_found()
    return job


async def info(call: Call) -> Response:
    """Return a job's state; every poll moves an unfinished job on."""
    job = _job(call)
    _advance(call, job)
    return answer(job.info())


def next_state(job: Job, polls_per_state: int) -> str:
    """Count a poll and return the state in which the job is now."""
    if job.state in FINAL_STATES or job.state == "Open":
        return job.state
    job.polls += 1
    if job.polls <= polls_per_state:
        return "UploadComplete"
    return "InProgress" if job.polls <= 2 * polls_per_state else "JobComplete"


def _advance(call: Call, job: QueryJob) -> None:
    seconds = call.state.options.bulk_seconds
    state = next_state(job, call.state.options.bulk_polls)
    if seconds is not None and job.state not in FINAL_STATES:
        state = "InProgress" if (call.now - job.created_at).total_seconds() < seconds else "JobComplete"
    if state == "JobComplete" and job.state != "JobComplete" and job.prepared is not None:
        if call.state.options.bulk_failure_without_message:
            job.state = "Failed"
            return
        job.answer = run(call.state.org, job.prepared, call.now, include_deleted=job.operation == "queryAll")
        job.processed = len(job.answer.rows)
    job.state = state


async def change(call: Call) -> Response:
    """Abort a job."""
    job = _job(call)
    body = await call.json_object()
    if body.get("state") != "Aborted":
        raise ApiError(400, "INVALIDJOBSTATE", f"Invalid job state: {body.get('state')}")
    if job.state in FINAL_STATES:
        raise ApiError(400, "INVALIDJOBSTATE", f"Aborting already {job.state} job not allowed")
    job.state = "Aborted"
    return answer(job.info())


async def remove(call: Call) -> Response:
    """Delete a finished job."""
    job = _job(call)
    if job.state not in FINAL_STATES:
        raise ApiError(400, "API_ERROR", f"Error encountered when deleting the job because the job is in {job.state}")
    del call.state.query_jobs[job.id]
    return no_content()


async def list_jobs(call: Call) -> Response:
    """List all query jobs."""
    records = [job.info() for job in call.state.query_jobs.values()]
    return answer({"done": True, "records": records, "nextRecordsUrl": None})


async def results(call: Call) -> Response:
    """Return one page of results; the last page's locator is the text `null`."""
    job = _finished(call)
    rows = job.answer.rows if job.answer else []
    start, size = _position(call)
    page = rows[start : start + size]
    following = start + size
    headers = {
        "Sforce-Locator": _locator(call.state.locator_age, following) if following < len(rows) else "null",
        "Sforce-NumberOfRecords": str(len(page)),
    }
    return Response(_csv(call, job, page), headers=headers, media_type="text/csv;charset=UTF-8")


async def result_pages(call: Call) -> Response:
    """List up to five addresses of result pages for parallel download."""
    job = _finished(call)
    total = len(job.answer.rows) if job.answer else 0
    start, size = _position(call)[0], call.state.options.bulk_page  # nobody can ask for another size here
    starts = list(range(start, max(total, start + 1), size))
    shown, rest = starts[:_PARALLEL_PAGES], starts[_PARALLEL_PAGES:]
    base = f"{call.base}/jobs/query/{job.id}"
    pages = [{"resultUrl": f"{base}/results?locator={_locator(call.state.locator_age, at)}"} for at in shown]
    following = f"{base}/resultPages?locator={_locator(call.state.locator_age, rest[0])}" if rest else None
    return answer({"resultPages": pages, "nextRecordsUrl": following, "done": not rest})


def _finished(call: Call) -> QueryJob:
    job = _job(call)
    if job.version != call.version:
        message = f"The job was created with API version {job.version}; fetch its results with the same version"
        raise ApiError(409, "VERSION_MISMATCH", message)
    if job.state != "JobComplete":
        raise ApiError(400, "INVALIDJOBSTATE", f"Job is not completed: {job.state}")
    return job


def _position(call: Call) -> tuple[int, int]:
    """Read where a page begins and how many rows it may have; locators of results end when an admin says so."""
    size = call.param("maxRecords") or str(call.state.options.bulk_page)
    if not (size.isascii() and size.isdigit()) or int(size) < 1:
        raise ApiError(400, "INVALID_ARGUMENT", f"maxRecords is not a positive number: {size}")
    locator = call.param("locator")
    return (_offset(call.state.locator_age, locator) if locator else 0), int(size)


def _locator(age: int, offset: int) -> str:
    return base64.urlsafe_b64encode(f"{age}-{offset}".encode()).decode().rstrip("=")


def _offset(age: int, locator: str) -> int:
    try:
        born, _, offset = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode().partition("-")
        if int(born) == age:
            return int(offset)
    except (ValueError, binascii.Error):
        pass
    raise ApiError(400, "INVALID_QUERY_LOCATOR", f"invalid locator: {locator}")


def _csv(call: Call, job: QueryJob, rows: list[Any]) -> str:
    """Write a result page, every value in quotes; column by column, for pages have 50,000 rows."""
    if job.answer is None or (not rows and call.state.options.bulk_empty_body):
        return ""
    between, end = f'"{DELIMITERS[job.delimiter]}"', f'"{LINE_ENDINGS[job.line_ending]}'
    columns = [_quoted(column) for column in job.answer.texts(rows)]
    lines = [between.join(_quoted(job.answer.header)), *map(between.join, zip(*columns, strict=True))]
    return '"' + f'{end}"'.join(lines) + end


def _quoted(texts: list[str]) -> list[str]:
    """Double the quotes in values; nearly always there is none."""
    return [text.replace('"', '""') for text in texts] if '"' in "".join(texts) else texts
