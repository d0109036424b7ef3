"""Single records: create, read, change, delete, upsert by external id, and the replication lists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from starlette.responses import Response

from sandbox.salesforce.context import Call, answer, http_date, no_content, read_http_date
from sandbox.salesforce.describe import describe_global, describe_object
from sandbox.salesforce.errors import ApiError, RowError, not_found
from sandbox.salesforce.fields import Field
from sandbox.salesforce.ids import canonical_id
from sandbox.salesforce.moments import parse_instant, read_stamp
from sandbox.salesforce.soql_ast import Path
from sandbox.salesforce.soql_columns import Columns
from sandbox.salesforce.soql_shape import select
from sandbox.salesforce.table import Row, Table

_UPDATED_WINDOW, _DELETED_WINDOW = timedelta(days=30), timedelta(days=15)


async def list_objects(call: Call) -> Response:
    """Answer the global describe."""
    return _unless_modified(call) or answer(describe_global(call.state.org, call.base), headers=_modified(call))


async def describe(call: Call) -> Response:
    """Answer the describe of one object."""
    table = call.table(call.path("object"))
    described = describe_object(call.state.org, table.kind, call.session.user_id, call.base)
    return _unless_modified(call) or answer(described, headers=_modified(call))


async def basic_info(call: Call) -> Response:
    """Answer the short description of an object."""
    table = call.table(call.path("object"))
    described = describe_object(call.state.org, table.kind, call.session.user_id, call.base)
    return answer({"objectDescribe": described, "recentItems": []})


async def create(call: Call) -> Response:
    """Create one record."""
    table = call.table(call.path("object"))
    writer = call.writer()
    try:
        record_id = writer.insert(table.kind.name, _field_values(await call.json_object()))
    except RowError as error:
        raise error.as_api_error() from None
    writer.commit()
    location = f"{call.base}/sobjects/{table.kind.name}/{record_id}"
    return answer({"id": record_id, "success": True, "errors": []}, 201, {"Location": location})


async def read(call: Call) -> Response:
    """Return one record, or some of its fields; 304 and 412 by its conditional headers."""
    table = call.table(call.path("object"))
    row = _live_row(table, call.path("id"))
    headers = {"Last-Modified": http_date(_changed_at(table, row))}
    if table.kind.name == "Account":
        headers["ETag"] = _etag(row)
    if _not_modified(call, table, row):
        return Response(status_code=304, headers=headers)
    _check_preconditions(call, table, row)
    return answer(_shown(call, table, row), headers=headers)


async def update(call: Call) -> Response:
    """Change one record; 412 when it changed since the client's conditional header."""
    table = call.table(call.path("object"))
    row = _live_row(table, call.path("id"))
    _check_preconditions(call, table, row)
    writer = call.writer()
    try:
        writer.update(table.kind.name, str(row[table.columns["Id"]]), _field_values(await call.json_object()))
    except RowError as error:
        raise error.as_api_error() from None
    writer.commit()
    return no_content()


async def delete(call: Call) -> Response:
    """Delete one record."""
    table = call.table(call.path("object"))
    row = _live_row(table, call.path("id"))
    writer = call.writer()
    try:
        writer.delete(table.kind.name, str(row[table.columns["Id"]]))
    except RowError as error:
        raise error.as_api_error() from None
    writer.commit()
    return no_content()


async def read_external(call: Call) -> Response:
    """Return the record with an external id value; 300 with a list when several share it."""
    table = call.table(call.path("object"))
    matches = matching_rows(table, external_field(table, call.path("field")), call.path("value"))
    if not matches:
        raise not_found()
    if len(matches) > 1:
        return _several(call, table, matches)
    return answer(_shown(call, table, matches[0]))


async def upsert(call: Call) -> Response:
    """Create or change the record with an external id value."""
    table = call.table(call.path("object"))
    key = external_field(table, call.path("field"))
    matches = matching_rows(table, key, call.path("value"))
    if len(matches) > 1:
        return _several(call, table, matches)
    if not matches and call.param("updateOnly") == "true":
        raise not_found()
    values = _field_values(await call.json_object())
    writer = call.writer()
    try:
        if matches:
            record_id = str(matches[0][table.columns["Id"]])
            writer.update(table.kind.name, record_id, values)
        else:
            record_id = writer.insert(table.kind.name, {**values, key.name: call.path("value")})
    except RowError as error:
        raise error.as_api_error() from None
    writer.commit()
    body = {"id": record_id, "success": True, "errors": [], "created": not matches}
    return answer(body, 200 if matches else 201)


async def updated(call: Call) -> Response:
    """List the ids changed in a window of at most 30 days back."""
    table = call.table(call.path("object"))
    start, end = _window(call, _UPDATED_WINDOW)
    deleted_at = table.columns.get("IsDeleted")
    rows = table.by_stamp(start, end)
    ids = [str(row[table.columns["Id"]]) for row in rows if deleted_at is None or not row[deleted_at]]
    return answer({"ids": ids, "latestDateCovered": end})


