"""Tokens, scopes, quotas and scripted faults of the HubSpot sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from sandbox.hubspot.auth import ALL_SCOPES, PRIVATE_TOKEN, OAuthApp, Token
from tests.sandbox.hubspot_portal import OBJECTS, START, Portal, portal

COMPANIES = f"{OBJECTS}/companies"
NARROW = Token("pat-na1-narrow", "narrow", frozenset({"crm.objects.companies.read"}))
SECOND = Token("pat-na1-second", "second")
DOOMED = Token("pat-na1-doomed", "doomed")
LAPSED = Token("lapsed", "lapsed", ALL_SCOPES, expires_at=START - 75)


@pytest.fixture(scope="module")
def served() -> Iterator[Portal]:
    tokens = (Token(PRIVATE_TOKEN, "keepwell"), NARROW, SECOND, DOOMED, LAPSED)
    with portal(accounts=12, tokens=tokens, burst=10, searches_per_second=5, daily=40) as running:
        yield running


@pytest.fixture
def hub(served: Portal) -> Portal:
    """Start each test on a fresh day with nothing scripted."""
    served.call("DELETE", "/_sandbox/faults")
    served.clock.now = START + 86_400 * (1 + (served.clock.now - START) // 86_400)
    return served


def effects(hub: Portal) -> int:
    return len(hub.get("/_sandbox/journal").json())


def test_a_missing_token_and_an_unknown_one_are_told_apart(hub: Portal) -> None:
    missing, unknown, lapsed = (hub.call("GET", COMPANIES, token) for token in (None, "nobody", "lapsed"))
    assert {r.status_code for r in (missing, unknown, lapsed)} == {401}
    assert missing.json()["category"] == "INVALID_AUTHENTICATION"
    assert missing.json()["message"].startswith("Authentication credentials not found")
    assert unknown.json()["category"] == lapsed.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert unknown.json()["context"]["expire time"] == ["1970-01-01T00:00:00Z"]
    assert f"expired {int(hub.clock.now - START) + 75} second(s) ago" in lapsed.json()["message"]
    assert missing.json()["correlationId"] == missing.headers["x-hubspot-correlation-id"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"{OBJECTS}/deals", "crm.objects.deals.read"),
        ("POST", f"{OBJECTS}/companies/batch/update", "crm.objects.companies.write"),
        ("GET", f"{OBJECTS}/tickets", "tickets"),
        ("GET", f"{OBJECTS}/meetings", "crm.objects.contacts.read"),
        ("POST", "/crm/v3/properties/companies", "crm.schemas.companies.write"),
        ("GET", "/crm/v3/owners", "crm.objects.owners.read"),
        ("POST", "/crm/v4/associations/companies/deals/batch/read", "crm.objects.deals.read"),
    ],
)
def test_a_missing_scope_is_named(hub: Portal, method: str, path: str, scope: str) -> None:
    answer = hub.call(method, path, NARROW.value, json={})
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert scope in answer.json()["errors"][0]["context"]["requiredGranularScopes"]


def test_one_scope_is_enough_for_what_it_covers(hub: Portal) -> None:
    paths = [(COMPANIES, "GET"), (f"{COMPANIES}/search", "POST"), ("/crm/v3/properties/companies", "GET")]
    assert [hub.call(method, path, NARROW.value, json={}).status_code for path, method in paths] == [200, 200, 200]


def test_the_burst_rolls_over_ten_seconds_for_each_token_alone(hub: Portal) -> None:
    throttled = hub.get("/_sandbox/stats").json()["throttled"]
    answers = [hub.get(COMPANIES) for _ in range(11)]
    assert [r.status_code for r in answers] == [200] * 10 + [429]
    left = [r.headers["x-hubspot-ratelimit-remaining"] for r in answers[:10]]
    assert left == [str(number) for number in range(9, -1, -1)]
    assert answers[0].headers["x-hubspot-ratelimit-max"] == "10"
    assert answers[0].headers["x-hubspot-ratelimit-interval-milliseconds"] == "10000"
    body = answers[-1].json()
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert "retry-after" not in answers[-1].headers
    assert hub.call("GET", COMPANIES, SECOND.value).status_code == 200
    hub.clock.pass_by(10)
    assert hub.get(COMPANIES).status_code == 200
    assert hub.get("/_sandbox/stats").json()["throttled"] == throttled + 1


def test_searches_have_their_own_second_shared_by_all_tokens_and_no_headers(hub: Portal) -> None:
    tokens = [hub.token, SECOND.value] * 3
    answers = [hub.call("POST", f"{COMPANIES}/search", token, json={}) for token in tokens]
    assert [r.status_code for r in answers] == [200] * 5 + [429]
    assert answers[-1].json()["message"] == "You have reached your secondly limit."
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert not any(name.lower().startswith("x-hubspot-ratelimit") for name in answers[0].headers)
    hub.clock.pass_by(1)
    assert hub.post(f"{COMPANIES}/search", {}).status_code == 200


def test_the_day_is_shared_and_ends_at_midnight_of_the_portal(hub: Portal) -> None:
    assert hub.post("/_sandbox/spend", {"requests": 39}).status_code == 204
    assert hub.get(COMPANIES).headers["x-hubspot-ratelimit-daily-remaining"] == "0"
    refused = hub.call("GET", COMPANIES, SECOND.value)
    assert (refused.status_code, refused.json()["policyName"]) == (429, "DAILY")
    hub.clock.pass_by(13 * 3600)  # 23:30 in Copenhagen
    assert hub.get(COMPANIES).status_code == 429
    hub.clock.pass_by(3600)
    assert hub.get(COMPANIES).status_code == 200


def test_retry_after_can_be_switched_on() -> None:
    with portal(accounts=0, burst=1, retry_after=True) as hub:
        hub.get(COMPANIES)
        assert hub.get(COMPANIES).headers["retry-after"] == "10"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unauthorized", 401), ("forbidden", 403), ("uri_too_long", 414), ("locked", 423), ("migrating", 477),
        ("ten_secondly", 429), ("secondly", 429), ("daily", 429), ("500", 500), ("502", 502), ("503", 503),
        ("504", 504), ("524", 524),
    ],
)  # fmt: skip
def test_a_status_fault_hits_one_request_without_effect(hub: Portal, kind: str, status: int) -> None:
    one = hub.ids(count=1)[0]
    before = effects(hub)
    hub.break_next(kind, seconds=120)
    answer = hub.patch(f"{COMPANIES}/{one}", {"properties": {"phone": "1"}})
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) is (kind == "migrating")
    assert effects(hub) == before
    assert hub.get(COMPANIES).status_code == 200


def test_faults_match_method_path_and_the_nth_call(hub: Portal) -> None:
    hub.break_next("500", method="GET", path=f"{OBJECTS}/deals*", nth=2, times=2)
    statuses = [hub.get(f"{OBJECTS}/deals").status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    hub.break_next("503", path="*/companies", times=0)
    assert [hub.get(COMPANIES).status_code for _ in range(3)] == [503] * 3
    assert hub.call("DELETE", "/_sandbox/faults").status_code == 204
    assert hub.get(COMPANIES).status_code == 200


def test_bodies_can_be_html_cut_or_of_unproven_length(hub: Portal) -> None:
    hub.break_next("html_200")
    page = hub.get(COMPANIES)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    hub.break_next("truncated_json")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        hub.get(COMPANIES).json()
    hub.break_next("truncated_body")
    cut = hub.get(COMPANIES)
    assert (cut.status_code, "content-length" in cut.headers, cut.text.endswith("}")) == (200, False, False)


def test_a_next_link_can_lead_to_another_host(hub: Portal) -> None:
    hub.break_next("foreign_link")
    following = hub.get(COMPANIES, limit=2).json()["paging"]["next"]
    assert following["link"].startswith("https://foreign.invalid/")
    assert hub.get(COMPANIES, limit=2).json()["paging"]["next"]["link"].startswith(hub.url)


@pytest.mark.parametrize(("kind", "committed"), [("commit_then_drop", 1), ("drop", 0)])
def test_a_dropped_connection_may_or_may_not_have_had_an_effect(hub: Portal, kind: str, committed: int) -> None:
    one, before = hub.ids(count=1)[0], effects(hub)
    hub.break_next(kind)
    with pytest.raises(requests.ConnectionError):
        hub.patch(f"{COMPANIES}/{one}", {"properties": {"phone": "1"}})
    assert effects(hub) == before + committed


def test_a_slow_answer_still_comes(hub: Portal) -> None:
    hub.break_next("slow", seconds=0.05)
    assert hub.get(COMPANIES).elapsed.total_seconds() >= 0.05


@pytest.mark.parametrize("fault", [{"kind": "earthquake"}, {"kind": "500", "when": "now"}, {}])
def test_a_fault_that_makes_no_sense_is_refused(hub: Portal, fault: dict[str, str]) -> None:
    assert hub.post("/_sandbox/faults", {"faults": [fault]}).status_code == 400


def test_a_refresh_grant_gives_a_token_that_expires_and_has_no_daily_headers(hub: Portal) -> None:
    app = hub.state.options.oauth
    form = {"grant_type": "refresh_token", "client_id": app.client_id, "client_secret": app.client_secret,
            "refresh_token": app.refresh_token}  # fmt: skip
    body = hub.call("POST", "/oauth/v3/token", None, data=form).json()
    assert (body["token_type"], body["expires_in"], body["hub_id"]) == ("bearer", 1800, 4_242_424)
    first = hub.call("GET", COMPANIES, body["access_token"])
    assert first.status_code == 200
    assert "x-hubspot-ratelimit-max" in first.headers
    assert "x-hubspot-ratelimit-daily" not in first.headers
    hub.clock.pass_by(1801)
    late = hub.call("GET", COMPANIES, body["access_token"])
    assert (late.status_code, late.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    again = hub.call("POST", "/oauth/2026-03/token", None, data=form).json()
    assert again["access_token"] != body["access_token"]


@pytest.mark.parametrize(
    ("key", "status"),
    [("refresh_token", "BAD_REFRESH_TOKEN"), ("client_id", "BAD_CLIENT_ID"), ("client_secret", "BAD_CLIENT_SECRET")],
)
def test_a_refused_refresh_says_whose_fault_it_is(hub: Portal, key: str, status: str) -> None:
    app = hub.state.options.oauth
    form = {"grant_type": "refresh_token", "client_id": app.client_id, "client_secret": app.client_secret,
            "refresh_token": app.refresh_token, key: "wrong"}  # fmt: skip
    answer = hub.call("POST", "/oauth/v3/token", None, data=form)
    assert (answer.status_code, answer.json()["status"]) == (400, status)


def test_a_revoked_token_is_unknown(hub: Portal) -> None:
    assert hub.call("GET", COMPANIES, DOOMED.value).status_code == 200
    hub.post("/_sandbox/revoke", {"token": DOOMED.value})
    assert hub.call("GET", COMPANIES, DOOMED.value).status_code == 401


def test_others_eat_the_burst_and_the_searches() -> None:
    with portal(accounts=5, burst=10, searches_per_second=5) as hub:
        hub.post("/_sandbox/spend", {"burst": 9, "searches": 4})
        first = hub.get(COMPANIES)
        assert (first.status_code, first.headers["x-hubspot-ratelimit-remaining"]) == (200, "0")
        refused = hub.get(COMPANIES)
        assert (refused.status_code, refused.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
        assert hub.post(f"{COMPANIES}/search", {}).status_code == 200
        refused = hub.post(f"{COMPANIES}/search", {})
        assert (refused.status_code, refused.json()["policyName"]) == (429, "SECONDLY")
        hub.clock.pass_by(10)
        assert hub.get(COMPANIES).status_code == 200


def _form(hub: Portal, refresh_token: str) -> dict[str, str]:
    app = hub.state.options.oauth
    return {"grant_type": "refresh_token", "client_id": app.client_id, "client_secret": app.client_secret,
            "refresh_token": refresh_token}  # fmt: skip


def test_a_rotated_refresh_token_kills_the_one_before_it() -> None:
    with portal(accounts=5, oauth=OAuthApp(rotates=True)) as hub:
        old = hub.state.options.oauth.refresh_token
        first = hub.call("POST", "/oauth/v3/token", None, data=_form(hub, old)).json()
        assert first["refresh_token"] != old
        dead = hub.call("POST", "/oauth/v3/token", None, data=_form(hub, old))
        assert (dead.status_code, dead.json()["status"]) == (400, "BAD_REFRESH_TOKEN")
        second = hub.call("POST", "/oauth/v3/token", None, data=_form(hub, first["refresh_token"]))
        assert second.status_code == 200
        hub.post("/_sandbox/revoke", {"token": second.json()["refresh_token"]})
        answer = hub.call("POST", "/oauth/v3/token", None, data=_form(hub, second.json()["refresh_token"]))
        assert answer.json()["status"] == "BAD_REFRESH_TOKEN"


def test_access_tokens_can_end_before_their_time(hub: Portal) -> None:
    body = hub.call("POST", "/oauth/v3/token", None, data=_form(hub, hub.state.options.oauth.refresh_token)).json()
    assert hub.call("GET", COMPANIES, body["access_token"]).status_code == 200
    assert hub.call("POST", "/_sandbox/expire", None).json()["expired"] >= 1
    late = hub.call("GET", COMPANIES, body["access_token"])
    assert (late.status_code, late.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert hub.get(COMPANIES).status_code == 200


def test_headers_that_are_too_large_are_answered_by_a_page(hub: Portal) -> None:
    hub.break_next("headers_too_large")
    answer = hub.get(COMPANIES)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (431, "text/html")
