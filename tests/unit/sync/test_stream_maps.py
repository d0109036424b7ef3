"""The field map as connectors get it: what a CRM lacks when it has no property of a name."""

from __future__ import annotations

import pytest

from config.fieldmaps import load_field_map
from sync.assemble import stream_maps


@pytest.mark.parametrize(
    ("kind", "stream", "used", "idle"),
    [
        ("hubspot", "companies", "iic_date", "goals_set_date"),
        ("salesforce", "accounts", "IIC__c", "Goals_Set__c"),
    ],
)
def test_a_milestone_that_the_framework_does_not_name_is_read_where_it_is_and_lacks_nowhere(
    kind: str, stream: str, used: str, idle: str
) -> None:
    found = stream_maps(load_field_map(kind), recorded=("iic",))[stream]
    assert {used, idle} <= set(found.properties)
    assert (found.custom[used], found.custom[idle]) == (("ms.iic",), ())


def test_a_property_that_feeds_something_else_too_lacks_as_that() -> None:
    twice = {"companies": {"first_value_at": "goals_set_date"}}
    found = stream_maps(load_field_map("hubspot", twice))["companies"]
    assert "goals_set_date" in found.explicit
    assert found.custom.get("value_plan_ready_date") == ()
