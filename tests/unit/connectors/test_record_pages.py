"""Where people open a record: only ever from checked settings, a checked identity and an id of the vendor's shape."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.registry import settings_model

JWT = {"flow": "jwt", "consumer_key": "k", "username": "u@example.com", "private_key_file": "key.pem"}
CLIENT = {"flow": "client_credentials", "consumer_key": "k", "consumer_secret": "s"}
TOKEN = {"flow": "token", "access_token": "t", "instance_url": "https://acme.my.salesforce.com"}
ACCOUNT, GSID = "001xx000003DGbYAAW", "1P02ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
WEB = {"web_url": "https://CRM.acme.example/"}


def page(kind: str, given: dict[str, Any], identity: str, object_name: str, record_id: str) -> str | None:
    found: str | None = settings_model(kind).model_validate(given).record_page(identity, object_name, record_id)
    return found


@pytest.mark.parametrize(
    ("token", "host"),
    [
        ("pat-na1-0000", "app.hubspot.com"),
        ("pat-eu1-0000", "app-eu1.hubspot.com"),
        ("pat-na2-0000", "app-na2.hubspot.com"),
        ("pat-evil.example-0", "app.hubspot.com"),
        ("CiRldTEt", "app.hubspot.com"),
    ],
)
def test_a_company_is_opened_in_the_region_of_the_token(token: str, host: str) -> None:
    assert page("hubspot", {"access_token": token}, "4711", "companies", "77") == (
        f"https://{host}/contacts/4711/record/0-2/77"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"auth": JWT}, None),
        ({"auth": JWT, **WEB}, "https://crm.acme.example"),
        ({"auth": JWT, "login_url": "https://test.salesforce.com"}, None),
        ({"auth": CLIENT, "login_url": "https://acme.my.salesforce.com"}, "https://acme.my.salesforce.com"),
        ({"auth": TOKEN}, "https://acme.my.salesforce.com"),
        ({"auth": CLIENT, "login_url": "http://127.0.0.1:8702", **WEB}, None),
    ],
)
def test_an_account_is_opened_at_the_orgs_own_address(given: dict[str, Any], expected: str | None) -> None:
    path = f"/lightning/r/Account/{ACCOUNT}/view"
    assert page("salesforce", given, "00D", "Account", ACCOUNT) == (expected and expected + path)


def test_a_company_of_gainsight_is_opened_in_its_c360() -> None:
    given = {"access_key": "k", "base_url": "https://acme.gainsightcloud.com"}
    path = f"/v1/ui/customersuccess360?cid={GSID}"
    assert page("gainsight", given, "1P02ABC", "Company", GSID) == f"https://acme.gainsightcloud.com{path}"
    assert page("gainsight", given | WEB, "1P02ABC", "Company", GSID) == f"https://crm.acme.example{path}"
    assert page("gainsight", given | {"base_url": "http://localhost:1"}, "1P02ABC", "Company", GSID) is None


@pytest.mark.parametrize(
    ("kind", "given", "object_name"),
    [
        ("hubspot", {"access_token": "t"}, "companies"),
        ("salesforce", {"auth": TOKEN}, "Account"),
        ("gainsight", {"access_key": "k", "base_url": "https://acme.gainsightcloud.com"}, "Company"),
    ],
)
@pytest.mark.parametrize(
    "record_id", ["", "1/../../x", "1?a=b", "javascript:alert(1)", '1"><script>', f"{ACCOUNT}\n", "١٢٣"]
)
def test_what_is_no_id_leads_nowhere(kind: str, given: dict[str, Any], object_name: str, record_id: str) -> None:
    assert page(kind, given, "4711", object_name, record_id) is None
    assert page(kind, given, "4711", "tasks", ACCOUNT) is None


@pytest.mark.parametrize("identity", ["", "4711/x", "?", "47 11"])
def test_a_portal_that_is_not_known_leads_nowhere(identity: str) -> None:
    assert page("hubspot", {"access_token": "t"}, identity, "companies", "1") is None


@pytest.mark.parametrize(
    "url",
    ["http://crm.example", "crm.example", "https://a:b@crm.example", "https://crm.example/path", "https://crm.example?q",
     "javascript:alert(1)", "https://", "https://[::1", "https://cr\u0430m.example"],
)  # fmt: skip
def test_an_address_that_people_cannot_open_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="web_url"):
        settings_model("hubspot").model_validate({"access_token": "t", "web_url": url})
