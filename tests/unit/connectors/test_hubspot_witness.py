"""Who set a value in HubSpot, by histories of every shape."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import LastChange
from connectors.http import Answer
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.transport import Request
from mapping.records import Ref
from tests.unit.connectors.hubspot_kit import TOKEN, Script, answer, opened, refusal

APP = 8151242
OURS = {"value": "61", "timestamp": "2026-11-20T10:00:00.000Z", "sourceType": "INTEGRATION", "sourceId": str(APP)}
WHOSE = {"userId": 1, "hubId": 2, "appId": APP, "scopes": []}
REF = Ref("crm", "companies", "7")


def portal(versions: Any, about_the_token: Answer | None = None, **settings: object) -> tuple[HubSpotConnector, Script]:
    def handle(request: Request) -> Answer:
        if request.path.startswith("/oauth"):
            return about_the_token or answer(WHOSE)
        ids = [str(one["id"]) for one in request.body["inputs"]]  # type: ignore[index]
        kept = {"score": versions} if versions is not None else {}
        return answer({"results": [{"id": one, "properties": {}, "propertiesWithHistory": kept} for one in ids]})

    connector, script, _clock = opened(handle, **settings)
    return connector, script


def told(versions: Any, about_the_token: Answer | None = None) -> LastChange:
    connector, _script = portal(versions, about_the_token)
    return connector.last_changes([REF], ["score"])[0]


def test_only_the_id_of_our_own_app_in_an_integration_is_ours():
    assert told([OURS]).by == "ours"
    assert told([{**OURS, "sourceId": "5670736"}]).by == "somebody"
    assert told([{**OURS, "sourceType": "CRM_UI"}]).by == "somebody"
    assert told([{**OURS, "sourceId": ""}]).by == "somebody"
    assert told([{key: value for key, value in OURS.items() if key != "sourceId"}]).by == "somebody"


def test_the_newest_version_counts_wherever_it_stands():
    person = {"value": "70", "timestamp": "2026-11-21T10:00:00Z", "sourceType": "CRM_UI", "sourceId": "userId:12345"}
    for versions in ([person, OURS], [OURS, person]):
        found = told(versions)
        assert (found.by, found.kind, found.who, found.value) == ("somebody", "person", "12345", "70")
        assert found.at is not None
        assert found.at.isoformat() == "2026-11-21T10:00:00+00:00"


@pytest.mark.parametrize(
    ("source", "source_id", "kind", "who"),
    [
        ("AUTOMATION_PLATFORM", "enrollmentId:9", "workflow", "enrollmentId:9"),
        ("IMPORT", "3", "import", "3"),
        ("MOBILE_IOS", "userId:5", "person", "5"),
        ("MERGE_COMPANIES", "", "merge_companies", "77"),
    ],
)
def test_other_sources_are_named(source: str, source_id: str, kind: str, who: str):
    found = told([{**OURS, "sourceType": source, "sourceId": source_id, "updatedByUserId": 77}])
    assert (found.by, found.kind, found.who) == ("somebody", kind, who)


@pytest.mark.parametrize(
    "versions", [None, [], "nothing", [17], [{**OURS, "timestamp": "soon"}], [OURS, {"value": "1"}]]
)
def test_a_history_that_does_not_say_what_came_last_tells_nothing(versions: Any):
    assert told(versions) == LastChange(REF, "score")


def test_without_our_apps_number_nothing_is_ours():
    for about in (
        refusal(401, "EXPIRED_AUTHENTICATION"),
        refusal(403, "MISSING_SCOPES"),
        refusal(404, "OBJECT_NOT_FOUND"),
        refusal(400, "VALIDATION_ERROR"),
        answer({"active": False}),
    ):
        found = told([OURS], about)
        assert (found.by, found.kind, found.who) == ("somebody", "integration", str(APP))


def test_our_app_is_asked_for_once_and_only_when_an_integration_wrote():
    connector, script = portal([OURS])
    refs = [Ref("crm", "companies", str(number)) for number in range(1, 121)]
    found = connector.last_changes([*refs, refs[0]], ["score"])
    assert [one.ref for one in found] == [*refs, refs[0]]
    assert {one.by for one in found} == {"ours"}
    sizes = [len(request.body["inputs"]) for request in script.requests if "inputs" in (request.body or {})]  # type: ignore[index]
    assert sizes == [50, 50, 20]
    asked = [request for request in script.requests if request.path.startswith("/oauth")]
    assert [(one.method, one.path, one.body) for one in asked] == [
        ("POST", "/oauth/v2/private-apps/get/access-token-info", {"tokenKey": TOKEN})
    ]

    connector, script = portal([{**OURS, "sourceType": "CRM_UI", "sourceId": "userId:1"}])
    connector.last_changes(refs[:1], ["score"])
    assert [path for path in script.paths() if path.startswith("/oauth")] == []


def test_an_oauth_app_asks_with_its_own_secrets():
    grants = {"access_token": "short", "expires_in": 1800, "refresh_token": "again"}
    seen: list[Request] = []

    def handle(request: Request) -> Answer:
        seen.append(request)
        if request.path.endswith("/introspect"):
            return answer({"active": True, "app_id": APP})
        if request.path.endswith("/token"):
            return answer(grants)
        return answer({"results": [{"id": "7", "properties": {}, "propertiesWithHistory": {"score": [OURS]}}]})

    oauth = {"client_id": "abc", "client_secret": "hush", "refresh_token": "again"}
    connector, _script, _clock = opened(handle, oauth=oauth, api_version="2026-03")
    assert connector.last_changes([REF], ["score"])[0].by == "ours"
    asked = next(request for request in seen if request.path.endswith("/introspect"))
    assert asked.path == "/oauth/2026-03/token/introspect"
    assert dict(asked.form) == {
        "client_id": "abc",
        "client_secret": "hush",
        "token": "short",
        "token_type_hint": "access_token",
    }
