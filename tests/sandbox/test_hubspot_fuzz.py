"""Whatever JSON a client sends, the portal answers with HubSpot's error envelope and never breaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal
from tests.sandbox.junk import JUNK, places, planted

COMPANY = "10000000007"
COMPANIES = f"{OBJECTS}/companies"
DEFINITION = {"name": "p", "label": "P", "type": "enumeration", "fieldType": "select",
              "groupName": "companyinformation", "options": [], "displayOrder": 1, "hasUniqueValue": False}  # fmt: skip
ROW = {"id": COMPANY, "properties": {"name": "x"}, "idProperty": "hs_object_id", "objectWriteTraceId": "1",
       "associations": [{"to": {"id": "1"}, "types": [{"associationTypeId": 342}]}]}  # fmt: skip
FILTER = {"propertyName": "features_licensed", "operator": "BETWEEN", "value": "1", "highValue": "2", "values": ["1"]}
SEARCH = {"filterGroups": [{"filters": [FILTER]}], "filters": [FILTER], "sorts": [{"propertyName": "name"}],
          "limit": 1, "after": "0", "properties": ["name"], "query": "x"}  # fmt: skip
LINK = {"from": {"id": COMPANY}, "to": {"id": "20000000003"}, "type": "company_to_deal",
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 342}]}  # fmt: skip
BATCH = {"inputs": [ROW], "properties": ["name"], "propertiesWithHistory": ["name"], "idProperty": None}
SOUND: dict[str, dict[str, Any]] = {
    COMPANIES: ROW,
    f"{COMPANIES}/search": SEARCH,
    f"{COMPANIES}/merge": {"primaryObjectId": "1", "objectIdToMerge": "2"},
    **{f"{COMPANIES}/batch/{verb}": BATCH for verb in ("read", "update", "upsert", "create")},
    "/crm/v3/properties/companies": DEFINITION,
    "/crm/v3/properties/companies/batch/create": {"inputs": [DEFINITION]},
    "/crm/v3/properties/companies/batch/read": {"inputs": [{"name": "name"}]},
    "/crm/v3/properties/companies/groups": {"name": "g", "label": "G", "displayOrder": 1},
    "/crm/v4/associations/companies/deals/batch/read": {"inputs": [{"id": COMPANY, "after": "MC0zLTE="}]},
    "/crm/v4/associations/companies/deals/batch/create": {"inputs": [LINK]},
    "/crm/v4/associations/companies/deals/batch/archive": {"inputs": [{**LINK, "to": [{"id": "1"}]}]},
    "/crm/v4/associations/companies/deals/batch/associate/default": {"inputs": [LINK]},
    **{
        f"/crm/v3/associations/companies/deals/batch/{verb}": {"inputs": [{**LINK, "id": COMPANY}]}
        for verb in ("read", "create", "archive")
    },
    f"{OBJECTS}/contacts/gdpr-delete": {"objectId": "1", "idProperty": "hs_object_id"},
    "/_sandbox/edit": {"object": "companies", "id": COMPANY, "properties": {"name": "x"}, "user": "1"},
    "/_sandbox/faults": {"faults": [{"kind": "slow", "path": "/none", "nth": 1, "seconds": 0}]},
    "/_sandbox/spend": {"requests": 1},
}
CASES = [(path, place) for path, body in SOUND.items() for place in places(body)]


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=15, daily=1 << 60) as served:
        yield served


@settings(max_examples=500, deadline=None)
@example(case=("/crm/v3/associations/companies/deals/batch/create", ("inputs", 0, "type")), junk="²")
@given(case=st.sampled_from(CASES), junk=JUNK)
def test_junk_anywhere_in_a_body_is_accepted_or_refused_but_breaks_nothing(
    hub: Portal, case: tuple[str, tuple[Any, ...]], junk: Any
) -> None:
    path, place = case
    answer = hub.post_raw(path, planted(SOUND[path], place, junk))
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.json()["status"] == "error"


@settings(max_examples=60, deadline=None)
@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "after", "properties", "associations", "archived", "idProperty"]),
        st.text(alphabet="0123456789abc,-é²%&= ", max_size=8),
    ),
    identity=st.sampled_from(["", "/1", f"/{COMPANY}", "/é", "/0x1", "/²"]),
)
def test_no_query_breaks_the_portal(hub: Portal, query: dict[str, str], identity: str) -> None:
    assert hub.get(f"{COMPANIES}{identity}", **query).status_code < 500