async def deleted(call: Call) -> Response:
    """List the ids deleted in a window of at most 15 days back."""
    table = call.table(call.path("object"))
    start, end = _window(call, _DELETED_WINDOW)
    flag, changed = table.columns.get("IsDeleted"), table.columns["SystemModstamp"]
    gone = [row for row in table.by_stamp(start, end) if flag is not None and row[flag]]
    records = [{"id": row[table.columns["Id"]], "deletedDate": row[changed]} for row in gone]
    earliest = (call.now - _DELETED_WINDOW).strftime("%Y-%m-%dT%H:%M:00.000+0000")
    return answer({"deletedRecords": records, "earliestDateAvailable": earliest, "latestDateCovered": end})


def external_field(table: Table, name: str) -> Field:
    """Return the field by which records may be addressed; raises ApiError 404 for any other."""
    found = table.kind.find(name)
    if found is None or not (found.external_id or found.type == "id"):
        message = "Provided external ID field does not exist or is not accessible: " + name
        raise ApiError(404, "NOT_FOUND", message)
    return found


def matching_rows(table: Table, key: Field, value: object) -> list[Row]:
    """Return the live records whose key field holds a value; text compares without regard to case."""
    at, deleted_at = table.columns[key.name], table.columns.get("IsDeleted")
    if key.type == "id":
        row = table.get(canonical_id(value) or "")
        return [row] if row is not None and not (deleted_at is not None and row[deleted_at]) else []
    wanted = str(value).casefold()
    rows = (row for row in table.rows.values() if deleted_at is None or not row[deleted_at])
    return [row for row in rows if row[at] is not None and str(row[at]).casefold() == wanted]


def _several(call: Call, table: Table, rows: list[Row]) -> Response:
    id_at = table.columns["Id"]
    return answer([f"{call.base}/sobjects/{table.kind.name}/{row[id_at]}" for row in rows], 300)


def _field_values(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "attributes"}


def _live_row(table: Table, raw_id: str) -> Row:
    full = canonical_id(raw_id)
    if full is not None and not full.startswith(table.kind.key_prefix):
        raise ApiError(400, "MALFORMED_ID", f"{table.kind.label} ID: id value of incorrect type: {raw_id}", ["Id"])
    row = table.get(full) if full is not None else None
    if row is None:
        raise not_found()
    deleted_at = table.columns.get("IsDeleted")
    if deleted_at is not None and row[deleted_at]:
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    return row


def _shown(call: Call, table: Table, row: Row) -> dict[str, Any]:
    requested = call.param("fields")
    user_id, org = call.session.user_id, call.state.org
    if requested:
        names = [name.strip() for name in requested.split(",")]
    else:
        names = [name for name in table.kind.fields if org.access.can_read(user_id, table.kind.name, name)]
    columns = Columns(org, ",".join(names), table.kind.name, 0, user_id)
    shape, _ = select(columns, org, tuple(Path(tuple(name.split("."))) for name in names))
    return shape.render(row, call.version)


def _changed_at(table: Table, row: Row) -> datetime:
    return read_stamp(str(row[table.columns["LastModifiedDate"]]))


def _etag(row: Row) -> str:
    return f'"{crc32(repr(row).encode()):08x}-gzip"'


def _not_modified(call: Call, table: Table, row: Row) -> bool:
    headers = call.request.headers
    if table.kind.name == "Account" and headers.get("if-none-match") == _etag(row):
        return True
    since = read_http_date(headers.get("if-modified-since"))
    return since is not None and _changed_at(table, row) <= since


def _check_preconditions(call: Call, table: Table, row: Row) -> None:
    headers = call.request.headers
    since = read_http_date(headers.get("if-unmodified-since"))
    stale = since is not None and _changed_at(table, row) > since
    if call.request.method == "PATCH":
        newer = read_http_date(headers.get("if-modified-since"))
        stale = stale or (newer is not None and _changed_at(table, row) <= newer)
    expected = headers.get("if-match") if table.kind.name == "Account" else None
    if expected not in {None, "*"} and _etag(row) not in [tag.strip() for tag in str(expected).split(",")]:
        stale = True
    if stale:
        raise ApiError(412, "PRECONDITION_FAILED", "One or more conditions given in the request were not met")


def _schema_time(call: Call) -> datetime:
    changed = call.state.org.schema_changed_at or call.state.started_at
    return changed.replace(microsecond=0)


def _modified(call: Call) -> dict[str, str]:
    return {"Last-Modified": http_date(_schema_time(call))}


def _unless_modified(call: Call) -> Response | None:
    since = read_http_date(call.request.headers.get("if-modified-since"))
    if since is not None and _schema_time(call) <= since:
        return Response(status_code=304)
    return None


def _window(call: Call, reach: timedelta) -> tuple[str, str]:
    """Return the window as stored stamps; its seconds are ignored."""
    edges = [parse_instant(call.param(name) or "") for name in ("start", "end")]
    if None in edges:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "start and end must be dateTime values with a time zone")
    start, end = (str(edge)[:17] + "00.000+0000" for edge in edges)
    if start >= end:
        raise ApiError(400, "INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if read_stamp(start) < call.now - reach:
        raise ApiError(400, "INVALID_REPLICATION_DATE", f"startDate is more than {reach.days} days in the past")
    return start, end
