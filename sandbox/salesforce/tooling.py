"""The Tooling API as far as custom fields go: look them up, create them, change their metadata."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from sandbox.salesforce.context import Call, answer, no_content
from sandbox.salesforce.custom_fields import build_field, metadata_of
from sandbox.salesforce.errors import ApiError, not_found
from sandbox.salesforce.fields import Field
from sandbox.salesforce.ids import canonical_id, make_id
from sandbox.salesforce.moments import stamp
from sandbox.salesforce.soql_ast import Call as SoqlCall
from sandbox.salesforce.soql_ast import Comparison, Condition, Literal, Logical, Path, Query
from sandbox.salesforce.soql_parser import parse
from sandbox.salesforce.state import SalesforceState
from sandbox.salesforce.table import Table

Record = dict[str, Any]
_COLUMNS = (
    "Id",
    "DeveloperName",
    "TableEnumOrId",
    "NamespacePrefix",
    "FullName",
    "Metadata",
    "CreatedDate",
    "ManageableState",
)
ACTIVITY, ACTIVITIES = "Activity", ("Task", "Event")
"""Custom fields of tasks and events are defined on what both of them are."""
_FULL_NAME = re.compile(r"(\w+)\.([A-Za-z]\w*?)__c")


def custom_fields(state: SalesforceState) -> list[Record]:
    """Return all custom fields as Tooling records."""
    tables = state.org.tables.values()
    found = [
        _record(state, table, target) for table in tables for target in table.kind.fields.values() if target.custom
    ]
    return list({str(record["FullName"]): record for record in found}.values())  # Task and Event share theirs


def _home(object_name: str) -> str:
    """Name the object on which the custom fields of an object are defined."""
    return ACTIVITY if object_name in ACTIVITIES else object_name


def field_id(state: SalesforceState, full_name: str) -> str:
    """Return the id of a custom field, the same one whenever it is asked for."""
    return make_id("CustomField", state.field_numbers.setdefault(full_name, len(state.field_numbers) + 1))


def _record(state: SalesforceState, table: Table, target: Field) -> Record:
    full_name = f"{_home(table.kind.name)}.{target.name}"
    return {
        "Id": field_id(state, full_name),
        "DeveloperName": target.name.removesuffix("__c"),
        "TableEnumOrId": _home(table.kind.name),
        "NamespacePrefix": None,
        "FullName": full_name,
        "Metadata": metadata_of(target),
        "CreatedDate": stamp(state.started_at),
        "ManageableState": "unmanaged",
    }


async def query(call: Call) -> Response:
    """Answer a query on CustomField with equality tests, IN lists and AND/OR."""
    text = call.param("q") or ""
    parsed = parse(text)
    if parsed.source.lower() != "customfield":
        message = f"\n{text}\nsObject type '{parsed.source}' is not supported."
        raise ApiError(400, "INVALID_TYPE", message)
    names = [_column(item) for item in parsed.select if isinstance(item, Path)]
    found = [record for record in custom_fields(call.state) if _matches(parsed.where, record)]
    if {"Metadata", "FullName"} & set(names) and len(found) > 1:
        message = (
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more "
            "than one row for retrieval."
        )
        raise ApiError(400, "MALFORMED_QUERY", message)
    records = [_shown(call, record, names) for record in found[: parsed.limit]]
    shown = [] if parsed.counts_only else records
    return answer(
        {
            "size": len(shown),
            "totalSize": len(found) if parsed.counts_only else len(records),
            "done": True,
            "queryLocator": None,
            "entityTypeName": "CustomField",
            "records": shown,
        }
    )


def _shown(call: Call, record: Record, names: list[str]) -> Record:
    url = f"{call.base}/tooling/sobjects/CustomField/{record['Id']}"
    return {"attributes": {"type": "CustomField", "url": url}, **{name: record[name] for name in names}}


def _column(path: Path | SoqlCall) -> str:
    for name in _COLUMNS:
        if name.lower() == str(path).lower():
            return name
    raise ApiError(400, "INVALID_FIELD", f"No such column '{path}' on entity 'CustomField'.")


def _matches(condition: Condition | None, record: Record) -> bool:
    if condition is None:
        return True
    if isinstance(condition, Logical):
        verdicts = (_matches(term, record) for term in condition.terms)
        return all(verdicts) if condition.word == "AND" else any(verdicts)
    if isinstance(condition, Comparison) and not isinstance(condition.operand, Query):
        literals = (condition.operand,) if isinstance(condition.operand, Literal) else condition.operand
        values = {_folded(item.value) for item in literals}
        inside = _folded(record[_column(condition.path)]) in values
        return inside if condition.operator in {"=", "IN"} else not inside
    raise ApiError(400, "MALFORMED_QUERY", "this condition is not supported on CustomField")


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


async def create_field(call: Call) -> Response:
    """Create a custom field; nobody can see it until a permission set grants it."""
    body = await call.json_object()
    full_name, metadata = str(body.get("FullName") or ""), body.get("Metadata")
    match = _FULL_NAME.fullmatch(full_name)
    if match is None or not isinstance(metadata, dict):
        raise ApiError(400, "FIELD_INTEGRITY_EXCEPTION", "FullName must be Object.Field__c and Metadata an object", [])
    tables = _tables(call, match[1])
    name = f"{match[2]}__c"
    for table in tables:
        if table.kind.find(name) is not None:
            message = f"There is already a field named {match[2]} on {_home(table.kind.name)}."
            raise ApiError(400, "DUPLICATE_DEVELOPER_NAME", message, ["DeveloperName"])
    for table in tables:
        call.state.org.add_field(table.kind.name, build_field(name, metadata), call.now)
    created_id = field_id(call.state, f"{_home(tables[0].kind.name)}.{name}")
    created = {"id": created_id, "success": True, "errors": [], "warnings": [], "infos": []}
    return answer(created, 201)


def _tables(call: Call, name: str) -> list[Table]:
    """Return the tables that have the fields of an object, or raise the 400 when it takes none."""
    if name.title() in ACTIVITIES:
        message = f"Entity Enumeration Or ID: bad value for restricted picklist field: {name}"
        raise ApiError(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ["TableEnumOrId"])
    names = ACTIVITIES if name.title() == ACTIVITY else (name,)
    found = [table for one in names if (table := call.state.org.find_table(one)) is not None]
    if not found:
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", f"no custom object {name}", ["FullName"])
    return found


def _found(call: Call) -> Record:
    wanted = canonical_id(call.path("id"))
    for record in custom_fields(call.state):
        if record["Id"] == wanted:
            return record
    raise not_found()


async def read_field(call: Call) -> Response:
    """Return one custom field with its metadata."""
    return answer(_shown(call, _found(call), list(_COLUMNS)))


async def change_field(call: Call) -> Response:
    """Replace the metadata of a custom field; its type cannot change here."""
    record = _found(call)
    metadata = (await call.json_object()).get("Metadata")
    if not isinstance(metadata, dict) or metadata.get("type") != record["Metadata"]["type"]:
        raise ApiError(400, "FIELD_INTEGRITY_EXCEPTION", "Metadata with the field's own type is required", ["Metadata"])
    object_name, _, name = str(record["FullName"]).partition(".")
    for table in _tables(call, object_name):
        if name in table.kind.fields:
            table.kind.add([replace(build_field(name, metadata), default=table.kind.fields[name].default)])
    call.state.org.schema_changed_at = call.now
    return no_content()
