"""Whatever JSON comes back, it is data or a connector error: never a crash, never an endless loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Change, Window
from connectors.errors import ConnectorError
from connectors.hubspot.connector import HubSpotConnector
from mapping.records import FieldSpec, Ref, ValueType
from tests.unit.connectors.hubspot_kit import answer, opened
from tests.unit.connectors.kit import FakeClock

KEYS = (
    "results",
    "id",
    "properties",
    "paging",
    "next",
    "after",
    "total",
    "errors",
    "context",
    "ids",
    "objectWriteTraceId",
    "message",
    "category",
    "from",
    "to",
    "toObjectId",
    "associationTypes",
    "typeId",
    "label",
    "stages",
    "metadata",
    "probability",
    "name",
    "type",
    "options",
    "portalId",
    "timeZone",
    "hs_lastmodifieddate",
    "hs_merged_object_ids",
    "updatedAt",
    "modificationMetadata",
    "value",
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**13), st.floats(-2, 2), st.text(max_size=5),
    st.sampled_from(["1", "row-0", "2026-01-02T03:04:05Z", "OBJECT_NOT_FOUND", "name", '[{"error": "X", "name": 3}]']),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
SHAPED = st.fixed_dictionaries(
    {"results": st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8), max_size=3)},
    optional={"total": st.integers(0, 3), "paging": ANYTHING, "errors": ANYTHING, "portalId": SCALARS},
)
SPECS = (FieldSpec("health_band", ValueType.ENUM, "Health", "Colour", options=(("green", "Green"),)),)


def pull(name: str, *, increment: bool = False) -> Callable[[HubSpotConnector], object]:
    def run(connector: HubSpotConnector) -> object:
        stream = next(one for one in connector.streams() if one.name == name)
        since = FakeClock().now() - timedelta(days=1) if increment else None
        return list(connector.pages(stream, Window(since=since), ["1", "2"]))

    return run


USES: dict[str, Callable[[HubSpotConnector], object]] = {
    "identity": lambda connector: connector.identity(),
    "checks": lambda connector: connector.checks(),
    "full": pull("deals"),
    "increment": pull("deals", increment=True),
    "links": pull("deals>companies"),
    "owners": pull("owners"),
    "stages": pull("deal_stages"),
    "write": lambda connector: connector.write([Change(Ref("crm", "companies", "1"), {"name": "x"})]),
    "read_values": lambda connector: connector.read_values([Ref("crm", "companies", "1")], ["name"]),
    "fields": lambda connector: connector.fields().apply(connector.fields().plan(SPECS)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies=st.lists(ANYTHING | SHAPED, min_size=1, max_size=4), status=st.sampled_from([200, 207, 400]))
def test_any_json_is_data_or_a_connector_error(use: Callable[[HubSpotConnector], object], bodies, status: int):
    calls = 0

    def handle(_request: object):
        nonlocal calls
        calls += 1
        assert calls < 2_000
        return answer(bodies[calls % len(bodies)], status)

    connector, _script, _clock = opened(handle)
    with suppress(ConnectorError):
        use(connector)
