from __future__ import annotations

from collections import Counter

import pytest

from connectors.base import Change
from connectors.errors import MissingScope
from mapping.records import FieldSpec, Ref, ValueType
from sandbox.hubspot.auth import ALL_SCOPES, PRIVATE_TOKEN, Token
from tests.contract.hubspot_kit import Box, portal

SPECS = (
    FieldSpec("health_score", ValueType.NUMBER, "Health score", "0 to 100", decimals=1),
    FieldSpec("health_band", ValueType.ENUM, "Health", "Colour", options=(("green", "Green"), ("red", "Red"))),
    FieldSpec("health_reasons", ValueType.TEXT, "Reasons", "Why", length=2000),
    FieldSpec("stage_entered_on", ValueType.DATE, "Since", "Day"),
    FieldSpec("scored_at", ValueType.DATETIME, "At", "Instant"),
)
VALUES = {
    "cs_health_score": "85.5",
    "cs_health_band": "green",
    "cs_health_reasons": 'Grüße, "quoted"\nنص 💚 =1+1',
    "cs_stage_entered_on": "2026-02-28",
    "cs_scored_at": "2026-11-22T12:00:00Z",
}


def refs(box: Box, count: int) -> list[Ref]:
    return [Ref("hubspot", "companies", one) for one in box.live()[:count]]


def provisioned(box: Box):
    connector = box.connect()
    connector.fields().apply(connector.fields().plan(SPECS))
    return connector


def test_every_type_is_written_read_back_and_cleared():
    with portal(accounts=20) as box:
        connector = provisioned(box)
        ref = refs(box, 1)[0]
        assert [one.kind for one in connector.write([Change(ref, VALUES)])] == ["confirmed"]
        assert connector.read_values([ref], list(VALUES))[0].values == VALUES
        assert [one.kind for one in connector.write([Change(ref, dict.fromkeys(VALUES))])] == ["confirmed"]
        assert connector.read_values([ref], list(VALUES))[0].values == dict.fromkeys(VALUES)


@pytest.mark.parametrize("traces", [True, False])
def test_bad_rows_cost_only_themselves(traces: bool):
    with portal(accounts=150, trace_ids_on_update=traces) as box:
        connector = provisioned(box)
        changes = [Change(ref, {"cs_health_band": "green"}) for ref in refs(box, 100)]
        changes[40] = Change(changes[40].ref, {"cs_health_band": "purple"})
        changes[41] = Change(changes[41].ref, {"cs_health_score": "1,5"})
        changes[42] = Change(changes[42].ref, {"cs_nowhere": "1"})
        before = connector.usage().requests
        outcomes = connector.write(changes)
        assert Counter(one.kind for one in outcomes) == {"confirmed": 97, "rejected": 3}
        assert [one.property for one in outcomes if one.kind == "rejected"] == [
            "cs_health_band",
            "cs_health_score",
            "cs_nowhere",
        ]
        assert connector.usage().requests - before <= (1 if traces else 30)


def test_a_hundred_changes_are_one_call_and_no_row_is_written_twice():
    with portal(accounts=150) as box:
        connector = provisioned(box)
        before, noted = connector.usage().requests, len(box.state.portal.journal.as_json(0))
        connector.write([Change(ref, {"cs_health_score": "50"}) for ref in refs(box, 100)])
        assert connector.usage().requests - before == 1
        effects = box.state.portal.journal.as_json(0)[noted:]
        assert len(effects) == len({effect["id"] for effect in effects}) == 100


def test_values_of_many_records_are_read_a_hundred_a_call():
    with portal(accounts=180) as box:
        connector = provisioned(box)
        wanted = refs(box, 150)
        before = connector.usage().requests
        seen = connector.read_values([*wanted, Ref("hubspot", "companies", "99")], ["name", "cs_nowhere"])
        assert [one.ref for one in seen] == [*wanted, Ref("hubspot", "companies", "99")]
        assert (seen[-1].missing, seen[-1].merged_into) == (True, None)
        assert all(set(one.values) == {"name"} for one in seen[:-1])
        # Two batches, the definitions (empty or unknown?), and one look for the lost record.
        assert connector.usage().requests - before <= 4


def test_a_token_without_the_schema_scope_may_not_create_properties():
    scopes = ALL_SCOPES - {"crm.schemas.companies.write"}
    with portal(accounts=10, tokens=(Token(PRIVATE_TOKEN, "keepwell", scopes),)) as box:
        fields = box.connect().fields()
        planned = fields.plan(SPECS)
        assert {finding.action for finding in planned} == {"create"}
        with pytest.raises(MissingScope, match=r"crm\.schemas\.companies\.write"):
            fields.apply(planned)


def test_fields_are_provisioned_once_and_grow_by_options():
    with portal(accounts=10) as box:
        fields = box.connect().fields()
        assert {one.action for one in fields.apply(fields.plan(SPECS))} == {"exists"}
        schema = box.state.portal.schemas["companies"]
        assert schema.groups["customer_success"].label == "Customer success"
        wider = FieldSpec("health_band", ValueType.ENUM, "Health", "Colour", options=(("blue", "Blue"),))
        assert [one.action for one in fields.plan([wider])] == ["create"]
        assert [one.action for one in fields.apply(fields.plan([wider]))] == ["exists"]
        assert [option["value"] for option in schema.properties["cs_health_band"].options] == ["green", "red", "blue"]


def test_an_archived_property_comes_back():
    with portal(accounts=10) as box:
        connector = provisioned(box)
        schema = box.state.portal.schemas["companies"]
        schema.archived["cs_health_score"] = schema.properties.pop("cs_health_score")
        findings = connector.fields().plan(SPECS)
        assert findings[0].detail.startswith("was archived")
        assert {one.action for one in connector.fields().apply(findings)} == {"exists"}
