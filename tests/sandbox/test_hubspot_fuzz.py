"""Whatever JSON a client sends, the portal answers with HubSpot's error envelope and never breaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.hubspot_portal import Portal, portal

KEYS = st.sampled_from(
    ["inputs", "id", "properties", "filterGroups", "filters", "propertyName", "operator", "value", "values", "sorts",
     "limit", "after", "name", "label", "type", "fieldType", "groupName", "options", "displayOrder", "associations",
     "idProperty", "objectWriteTraceId", "primaryObjectId", "objectIdToMerge", "query", "to", "types", "object"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "x", "1", "-1", "name", "hs_lastmodifieddate", "EQ", "IN", "BETWEEN", "string", "text", "companyinformation",
     "10000000007", "deals", "associations.deal", "hs_num_open_deals"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**53) | st.floats() | WORDS | st.text(max_size=5)
BODIES = st.recursive(
    LEAVES, lambda child: st.lists(child, max_size=3) | st.dictionaries(KEYS, child, max_size=5), max_leaves=14
)
POSTS = [
    "/crm/v3/objects/companies",
    "/crm/v3/objects/companies/search",
    "/crm/v3/objects/companies/merge",
    "/crm/v3/objects/companies/batch/read",
    "/crm/v3/objects/companies/batch/update",
    "/crm/v3/objects/companies/batch/upsert",
    "/crm/v3/objects/companies/batch/create",
    "/crm/v3/objects/companies/batch/archive",
    "/crm/v3/properties/companies",
    "/crm/v3/properties/companies/groups",
    "/crm/v3/properties/companies/batch/create",
    "/crm/v3/properties/companies/batch/read",
    "/crm/v4/associations/companies/deals/batch/read",
    "/_sandbox/edit",
    "/_sandbox/faults",
    "/_sandbox/spend",
]


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=15, daily=1 << 60) as served:
        yield served


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(POSTS), body=st.dictionaries(KEYS, BODIES, max_size=6) | BODIES)
def test_no_body_breaks_the_portal(hub: Portal, path: str, body: Any) -> None:
    answer = hub.post_raw(path, body)
    assert answer.status_code < 500, (path, answer.text)
    if answer.status_code >= 400:
        assert answer.json()["status"] == "error"


@settings(max_examples=60, deadline=None)
@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "after", "properties", "associations", "archived", "idProperty"]),
        st.text(alphabet="0123456789abc,-é%&= ", max_size=8),
    ),
    identity=st.sampled_from(["", "/1", "/10000000007", "/é", "/0x1", "/١"]),
)
def test_no_query_breaks_the_portal(hub: Portal, query: dict[str, str], identity: str) -> None:
    assert hub.get(f"/crm/v3/objects/companies{identity}", **query).status_code < 500
