"""Changing associations in the HubSpot sandbox: v4 by type ids, v3 by names, and what a create asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal

NEW, OLD = "/crm/v4/associations", "/crm/v3/associations"


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=60) as served:
        yield served


@pytest.fixture
def pair(hub: Portal) -> tuple[str, str]:
    """Return the ids of a new ticket and a new company."""
    ticket = hub.post(f"{OBJECTS}/tickets", {"properties": {"subject": "x", "hs_pipeline_stage": "1"}}).json()["id"]
    company = hub.post(f"{OBJECTS}/companies", {"properties": {"name": "x"}}).json()["id"]
    return ticket, company


def types(hub: Portal, ticket: str) -> dict[int, set[int]]:
    rows = hub.get(f"/crm/v4/objects/tickets/{ticket}/associations/companies").json()["results"]
    return {row["toObjectId"]: {kind["typeId"] for kind in row["associationTypes"]} for row in rows}


def spec(number: int) -> dict[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}


def test_a_label_is_put_and_the_pair_parted(hub: Portal, pair: tuple[str, str]) -> None:
    ticket, company = pair
    path = f"/crm/v4/objects/tickets/{ticket}/associations/companies/{company}"
    joined = hub.call("PUT", path, json=[spec(26)])
    assert (joined.status_code, joined.json()["labels"]) == (201, ["Primary"])
    assert types(hub, ticket) == {int(company): {26, 339}}
    assert hub.call("PUT", path, json=[spec(5)]).status_code == 400  # a deal's label
    assert hub.call("DELETE", path).status_code == 204
    assert types(hub, ticket) == {}
    assert hub.call("PUT", path.replace(company, "999"), json=[spec(26)]).status_code == 404


def test_a_label_can_be_put_from_the_companys_side(hub: Portal, pair: tuple[str, str]) -> None:
    ticket, company = pair
    item = {"from": {"id": company}, "to": {"id": ticket}, "types": [spec(25)]}
    assert hub.post(f"{NEW}/companies/tickets/batch/create", {"inputs": [item]}).status_code == 201
    assert types(hub, ticket) == {int(company): {26, 339}}


def test_batches_join_what_they_can_and_name_what_is_not_there(hub: Portal, pair: tuple[str, str]) -> None:
    ticket, company = pair
    good = {"from": {"id": ticket}, "to": {"id": company}, "types": [spec(339)]}
    bad = {**good, "to": {"id": "999"}}
    answer = hub.post(f"{NEW}/tickets/companies/batch/create", {"inputs": [good, bad]})
    assert (answer.status_code, len(answer.json()["results"])) == (207, 1)
    (error,) = answer.json()["errors"]
    assert (error["subCategory"], error["context"]) == ("crm.associations.INVALID_OBJECT_IDS", {"COMPANY": ["999"]})
    assert types(hub, ticket) == {int(company): {339}}
    parted = hub.post(f"{NEW}/tickets/companies/batch/archive", {"inputs": [{**good, "to": [good["to"]]}]})
    assert parted.status_code == 204
    default = hub.post(f"{NEW}/tickets/companies/batch/associate/default", {"inputs": [good]}).json()
    assert default["results"][0]["associationSpec"]["associationTypeId"] == 339
    assert types(hub, ticket) == {int(company): {339}}


def test_the_older_interface_speaks_in_names(hub: Portal, pair: tuple[str, str]) -> None:
    ticket, company = pair
    named = {row["name"]: row["id"] for row in hub.get(f"{OLD}/tickets/companies/types").json()["results"]}
    assert named == {"ticket_to_company": "26", "ticket_to_company_unlabeled": "339"}
    item = {"from": {"id": ticket}, "to": {"id": company}, "type": "ticket_to_company_unlabeled"}
    assert hub.post(f"{OLD}/tickets/companies/batch/create", {"inputs": [item]}).status_code == 201
    read = hub.post(f"{OLD}/tickets/companies/batch/read", {"inputs": [{"id": ticket}, {"id": "999"}]})
    assert (read.status_code, read.json()["numErrors"]) == (207, 1)
    assert read.json()["results"] == [
        {"from": {"id": ticket}, "to": [{"id": company, "type": "ticket_to_company_unlabeled"}]}
    ]
    assert hub.post(f"{OLD}/tickets/companies/batch/archive", {"inputs": [item]}).status_code == 204
    single = f"{OBJECTS}/tickets/{ticket}/associations/companies/{company}/ticket_to_company"
    assert hub.call("PUT", single).status_code == 200
    assert types(hub, ticket) == {int(company): {26, 339}}
    wrong = hub.post(f"{OLD}/tickets/companies/batch/create", {"inputs": [{**item, "type": "friends"}]})
    assert wrong.status_code == 400


def test_a_parent_is_set_and_taken_away(hub: Portal, pair: tuple[str, str]) -> None:
    child = pair[1]
    parent = hub.ids()[0]
    path = f"/crm/v4/objects/companies/{child}/associations/companies/{parent}"
    hub.call("PUT", path, json=[spec(14)])
    assert hub.state.portal.links.parent(int(child)) == int(parent)
    hub.call("DELETE", path)
    assert hub.state.portal.links.parent(int(child)) is None


def test_a_create_may_only_join_records_that_are_there(hub: Portal) -> None:
    company = hub.ids()[0]
    body = {"properties": {"dealname": "d"}, "associations": [{"to": {"id": company}, "types": [spec(5)]}]}
    made = hub.post(f"{OBJECTS}/deals", body).json()["id"]
    shown = hub.get(f"{OBJECTS}/deals/{made}", associations="companies").json()["associations"]["companies"]["results"]
    assert [row["type"] for row in shown] == ["deal_to_company", "deal_to_company_unlabeled"]
    before = len(hub.state.portal.stores["deals"].live)
    body["associations"] = [{"to": {"id": "999"}, "types": [spec(341)]}]
    assert hub.post(f"{OBJECTS}/deals", body).status_code == 400
    assert len(hub.state.portal.stores["deals"].live) == before


def test_the_types_of_a_direction_are_listed(hub: Portal) -> None:
    rows = hub.get(f"{NEW}/deals/companies/labels").json()["results"]
    assert {(row["typeId"], row["label"]) for row in rows} == {(5, "Primary"), (341, None)}
    assert hub.get(f"{NEW}/notes/quotes/labels").status_code == 400
