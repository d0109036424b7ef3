"""One call to Gainsight: credentials, limits, and what answers mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.base import Window
from connectors.errors import (
    BadAnswer,
    ConnectorError,
    CredentialsError,
    MissingScope,
    QuotaExhausted,
    RetryLater,
    SchemaDrift,
)
from tests.unit.connectors.gainsight_kit import (
    KEY,
    TOKEN_URL,
    UNAUTHORIZED,
    Table,
    companies,
    connector,
    envelope,
    let_be_absent,
    let_describe,
    query_url,
    refusal,
)
from tests.unit.connectors.kit import FakeClock

OAUTH = {"client_id": "pair-1", "client_secret": "planted-client-secret"}
QUERY = query_url("Company")


def pull(one: Any) -> int:
    """Rows of a full pull of companies."""
    stream = next(each for each in one.streams() if each.name == "companies")
    return sum(len(page.records) for page in one.pages(stream, Window()))


@pytest.fixture
def tenant() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_describe(mock)
        let_be_absent(mock)
        yield mock


def test_an_access_key_goes_into_its_own_header_and_no_other(tenant: responses.RequestsMock) -> None:
    Table(companies(2)).let_query(tenant)
    assert pull(connector()) == 2
    assert all(call.request.headers["accesskey"] == KEY for call in tenant.calls)
    assert not any("Authorization" in call.request.headers for call in tenant.calls)


def test_a_token_is_bought_once_and_sent_without_a_key(tenant: responses.RequestsMock) -> None:
    tenant.post(TOKEN_URL, json={"access_token": "token-1", "token_type": "Bearer", "expires_in": 86400})
    Table(companies(2)).let_query(tenant)
    assert pull(connector(oauth=OAUTH)) == 2
    bought, *others = tenant.calls
    assert bought.request.headers["Authorization"].startswith("Basic ")
    assert bought.request.body == "grant_type=client_credentials"
    assert {call.request.headers["Authorization"] for call in others} == {"Bearer token-1"}
    assert not any("accesskey" in call.request.headers for call in tenant.calls)


def test_a_token_is_renewed_before_its_end_and_once_after_a_refusal(tenant: responses.RequestsMock) -> None:
    clock = FakeClock()
    for number in (1, 2, 3):
        tenant.post(TOKEN_URL, json={"access_token": f"token-{number}", "expires_in": 86400})
    tenant.post(QUERY, json=UNAUTHORIZED, status=401)
    Table(companies(1)).let_query(tenant)
    one = connector(clock, oauth=OAUTH)
    assert pull(one) == 1
    clock.pass_by(86_200)
    pull(one)
    assert [call.request.url for call in tenant.calls].count(TOKEN_URL) == 3


def test_a_key_in_a_file_is_read_again_when_it_was_generated_anew(
    tenant: responses.RequestsMock, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    tenant.post(QUERY, json=UNAUTHORIZED, status=401)
    Table(companies(1)).let_query(tenant)
    one = connector(access_key_file=file)
    one.identity()
    file.write_text("another-access-key-2\n")
    assert pull(one) == 1
    assert tenant.calls[-1].request.headers["accesskey"] == "another-access-key-2"


REFUSALS = [
    (401, UNAUTHORIZED, CredentialsError, "generating it anew"),
    (400, refusal("GSOBJ_1024"), CredentialsError, "current key"),
    (200, UNAUTHORIZED, CredentialsError, "current key"),
    (403, refusal("GS_APIG_2402", "IP address not in whitelisted range"), CredentialsError, "allowed IP ranges"),
    (403, refusal("GSOBJ_1"), MissingScope, "permissions"),
    (200, refusal("GU_1101", "Oops"), RetryLater, "GU_1101"),
    (500, refusal("GU_1101", "Oops"), RetryLater, "GU_1101"),
    (400, refusal("GSOBJ_1002", "Invalid fields in select clause - Acme Ltd"), SchemaDrift, "field map"),
    (200, refusal("", "Acme Ltd"), SchemaDrift, "no reason"),
    (302, refusal("GSOBJ_1"), BadAnswer, "Redirects"),
]


@pytest.mark.parametrize(("status", "body", "kind", "says"), REFUSALS)
def test_each_refusal_is_the_error_that_says_what_to_do(
    tenant: responses.RequestsMock, status: int, body: dict[str, Any], kind: type[ConnectorError], says: str
) -> None:
    tenant.post(QUERY, json=body, status=status)
    with pytest.raises(kind, match=says) as caught:
        pull(connector())
    assert "Acme" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"body": "<html>Sign in</html>", "content_type": "text/html"}, BadAnswer),
        ({"body": '{"result": true, "data": {"reco', "content_type": "application/json"}, BadAnswer),
        ({"json": ["no envelope"]}, BadAnswer),
        ({"json": {"data": []}}, BadAnswer),
        ({"json": envelope({"rows": []})}, BadAnswer),
        ({"json": envelope(["no row"])}, BadAnswer),
        ({"body": "<html>Bad gateway</html>", "content_type": "text/html", "status": 502}, RetryLater),
        ({"body": "<html>No</html>", "content_type": "text/html", "status": 403}, BadAnswer),
    ],
)
def test_what_is_not_the_api_is_never_data(
    tenant: responses.RequestsMock, body: dict[str, Any], kind: type[ConnectorError]
) -> None:
    tenant.post(QUERY, **body)
    one = connector()
    with pytest.raises(kind):
        pull(one)
    assert [call.request.url for call in tenant.calls].count(QUERY) <= 3


@pytest.mark.parametrize(
    "nothing",
    [
        (200, envelope({"records": []})),
        (200, envelope({"records": None})),
        (200, envelope([])),
        (200, envelope(None)),
        (200, refusal("", "No data found for given criteria")),
        (400, refusal("GSOBJ_1011", "No entity matches the given criteria")),
    ],
)
def test_all_forms_of_nothing_are_nothing(tenant: responses.RequestsMock, nothing: tuple[int, dict[str, Any]]) -> None:
    tenant.post(QUERY, json=nothing[1], status=nothing[0])
    assert pull(connector()) == 0


@pytest.mark.parametrize("shape", ["records", "list"])
def test_both_shapes_of_data_are_rows(tenant: responses.RequestsMock, shape: str) -> None:
    Table(companies(3), shape=shape).let_query(tenant)
    assert pull(connector()) == 3


def test_a_tenant_that_does_not_describe_its_ids_is_known_by_its_host(tenant: responses.RequestsMock) -> None:
    assert connector().identity() == "acme.gainsightcloud.com"


def test_a_throttled_call_waits_for_the_next_minute_and_goes_on(tenant: responses.RequestsMock) -> None:
    clock = FakeClock()
    clock.pass_by(20)
    tenant.post(QUERY, json=refusal("GU_2400", "Too many request"), status=429)
    Table(companies(2)).let_query(tenant)
    one = connector(clock)
    before = clock.now()
    assert pull(one) == 2
    assert (clock.now() - before).total_seconds() == pytest.approx(41.5, abs=0.5)  # 40 to the minute, 1.5 of jitter
    assert one.usage().throttled == 1


def test_a_token_that_is_refused_for_the_rate_waits_for_the_next_minute_too(tenant: responses.RequestsMock) -> None:
    clock = FakeClock()
    clock.pass_by(20)
    tenant.post(TOKEN_URL, json=refusal("GU_2400", "Too many request"), status=429)
    tenant.post(TOKEN_URL, json={"access_token": "token-1", "expires_in": 86400})
    Table(companies(2)).let_query(tenant)
    one = connector(clock, oauth=OAUTH)
    before = clock.now()
    assert pull(one) == 2
    assert (clock.now() - before).total_seconds() == pytest.approx(41.5, abs=0.5)
    assert one.usage().throttled == 1


def test_minutes_in_a_row_that_refuse_are_the_day(tenant: responses.RequestsMock) -> None:
    tenant.post(QUERY, json=refusal("GU_2400", "Too many request"), status=429)
    one = connector()
    with pytest.raises(QuotaExhausted, match="day's quota is used up") as caught:
        pull(one)
    assert caught.value.resets_in
    assert [call.request.url for call in tenant.calls].count(QUERY) == 3
    with pytest.raises(QuotaExhausted):
        pull(one)
    assert [call.request.url for call in tenant.calls].count(QUERY) == 3


def test_the_tenants_limits_are_kept_without_being_told(tenant: responses.RequestsMock) -> None:
    clock = FakeClock()
    Table(companies(30), most=1).let_query(tenant)
    before = clock.monotonic()
    pull(connector(clock, limits={"per_minute": 10, "minute_reserve": 0.0}))
    assert len(tenant.calls) == 33  # two descriptions, thirty pages, and the one that is empty
    assert clock.monotonic() - before >= 180


def test_the_day_ends_the_run_by_our_own_count(tenant: responses.RequestsMock) -> None:
    Table(companies(30), most=1).let_query(tenant)
    with pytest.raises(QuotaExhausted, match="daily"):
        pull(connector(limits={"daily": 20, "reserve": 0.5}))
    assert len(tenant.calls) == 10


def test_secrets_are_masked_in_whatever_is_raised(tenant: responses.RequestsMock) -> None:
    tenant.post(TOKEN_URL, json={"access_token": "planted-token-1", "expires_in": 86400})
    tenant.post(QUERY, json=refusal("GSOBJ_1008", json.dumps({"echo": "planted-token-1 planted-client-secret"})))
    with pytest.raises(SchemaDrift) as caught:
        pull(connector(oauth=OAUTH))
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client"}, CredentialsError),
        (503, {}, RetryLater),
        (200, {"token_type": "Bearer"}, CredentialsError),
    ],
)
def test_a_token_that_is_not_given_says_why_and_sends_nothing_else(
    tenant: responses.RequestsMock, status: int, body: dict[str, Any], kind: type[ConnectorError]
) -> None:
    tenant.post(TOKEN_URL, json=body, status=status)
    with pytest.raises(kind) as caught:
        pull(connector(oauth=OAUTH))
    assert not caught.value.sent
    assert {call.request.url for call in tenant.calls} == {TOKEN_URL}
