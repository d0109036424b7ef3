"""One exchange with an org: sessions, retries, quota, and what each answer means."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import requests
import responses

from connectors.errors import (
    BadAnswer,
    ConfigError,
    ConnectorError,
    CredentialsError,
    MissingScope,
    QuotaExhausted,
    RetryLater,
)
from connectors.http import Answer
from connectors.redact import Redactor
from connectors.retry import Throttled
from connectors.salesforce.answers import CallRefused, NotOurs, QueryTimeout, SessionExpired, api_usage, raise_for
from tests.unit.connectors.salesforce_kit import (
    DATA,
    DATE_HEADER,
    EXPIRED,
    ORIGIN,
    SERVER_TIME,
    StillClock,
    client,
    let_log_in,
)


def meaning(status: int, body: Any, headers: dict[str, str] | None = None) -> ConnectorError:
    """The error that an answer becomes."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    with pytest.raises(ConnectorError) as caught:
        raise_for(Answer(status, headers or {}, raw, proven=True), "The call", Redactor(), StillClock())
    return caught.value


def error(code: str, message: str = "text", **more: Any) -> list[dict[str, Any]]:
    """Salesforce's error array."""
    return [{"errorCode": code, "message": message, **more}]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, EXPIRED, SessionExpired),
        (401, "<html>", SessionExpired),
        (401, {"error": "invalid_token", "error_description": "token is gone"}, SessionExpired),
        (401, error("INVALID_SESSION_ID", "This session is not valid for use with the REST API"), CredentialsError),
        (401, error("INVALID_AUTH_HEADER"), CredentialsError),
        (401, {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}, SessionExpired),
        (403, error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), QuotaExhausted),
        (403, error("API_CURRENTLY_DISABLED", "API functionality is temporarily unavailable"), RetryLater),
        (403, error("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."), Throttled),
        (400, error("LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"), CallRefused),
        (400, error("STORAGE_LIMIT_EXCEEDED"), CallRefused),
        (403, error("API_DISABLED_FOR_ORG"), CredentialsError),
        (403, error("INSUFFICIENT_ACCESS"), MissingScope),
        (400, error("TXN_SECURITY_METERING_ERROR"), MissingScope),
        (400, error("QUERY_TIMEOUT", "Your query request was running for too long."), QueryTimeout),
        (404, error("UNSUPPORTED_API_VERSION"), ConfigError),
        (410, "<html></html>", ConfigError),
        (414, "<h1>Bad Message 414</h1>", ConfigError),
        (431, "<h1>Bad Message 431</h1>", ConfigError),
        (404, error("NOT_FOUND"), CallRefused),
        (400, error("INVALID_FIELD"), CallRefused),
        (429, "slow down", Throttled),
        (420, "no route", RetryLater),
        (406, "", RetryLater),
        (500, "<html>", RetryLater),
        (503, error("SERVER_UNAVAILABLE"), RetryLater),
        (302, "", NotOurs),
        (400, "<html>proxy</html>", NotOurs),
    ],
)
def test_each_answer_has_one_meaning(status: int, body: Any, expected: type[ConnectorError]) -> None:
    assert type(meaning(status, body)) is expected


def test_an_answer_may_say_how_long_to_wait() -> None:
    for status in (429, 503):
        told = meaning(status, "", {"retry-after": "7"})
        assert isinstance(told, RetryLater)
        assert told.wait == 7


def test_what_salesforce_refused_in_its_own_words_was_surely_not_done() -> None:
    assert not meaning(400, error("INVALID_FIELD")).sent
    assert not meaning(429, "").sent
    assert meaning(500, "").sent
    assert meaning(400, "<html>").sent, "a page of a proxy proves nothing"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("api-usage=10018/100000", (10018, 100000)),
        ("api-usage=25/5000; api-bursts=1/750", (25, 5000)),
        ("api-bursts=1/750; api-usage=25/5000", (25, 5000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=x)", (25, 5000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
        (None, None),
    ],
)
def test_usage_is_found_wherever_it_stands(header: str | None, expected: tuple[int, int] | None) -> None:
    assert api_usage(header) == expected


@responses.activate
def test_an_expired_session_is_renewed_once_and_the_call_keeps_its_headers() -> None:
    let_log_in(responses.mock, "00Dxx!first.token")
    let_log_in(responses.mock, "00Dxx!second.token")
    responses.get(f"{DATA}/query/", json=EXPIRED, status=401)
    responses.get(f"{DATA}/query/", json={"records": [], "totalSize": 0, "done": True})
    client().query("SELECT Id FROM Account", page=500)
    first, second = (call.request for call in responses.calls if "query" in str(call.request.url))
    assert first.headers["Sforce-Query-Options"] == second.headers["Sforce-Query-Options"] == "batchSize=500"
    assert (first.headers["Authorization"], second.headers["Authorization"]) == (
        "Bearer 00Dxx!first.token",
        "Bearer 00Dxx!second.token",
    )


@responses.activate
def test_a_session_that_stays_expired_ends_after_one_renewal() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", json=EXPIRED, status=401)
    with pytest.raises(CredentialsError, match="just opened"):
        client().get("limits")
    assert sum("token" in str(call.request.url) for call in responses.calls) == 2
    assert sum("limits" in str(call.request.url) for call in responses.calls) == 2


