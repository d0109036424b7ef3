"""What a Salesforce connection may be told, and what is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.salesforce.settings import SalesforceSettings

CLIENT = {"flow": "client_credentials", "consumer_key": "k" * 20, "consumer_secret": "s" * 20}
JWT = {"flow": "jwt", "consumer_key": "k" * 20, "username": "u@example.com", "private_key_file": "key.pem"}


def refusal(**values: Any) -> str:
    """Why settings are refused."""
    with pytest.raises(ValidationError) as caught:
        SalesforceSettings.model_validate(values)
    return str(caught.value)


def test_documented_configuration_is_enough() -> None:
    settings = SalesforceSettings.model_validate({"type": "salesforce", "auth": JWT})
    assert settings.login_url == "https://login.salesforce.com"
    assert settings.api_version == "62.0"
    assert settings.property_prefix == "CS_"
    assert not settings.is_local


@pytest.mark.parametrize(("given", "kept"), [("62.0", "62.0"), (64, "64.0"), ("v66", "66.0"), (65.0, "65.0")])
def test_api_version_has_one_form(given: object, kept: str) -> None:
    assert SalesforceSettings.model_validate({"auth": JWT, "api_version": given}).api_version == kept


@pytest.mark.parametrize("given", ["soon", "30.0", "62.5", "1000"])
def test_api_version_that_cannot_work_is_refused(given: str) -> None:
    assert "62.0" in refusal(auth=JWT, api_version=given)


def test_secrets_do_not_show() -> None:
    settings = SalesforceSettings.model_validate({"auth": CLIENT, "login_url": "https://acme.my.salesforce.com"})
    assert "k" * 20 not in repr(settings)
    assert "s" * 20 not in settings.model_dump_json()


def test_plain_http_is_for_this_machine_only() -> None:
    assert "plain http" in refusal(auth=JWT, login_url="http://acme.my.salesforce.com")
    local = SalesforceSettings.model_validate({"auth": CLIENT, "login_url": "http://127.0.0.1:8080"})
    assert local.is_local


def test_a_foreign_login_host_must_be_allowed_by_name() -> None:
    assert "allow_hosts" in refusal(auth=JWT, login_url="https://salesforce.com.evil.example")
    allowed = {"auth": JWT, "login_url": "https://sso.example", "allow_hosts": ["sso.example"]}
    assert SalesforceSettings.model_validate(allowed).login_url == "https://sso.example"


def test_client_credentials_need_my_domain() -> None:
    assert "My Domain" in refusal(auth=CLIENT)


def test_jwt_needs_exactly_one_key() -> None:
    both = {**JWT, "private_key": "-----BEGIN"}
    neither = {key: value for key, value in JWT.items() if key != "private_key_file"}
    for auth in (both, neither):
        assert "exactly one of private_key_file and private_key" in refusal(auth=auth)


def test_a_raw_token_says_where_it_belongs() -> None:
    token = {"flow": "token", "access_token": "00D!abc", "instance_url": "https://evil.example"}
    assert "auth.instance_url" in refusal(auth=token)


@pytest.mark.parametrize("extra", [{"pasword": "x"}, {"pull": {"bulk": 1}}])
def test_unknown_keys_are_refused(extra: dict[str, Any]) -> None:
    assert "Extra inputs are not permitted" in refusal(auth=JWT, **extra)


def test_the_key_file_is_a_path() -> None:
    settings = SalesforceSettings.model_validate({"auth": JWT})
    assert settings.auth.model_dump()["private_key_file"] == Path("key.pem")
