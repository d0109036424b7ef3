"""HubSpot's own Python client works against the sandbox, unchanged but for its host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm import associations, companies, properties
from hubspot.crm.associations import v4
from hubspot.crm.companies import exceptions

from tests.sandbox.hubspot_portal import Portal, portal


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=250) as served:
        yield served


@pytest.fixture(scope="module")
def client(hub: Portal) -> Any:
    return HubSpot(access_token=hub.token, host=hub.url, base_url=hub.url)


def test_it_lists_everything(hub: Portal, client: Any) -> None:
    records = client.crm.companies.get_all(properties=["name", "domain", "annual_recurring_revenue"])
    assert [record.id for record in records] == hub.ids(count=1000)
    assert records[0].created_at.tzinfo is not None
    deals = client.crm.deals.basic_api.get_page(limit=20, associations=["companies"])
    assert any(deal.associations for deal in deals.results)
    assert client.crm.tickets.basic_api.get_page(limit=5, archived=False).results
    meetings = client.crm.objects.basic_api.get_page("meetings", limit=5, properties=["hs_meeting_title"])
    assert all(meeting.properties["hs_meeting_title"] for meeting in meetings.results)


def test_it_searches(client: Any) -> None:
    request = companies.PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "auto_renew", "operator": "EQ", "value": "true"}]}],
        sorts=[{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        properties=["name", "auto_renew"],
        limit=3,
    )
    page = client.crm.companies.search_api.do_search(request)
    assert page.total >= len(page.results) > 0
    assert {record.properties["auto_renew"] for record in page.results} == {"true"}


def test_it_updates_in_batches_and_reads_partial_errors(hub: Portal, client: Any) -> None:
    api = client.crm.companies.batch_api
    inputs = [companies.SimplePublicObjectBatchInput(id=i, properties={"phone": "77"}) for i in hub.ids(count=100)]
    whole = api.update(companies.BatchInputSimplePublicObjectBatchInput(inputs=inputs))
    assert (len(whole.results), whole.status) == (100, "COMPLETE")
    missing = companies.SimplePublicObjectBatchInput(id="9", properties={"phone": "77"})
    partly = api.update(companies.BatchInputSimplePublicObjectBatchInput(inputs=[*inputs[:2], missing]))
    assert (len(partly.results), partly.num_errors) == (2, 1)
    assert partly.errors[0].context == {"ids": ["9"]}
    with pytest.raises(exceptions.ApiException) as caught:
        api.update(companies.BatchInputSimplePublicObjectBatchInput(inputs=[inputs[0], inputs[0]]))
    assert caught.value.status == 400
    assert "Duplicate IDs" in caught.value.body


def test_it_creates_groups_and_properties_and_writes_them(hub: Portal, client: Any) -> None:
    api = client.crm.properties
    group = properties.PropertyGroupCreate(name="customer_success", label="Customer success", display_order=-1)
    api.groups_api.create("companies", group)
    definition = properties.PropertyCreate(
        name="cs_health_score", label="Health score", type="number", field_type="number", group_name="customer_success"
    )
    made = api.core_api.create("companies", definition)
    assert (made.name, made.modification_metadata.read_only_value) == ("cs_health_score", False)
    assert "cs_health_score" in {p.name for p in api.core_api.get_all("companies").results}
    body = companies.SimplePublicObjectInput(properties={"cs_health_score": "87.5"})
    client.crm.companies.basic_api.update(hub.ids(count=1)[0], body)
    shown = client.crm.companies.basic_api.get_by_id(hub.ids(count=1)[0], properties=["cs_health_score"])
    assert shown.properties["cs_health_score"] == "87.5"
    with pytest.raises(properties.ApiException) as caught:
        api.core_api.create("companies", definition)
    assert caught.value.status == 409


def test_it_reads_associations_pipelines_and_owners(hub: Portal, client: Any) -> None:
    inputs = [v4.PublicFetchAssociationsBatchRequest(id=i) for i in hub.ids("deals", 50)]
    batch = v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs)
    answer = client.crm.associations.v4.batch_api.get_page("deals", "companies", batch)
    labels = {t.label for row in answer.results for to in row.to for t in to.association_types}
    assert labels == {"Primary", None}
    stages = client.crm.pipelines.pipelines_api.get_all("deals").results[0].stages
    assert stages[0].metadata["isClosed"] == "false"
    assert client.crm.owners.owners_api.get_page(limit=100, archived=False).results
    assert client.crm.owners.owners_api.get_page(limit=100, archived=True).results[0].user_id is None


def test_it_reaches_dated_paths(client: Any) -> None:
    answer = client.api_request({"path": "/crm/objects/2026-03/companies", "qs": {"limit": 2}})
    assert (answer.status_code, len(answer.json()["results"])) == (200, 2)


def test_it_changes_associations_in_both_dialects(hub: Portal, client: Any) -> None:
    deal, company = hub.ids("deals", 1)[0], hub.ids(count=1)[0]
    api, old = client.crm.associations.v4, client.crm.associations
    spec = v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=5)
    assert api.basic_api.create("deals", deal, "companies", company, [spec]).labels == ["Primary"]
    api.basic_api.archive("deals", deal, "companies", company)
    many = v4.PublicAssociationMultiPost(_from={"id": deal}, to={"id": company}, types=[spec])
    made = api.batch_api.create("deals", "companies", v4.BatchInputPublicAssociationMultiPost(inputs=[many]))
    assert made.results[0].to_object_id in {company, int(company)}
    ids = associations.BatchInputPublicObjectId(inputs=[{"id": deal}])
    named = {to.type for to in old.batch_api.read("deals", "companies", ids).results[0].to}
    assert {"deal_to_company", "deal_to_company_unlabeled"} <= named
    pair = associations.PublicAssociation(_from={"id": deal}, to={"id": company}, type="deal_to_company")
    old.batch_api.archive("deals", "companies", associations.BatchInputPublicAssociation(inputs=[pair]))
    left = api.basic_api.get_page("deals", deal, "companies", limit=500).results
    assert int(company) not in {int(row.to_object_id) for row in left}


def test_it_pages_through_every_object_type(client: Any) -> None:
    assert len(client.crm.contacts.get_all()) > 100
    for name in ("notes", "tasks", "calls", "emails", "feedback_submissions"):
        getattr(client.crm.objects, name).basic_api.get_page(limit=2)
    assert client.crm.products.get_all() == client.crm.quotes.get_all() == client.crm.line_items.get_all() == []


def test_it_refreshes_its_token(hub: Portal, client: Any) -> None:
    app = hub.state.options.oauth
    granted = client.oauth.tokens_api.create(
        grant_type="refresh_token", refresh_token=app.refresh_token, client_id=app.client_id,
        client_secret=app.client_secret,
    )  # fmt: skip
    fresh = HubSpot(access_token=granted.access_token, host=hub.url, base_url=hub.url)
    assert fresh.crm.companies.basic_api.get_page(limit=1).results
