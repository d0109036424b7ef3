from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from connectors.errors import ConfigError
from connectors.http import Action, Answer
from connectors.hubspot.answers import TABLE, read_envelope
from connectors.hubspot.paths import Paths
from connectors.hubspot.settings import HubSpotSettings
from connectors.registry import connect, connector_type, settings_model
from tests.unit.connectors.hubspot_kit import MAPS, TOKEN, answer, opened

OAUTH = {"client_id": "id", "client_secret": "secret-secret", "refresh_token": "refresh-refresh"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one of access_token"),
        ({"access_token": "a", "oauth": OAUTH}, "access_token and oauth"),
        ({"access_token": "a", "tokn": "b"}, "Extra inputs"),
        ({"access_token": "a", "api_version": "v1"}, "v3"),
        ({"access_token": "a", "limits": {"reserve": 1.0}}, "less than 1"),
        ({"access_token": "a", "property_prefix": "CS-"}, "pattern"),
        ({"oauth": {**OAUTH, "client_secret_file": "/x"}}, "either client_secret"),
        ({"oauth": {"client_id": "i", "client_secret": "s"}}, "either refresh_token"),
    ],
)
def test_wrong_settings_are_named(given: dict[str, object], words: str):
    with pytest.raises(ValidationError, match=words):
        HubSpotSettings.model_validate(given)


def test_secrets_are_not_shown():
    settings = HubSpotSettings.model_validate({"oauth": OAUTH})
    assert "secret-secret" not in repr(settings)
    assert "refresh-refresh" not in repr(settings)


@pytest.mark.parametrize("url", ["http://api.hubapi.com", "https://api.example.com"])
def test_the_token_is_only_sent_to_hubspot(url: str):
    with pytest.raises(ConfigError, match="base_url"):
        opened(lambda _request: answer({}), access_token=TOKEN, base_url=url)


def test_a_further_host_can_be_allowed():
    opened(
        lambda _request: answer({}),
        access_token=TOKEN,
        base_url="https://crm.example.com",
        allow_hosts=["crm.example.com"],
    )


def test_an_empty_token_is_a_configuration_error():
    with pytest.raises(ConfigError, match="empty"):
        opened(lambda _request: answer({}), access_token=" ")


def test_paths_follow_the_version():
    numbered, dated = Paths("v3"), Paths("2026-09")
    assert numbered.objects("deals", "batch", "read") == "/crm/v3/objects/deals/batch/read"
    assert dated.objects("deals", "batch", "read") == "/crm/objects/2026-09/deals/batch/read"
    assert numbered.associations("deals", "companies") == "/crm/v4/associations/deals/companies/batch/read"
    assert dated.associations("deals", "companies") == "/crm/associations/2026-09/deals/companies/batch/read"
    assert (numbered.properties("deals"), dated.properties("deals")) == (
        "/crm/v3/properties/deals",
        "/crm/properties/2026-09/deals",
    )
    assert (numbered.owners(), dated.pipelines("deals")) == ("/crm/v3/owners", "/crm/pipelines/2026-09/deals")
    assert (numbered.token(), dated.token()) == ("/oauth/v3/token", "/oauth/2026-09/token")
    assert numbered.objects("deals", "../x") == "/crm/v3/objects/deals/..%2Fx"


def test_the_registry_knows_hubspot_and_names_what_it_knows():
    assert settings_model("hubspot") is HubSpotSettings
    assert connector_type("hubspot").defaults == "hubspot"
    with pytest.raises(ConfigError, match="Known types: gainsight, hubspot, salesforce"):
        connector_type("pipedrive")


def test_the_registry_opens_a_connection(tmp_path):
    from connectors.budget import MemoryBudget
    from tests.unit.connectors.kit import FakeClock

    clock = FakeClock()
    settings = HubSpotSettings.model_validate({"access_token": TOKEN, "base_url": "http://127.0.0.1:1"})
    connector = connect("crm", settings, MAPS, budget=MemoryBudget(clock, clock.sleep), clock=clock, sleep=clock.sleep)
    assert (connector.name, connector.type, connector.account_object) == ("crm", "hubspot", "companies")
    assert connector.usage().requests == 0
    connector.close()


@pytest.mark.parametrize(
    ("status", "text", "action"),
    [
        (200, "", Action.ACCEPT),
        (207, "", Action.ACCEPT),
        (429, "TEN_SECONDLY_ROLLING", Action.WAIT),
        (429, "You have reached your secondly limit.", Action.WAIT),
        (429, "DAILY You have reached your daily limit.", Action.STOP_UNTIL_RESET),
        (401, "EXPIRED_AUTHENTICATION", Action.REFRESH_TOKEN),
        (403, "MISSING_SCOPES", Action.FAIL_SCOPE),
        (403, "", Action.FAIL_SCOPE),
        (404, "", Action.NOT_FOUND),
        (400, "", Action.SKIP_RECORD),
        (409, "", Action.SKIP_RECORD),
        (414, "", Action.FAIL_CONFIG),
        (423, "", Action.RETRY),
        (477, "", Action.RETRY),
        (500, "", Action.RETRY),
        (524, "", Action.RETRY),
        (302, "", Action.FAIL),
        (418, "", Action.FAIL),
    ],
)
def test_the_response_table(status: int, text: str, action: Action):
    assert TABLE.judge(status, text).action is action


def test_only_a_search_limit_is_over_in_a_second():
    waits = [TABLE.judge(429, text).wait for text in ("ten_secondly_rolling", "SECONDLY", "your secondly limit", "")]
    assert waits == [10, 1, 1, 10]


def test_every_bad_property_in_a_message_is_found():
    listed = '[{"message":"a","error":"INVALID_OPTION","name":"x"},{"message":"b","error":"E","name":"y"}]'
    message = f"Property values were not valid: {listed}"
    envelope = read_envelope(answer({"status": "error", "message": message, "errors": [{"message": "dropped"}]}))
    assert envelope is not None
    assert [(one.code, one.property) for one in envelope.problems] == [("INVALID_OPTION", "x"), ("E", "y")]


def test_errors_without_a_list_in_the_message_are_used():
    body = {
        "message": "no",
        "category": "V",
        "errors": [{"message": "m", "code": "C", "context": {"propertyName": ["p"]}}],
    }
    envelope = read_envelope(answer(body))
    assert envelope is not None
    assert [(one.code, one.property, one.message) for one in envelope.problems] == [("C", "p", "m")]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b'{"results"', b""])
def test_what_is_not_hubspots_error_format_is_recognised(body: bytes):
    assert read_envelope(Answer(400, {}, body, proven=True)) is None


@pytest.mark.parametrize(
    "body", [{"message": None}, {"errors": "x", "status": "error"}, {"message": "[{broken", "context": []}]
)
def test_odd_envelopes_do_no_harm(body: dict[str, object]):
    assert read_envelope(answer(body)) is not None


def test_full_reads_have_a_cadence_and_zero_means_never():
    def cadences(**pull: float) -> dict[str, timedelta | None]:
        connector, _script, _clock = opened(lambda _request: answer({}), access_token=TOKEN, pull=pull)
        return {one.kind: one.full_every for one in connector.streams()}

    day = timedelta(hours=24)
    assert cadences() == {"reference": None, "records": day, "links": day}
    chosen = cadences(full_every_hours=168, links_every_hours=0.5)
    assert chosen == {"reference": None, "records": timedelta(days=7), "links": timedelta(minutes=30)}
    never = cadences(full_every_hours=0, links_every_hours=0)
    assert all(never[kind] and never[kind] > timedelta(days=30_000) for kind in ("records", "links"))
