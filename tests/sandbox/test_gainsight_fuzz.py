"""Whatever JSON a client sends, the tenant answers in the envelope and stores nothing that it refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox.gainsight.ids import gsid
from tests.sandbox.gainsight_tenant import COMPANY, OBJECTS, Tenant, tenant, where
from tests.sandbox.junk import JUNK, places, planted

ONE, USER = gsid("company", 1), gsid("gsuser", "integration")
LOOKUP = {"fields": {"Mail": "Email"}, "lookupField": "Gsid", "objectName": "gsuser", "multiMatchOption": "FIRSTMATCH",
          "onNoMatch": "NULLABLE", "defaultValue": None}  # fmt: skip
NEW = {"Arr": 1, "Stage": "Adopting", "RenewalDate": "2027-01-01", "Tags": ["Beta"], "Mail": "x@y.example",
       "Ext_Health_Band__gc": "green", "SfdcAccountId": "001000000000001", "Summary": "x", "Csm": USER}  # fmt: skip
ROW = {**NEW, "Gsid": ONE}
CONDITIONS = [
    {"name": name, "fieldName": name, "alias": alias, "operator": operator, "value": value}
    for alias, (name, operator, value) in zip(
        "ABCDEF",
        [("Arr", "BTW", [1, 2]), ("Name", "CONTAINS", ["x"]), ("Stage", "IN", ["Adopting"]),
         ("Tags", "INCLUDES", ["Beta"]), ("ModifiedDate", "GTE", ["2026-01-01T00:00:00Z"]),
         ("Csm__gr.Email", "EQ", ["x"])],
        strict=True,
    )
]  # fmt: skip
WHERE = {"conditions": CONDITIONS, "expression": "A AND (B OR C) OR D AND E OR F"}
QUERY = {"select": ["Gsid", "Csm__gr.Email"], "where": WHERE,
         "orderBy": {"ModifiedDate": "asc", "Arr": "desc"}, "limit": 3, "offset": 0}  # fmt: skip
CALL = {"referenceId": "1", "Name": "x", "CompanyId": ONE, "OwnerId": USER, "DueDate": "2027-01-01", "type": "Risk",
        "status": "New", "priority": "High", "reason": "Other", "Comments": "x", "Gsid": "x"}  # fmt: skip
ACTIVITY = {"ExternalId": "e", "ContextName": "Company", "TypeName": "Update", "Subject": "s", "Notes": "n",
            "ActivityDate": "2026-07-01T06:36:00.000-07:00", "AuthorId": USER, "GsCompanyId": ONE,
            "internalAttendees": ["x"]}  # fmt: skip
LATELY = where("ModifiedDate", "BTW", "2026-01-01", "2026-02-01", key="fieldName")
LISTED = {"select": ["Gsid", "CompanyId__gr.Csm__gr.Email"], "pageSize": 5, "pageNumber": 1, "where": LATELY}
SOUND: dict[tuple[str, str], Any] = {
    ("POST", f"{OBJECTS}/query/Company"): QUERY,
    ("POST", COMPANY): {"records": [{**NEW, "Name": "x"}], "lookups": {"Csm": LOOKUP}},
    ("PUT", f"{COMPANY}?keys=Gsid"): {"records": [ROW, ROW], "lookups": {"Csm": LOOKUP}},
    ("PUT", f"{COMPANY}?keys=Name,Arr"): {"records": [{**ROW, "Name": "x"}]},
    ("POST", "/v1/meta/services/objects/describe"): {"objectNames": ["Company"]},
    ("POST", "/v2/cockpit/cta"): {"requests": [{"record": CALL}], "lookups": {"OwnerId": LOOKUP}},
    ("PUT", "/v2/cockpit/cta"): {"requests": [{"record": CALL}]},
    ("POST", "/v2/cockpit/cta/list"): LISTED,
    ("POST", "/v2/successPlan"): {"requests": [{"record": {**CALL, "SuccessPlanType": "ROI"}}]},
    ("POST", "/v1/ant/es/activity"): {"records": [ACTIVITY], "lookups": {"AuthorId": LOOKUP}},
    ("PUT", "/v1/ant/es/activity?identifier=gsid"): {"records": [{**ACTIVITY, "Gsid": "x"}]},
    ("PUT", "/v1/peoplemgmt/v1.0/people"): {"Email": "x@y.example", "companies": [{"Company_ID": ONE, "Title": "x"}]},
    ("POST", "/v1/users/services/list"): {"select": ["Name"], "limit": 1, "page": 0, "includeTotal": True,
                                          "orderBy": {"Name": "asc"}, "where": None},
    ("POST", "/_sandbox/edit"): {"object": "company", "id": ONE, "properties": {"Arr": 2}},
    ("POST", "/_sandbox/create"): {"object": "company", "properties": {"Name": "x"}},
    ("POST", "/_sandbox/field"): {"object": "company", "name": "N__gc", "type": "PICKLIST", "options": ["a"]},
    ("POST", "/_sandbox/faults"): {"faults": [{"kind": "slow", "path": "/none", "nth": 1, "seconds": 0}]},
}  # fmt: skip
CASES = [(target, place) for target, body in SOUND.items() for place in places(body)]


@pytest.fixture(scope="module")
def gs() -> Iterator[Tenant]:
    endless = dict.fromkeys(
        ("timeline_per_minute", "plans_per_minute", "per_day", "users_per_hour", "users_per_day"), 1 << 60
    )
    with tenant(accounts=12, timeline_batch=5, **endless) as served:
        yield served


@settings(max_examples=600, deadline=None)
@example(case=(("POST", f"{OBJECTS}/query/Company"), ("where", "conditions", 0, "alias")), junk={})
@given(case=st.sampled_from(CASES), junk=JUNK)
def test_junk_anywhere_in_a_body_is_answered_and_a_refusal_stores_nothing(
    gs: Tenant, case: tuple[tuple[str, str], tuple[Any, ...]], junk: Any
) -> None:
    (method, path), place = case
    before = len(gs.state.tenant.journal.effects)
    body = json.dumps(planted(SOUND[method, path], place, junk)).encode()
    answer = gs.call(method, path, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400}, answer.text
    told = answer.json()
    if not path.startswith("/_sandbox"):
        assert told["requestId"]
        assert told["result"] or told["errorDesc"]
    if answer.status_code == 400:
        assert len(gs.state.tenant.journal.effects) == before


@pytest.mark.parametrize(("method", "path"), SOUND)
def test_the_sound_bodies_reach_what_they_are_for(gs: Tenant, method: str, path: str) -> None:
    told = gs.call(method, path, json=SOUND[method, path]).json()
    assert "error" not in told
    assert told.get("errorCode") in {None, "GSOBJ_1008", "GSOBJ_1011"}  # a second insert, and keys that find nothing
