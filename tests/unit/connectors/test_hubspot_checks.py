from __future__ import annotations

from connectors.base import Check, StreamMap
from connectors.http import Answer
from connectors.hubspot.transport import Request
from tests.unit.connectors.hubspot_kit import MAPS, answer, definitions, opened, refusal, rows

ACCOUNT = {"portalId": 42, "timeZone": "Europe/Copenhagen"}
ALL = {**MAPS, "meetings": StreamMap("meeting", ("hs_meeting_title",))}


def findings(
    overrides: dict[str, Answer], *, defined=("name", "arr_property", "dealname", "hs_meeting_title"), maps=ALL
):
    def handle(request: Request) -> Answer:
        for part, reply in overrides.items():
            if part in request.path:
                return reply
        if "account-info" in request.path:
            return answer(ACCOUNT)
        if "properties" in request.path:
            return answer(definitions(*defined))
        if request.path.endswith("batch/update"):
            assert request.body == {"inputs": []}
            return refusal(400, "VALIDATION_ERROR", "at least one")
        return answer(rows())

    connector, _script, _clock = opened(handle, maps=maps)
    return {check.name: check for check in connector.checks()}


def statuses(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.status for name, check in checks.items() if check.status != "ok"}


def test_a_good_connection_has_only_good_findings():
    checks = findings({})
    assert statuses(checks) == {}
    assert checks["credentials"].detail == "portal 42, time zone Europe/Copenhagen"
    assert "does not say" in checks["quota"].detail
    headers = {"x-hubspot-ratelimit-daily": "1000", "x-hubspot-ratelimit-daily-remaining": "321"}
    assert "requests left today" in findings({"owners": answer(rows(), 200, headers)})["quota"].detail


def test_a_clock_that_disagrees_with_hubspots_is_a_warning():
    assert findings({})["clock"].status == "ok"
    dated = answer(ACCOUNT, 200, {"date": "Sat, 01 Jan 2000 00:00:00 GMT"})
    wrong = findings({"account-info": dated})["clock"]
    assert wrong.status == "warning"
    assert wrong.detail.endswith("s away from HubSpot's clock")
    assert "Synchronise" in wrong.hint


def test_a_wrong_token_is_the_only_finding():
    checks = findings({"account-info": refusal(401, "INVALID_AUTHENTICATION", "not found")})
    assert statuses(checks) == {"credentials": "error"}
    assert len(checks) == 1
    assert "access token" in checks["credentials"].hint


def test_each_missing_permission_is_named_with_its_scope():
    needs = refusal(403, "MISSING_SCOPES", errors=[{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}])
    checks = findings({"objects/deals": needs, "batch/update": refusal(403, "MISSING_SCOPES")})
    assert statuses(checks) == {"read deals": "error", "write companies": "error"}
    assert "crm.objects.deals.read" in checks["read deals"].hint


def test_an_optional_object_type_is_only_a_warning():
    assert statuses(findings({"objects/meetings": refusal(403, "MISSING_SCOPES")})) == {"read meetings": "warning"}


def test_missing_properties_are_errors_and_missing_custom_ones_are_told():
    checks = findings({}, defined=("dealname", "hs_meeting_title"))
    assert statuses(checks) == {"properties of companies": "error"}
    assert "missing: name" in checks["properties of companies"].detail
    checks = findings({}, defined=("name", "dealname", "hs_meeting_title"))
    assert statuses(checks) == {}
    assert "arr" in checks["properties of companies"].detail


def test_unreadable_definitions_are_told():
    checks = findings({"properties": refusal(403, "MISSING_SCOPES", "no schema")}, maps=MAPS)
    assert statuses(checks) == {"properties of companies": "error", "properties of deals": "error"}


def test_a_crm_that_is_down_for_a_moment_is_not_a_wrong_configuration():
    checks = findings({"owners": Answer(503, {}, b"", proven=True)})
    assert statuses(checks) == {"read owners": "warning"}
