"""simple-salesforce, unchanged, against the sandbox."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest

from sandbox.salesforce.options import INTEGRATION_USERNAME, ConnectedApp, Login, wall_clock
from tests.sandbox.salesforce_org import RAW_TOKEN, MakeOrg, Org, https_session, serving
from tests.sandbox.test_salesforce_auth import key_pair

APP = ConnectedApp()


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make(accounts=300, apps=(ConnectedApp(public_key_pem=key_pair()[1]),))


@pytest.fixture
def direct(org: Org) -> Iterator[Any]:
    with https_session(org) as session:
        yield Salesforce(instance_url=org.url, session_id=RAW_TOKEN, session=session, version="62.0")


@pytest.mark.parametrize("flow", ["client_credentials", "jwt", "password", "soap"])
def test_every_login_flow(org: Org, flow: str) -> None:
    flows: dict[str, dict[str, Any]] = {
        "client_credentials": {
            "consumer_key": APP.consumer_key,
            "consumer_secret": APP.consumer_secret,
            "domain": "acme.my",
        },
        "jwt": {"username": INTEGRATION_USERNAME, "consumer_key": APP.consumer_key, "privatekey": key_pair()[0]},
        "password": {
            "username": INTEGRATION_USERNAME,
            "password": Login().password + Login().security_token,
            "consumer_key": APP.consumer_key,
            "consumer_secret": APP.consumer_secret,
        },
        "soap": {
            "username": INTEGRATION_USERNAME,
            "password": Login().password,
            "security_token": Login().security_token,
        },
    }
    org.clock.now = wall_clock()
    with https_session(org) as session:
        client = Salesforce(session=session, version="62.0", **flows[flow])
        assert client.query("SELECT COUNT() FROM Account")["totalSize"] > 0


def test_a_refused_login_is_an_authentication_failure(org: Org) -> None:
    with https_session(org) as session, pytest.raises(SalesforceAuthenticationFailed, match="invalid_client"):
        Salesforce(consumer_key=APP.consumer_key, consumer_secret="wrong", domain="acme.my", session=session)


def test_reading_every_record(org: Org, direct: Any) -> None:
    headers = {"Sforce-Query-Options": "batchSize=200"}
    records = direct.query_all("SELECT Id, Owner.Name FROM Account", headers=headers)["records"]
    assert len({record["Id"] for record in records}) == len(org.ids(count=10_000)) > 200
    assert len(list(direct.query_all_iter("SELECT Id FROM Contact"))) == len(org.ids("Contact", 10_000))
    everything = direct.query_all("SELECT Id FROM Account", include_deleted=True)
    assert everything["totalSize"] > len(records)
    assert direct.api_usage["api-usage"].total == 100_000


def test_describing_and_single_records(org: Org, direct: Any) -> None:
    assert direct.Account.describe()["keyPrefix"] == "001"
    assert "Account" in {item["name"] for item in direct.describe()["sobjects"]}
    made = direct.Account.create({"Name": "By a client"})
    assert made["success"]
    assert direct.Account.update(made["id"], {"Phone": "1"}) == 204
    assert direct.Account.get(made["id"])["Phone"] == "1"
    assert direct.Account.upsert("HubSpot_Company_Id__c/31337", {"Name": "Upserted"}) == 201
    assert direct.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        direct.query("SELECT Bacon__c FROM Account")
    assert direct.limits()["DailyApiRequests"]["Max"] == 100_000


def test_collections_and_tooling(org: Org, direct: Any) -> None:
    records = [{"attributes": {"type": "Account"}, "id": key, "ARR__c": 5} for key in org.ids(count=200)]
    results = direct.restful("composite/sobjects", method="PATCH", json={"records": records})
    assert all(result["success"] for result in results)
    found = direct.toolingexecute("query?q=SELECT+Id+FROM+CustomField+WHERE+DeveloperName='ARR'")
    assert found["totalSize"] == 2


def test_bulk_query_and_update(org: Org, direct: Any) -> None:
    pages = list(direct.bulk2.Account.query("SELECT Id, Name FROM Account", max_records=100, wait=0))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page, newline=""))]
    assert len(pages) > 1
    assert {row["Id"] for row in rows} == set(org.ids(count=10_000))
    one, two = org.ids(count=2)
    records = [{"Id": one, "ARR__c": "7"}, {"Id": two, "ARR__c": "much"}]
    (job,) = direct.bulk2.Account.update(records=records, wait=0)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 1)
    outcome = direct.bulk2.Account.get_all_ingest_records(job["job_id"])
    assert [row["sf__Id"] for row in outcome["successfulRecords"]] == [one]
    assert [row["Id"] for row in outcome["failedRecords"]] == [two]
    assert org.value(one, "ARR__c") == 7.0
