"""Whatever JSON Gainsight sends, it is data or a connector error: never a crash, never an endless loop."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.base import Change, Stream, StreamMap, Window
from connectors.errors import ConnectorError
from connectors.gainsight.connector import GainsightConnector
from mapping.records import FieldSpec, Ref, ValueType
from tests.unit.connectors.gainsight_kit import ORIGIN, company_id, connector, let_describe

KEYS = (
    "result", "errorCode", "errorDesc", "data", "records", "count", "errors", "fieldName", "invalidValue", "Gsid",
    "Name", "ModifiedDate", "fields", "dataType", "options", "label", "value", "active", "meta", "length",
    "decimalPlaces", "readOnly", "lookupDetail", "lookupName", "lookupObjects", "objectName", "keyPrefix", "RecordId",
    "DeletedOn", "ObjectName", "title",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(-2, 2), st.text(max_size=5),
    st.sampled_from([company_id(1), company_id(2), "GSOBJ_1011", "GU_2400", "Company", "PICKLIST", "Name"]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8) | SCALARS, max_size=3)
SHAPED = st.fixed_dictionaries(
    {"result": st.booleans()},
    optional={
        "data": ROWS | st.fixed_dictionaries({"records": ROWS}) | st.lists(st.fixed_dictionaries({"fields": ROWS})),
        "errorCode": SCALARS,
        "errorDesc": SCALARS,
    },
)
SPECS = (FieldSpec("health_trend", ValueType.ENUM, "Trend", "Which way", options=(("up", "Up"),)),)
BATCH = [Change(Ref("gainsight", "Company", company_id(number)), {"CS_Health_Score__gc": "1"}) for number in (1, 2)]
COMPANIES = Stream("companies", "account", properties=("Name", "CS_Renewal_Status__gc", "RenewalDate"))
MAPS = {"companies": StreamMap("account", ("Name",), {"CurrentScore__gr.Score": ("external_score",)})}


def pull(stream: Stream, since: datetime | None = None) -> Callable[[GainsightConnector], object]:
    return lambda one: list(one.pages(stream, Window(since=since)))


USES: dict[str, Callable[[GainsightConnector], object]] = {
    "identity": lambda one: one.identity(),
    "checks": lambda one: one.checks(),
    "streams": lambda one: one.streams(),
    "full": pull(COMPANIES),
    "increment": pull(COMPANIES, datetime(2026, 3, 1, tzinfo=UTC)),
    "owners": pull(Stream("owners", "owner", kind="reference")),
    "lookup": lambda one: list(one.lookup(COMPANIES, [company_id(1)])),
    "write": lambda one: one.write(BATCH),
    "read_values": lambda one: one.read_values([BATCH[0].ref], ["Name"]),
    "last_changes": lambda one: one.last_changes([BATCH[0].ref], ["Name"]),
    "fields": lambda one: one.fields().apply(one.fields().plan(SPECS)),
    "schema": lambda one: one.schema(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(
    bodies=st.lists(ANYTHING | SHAPED, min_size=1, max_size=4),
    status=st.sampled_from([200, 200, 201, 400, 404]),
    described=st.booleans(),
)
def test_any_json_is_data_or_a_connector_error(
    use: Callable[[GainsightConnector], object], bodies: list[Any], status: int, described: bool
) -> None:
    answers = iter(range(10_000))

    def answer(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        turn = next(answers)
        assert turn < 300, "an endless loop"
        return status, {}, json.dumps(bodies[turn % len(bodies)])

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        if described:
            let_describe(mock)
        for method in ("GET", "POST", "PUT"):
            mock.add_callback(method, re.compile(f"{ORIGIN}/.*"), callback=answer, content_type="application/json")
        with suppress(ConnectorError):
            use(connector(maps=MAPS))