@responses.activate
def test_a_401_that_no_login_cures_is_not_answered_by_logins() -> None:
    let_log_in(responses.mock)
    body = error("INVALID_SESSION_ID", "This session is not valid for use with the REST API")
    responses.get(f"{DATA}/limits", json=body, status=401)
    with pytest.raises(CredentialsError):
        client().get("limits")
    assert len(responses.calls) == 2


@responses.activate
def test_reads_are_retried_three_times_with_pauses() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", status=503)
    responses.get(f"{DATA}/limits", body="<html>", content_type="text/html")
    responses.get(f"{DATA}/limits", json={"x": 1})
    clock = StillClock()
    one = client(clock)
    assert one.get("limits") == {"x": 1}
    assert one.meter.usage().retried == 2
    assert len(clock.naps) == 2


@responses.activate
def test_writes_are_sent_once() -> None:
    let_log_in(responses.mock)
    responses.patch(f"{DATA}/composite/sobjects", status=503)
    with pytest.raises(RetryLater) as caught:
        client().send("PATCH", "composite/sobjects", json={})
    assert caught.value.sent
    assert len(responses.calls) == 2


@responses.activate
def test_the_daily_quota_stops_at_once_and_for_everyone() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", json=error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), status=403)
    one = client()
    for _ in range(2):
        with pytest.raises(QuotaExhausted):
            one.get("limits")
    assert len(responses.calls) == 2, "the second call was not even sent"


@responses.activate
def test_a_concurrency_limit_is_waited_out() -> None:
    let_log_in(responses.mock)
    body = error("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.")
    responses.get(f"{DATA}/limits", json=body, status=403)
    responses.get(f"{DATA}/limits", json={"x": 1})
    clock = StillClock()
    one = client(clock)
    assert one.get("limits") == {"x": 1}
    assert one.meter.usage().throttled == 1
    assert sum(clock.naps) >= 5


@responses.activate
def test_the_limit_header_corrects_the_budget() -> None:
    let_log_in(responses.mock)
    header = {"Sforce-Limit-Info": "api-usage=14990/15000; api-bursts=1/750"}
    responses.get(f"{DATA}/limits", json={"x": 1}, headers=header)
    one = client()
    one.get("limits")
    assert one.quota_left() == 10
    with pytest.raises(QuotaExhausted):
        one.get("limits")


@responses.activate
def test_server_time_comes_from_the_date_header() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", json={"x": 1}, headers={"Date": "Sun, 01 Mar 2026 13:00:30 GMT"})
    clock = StillClock()
    one = client(clock)
    one.get("limits")
    assert (one.server_now() - clock.now()).total_seconds() == 3600


@responses.activate
def test_an_answer_that_takes_a_while_does_not_set_the_servers_clock_back() -> None:
    """A window that ends before the server's present second would leave out what changed just now."""
    clock = StillClock()
    sent = clock.at = SERVER_TIME + timedelta(milliseconds=980)

    def late(_request: object) -> tuple[int, dict[str, str], str]:
        clock.at += timedelta(milliseconds=50)
        return 200, {"Content-Type": "application/json", "Date": DATE_HEADER}, '{"x": 1}'

    let_log_in(responses.mock)
    responses.add_callback(responses.GET, f"{DATA}/limits", late)
    one = client(clock)
    one.get("limits")
    assert one.server_now() >= SERVER_TIME + (clock.at - sent)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/services/data/v62.0/query/0r8xx-2000",
        "//evil.example/services/data/v62.0/query/x",
        "/services/oauth2/revoke",
        "/services/data/v62.0/query/../sobjects",
    ],
)
@responses.activate
def test_a_next_link_that_leads_elsewhere_is_not_followed(link: str) -> None:
    let_log_in(responses.mock)
    with pytest.raises(BadAnswer, match="not followed"):
        client().query_more(link)
    assert len(responses.calls) == 1


@responses.activate
def test_a_redirect_is_not_followed() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", status=302, headers={"Location": "https://evil.example/"})
    with pytest.raises(BadAnswer):
        client().get("limits")
    assert all("evil" not in str(call.request.url) for call in responses.calls)


@responses.activate
def test_an_absolute_link_of_the_own_origin_is_followed() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/query/0r8xx-2000", json={"records": [], "totalSize": 0, "done": True})
    assert client().query_more(f"{ORIGIN}/services/data/v62.0/query/0r8xx-2000")["done"]


@responses.activate
def test_an_answer_without_records_is_not_a_page() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/query/", json={"totalSize": 0})
    with pytest.raises(BadAnswer, match="without records"):
        client().query("SELECT Id FROM Account")


@responses.activate
def test_a_broken_connection_after_sending_is_in_doubt() -> None:
    let_log_in(responses.mock)
    responses.patch(f"{DATA}/x", body=requests.ConnectionError(ConnectionResetError("reset")))
    with pytest.raises(RetryLater) as caught:
        client().send("PATCH", "x", json={})
    assert caught.value.sent
