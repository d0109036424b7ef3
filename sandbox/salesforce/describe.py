"""What describe calls say about objects and their fields; fields that the user may not see are absent."""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.access import Access
from sandbox.salesforce.fields import ID_TYPES, NUMBER_TYPES, Field
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import ObjectType

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}


def describe_global(org: Org, base: str) -> dict[str, Any]:
    """Return the list of objects."""
    sobjects = [_summary(table.kind, base) for table in org.tables.values()]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects}


def describe_object(org: Org, kind: ObjectType, user_id: str, base: str) -> dict[str, Any]:
    """Return everything about one object that the user may know."""
    visible = [f for f in kind.fields.values() if org.access.can_read(user_id, kind.name, f.name)]
    return {
        **_summary(kind, base),
        "fields": [_field(kind, f, org.access, user_id) for f in visible],
        "childRelationships": _children(org, kind),
        "recordTypeInfos": [_master_record_type(base, kind)],
        "actionOverrides": [],
        "namedLayoutInfos": [],
        "supportedScopes": [{"label": f"All {kind.plural.lower()}", "name": "everything"}],
    }


def _summary(kind: ObjectType, base: str) -> dict[str, Any]:
    address = f"{base}/sobjects/{kind.name}"
    return {
        "name": kind.name,
        "label": kind.label,
        "labelPlural": kind.plural,
        "keyPrefix": kind.key_prefix,
        "custom": kind.name.endswith("__c"),
        "customSetting": False,
        "activateable": False,
        "createable": kind.createable,
        "deletable": kind.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isSubtype": False,
        "layoutable": True,
        "mergeable": "MasterRecordId" in kind.fields,
        "mruEnabled": True,
        "queryable": True,
        "replicateable": kind.replicateable,
        "retrieveable": True,
        "searchable": True,
        "triggerable": True,
        "undeletable": kind.deletable and "IsDeleted" in kind.fields,
        "updateable": kind.updateable,
        "urls": {
            "sobject": address,
            "describe": f"{address}/describe",
            "rowTemplate": f"{address}/{{ID}}",
        },
    }


def _field(kind: ObjectType, target: Field, access: Access, user_id: str) -> dict[str, Any]:
    editable = access.can_edit(user_id, kind.name, target.name)
    return {
        "name": target.name,
        "label": target.label,
        "type": target.type,
        "soapType": _SOAP_TYPES.get(target.type, "xsd:string"),
        "length": target.length,
        "byteLength": target.length * 3,
        "precision": target.precision if target.type in NUMBER_TYPES and target.type != "int" else 0,
        "scale": target.scale,
        "digits": 9 if target.type == "int" else 0,
        "nillable": target.nillable,
        "createable": target.createable and editable,
        "updateable": target.updateable and editable,
        "defaultedOnCreate": target.defaulted,
        "defaultValue": target.default if target.type == "boolean" else None,
        "calculated": target.calculated,
        "calculatedFormula": None,
        "compoundFieldName": target.compound,
        "custom": target.custom,
        "externalId": target.external_id,
        "unique": target.unique,
        "caseSensitive": False,
        "idLookup": target.type == "id" or target.external_id,
        "restrictedPicklist": target.restricted,
        "dependentPicklist": False,
        "picklistValues": _picklist(target),
        "referenceTo": list(target.reference_to),
        "relationshipName": target.relationship,
        "polymorphicForeignKey": len(target.reference_to) > 1,
        "filterable": target.filterable,
        "sortable": target.sortable,
        "groupable": target.sortable and target.type not in NUMBER_TYPES | {"datetime"},
        "aggregatable": target.sortable and target.type != "boolean",
        "permissionable": target.custom or (target.nillable and target.type not in ID_TYPES),
        "nameField": target.name == kind.name_field,
        "inlineHelpText": target.help_text,
        "deprecatedAndHidden": False,
        "htmlFormatted": False,
        "extraTypeInfo": "plaintextarea" if target.type == "textarea" else None,
    }


def _picklist(target: Field) -> list[dict[str, Any]]:
    labels = target.labels or target.picklist
    return [
        {"active": True, "defaultValue": value == target.default, "label": label, "validFor": None, "value": value}
        for value, label in zip(target.picklist, labels, strict=True)
    ]


def _children(org: Org, kind: ObjectType) -> list[dict[str, Any]]:
    named = {(table.kind.name, link.name): name for name, table, link in org.child_links(kind)}
    links = [(t.kind, link) for t in org.tables.values() for link in t.kind.fields.values()]
    return [
        {
            "childSObject": child.name,
            "field": link.name,
            "relationshipName": named.get((child.name, link.name)),
            "cascadeDelete": False,
            "deprecatedAndHidden": False,
            "restrictedDelete": False,
        }
        for child, link in links
        if kind.name in link.reference_to
    ]


def _master_record_type(base: str, kind: ObjectType) -> dict[str, Any]:
    record_type = "012000000000000AAA"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": record_type,
        "urls": {"layout": f"{base}/sobjects/{kind.name}/describe/layouts/{record_type}"},
    }
