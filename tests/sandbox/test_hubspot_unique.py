"""Values that only one record may hold, and contacts that are deleted for good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal

CONTACTS, COMPANIES = f"{OBJECTS}/contacts", f"{OBJECTS}/companies"


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=30) as served:
        definition = {"name": "erp_number", "label": "ERP number", "type": "string", "fieldType": "text",
                      "groupName": "companyinformation", "hasUniqueValue": True}  # fmt: skip
        assert served.post("/crm/v3/properties/companies", definition).status_code == 201
        yield served


def test_a_contact_that_exists_is_a_conflict(hub: Portal) -> None:
    made = hub.post(CONTACTS, {"properties": {"email": "one@customer.example"}})
    again = hub.post(CONTACTS, {"properties": {"email": "ONE@customer.example"}})
    assert (again.status_code, again.json()["category"]) == (409, "CONFLICT")
    assert again.json()["message"] == f"Contact already exists. Existing ID: {made.json()['id']}"
    other = hub.post(CONTACTS, {"properties": {"email": "two@customer.example"}}).json()["id"]
    assert hub.patch(f"{CONTACTS}/{other}", {"properties": {"email": "one@customer.example"}}).status_code == 409
    assert hub.patch(f"{CONTACTS}/{other}", {"properties": {"email": "two@customer.example"}}).status_code == 200


def test_a_batch_with_an_existing_contact_is_refused_or_partly_done(hub: Portal) -> None:
    known = hub.post(CONTACTS, {"properties": {"email": "three@customer.example"}}).json()["id"]
    emails = ("three@customer.example", "four@customer.example", "four@customer.example")
    inputs = [{"properties": {"email": email}} for email in emails]
    assert hub.post(f"{CONTACTS}/batch/create", {"inputs": inputs}).status_code == 409
    traced = [{**item, "objectWriteTraceId": str(number)} for number, item in enumerate(inputs)]
    answer = hub.post(f"{CONTACTS}/batch/create", {"inputs": traced})
    assert (answer.status_code, len(answer.json()["results"])) == (207, 1)
    contexts = [error["context"] for error in answer.json()["errors"]]
    assert contexts[0] == {"objectWriteTraceId": ["0"], "existingId": [known]}
    assert {error["category"] for error in answer.json()["errors"]} == {"CONFLICT"}


def test_upsert_finds_a_contact_whatever_the_case_of_its_email(hub: Portal) -> None:
    item = {"id": "Five@customer.example", "idProperty": "email", "properties": {"firstname": "Ann"}}
    first = hub.post(f"{CONTACTS}/batch/upsert", {"inputs": [item]}).json()["results"][0]
    second = hub.post(f"{CONTACTS}/batch/upsert", {"inputs": [{**item, "id": "five@customer.example"}]}).json()
    assert (first["new"], second["results"][0]["new"], second["results"][0]["id"]) == (True, False, first["id"])


def test_a_unique_property_is_held_by_one_record(hub: Portal) -> None:
    one, two = hub.ids(count=2)
    assert hub.patch(f"{COMPANIES}/{one}", {"properties": {"erp_number": "A-1"}}).status_code == 200
    refused = hub.patch(f"{COMPANIES}/{two}", {"properties": {"erp_number": "A-1"}})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "CONFLICTING_UNIQUE_VALUE")
    inputs = [{"id": key, "properties": {"erp_number": "B-2"}} for key in (one, two)]
    assert hub.post(f"{COMPANIES}/batch/update", {"inputs": inputs}).status_code == 400
    assert hub.get(f"{COMPANIES}/A-1", idProperty="erp_number").json()["id"] == one


def test_a_forgotten_contact_is_in_no_list(hub: Portal) -> None:
    contact = hub.post(CONTACTS, {"properties": {"email": "six@customer.example"}}).json()["id"]
    body = {"objectId": "six@customer.example", "idProperty": "email"}
    assert hub.post(f"{CONTACTS}/gdpr-delete", body).status_code == 204
    assert hub.post(f"{CONTACTS}/gdpr-delete", body).status_code == 404
    for archived in ("true", "false"):
        assert hub.get(f"{CONTACTS}/{contact}", archived=archived).status_code == 404
    assert contact not in {row["id"] for row in hub.get(CONTACTS, archived="true", limit=100).json()["results"]}
    assert hub.post(CONTACTS, {"properties": {"email": "six@customer.example"}}).status_code == 201
