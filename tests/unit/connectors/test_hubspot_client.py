from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Change, Window
from connectors.budget import QuotaPolicy
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
from connectors.hubspot.transport import Request
from mapping.records import Ref
from tests.unit.connectors.hubspot_kit import MAPS, TOKEN, answer, definitions, opened, refusal, routed, rows

ACCOUNT = {"portalId": 42, "timeZone": "Europe/Copenhagen"}
LIMIT = {"status": "error", "message": "limit", "errorType": "RATE_LIMIT"}


def first_then(first: Answer, then: object):
    left = [first]
    return lambda _request: left.pop() if left else answer(then)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (refusal(401, "INVALID_AUTHENTICATION"), CredentialsError, "access token"),
        (
            refusal(403, "MISSING_SCOPES", errors=[{"context": {"requiredGranularScopes": ["a.b"]}}]),
            MissingScope,
            "scope a.b",
        ),
        (refusal(403, "BANNED"), CredentialsError, "no"),
        (refusal(400, "VALIDATION_ERROR", "bad property"), ConfigError, "bad property"),
        (answer({}, 401), CredentialsError, "access token"),
        (Answer(401, {}, b"", proven=True), CredentialsError, "access token"),
        (answer({"message": "You may not do this."}, 403), MissingScope, "may not do this"),
        (answer({"status": "error", "message": "m", "policyName": "DAILY"}, 429), QuotaExhausted, "midnight"),
        (Answer(414, {}, b"<html>", proven=True), ConfigError, "414"),
        (Answer(403, {}, b"<html>", proven=True), BadAnswer, "without HubSpot's error format"),
        (Answer(302, {}, b"", proven=True), BadAnswer, "302"),
        (Answer(503, {}, b"<html>", proven=True), RetryLater, "503"),
        (answer({"status": "error", "message": "moving"}, 477, {"retry-after": "7200"}), RetryLater, "data centre"),
    ],
)
def test_answers_become_errors_that_say_what_to_do(reply: Answer, error: type[ConnectorError], words: str):
    connector, _script, _clock = opened(routed(details=reply, companies=reply))
    with pytest.raises(error, match=words):
        connector.identity()


def test_the_identity_is_the_portal():
    connector, _script, _clock = opened(routed(details=ACCOUNT, properties=definitions("name", "dealname")))
    assert connector.identity() == "42"


def test_a_token_that_may_not_read_the_account_knows_the_portal_from_a_record():
    company = {"id": "1", "properties": {}, "url": "https://app.hubspot.com/contacts/4711/record/0-2/1"}
    handler = routed(details=refusal(403, "MISSING_SCOPES"), companies={"results": [company]}, properties=definitions())
    connector, _script, _clock = opened(handler)
    assert connector.identity() == "4711"


@pytest.mark.parametrize(
    "details",
    [
        refusal(403, "MISSING_SCOPES"),
        answer({"message": "no"}, 403),
        answer({"detail": "Not Found"}, 404),
        Answer(404, {"content-type": "text/html"}, b"<html>", proven=True),
        answer({"timeZone": "UTC"}),
    ],
)
def test_a_portal_that_nothing_tells_is_unknown_and_asked_for_again(details: Answer):
    companies: dict[str, object] = {"results": [{"id": 1, "properties": {}}]}
    connector, _script, _clock = opened(routed(details=details, companies=companies, properties=definitions()))
    assert connector.identity() == ""
    companies["results"] = [{"id": 1, "url": "https://app.hubspot.com/contacts/4711/record/0-2/1"}]
    assert connector.identity() == "4711"


def test_a_retry_after_of_zero_is_not_hammered():
    reply = answer({**LIMIT, "policyName": "SECONDLY"}, 429, {"retry-after": "0"})
    connector, _script, clock = opened(routed(details=first_then(reply, ACCOUNT), properties=definitions()))
    connector.identity()
    assert sum(clock.slept) == pytest.approx(1)


def test_a_ten_secondly_limit_pauses_and_goes_on():
    reply = answer({**LIMIT, "policyName": "TEN_SECONDLY_ROLLING"}, 429)
    connector, _script, clock = opened(routed(details=first_then(reply, ACCOUNT), properties=definitions()))
    connector.identity()
    assert sum(clock.slept) == pytest.approx(10)
    assert (connector.usage().throttled, connector.usage().retried) == (1, 1)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"message": "Too many requests"}'])
