from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import MissingScope
from connectors.http import Answer
from connectors.hubspot.transport import Request
from mapping.records import FieldSpec, ValueType
from tests.unit.connectors.hubspot_kit import answer, opened, refusal

SCORE = FieldSpec("health_score", ValueType.NUMBER, "Health score", "0 to 100", decimals=1)
BAND = FieldSpec("health_band", ValueType.ENUM, "Health", "Colour", options=(("green", "Green"), ("red", "Red")))
REASONS = FieldSpec("health_reasons", ValueType.TEXT, "Reasons", "Why", length=2000)
ON = FieldSpec("stage_entered_on", ValueType.DATE, "Since", "Day")
AT = FieldSpec("scored_at", ValueType.DATETIME, "At", "Instant")
OVERRIDE = FieldSpec("override_reason", ValueType.TEXT, "Override", "Why", writable=False)
EXISTS = {
    "category": "OBJECT_ALREADY_EXISTS",
    "subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS",
    "message": "exists",
}


class Portal:
    """The properties endpoints over a dict of definitions."""

    def __init__(self, *there: dict[str, object], archived: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> None:
        self.there = {str(one["name"]): one for one in there}
        self.archived = archived
        self.groups = list(groups)
        self.writes: list[Request] = []
        self.refuse: dict[str, Answer] = {}
        self.batches = True

    def __call__(self, request: Request) -> Answer:
        tail = request.path.partition("/properties/companies")[2]
        if request.method == "GET":
            return answer({"results": self.listed(tail, dict(request.query))})
        self.writes.append(request)
        if tail in self.refuse:
            return self.refuse[tail]
        if tail == "/groups":
            self.groups.append(str(request.body["name"]))  # type: ignore[index]
            return answer(request.body, 201)
        if tail == "/batch/create":
            return self.create_batch(request)
        if request.method == "PATCH":
            self.there[tail[1:]] |= request.body  # type: ignore[operator]
            return answer(self.there[tail[1:]])
        return self.create(request.body)  # type: ignore[arg-type]

    def listed(self, tail: str, query: dict[str, str]) -> list[dict[str, object]]:
        if tail == "/groups":
            return [{"name": name} for name in self.groups]
        return [{"name": name} for name in self.archived] if query.get("archived") else list(self.there.values())

    def create_batch(self, request: Request) -> Answer:
        if not self.batches:
            return refusal(400, "VALIDATION_ERROR", "one of them is wrong")
        results, errors = [], []
        for item in request.body["inputs"]:  # type: ignore[index]
            if item["name"] in self.there:
                errors.append(EXISTS)
            else:
                assert item["groupName"] in self.groups
                self.there[item["name"]] = item
                results.append(item)
        return answer({"results": results, "errors": errors}, 207 if errors else 201)

    def create(self, item: dict[str, object]) -> Answer:
        if item["name"] == "cs_health_band":
            return refusal(400, "VALIDATION_ERROR", "too many properties")
        self.there[str(item["name"])] = item
        return answer(item, 201)


def provisioner(portal: Portal, **settings: object):
    connector, _script, _clock = opened(portal, **settings)
    return connector.fields()


def actions(findings) -> list[str]:
    return [finding.action for finding in findings]


def test_everything_is_created_in_one_call_and_only_once():
    portal = Portal()
    fields = provisioner(portal)
    specs = [SCORE, BAND, REASONS, ON, AT, OVERRIDE]
    assert actions(fields.plan(specs)) == ["create"] * 6
    made = fields.apply(fields.plan(specs))
    assert [(one.action, one.detail) for one in made] == [("exists", "created")] * 6
    assert [request.path.rpartition("/")[2] for request in portal.writes] == ["groups", "create"]
    again = fields.apply(fields.plan(specs))
    assert [(one.action, one.detail) for one in again] == [("exists", "")] * 6
    assert len(portal.writes) == 2


@pytest.mark.parametrize(
    ("spec", "kind", "field_type"),
    [
        (SCORE, "number", "number"),
        (BAND, "enumeration", "select"),
        (REASONS, "string", "textarea"),
        (OVERRIDE, "string", "text"),
        (ON, "date", "date"),
        (AT, "datetime", "date"),
    ],
)
def test_types_are_hubspots(spec: FieldSpec, kind: str, field_type: str):
    portal = Portal(groups=("customer_success",))
    fields = provisioner(portal)
    fields.apply(fields.plan([spec]))
    made = portal.there[f"cs_{spec.name}"]
    assert (made["type"], made["fieldType"], made["groupName"]) == (kind, field_type, "customer_success")
    assert (made["label"], made["description"]) == (spec.label, spec.description)


def test_prefix_and_group_are_configurable():
    portal = Portal()
    fields = provisioner(portal, access_token="pat-na1-12345678", property_prefix="kw_", property_group="keepwell")
    assert fields.property_name(SCORE) == "kw_health_score"
    fields.apply(fields.plan([SCORE]))
    assert (portal.groups, list(portal.there)) == (["keepwell"], ["kw_health_score"])


def test_another_type_or_a_read_only_value_is_a_conflict_that_is_left_alone():
    portal = Portal(
        {"name": "cs_health_score", "type": "string"},
        {"name": "cs_scored_at", "type": "datetime", "modificationMetadata": {"readOnlyValue": True}},
        {"name": "cs_stage_entered_on", "type": "date", "calculated": True},
        {"name": "cs_override_reason", "type": "string", "modificationMetadata": {"readOnlyValue": True}},
    )
    fields = provisioner(portal)
    findings = fields.apply(fields.plan([SCORE, AT, ON, OVERRIDE]))
    assert actions(findings) == ["conflict", "conflict", "conflict", "exists"]
    assert findings[0].detail == "is there with type string, needed is number"
    assert portal.writes == []


def test_missing_options_are_added_behind_those_of_the_portal():
    own = {"value": "grey", "label": "Grey", "hidden": True, "displayOrder": 0, "description": "made by a person"}
    portal = Portal(
        {"name": "cs_health_band", "type": "enumeration", "options": [own, {"value": "red", "label": "Rot"}]}
    )
    fields = provisioner(portal)
    planned = fields.plan([BAND])
    assert (actions(planned), planned[0].detail) == (["create"], "options to add: green")
    assert actions(fields.apply(planned)) == ["exists"]
    options = portal.there["cs_health_band"]["options"]
    assert [option["value"] for option in options] == ["grey", "red", "green"]  # type: ignore[attr-defined]
    assert options[0] == own  # type: ignore[index]


def test_options_come_in_order_and_with_their_meanings():
    told = replace(BAND, meanings=(("red", "At risk"),), colours=(("red", "#BA0517"),))
    portal = Portal()
    fields = provisioner(portal)
    fields.apply(fields.plan([told]))
    options = portal.there["cs_health_band"]["options"]
    keys = ("value", "description", "displayOrder")
    assert [tuple(one[key] for key in keys) for one in options] == [("green", "", 0), ("red", "At risk", 1)]  # type: ignore[attr-defined]
    assert all("color" not in one for one in options), "the API has no such key"  # type: ignore[attr-defined]


def test_an_archived_property_is_revived_and_the_plan_says_so():
    fields = provisioner(Portal(archived=("cs_health_score",)))
    planned = fields.plan([SCORE])
    assert planned[0].detail == "was archived and comes back with our definition"
    assert actions(fields.apply(planned)) == ["exists"]


def test_properties_that_somebody_else_made_meanwhile_are_no_failure():
    portal = Portal(groups=("customer_success",))
    fields = provisioner(portal)
    planned = fields.plan([SCORE, ON])
    portal.there["cs_health_score"] = {"name": "cs_health_score", "type": "number"}
    assert actions(fields.apply(planned)) == ["exists", "exists"]


def test_a_refused_batch_is_created_one_by_one():
    portal = Portal()
    portal.batches = False
    fields = provisioner(portal)
    findings = fields.apply(fields.plan([SCORE, BAND]))
    assert actions(findings) == ["exists", "conflict"]
    assert findings[1].detail == "HubSpot refused it: too many properties"


def test_a_missing_scope_is_named():
    portal = Portal()
    portal.refuse["/groups"] = refusal(403, "MISSING_SCOPES")
    fields = provisioner(portal)
    with pytest.raises(MissingScope, match=r"crm\.schemas\.companies\.write") as caught:
        fields.apply(fields.plan([SCORE]))
    assert caught.value.scopes == ("crm.schemas.companies.write",)


def test_definitions_that_may_not_be_read_are_unreadable():
    fields = provisioner(lambda _request: refusal(403, "MISSING_SCOPES", "no schema scope"))
    findings = fields.plan([SCORE])
    assert (findings[0].action, "no schema scope" in findings[0].detail) == ("unreadable", True)


def test_a_group_that_appears_meanwhile_is_no_failure():
    portal = Portal(groups=())
    portal.refuse["/groups"] = refusal(409, "OBJECT_ALREADY_EXISTS")
    portal.there |= {"cs_x": {"name": "cs_x"}}
    fields = provisioner(portal)
    planned = fields.plan([SCORE])
    portal.batches = False  # the stub's batch wants the group to be listed
    assert actions(fields.apply(planned)) == ["exists"]
