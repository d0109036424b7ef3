"""Property definitions and groups of the HubSpot sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal

COMPANIES = "/crm/v3/properties/companies"
FIELD_MAP = Path(__file__).parents[2] / "config" / "fields" / "hubspot.yaml"
GRADE = {
    "name": "cs_band",
    "label": "Health band",
    "type": "enumeration",
    "fieldType": "select",
    "groupName": "customer_success",
    "description": "How the account is doing",
    "options": [
        {"label": "Green", "value": "green", "displayOrder": 0, "hidden": False},
        {"label": "Red", "value": "red", "displayOrder": 1, "hidden": False},
    ],
}


@pytest.fixture
def hub() -> Iterator[Portal]:
    with portal(accounts=6) as served:
        assert served.post(f"{COMPANIES}/groups", {"name": "customer_success", "label": "CS"}).status_code == 201
        yield served


def define(hub: Portal, **changes: Any) -> Any:
    return hub.post(COMPANIES, {**GRADE, **changes})


def test_the_portal_has_the_account_facts_and_none_of_keepwells_own_properties() -> None:
    with portal(accounts=0) as hub:
        mapped = yaml.safe_load(FIELD_MAP.read_text())
        for kind, sections in mapped.items():
            names = {p["name"] for p in hub.get(f"/crm/v3/properties/{kind}").json()["results"]}
            assert not {name for name in names if name.startswith("cs_")}
            # Portals call what a survey asks by different names; this one has the first of each.
            others = {"survey_type", "hs_response_value", "survey_score"}
            missing = {text for text in targets(sections) if not text.startswith("cs_") and "." not in text} - names
            missing -= others
            assert missing == set(), kind


def targets(sections: dict[str, Any]) -> Iterator[str]:
    for section in ("fields", "custom"):
        for target in sections.get(section, {}).values():
            if isinstance(target, str):
                yield target
            elif "property" in target:
                yield target["property"]
            else:
                yield from target.get("first_of", [])
                yield from (name for rule in target.get("rules", []) for name in rule["when"])


def test_a_new_property_can_be_read_written_and_found_at_once(hub: Portal) -> None:
    made = define(hub)
    assert (made.status_code, made.headers["location"].endswith("/cs_band")) == (201, True)
    read = hub.get(f"{COMPANIES}/cs_band").json()
    assert read == made.json()
    assert (read["hubspotDefined"], read["calculated"], read["archived"]) == (False, False, False)
    assert read["modificationMetadata"]["readOnlyValue"] is False
    one = f"{OBJECTS}/companies/{hub.ids(count=1)[0]}"
    assert hub.get(one, properties="cs_band").json()["properties"]["cs_band"] is None
    assert hub.patch(one, {"properties": {"cs_band": "Green"}}).status_code == 400
    assert hub.patch(one, {"properties": {"cs_band": "green"}}).status_code == 200
    found = hub.post(
        f"{OBJECTS}/companies/search", {"filters": [{"propertyName": "cs_band", "operator": "EQ", "value": "green"}]}
    )
    assert found.json()["total"] == 1


def test_a_name_that_exists_is_a_conflict_alone_and_an_error_in_a_batch(hub: Portal) -> None:
    define(hub)
    again = define(hub)
    assert (again.status_code, again.json()["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    assert again.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    batch = hub.post(f"{COMPANIES}/batch/create", {"inputs": [GRADE, {**GRADE, "name": "cs_other"}]})
    assert batch.status_code == 207
    assert [p["name"] for p in batch.json()["results"]] == ["cs_other"]
    assert batch.json()["errors"][0]["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    assert batch.json()["errors"][0]["context"] == {"name": ["cs_band"]}
    new = hub.post(f"{COMPANIES}/batch/create", {"inputs": [{**GRADE, "name": "cs_third"}]})
    assert new.status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""}, {"name": "Bad Name"}, {"name": "hs_mine"}, {"label": None}, {"type": "text"},
        {"fieldType": "number"}, {"type": "datetime", "fieldType": "datetime"}, {"groupName": "nowhere"},
        {"options": [{"label": "A", "value": "a"}, {"label": "B", "value": "a"}]}, {"options": [{"value": "a"}]},
    ],
)  # fmt: skip
def test_a_definition_that_does_not_hold_together_is_refused(hub: Portal, changes: dict[str, Any]) -> None:
    assert define(hub, **changes).status_code == 400


def test_options_are_replaced_as_a_whole_and_kept_when_not_given(hub: Portal) -> None:
    define(hub)
    hub.patch(f"{COMPANIES}/cs_band", {"label": "Band"})
    kept = hub.get(f"{COMPANIES}/cs_band").json()
    assert (kept["label"], [o["value"] for o in kept["options"]]) == ("Band", ["green", "red"])
    hub.patch(f"{COMPANIES}/cs_band", {"options": [{"label": "Blue", "value": "blue", "hidden": False}]})
    assert [o["value"] for o in hub.get(f"{COMPANIES}/cs_band").json()["options"]] == ["blue"]
    assert hub.patch(f"{COMPANIES}/industry", {"fieldType": "radio"}).status_code == 400


def test_an_archived_property_disappears_and_is_revived_by_its_name(hub: Portal) -> None:
    define(hub)
    assert hub.call("DELETE", f"{COMPANIES}/cs_band").status_code == 204
    assert hub.get(f"{COMPANIES}/cs_band").json()["category"] == "OBJECT_NOT_FOUND"
    assert hub.get(f"{COMPANIES}/cs_band", archived="true").json()["archived"] is True
    one = f"{OBJECTS}/companies/{hub.ids(count=1)[0]}"
    assert "cs_band" not in hub.get(one, properties="cs_band").json()["properties"]
    assert define(hub, label="Again").status_code == 201
    assert hub.get(f"{COMPANIES}/cs_band").json()["label"] == "Again"
    assert hub.call("DELETE", f"{COMPANIES}/name").status_code == 400
    assert hub.call("DELETE", f"{COMPANIES}/nothing").status_code == 404


def test_groups_can_be_changed_and_go_only_when_empty(hub: Portal) -> None:
    group = f"{COMPANIES}/groups/customer_success"
    assert hub.patch(group, {"label": "Success"}).json()["label"] == "Success"
    assert hub.post(f"{COMPANIES}/groups", {"name": "customer_success", "label": "x"}).status_code == 409
    define(hub)
    refused = hub.call("DELETE", group)
    assert refused.status_code == 400
    assert "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES" in refused.json()["message"]
    hub.post(f"{COMPANIES}/batch/archive", {"inputs": [{"name": "cs_band"}]})
    assert hub.call("DELETE", group).status_code == 204
    assert hub.get(group).status_code == 404


def test_batch_read_lists_unknown_names(hub: Portal) -> None:
    body = hub.post(f"{COMPANIES}/batch/read", {"archived": False, "inputs": [{"name": "name"}, {"name": "nope"}]})
    assert (body.status_code, [p["name"] for p in body.json()["results"]]) == (207, ["name"])


def test_definitions_say_what_cannot_be_written(hub: Portal) -> None:
    listed = {p["name"]: p for p in hub.get("/crm/v3/properties/deals").json()["results"]}
    assert listed["hs_is_closed_won"]["calculated"] is True
    assert listed["hs_is_closed_won"]["modificationMetadata"]["readOnlyValue"] is True
    assert listed["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
    assert listed["amount"]["modificationMetadata"]["readOnlyValue"] is False
    assert listed["hubspot_owner_id"]["referencedObjectType"] == "OWNER"


def test_limits_count_custom_properties_and_hold() -> None:
    with portal(accounts=0, custom_property_limit=130) as hub:
        before = hub.get("/crm/v3/limits/custom-properties").json()["byObjectType"][0]
        room = before["limit"] - before["usage"]
        definitions = [{**GRADE, "groupName": "companyinformation", "name": f"p{n}"} for n in range(room + 1)]
        statuses = [hub.post(COMPANIES, definition).status_code for definition in definitions]
        assert statuses == [201] * room + [400]
        assert hub.get("/crm/limits/2026-09/custom-properties").json()["byObjectType"][0]["usage"] == before["limit"]
