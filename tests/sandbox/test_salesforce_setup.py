"""Custom fields by the Tooling API and field-level security, which hides them until it is granted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.salesforce_org import MakeOrg, Org, serving

CUSTOM_FIELD = "/tooling/sobjects/CustomField"
SCORE = {"label": "Health Score", "type": "Number", "precision": 4, "scale": 1, "description": "0 to 100"}
BANDS = ("green", "yellow", "red", "unknown")


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make(accounts=10)


def picklist(*values: str) -> dict[str, Any]:
    entries = [{"valueName": value, "label": value.title(), "default": False} for value in values]
    return {
        "label": "Band",
        "type": "Picklist",
        "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": entries}},
    }


def add(org: Org, name: str, metadata: dict[str, Any]) -> str:
    response = org.post(CUSTOM_FIELD, {"FullName": f"Account.{name}", "Metadata": metadata})
    assert response.status_code == 201, response.text
    assert response.json()["success"] is True
    return str(response.json()["id"])


def grant(org: Org, *names: str, edit: bool = True) -> None:
    holder = org.post("/sobjects/PermissionSet", {"Name": "CS_Write", "Label": "CS write"}).json()["id"]
    rows = [
        {
            "attributes": {"type": "FieldPermissions"},
            "ParentId": holder,
            "SobjectType": "Account",
            "Field": f"Account.{name}",
            "PermissionsRead": True,
            "PermissionsEdit": edit,
        }
        for name in names
    ]
    results = org.post("/composite/sobjects", {"records": rows}).json()
    assert all(result["success"] for result in results), results
    assigned = org.post("/sobjects/PermissionSetAssignment", {"AssigneeId": org.me(), "PermissionSetId": holder})
    assert assigned.status_code == 201, assigned.text


def described(org: Org) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in org.get("/sobjects/Account/describe").json()["fields"]}


def test_a_new_field_is_invisible_until_it_is_granted(org: Org) -> None:
    (record_id,) = org.ids(count=1)
    path = f"/sobjects/Account/{record_id}"
    assert add(org, "Health_Score__c", SCORE).startswith("00N")
    assert "Health_Score__c" not in described(org)
    assert org.error("SELECT Health_Score__c FROM Account")[1] == "INVALID_FIELD"
    assert org.patch(path, {"Health_Score__c": 1}).json()[0]["errorCode"] == "INVALID_FIELD"
    grant(org, "Health_Score__c")
    field = described(org)["Health_Score__c"]
    assert (field["precision"], field["scale"], field["updateable"], field["custom"]) == (4, 1, True, True)
    assert org.patch(path, {"Health_Score__c": 72.449}).status_code == 204
    assert org.query(f"SELECT Health_Score__c FROM Account WHERE Id = '{record_id}'")[0]["Health_Score__c"] == 72.4  # noqa: S608
    too_big = org.patch(path, {"Health_Score__c": 1000})
    assert too_big.json()[0]["errorCode"] == "NUMBER_OUTSIDE_VALID_RANGE"


def test_reading_is_not_editing(org: Org) -> None:
    add(org, "Health_Score__c", SCORE)
    grant(org, "Health_Score__c", edit=False)
    assert described(org)["Health_Score__c"]["updateable"] is False
    refused = org.patch(f"/sobjects/Account/{org.ids()[0]}", {"Health_Score__c": 1})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_restricted_picklist_takes_its_values_only(org: Org) -> None:
    add(org, "Band__c", picklist(*BANDS))
    grant(org, "Band__c")
    path = f"/sobjects/Account/{org.ids()[0]}"
    assert [entry["value"] for entry in described(org)["Band__c"]["picklistValues"]] == list(BANDS)
    assert org.patch(path, {"Band__c": "green"}).status_code == 204
    (error,) = org.patch(path, {"Band__c": "purple"}).json()
    assert error == {
        "message": "Band: bad value for restricted picklist field: purple",
        "errorCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "fields": ["Band__c"],
    }


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"type": "Text", "length": 255}, "string"),
        ({"type": "Date"}, "date"),
        ({"type": "DateTime"}, "datetime"),
        ({"type": "LongTextArea", "length": 32768, "visibleLines": 5}, "textarea"),
        ({"type": "Checkbox", "defaultValue": "false"}, "boolean"),
        ({"type": "Percent", "precision": 5, "scale": 1}, "percent"),
        ({"type": "Currency", "precision": 18, "scale": 2}, "currency"),
    ],
)
def test_the_types_of_fields(org: Org, metadata: dict[str, Any], kind: str) -> None:
    add(org, "Some_Field__c", {"label": "Some field", **metadata})
    grant(org, "Some_Field__c")
    assert described(org)["Some_Field__c"]["type"] == kind


@pytest.mark.parametrize(
    ("full_name", "metadata", "code"),
    [
        ("Account.ARR__c", SCORE, "DUPLICATE_DEVELOPER_NAME"),
        ("Account.arr__c", SCORE, "DUPLICATE_DEVELOPER_NAME"),
        ("Account.Score", SCORE, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.S__c", {"type": "Number", "label": "S"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.S__c", {"type": "Text", "label": "S", "length": 256}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.S__c", {"type": "Checkbox", "label": "S"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.S__c", {"type": "Magic", "label": "S"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.S__c", {"type": "Date"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Nothing.S__c", SCORE, "INVALID_CROSS_REFERENCE_KEY"),
    ],
)
def test_fields_that_cannot_be_made(org: Org, full_name: str, metadata: dict[str, Any], code: str) -> None:
    refused = org.post(CUSTOM_FIELD, {"FullName": full_name, "Metadata": metadata})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, code)


def test_custom_fields_can_be_looked_up(org: Org) -> None:
    field_id = add(org, "Band__c", picklist(*BANDS))
    soql = (
        "SELECT Id, DeveloperName, TableEnumOrId FROM CustomField WHERE TableEnumOrId='Account' AND DeveloperName='{}'"
    )
    found = org.get("/tooling/query", q=soql.format("Band")).json()
    assert found["totalSize"] == 1
    assert found["records"][0]["Id"] == field_id
    assert org.get("/tooling/query", q=soql.format("Nope")).json()["records"] == []
    metadata = org.get(f"{CUSTOM_FIELD}/{field_id}").json()["Metadata"]
    values = metadata["valueSet"]["valueSetDefinition"]["value"]
    assert [entry["valueName"] for entry in values] == list(BANDS)


def test_metadata_can_grow(org: Org) -> None:
    field_id = add(org, "Band__c", picklist("green"))
    grant(org, "Band__c")
    assert org.patch(f"{CUSTOM_FIELD}/{field_id}", {"Metadata": picklist("green", "blue")}).status_code == 204
    assert [entry["value"] for entry in described(org)["Band__c"]["picklistValues"]] == ["green", "blue"]
    assert org.patch(f"{CUSTOM_FIELD}/{field_id}", {"Metadata": SCORE}).status_code == 400


def test_permissions_have_rules(org: Org) -> None:
    add(org, "Health_Score__c", SCORE)
    holder = org.post("/sobjects/PermissionSet", {"Name": "P", "Label": "P"}).json()["id"]
    row = {"ParentId": holder, "SobjectType": "Account", "Field": "Account.Health_Score__c"}
    edit_only = org.post("/sobjects/FieldPermissions", {**row, "PermissionsRead": False, "PermissionsEdit": True})
    assert edit_only.json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
    unknown = org.post("/sobjects/FieldPermissions", {**row, "Field": "Account.Nope__c", "PermissionsRead": True})
    assert unknown.status_code == 400


def test_an_admin_can_hide_a_field_from_the_profiles(org: Org) -> None:
    org.post("/_sandbox/hide", {"object": "Account", "field": "ARR__c"})
    assert "ARR__c" not in described(org)
    assert org.error("SELECT Id FROM Account WHERE ARR__c > 1")[1] == "INVALID_FIELD"
    assert "ARR__c" not in org.get(f"/sobjects/Account/{org.ids()[0]}").json()


def test_a_grant_taken_back_hides_the_field_again(org: Org) -> None:
    add(org, "Health_Score__c", SCORE)
    grant(org, "Health_Score__c")
    (row,) = org.query("SELECT Id, ParentId FROM FieldPermissions WHERE SobjectType = 'Account'")
    again = {"ParentId": row["ParentId"], "SobjectType": "Account", "Field": "Account.Health_Score__c"}
    twice = org.post("/sobjects/FieldPermissions", {**again, "PermissionsRead": True})
    assert twice.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    assert (
        org.post("/sobjects/PermissionSet", {"Name": "cs_write", "Label": "x"}).json()[0]["errorCode"]
        == "DUPLICATE_VALUE"
    )
    nothing = {"PermissionsRead": False, "PermissionsEdit": False}
    assert org.patch(f"/sobjects/FieldPermissions/{row['Id']}", nothing).status_code == 204
    assert org.query("SELECT Id FROM FieldPermissions") == []
    assert "Health_Score__c" not in described(org)
