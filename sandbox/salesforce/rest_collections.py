"""sObject Collections: up to 200 records in one request, answered in order, with one verdict each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from starlette.responses import Response

from sandbox.salesforce.context import Call, answer
from sandbox.salesforce.errors import ApiError, RowError
from sandbox.salesforce.ids import canonical_id
from sandbox.salesforce.rest_rows import external_field, matching_rows
from sandbox.salesforce.soql_ast import Path
from sandbox.salesforce.soql_columns import Columns
from sandbox.salesforce.soql_shape import select
from sandbox.salesforce.table import Table
from sandbox.salesforce.writes import Writer, require_id

MAX_RECORDS = 200
MAX_RETRIEVED = 2000
_MAX_CHUNKS = 10

Work = Callable[[Writer, dict[str, Any]], dict[str, Any]]


async def update_many(call: Call) -> Response:
    """Change up to 200 records of up to ten runs of types."""
    records, all_or_none = await _records(call)

    def work(writer: Writer, record: dict[str, Any]) -> dict[str, Any]:
        table = _table_of(call, record)
        ids = [name for name in record if name.lower() == "id"]
        if not ids:
            raise RowError("MISSING_ARGUMENT", "Id not specified in an update call")
        record_id = require_id(record[ids[0]], table.kind.label)
        writer.update(table.kind.name, record_id, _values(record, ids))
        return {"id": record_id, "success": True, "errors": []}

    return _answer(call, records, work, all_or_none=all_or_none)


async def create_many(call: Call) -> Response:
    """Create up to 200 records."""
    records, all_or_none = await _records(call)

    def work(writer: Writer, record: dict[str, Any]) -> dict[str, Any]:
        record_id = writer.insert(_table_of(call, record).kind.name, _values(record))
        return {"id": record_id, "success": True, "errors": []}

    return _answer(call, records, work, all_or_none=all_or_none)


async def upsert_many(call: Call) -> Response:
    """Create or change up to 200 records of one object by an external id."""
    table = call.table(call.path("object"))
    key = external_field(table, call.path("field"))
    records, all_or_none = await _records(call)

    def work(writer: Writer, record: dict[str, Any]) -> dict[str, Any]:
        named = next((name for name in record if name.lower() == key.name.lower()), "")
        matches = matching_rows(table, key, record.get(named))
        if len(matches) > 1:
            raise RowError("DUPLICATE_EXTERNAL_ID", f"{key.name}: more than one record found for external id field")
        if matches:
            record_id = str(matches[0][table.columns["Id"]])
            writer.update(table.kind.name, record_id, _values(record, [named]))
        else:
            skipped = [named] if key.type == "id" else []
            record_id = writer.insert(table.kind.name, _values(record, skipped))
        return {"id": record_id, "success": True, "errors": [], "created": not matches}

    return _answer(call, records, work, all_or_none=all_or_none)


async def delete_many(call: Call) -> Response:
    """Delete up to 200 records by id, of any objects."""
    ids = [item.strip() for item in (call.param("ids") or "").split(",") if item.strip()]
    _check_size(len(ids), MAX_RECORDS)
    names = {table.kind.key_prefix: table.kind.name for table in call.state.org.tables.values()}

    def work(writer: Writer, record: dict[str, Any]) -> dict[str, Any]:
        record_id = require_id(record["id"], "Record")
        if record_id[:3] not in names:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        writer.delete(names[record_id[:3]], record_id)
        return {"id": record_id, "success": True, "errors": []}

    wanted = [{"id": item} for item in ids]
    return _answer(call, wanted, work, all_or_none=call.param("allOrNone") == "true")


async def retrieve_many(call: Call) -> Response:
    """Return records by id in the order asked, null for those that are not there."""
    table = call.table(call.path("object"))
    if call.request.method == "POST":
        body = await call.json_object()
        ids, names, most = body.get("ids"), body.get("fields"), MAX_RETRIEVED
    else:
        ids, names = ((call.param(key) or "").split(",") for key in ("ids", "fields"))
        most = MAX_RECORDS
    if not isinstance(ids, list) or not isinstance(names, list) or not names or names == [""]:
        raise ApiError(400, "MISSING_ARGUMENT", "ids and fields are required")
    _check_size(len(ids), most)
    columns = Columns(call.state.org, ",".join(map(str, names)), table.kind.name, 0, call.session.user_id)
    shape, _ = select(columns, call.state.org, tuple(Path(tuple(str(name).strip().split("."))) for name in names))
    rows = [_live(table, item) for item in ids]
    return answer([None if row is None else shape.render(row, call.version) for row in rows])


def _live(table: Table, raw_id: object) -> Any:
    row = table.get(canonical_id(raw_id) or "")
    deleted_at = table.columns.get("IsDeleted")
    return None if row is None or (deleted_at is not None and row[deleted_at]) else row


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise ApiError(400, "EXCEEDED_MAX_SIZE_REQUEST", f"The request has {size} records; the maximum is {most}")


async def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = await call.json_object()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError(400, "JSON_PARSER_ERROR", "records must be an array of objects")
    _check_size(len(records), MAX_RECORDS)
    types = [_type_name(record) for record in records]
    chunks = sum(before != after for before, after in pairwise(types)) + 1
    if chunks > _MAX_CHUNKS:
        raise ApiError(400, "LIMIT_EXCEEDED", f"The request has {chunks} chunks of types; the maximum is {_MAX_CHUNKS}")
    return records, body.get("allOrNone") is True


def _type_name(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise ApiError(400, "INVALID_INPUT", "Include an object type in the attributes of every record.")
    return name


def _table_of(call: Call, record: dict[str, Any]) -> Table:
    name = _type_name(record)
    table = call.state.org.find_table(name)
    if table is None:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return table


def _values(record: dict[str, Any], skipped: list[str] | None = None) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "attributes" and name not in (skipped or [])}


def _answer(call: Call, records: list[dict[str, Any]], work: Work, *, all_or_none: bool) -> Response:
    """Do the work record by record; 200 whatever the verdicts are."""
    writer = call.writer()
    start = writer.mark()
    results = [_one(writer, record, work) for record in records]
    if all_or_none and not all(result["success"] for result in results):
        writer.rollback(start)
        results = [_rolled_back() if result["success"] else result for result in results]
    writer.commit()
    return answer(results)


def _one(writer: Writer, record: dict[str, Any], work: Work) -> dict[str, Any]:
    before = writer.mark()
    try:
        return work(writer, record)
    except RowError as error:
        writer.rollback(before)
        return error.result()


def _rolled_back() -> dict[str, Any]:
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    return RowError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message).result()
