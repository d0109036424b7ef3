"""Whatever JSON or CSV comes back, it is data or a connector error: never a crash, never an endless loop."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.base import Change, Stream, Window
from connectors.errors import ConnectorError
from connectors.salesforce.connector import SalesforceConnector
from mapping.records import FieldSpec, Ref, ValueType
from tests.unit.connectors.salesforce_kit import ACCOUNT_FIELDS, account_id, connector

KEYS = (
    "records", "totalSize", "done", "nextRecordsUrl", "attributes", "Id", "Name", "SystemModstamp", "IsDeleted",
    "MasterRecordId", "CS_Health_Score__c", "ApiName", "MasterLabel", "IsClosed", "DefaultProbability", "WhoId",
    "EventId", "RelationId", "fields", "name", "type", "length", "picklistValues", "value", "sObjects", "count",
    "DailyApiRequests", "Max", "Remaining", "id", "state", "numberRecordsProcessed", "errorMessage", "success",
    "errors", "statusCode", "errorCode", "message", "user_id", "DeveloperName", "Field", "PermissionsRead",
)  # fmt: skip
LINK = "/services/data/v62.0/query/0r8xx0000000001AAA-2000"
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**13), st.floats(-2, 2), st.text(max_size=5),
    st.sampled_from([account_id(1), account_id(2), "2026-01-02T03:04:05.000+0000", LINK, "JobComplete", "Name", "5"]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8) | SCALARS, max_size=3)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "records": ROWS,
        "fields": ROWS,
        "sObjects": ROWS,
        "picklistValues": ROWS,
        "totalSize": SCALARS,
        "done": st.booleans(),
        "nextRecordsUrl": st.just(LINK),
        "id": st.just("750R0000000zlh9IAA"),
        "state": st.sampled_from(["JobComplete", "Failed", "Open"]),
        "numberRecordsProcessed": SCALARS,
        "DailyApiRequests": ANYTHING,
    },
)
SPECS = (FieldSpec("health_trend", ValueType.ENUM, "Trend", "Which way", options=(("up", "Up"),)),)
BATCH = [Change(Ref("salesforce", "Account", account_id(1)), {"CS_Health_Score__c": "1"})]


def pull(stream: Stream, since: datetime | None = None) -> Callable[[SalesforceConnector], object]:
    return lambda one: list(one.pages(stream, Window(since=since), [account_id(1)]))


ACCOUNTS = Stream("accounts", "account", properties=("Name",))
USES: dict[str, Callable[[SalesforceConnector], object]] = {
    "identity": lambda one: one.identity(),
    "checks": lambda one: one.checks(),
    "streams": lambda one: one.streams(),
    "full": pull(ACCOUNTS),
    "increment": pull(ACCOUNTS, datetime(2026, 3, 1, tzinfo=UTC)),
    "links": pull(Stream("events>contacts", "attendance", kind="links")),
    "owners": pull(Stream("owners", "owner", kind="reference")),
    "stages": pull(Stream("stages", "stage", kind="reference")),
    "write": lambda one: one.write(BATCH),
    "read_values": lambda one: one.read_values([BATCH[0].ref], ["Name"]),
    "fields": lambda one: one.fields().apply(one.fields().plan(SPECS)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(
    bodies=st.lists(ANYTHING | SHAPED, min_size=1, max_size=4),
    status=st.sampled_from([200, 200, 201, 400, 404]),
    described=st.booleans(),
    bulk=st.booleans(),
)
def test_any_json_is_data_or_a_connector_error(
    use: Callable[[SalesforceConnector], object], bodies: list[Any], status: int, described: bool, bulk: bool
) -> None:
    calls = 0

    def serve(request: Any) -> tuple[int, dict[str, str], str]:
        nonlocal calls
        calls += 1
        assert calls < 2_000
        kind = {"Content-Type": "application/json"}
        if request.url.endswith("/token"):
            return 200, kind, json.dumps({"access_token": "00Dx!y", "instance_url": "https://acme.my.salesforce.com"})
        if described and request.url.endswith("Account/describe"):
            return 200, kind, json.dumps({"fields": ACCOUNT_FIELDS})
        return status, {**kind, "Sforce-NumberOfRecords": "1"}, json.dumps(bodies[calls % len(bodies)])

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            mock.add_callback(method, re.compile(".*"), callback=serve)
        one = connector(pull={"bulk_from": 0 if bulk else 20_000})
        with suppress(ConnectorError):
            use(one)
