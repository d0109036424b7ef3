"""Pages for CRM users say what each field means, as it is now and by the name that it has in the CRM."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.errors import ConfigFileError
from config.frameworks import load_framework_file, shipped_frameworks
from connectors.hubspot.settings import HubSpotSettings
from connectors.salesforce.metadata import property_name
from connectors.salesforce.package import Target, write
from connectors.salesforce.settings import SalesforceSettings
from dashboard.fieldguide import GROUPS, field_guide, save_guide
from dashboard.handbook import escaped
from mapping.framework import load_framework
from mapping.outputs import output_fields, override_fields
from mapping.records import ValueType
from tests.unit.mapping.portfolio import f4, shipped

DOCS = Path(__file__).resolve().parents[2] / "docs" / "crm-users"


@pytest.mark.parametrize("name", shipped_frameworks())
def test_the_page_of_a_framework_is_as_the_command_writes_it(name: str) -> None:
    hint = f"keepwell framework docs {name} --for crm-users --out docs/crm-users/{name}.md"
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == field_guide(load_framework_file(name)), hint


@pytest.mark.parametrize("name", shipped_frameworks())
def test_every_field_and_option_is_on_the_page_once_by_its_names_in_the_crms(name: str) -> None:
    framework = load_framework_file(name)
    page = field_guide(framework)
    lower, upper = (kind.model_fields["property_prefix"].default for kind in (HubSpotSettings, SalesforceSettings))
    for spec in (*output_fields(framework), *override_fields()):
        assert page.count(f"HubSpot `{lower}{spec.name}`") == 1, spec.name
        assert f"Salesforce `{property_name(spec, upper)}`" in page
        section = page.split(f"### {escaped(spec.label)}\n")[1].split("\n#")[0]
        assert escaped(spec.description) in section
        if spec.type is ValueType.ENUM:
            shown = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[1:]
            assert shown == [escaped(label) for _, label in spec.options], "in the order of the CRM"
    titles = [title for title, _ in GROUPS]
    assert re.findall(r"^## (.*)$", page, re.MULTILINE)[:-1] == titles


def test_every_value_of_the_default_framework_says_what_it_means() -> None:
    lacking = {
        (spec.name, value)
        for spec in output_fields(f4())
        if spec.type is ValueType.ENUM and spec.name != "escalation_level"
        for value, _ in spec.options
        if value not in dict(spec.meanings)
    }
    assert lacking == set()
    meanings = dict(next(spec.meanings for spec in output_fields(f4()) if spec.name == "next_touch_type"))
    assert (meanings["welcome_call"], meanings["business_review"]) == ("Once, within 7 days", "Every 3 months")


def test_bands_of_any_number_have_their_colours_from_green_to_red() -> None:
    raw = shipped()
    raw["score"]["bands"] = [{"id": name, "min": least} for name, least in (("a", 80), ("b", 60), ("c", 40), ("d", 0))]
    raw["renewal"]["red_bands"] = ["d"]
    raw["escalation"], raw["alerts"], raw["kpis"] = None, [], []
    (band,) = [spec for spec in output_fields(load_framework(raw, "ours")) if spec.name == "health_band"]
    assert [colour for _, colour in band.colours] == ["#2E844A", "#DD7A01", "#DD7A01", "#BA0517", "#939393"]
    assert [value for value, _ in band.colours] == [value for value, _ in band.options]


def test_text_of_a_framework_does_not_act_and_a_file_of_somebody_is_left_alone(tmp_path: Path) -> None:
    raw = shipped()
    raw["title"] = raw["stages"][0]["label"] = raw["stages"][0]["meaning"] = "<script>|`x` # y"
    page = field_guide(load_framework(raw, "ours"))
    assert "<script>" not in page
    path = tmp_path / "page.md"
    save_guide(f4(), path)
    save_guide(f4(), path)
    assert path.read_text(encoding="utf-8") == field_guide(f4())
    path.write_text("Notes of somebody.\n", encoding="utf-8")
    with pytest.raises(ConfigFileError, match="is no page that this command wrote"):
        save_guide(f4(), path)
    assert path.read_text(encoding="utf-8") == "Notes of somebody.\n"
    with pytest.raises(ConfigFileError, match="cannot be written"):
        save_guide(f4(), tmp_path / "none" / "page.md")


def test_the_guides_for_administrators_name_every_field_and_view_and_no_others(tmp_path: Path) -> None:
    framework = load_framework_file("cradle_to_grave")
    specs = (*output_fields(framework), *override_fields())
    hubspot = (DOCS / "hubspot.md").read_text(encoding="utf-8")
    salesforce = (DOCS / "salesforce.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`cs_([a-z_]+)`", hubspot)) == {spec.name for spec in specs}
    assert set(re.findall(r"`(CS_\w+__c)`", salesforce)) == {property_name(spec, "CS_") for spec in specs}
    fields = {property_name(spec, "CS_"): spec for spec in specs}
    made = {
        path.name.partition(".")[0]
        for path in write(tmp_path, Target("Account", "Account"), fields, "Keepwell_Write", "62.0")
    }
    assert set(re.findall(r"`(Keepwell\w*)`", salesforce)) == {name for name in made if name.startswith("Keepwell")}
    for label in ("On track", "Due", "At risk", "Projected to churn - Down sell", "Churned", "Unknown", "Declining"):
        assert f"*{label}*" in hubspot
        assert any(label == shown for spec in specs for _, shown in spec.options)
