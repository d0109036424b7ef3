"""Nothing that only our own sandbox does is taken for granted: the connector against the barest documented org."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Change, Outcome, StreamMap, Window
from connectors.budget import MemoryBudget
from connectors.errors import ConnectorError, MissingScope, RetryLater
from connectors.salesforce.connector import SalesforceConnector, connect
from connectors.salesforce.ids import to18
from connectors.salesforce.settings import SalesforceSettings
from mapping.records import FieldSpec, Ref, ValueType
from tests.contract.minimal_org import FASTAPI, REFUSED, TOKEN, UNKNOWN, MinimalOrg, account, minimal_org
from tests.contract.salesforce_org import SkippingClock, live_ids, pull, records, stream

FIELD_MAP = {
    "accounts": StreamMap("account", ("Name", "SystemModstamp", "CurrencyIsoCode"), {"CurrencyIsoCode": ("currency",)}),
    "contracts": StreamMap("contract", ("StartDate", "SystemModstamp")),
    "events": StreamMap("meeting", ("Subject", "SystemModstamp")),
}
SCORE = FieldSpec("health_score", ValueType.NUMBER, "Health score", "What it means.", decimals=1)
EVERYONE = {account(number) for number in range(1, 6)}


def connection(org: MinimalOrg, **changes: Any) -> SalesforceConnector:
    auth = {"flow": "client_credentials", "consumer_key": "key-of-app", "consumer_secret": "secret-of-app"}
    settings = SalesforceSettings.model_validate({"auth": auth, "login_url": org.url, **changes})
    clock = SkippingClock()
    budget = MemoryBudget(clock, clock.sleep)
    return connect("salesforce", settings, FIELD_MAP, budget=budget, clock=clock, sleep=clock.sleep)


def change(number: int) -> Change:
    return Change(Ref("salesforce", "Account", account(number)), {"CS_Health_Score__c": "72.5"})


def kinds(outcomes: list[Outcome]) -> set[str]:
    return {outcome.kind for outcome in outcomes}


@pytest.mark.parametrize("count", [REFUSED, UNKNOWN, FASTAPI, (200, {"sObjects": []}), (200, {}), (200, [])])
def test_a_full_pull_needs_no_record_count_and_follows_links_of_another_version(count: Any) -> None:
    with minimal_org(refuse={"recordCount": count}) as org:
        one = connection(org)
        pages = pull(one)
        assert live_ids(pages) == EVERYONE
        assert sum("/v64.0/query/" in line for line in org.log) == 2
        assert one.not_connected() == {"accounts": ("currency",)}
        one.close()


@pytest.mark.parametrize("missing", [UNKNOWN, FASTAPI, (307, "")])
def test_queries_go_where_the_documents_say_when_the_library_asks_elsewhere(missing: Any) -> None:
    with minimal_org(refuse={"query/$": missing}) as org:
        one = connection(org)
        assert live_ids(pull(one)) == EVERYONE
        asked = len([line for line in org.log if line.endswith("/query/")])
        assert live_ids(pull(one)) == EVERYONE
        assert len([line for line in org.log if line.endswith("/query/")]) == asked, "once is enough"
        one.close()


@pytest.mark.parametrize("name", ["contracts", "events", "stages"])
def test_an_object_that_is_described_but_not_queryable_is_not_connected(name: str) -> None:
    with minimal_org() as org:
        one = connection(org)
        assert stream(one, name).optional
        with pytest.raises(MissingScope, match="does not let the integration user query it"):
            list(one.pages(stream(one, name), Window()))
        one.close()


def test_users_without_e_mail_addresses_are_owners_all_the_same() -> None:
    with minimal_org() as org:
        one = connection(org)
        (owner,) = records(pull(one, "owners")).values()
        assert owner.properties == {"name": "Kim", "email": None, "active": None}
        one.close()


@pytest.mark.parametrize("state", [{}, {"state": "JOBCOMPLETE", "numberRecordsProcessed": 5}])
def test_results_of_a_bulk_job_need_no_count_in_the_job_and_no_last_line_break(state: dict[str, Any]) -> None:
    with minimal_org(job=state) as org:
        one = connection(org, pull={"bulk_from": 0})
        assert live_ids(pull(one)) == EVERYONE
        assert not any("/query/Account" in line for line in org.log)
        one.close()


@pytest.mark.parametrize(
    "refusal", [UNKNOWN, FASTAPI, REFUSED, (405, ""), (400, [{"errorCode": "NEW", "message": ""}])]
)
def test_an_org_without_bulk_api_is_pulled_by_rest(refusal: Any) -> None:
    with minimal_org(refuse={"POST .*jobs/query": refusal}) as org:
        one = connection(org, pull={"bulk_from": 0})
        assert live_ids(pull(one)) == EVERYONE
        one.close()


@pytest.mark.parametrize("missing", [UNKNOWN, FASTAPI, (405, "")])
def test_current_values_come_by_query_where_there_is_no_collections_read(missing: Any) -> None:
    with minimal_org(refuse={"POST .*composite": missing}) as org:
        one = connection(org)
        refs = [Ref("salesforce", "Account", account(2)), Ref("salesforce", "Account", account(99))]
        for _ in range(2):
            seen = one.read_values(refs, ["CS_Health_Score__c"])
            assert [(o.values, o.missing) for o in seen] == [({"CS_Health_Score__c": None}, False), ({}, True)]
        assert sum("composite" in line for line in org.log) in {1, 3}, "asked once, with the retries of a read"
        one.close()


def test_results_without_ids_belong_to_the_records_at_their_places() -> None:
    with minimal_org() as org:
        one = connection(org)
        assert kinds(one.write([change(1), change(2)])) == {"confirmed"}
        assert org.accounts[account(1)]["CS_Health_Score__c"] == 72.5
        one.close()


def test_a_server_without_the_write_resource_says_nothing_about_the_records() -> None:
    with minimal_org(refuse={"PATCH .*composite": UNKNOWN}) as org:
        one = connection(org)
        batch = [change(n) for n in range(1, 6)]
        assert kinds(one.write(batch)) == {"rejected"}
        assert sum("PATCH" in line for line in org.log) == 1, "halves of the request would fare no better"
        one.close()


@pytest.mark.parametrize(
    "token",
    [
        {"id": "https://login.salesforce.com/id/00DkW0000000001UAA/005kW0000000001AAA"},
        {"access_token": "00DkW0000000001!AQ.opaque"},
    ],
)
def test_the_organisation_is_known_from_the_login_where_it_cannot_be_queried(token: dict[str, str]) -> None:
    with minimal_org(token=token) as org:
        one = connection(org)
        assert one.identity() == to18("00DkW0000000001")
        one.close()


def test_an_organisation_that_nobody_tells_is_an_error_that_names_the_object() -> None:
    with minimal_org() as org:
        one = connection(org)
        with pytest.raises(ConnectorError, match="INVALID_TYPE"):
            one.identity()
        one.close()


@pytest.mark.parametrize("limits", [REFUSED, UNKNOWN, FASTAPI, (200, {})])
def test_limits_that_are_not_shown_are_no_error(limits: Any) -> None:
    with minimal_org(token={"access_token": "00DkW0000000001!AQ.opaque"}, refuse={"limits$": limits}) as org:
        one = connection(org)
        found = {check.name: check.status for check in one.checks()}
        assert (found["credentials"], found["quota"], found["write access"]) == ("ok", "warning", "ok")
        one.close()


@pytest.mark.parametrize("refusal", [REFUSED, UNKNOWN, FASTAPI])
def test_a_grant_that_is_refused_points_to_the_package(refusal: Any) -> None:
    with minimal_org(refuse={"tooling|PermissionSet": refusal}) as org:
        one = connection(org)
        fields = one.fields()
        assert [finding.action for finding in fields.plan([SCORE])] == ["exists"], "described without its shape"
        other = FieldSpec("health_trend", ValueType.TEXT, "Trend", "Which way.")
        with pytest.raises(MissingScope) as caught:
            fields.apply(fields.plan([other]))
        assert "keepwell fields export" in caught.value.hint
        one.close()


def test_a_token_that_a_server_repeats_is_masked_in_errors_and_outcomes() -> None:
    with minimal_org(refuse={"sobjects/Account": REFUSED}) as org:
        one = connection(org)
        with pytest.raises(ConnectorError) as caught:
            one.streams()
        assert TOKEN not in repr(caught.value)
        org.refuse = {"PATCH": (400, [{"errorCode": "ODD", "message": f"Bearer {TOKEN} secret-of-app"}])}
        two = connection(org)
        (outcome,) = two.write([change(1)])
        assert "ODD" in outcome.reason
        assert TOKEN not in outcome.reason
        assert "secret-of-app" not in outcome.reason
        for opened in (one, two):
            opened.close()


def test_a_used_up_server_is_left_for_later() -> None:
    with minimal_org(refuse={"query": (503, "")}) as org:
        one = connection(org)
        with pytest.raises(RetryLater):
            list(one.pages(stream(one, "accounts"), Window()))
        one.close()
