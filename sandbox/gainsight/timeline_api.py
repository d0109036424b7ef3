"""`/v1/ant/es/activity`: activities on the timeline, of which an external id can be used once and never again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from sandbox.gainsight.call import Call
from sandbox.gainsight.errors import ApiError, FieldError, invalid
from sandbox.gainsight.lookups import Lookup, read_lookups, resolved
from sandbox.gainsight.tenant import Row, Table, Tenant

CONTEXTS = ("Company", "Relationship", "CTA", "SuccessPlan", "Scorecard", "ScorecardMeasure", "Milestone")
_ANCHORS = {"Company": "GsCompanyId", "Relationship": "GsRelationshipId"}
_IDENTIFIERS = {"externalid": ("ExternalId", "ExternalId"), "activityid": ("activityId", "Gsid"),
                "gsid": ("Gsid", "Gsid")}  # fmt: skip
_NAMES = {"internalAttendees": "InternalAttendees", "externalAttendees": "ExternalAttendees"}
Record = dict[str, Any]


async def insert(call: Call) -> Response:
    """Store activities; an answer without any success is a refusal."""
    table = call.tenant.tables["activity_timeline"]
    records, lookups = _read(call, await call.body())
    used = {row["ExternalId"] for row in [*table.rows.values(), *(row for _, row in table.deleted)]}

    def save(record: Record) -> Row:
        values = _values(call.tenant, table, record, lookups)
        _complete(table, values)
        if (external := values["ExternalId"]) in used:
            raise FieldError("GSOBJ_1008", f"ExternalId already exists - {external}", "ExternalId", external)
        used.add(external)
        return call.tenant.insert(table, values, call.actor)

    return _answer(call, records, save)


async def update(call: Call) -> Response:
    """Change activities that `?identifier=` finds: externalid, activityid or gsid."""
    table = call.tenant.tables["activity_timeline"]
    records, lookups = _read(call, await call.body())
    identifier = _IDENTIFIERS.get(call.request.query_params.get("identifier", "").lower())
    if identifier is None:
        raise invalid(f"identifier is one of {', '.join(_IDENTIFIERS)}")
    column, name = identifier

    def save(record: Record) -> Row:
        found = table.matching({name: record.get(column)}) if record.get(column) else []
        if not found:
            raise FieldError("GSOBJ_1011", "No entity matches the given criteria", column, record.get(column))
        rest = {key: raw for key, raw in record.items() if key not in {column, "ExternalId"}}
        call.tenant.update(table, found[0], _values(call.tenant, table, rest, lookups), call.actor)
        return found[0]

    return _answer(call, records, save)


def _read(call: Call, body: Record) -> tuple[list[Record], list[Lookup]]:
    records = body.get("records")
    if not isinstance(records, list) or not records or not all(isinstance(one, dict) for one in records):
        raise invalid("records must be a list of objects")
    if len(records) > call.options.timeline_batch:
        raise invalid(f"At most {call.options.timeline_batch} activities can be saved by one call")
    return records, read_lookups(call.tenant, call.tenant.tables["activity_timeline"], body.get("lookups"))


def _values(tenant: Tenant, table: Table, record: Record, lookups: list[Lookup]) -> Row:
    consumed = {column for lookup in lookups for column in lookup.columns}
    given = {_NAMES.get(name, name): raw for name, raw in record.items() if name not in consumed}
    for name in _NAMES.values():
        if isinstance(given.get(name), list):
            given[name] = "; ".join(map(str, given[name]))
    values = tenant.values(table, given | resolved(lookups, record))
    if "ContextName" in values and values["ContextName"] not in CONTEXTS:
        raise FieldError("GSOBJ_1008", f"Invalid ContextName - {values['ContextName']}", "ContextName")
    kind = tenant.categories["ACTIVITY_TYPE"].by_label(values.get("TypeName"))
    if "TypeName" in values and (kind is None or not kind.active):
        raise FieldError("GSOBJ_1008", f"Invalid TypeName - {values['TypeName']}", "TypeName")
    return values


def _complete(table: Table, values: Row) -> None:
    """Refuse an activity that lacks what a new one needs, and note what it belongs to."""
    anchor = _ANCHORS.get(str(values.get("ContextName")), "ContextId")
    needed = [one.name for one in table.kind.fields.values() if one.required]
    for name in [*needed, anchor]:
        if values.get(name) is None:
            raise FieldError("GSOBJ_1007", f"Null value not allowed for {name}", name)
    values["ContextId"] = values[anchor]


def _answer(call: Call, records: list[Record], save: Callable[[Record], Row]) -> Response:
    success: dict[str, Any] = {}
    failure: dict[str, Any] = {}
    first: FieldError | None = None
    for record in records:
        name = str(record.get("ExternalId") or record.get("activityId") or record.get("Gsid") or "")
        try:
            success[name] = [{"activityId": save(record)["Gsid"]}]
        except FieldError as error:
            first = first or error
            failure[name] = [{"errorCode": error.code, "errorMessage": error.message}]
    if first is not None and not success:
        raise ApiError(400, first.code, first.message, {"success": success, "failure": failure})
    return call.answer({"success": success, "failure": failure})
