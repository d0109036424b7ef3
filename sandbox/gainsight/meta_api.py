"""`/v1/meta/services`: which objects there are, what fields they have, and what picklists hold."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sandbox.gainsight.call import Call
from sandbox.gainsight.errors import ApiError, invalid, no_such_object
from sandbox.gainsight.fields import NUMBER_TYPES, TEXT_TYPES, Field
from sandbox.gainsight.tenant import Table, Tenant


async def list_objects(call: Call) -> Response:
    """List the objects, but not the delete log."""
    kinds = [table.kind for table in call.tenant.tables.values()]
    return call.answer([kind.listed() for kind in kinds if kind.name != "record_delete_log"])


async def describe(call: Call) -> Response:
    """Describe one object."""
    return call.answer([_described(call.tenant, call.table())])


async def describe_many(call: Call) -> Response:
    """Describe the objects of `objectNames`."""
    names = (await call.body()).get("objectNames")
    if not isinstance(names, list) or not names:
        raise invalid("objectNames must be a list")
    tables = [call.tenant.table(str(name)) for name in names]
    if any(table is None for table in tables):
        raise no_such_object()
    return call.answer([_described(call.tenant, table) for table in tables if table is not None])


async def dropdown(call: Call) -> Response:
    """Answer a picklist category with its items."""
    identity = call.request.path_params["category"]
    for category in call.tenant.categories.values():
        if category.gsid == identity:
            return call.answer(category.as_dropdown())
    raise ApiError(400, "GSOBJ_VDTPKLST1001", "Category not found")


def _described(tenant: Tenant, table: Table) -> dict[str, Any]:
    listed = table.kind.listed()
    shown = {key: listed[key] for key in ("objectName", "label", "objectType", "keyPrefix")}
    fields = [_field(tenant, table.kind.name, one) for one in table.kind.fields.values()]
    return {**shown, "labelPlural": f"{table.kind.label} records", "fields": fields}


def _field(tenant: Tenant, object_name: str, one: Field) -> dict[str, Any]:
    properties: dict[str, Any] = {"sourceType": "GSID" if one.type == "LOOKUP" else one.type}
    meta: dict[str, Any] = {
        "properties": properties, "filterable": True, "sortable": one.sortable, "groupable": one.sortable,
        "createable": not one.read_only, "updateable": not one.read_only, "formulaField": False,
        "hasLookup": one.lookup is not None, "required": one.required, "richText": one.type == "RICHTEXTAREA",
        "nillable": not one.required, "readOnly": one.read_only, "dependentPicklist": False,
        "fieldGroupType": one.group, "selfLookup": one.lookup == object_name, "indexed": one.group == "SYSTEM",
        "decimalPlaces": 9 if one.type in NUMBER_TYPES else 0, "hidden": False, "nameField": one.name == "Name",
        "aggregatable": True,
    }  # fmt: skip
    if one.type in TEXT_TYPES:
        meta["length"] = one.length
    if one.lookup is not None:
        meta["lookupDetail"] = _target(tenant, one)
    shown: dict[str, Any] = {"fieldName": one.name, "label": one.label, "dataType": one.type}
    shown |= {"objectName": object_name, "meta": meta}
    if one.category is not None and one.type != "LOOKUP":
        category = tenant.categories[one.category]
        shown["options"] = category.options()
        properties |= {"PICKLIST_CATEGORY": category.name, "PICKLIST_CATEGORY_ID": category.gsid}
    return shown


def _target(tenant: Tenant, link: Field) -> dict[str, Any]:
    kind = tenant.tables[str(link.lookup)].kind
    return {
        "lookupName": link.path, "fieldName": "Gsid", "fieldDBName": "gsid", "fieldLabel": "GSID",
        "lookupObjects": [{"objectName": kind.name, "label": kind.label}],
    }  # fmt: skip