def test_a_limit_that_does_not_say_which_is_waited_for_too(body: bytes):
    reply = Answer(429, {}, body, proven=True)
    connector, _script, clock = opened(routed(details=first_then(reply, ACCOUNT), properties=definitions()))
    assert connector.identity() == "42"
    assert sum(clock.slept) == pytest.approx(10)


def test_a_search_limit_pauses_search_for_a_second():
    reply = answer({**LIMIT, "policyName": "SECONDLY", "message": "You have reached your secondly limit."}, 429)
    empty = {"total": 0, "results": []}
    handler = routed(
        search=first_then(reply, empty), properties=definitions("dealname", "hs_lastmodifieddate"), deals=rows()
    )
    connector, _script, clock = opened(handler)
    deals = next(stream for stream in connector.streams() if stream.name == "deals")
    list(connector.pages(deals, Window(since=clock.now() - timedelta(days=1))))
    assert 1 <= sum(clock.slept) < 2


def test_a_retry_after_header_is_honoured():
    reply = answer({**LIMIT, "policyName": "TEN_SECONDLY_ROLLING"}, 429, {"retry-after": "3"})
    connector, _script, clock = opened(routed(details=first_then(reply, ACCOUNT), properties=definitions()))
    connector.identity()
    assert sum(clock.slept) == pytest.approx(3)


def test_the_daily_limit_says_when_the_portals_day_ends():
    daily = answer({**LIMIT, "policyName": "DAILY"}, 429)
    connector, _script, _clock = opened(routed(details=ACCOUNT, properties=definitions("name"), owners=daily))
    connector.identity()
    with pytest.raises(QuotaExhausted) as caught:
        list(connector.pages(connector.streams()[0], Window()))
    # 12:00 UTC is 13:00 in Copenhagen in November: eleven hours are left.
    assert caught.value.resets_in == pytest.approx(11 * 3600)
    with pytest.raises(QuotaExhausted):
        list(connector.pages(connector.streams()[0], Window()))


def test_headers_correct_the_budget():
    headers = {"x-hubspot-ratelimit-daily": "1000", "x-hubspot-ratelimit-daily-remaining": "321"}
    connector, _script, _clock = opened(routed(details=answer(ACCOUNT, 200, headers), properties=definitions()))
    connector.identity()
    # Two more requests, for the properties of two object types, came without headers.
    assert connector._parts.client.quotas.left_today() == 319


def test_a_count_that_no_header_confirms_is_not_passed_off_as_hubspots():
    connector, _script, _clock = opened(routed(details=ACCOUNT, properties=definitions(), companies=rows()))
    quotas, budget = connector._parts.client.quotas, connector._parts.client.quotas._budget
    another = QuotaPolicy("hubspot-portal:42", "daily", 1_000_000, 86_400.0)
    budget.acquire(another, cost=5_000)
    connector.identity()
    assert quotas.left_today() is None
    assert budget.remaining(another) == 1_000_000 - 5_000 - 2


def test_no_message_carries_the_token():
    echo = refusal(400, "VALIDATION_ERROR", f"you sent Bearer {TOKEN} and {TOKEN}")
    connector, _script, _clock = opened(routed(details=echo))
    with pytest.raises(ConfigError) as caught:
        connector.identity()
    assert TOKEN not in str(caught.value)


def test_writes_are_never_repeated():
    connector, script, _clock = opened(routed(update=Answer(500, {}, b"", proven=True)))
    outcomes = connector.write([Change(Ref("crm", "companies", "1"), {"a": "1"})])
    assert [outcome.kind for outcome in outcomes] == ["in_doubt"]
    assert len(script.requests) == 1


def test_cursors_follow_hubspots_clock_when_ours_is_wrong():
    behind = {"date": "Sun, 22 Nov 2026 11:00:00 GMT"}  # ours says 12:00

    def handle(request: Request) -> Answer:
        return answer(definitions("dealname") if "properties" in request.path else rows("1"), 200, behind)

    connector, _script, _clock = opened(handle, maps={"deals": MAPS["deals"]})
    deals = next(stream for stream in connector.streams() if stream.name == "deals")
    last = list(connector.pages(deals, Window()))[-1]
    assert last.high_water == datetime(2026, 11, 22, 10, 50, tzinfo=UTC)
