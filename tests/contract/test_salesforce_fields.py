"""Keepwell's own fields in the sandbox org: planned, created, granted, compared, exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from config.frameworks import load_framework_file
from connectors.base import Change, FieldFinding
from connectors.errors import ConfigError, MissingScope
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.metadata import definition
from dashboard.terminal import definitions_answer
from mapping.outputs import output_fields, override_fields
from mapping.records import FieldSpec, Ref, ValueType
from sync.errors import UsageError
from sync.fields import fields_export
from tests.contract.salesforce_org import Org, org

SCORE = FieldSpec("health_score", ValueType.NUMBER, "Health score", "How well the customer is.", decimals=1)
BAND = FieldSpec(
    "health_band", ValueType.ENUM, "Health band", "The score as a colour.", options=(("green", "Green"), ("red", "Red"))
)
REASONS = FieldSpec("health_reasons", ValueType.TEXT, "Health <reasons> & more", "Why.", length=1000)
STAGE = FieldSpec("lifecycle_stage", ValueType.TEXT, "Stage", "Where the customer is.", length=80)
ENTERED = FieldSpec("stage_entered_on", ValueType.DATE, "Stage entered on", "When.")
SCORED = FieldSpec("scored_at", ValueType.DATETIME, "Scored at", "When.")
OVERRIDE = FieldSpec("override_reason", ValueType.TEXT, "Override reason", "Set by a person.", writable=False)
SPECS = (SCORE, BAND, REASONS, STAGE, ENTERED, SCORED, OVERRIDE)


SPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}


def parsed(path: Path) -> ET.Element:
    return ET.parse(path).getroot()  # noqa: S314 (our own)


def text(root: ET.Element, name: str) -> str:
    return root.findtext(f"m:{name}", "", SPACE)


def actions(findings: list[FieldFinding]) -> dict[str, str]:
    return {finding.property: finding.action for finding in findings}


def admin(one: Org, connector: SalesforceConnector, name: str, metadata: dict[str, Any]) -> None:
    """An admin makes a field by hand; like every new field it is hidden until it is granted."""
    client = connector._client
    body = {"FullName": f"Account.{name}", "Metadata": {"label": name, **metadata}}
    client.send("POST", "tooling/sobjects/CustomField", json=body)


def test_names_follow_the_prefix() -> None:
    with org() as one:
        assert one.connector().fields().property_name(SCORE) == "CS_Health_Score__c"
        assert one.connector(property_prefix="KW_").fields().property_name(ENTERED) == "KW_Stage_Entered_On__c"


def test_fields_are_created_granted_and_usable_and_a_second_run_changes_nothing() -> None:
    with org() as one:
        connector = one.connector()
        fields = connector.fields()
        planned = fields.plan(SPECS)
        assert set(actions(planned).values()) == {"create"}
        after = fields.apply(planned)
        assert set(actions(after).values()) == {"exists"}
        assert {finding.detail for finding in after} == {"created"}
        before = connector.usage().requests
        assert fields.apply(fields.plan(SPECS)) == fields.plan(SPECS)
        assert connector.usage().requests - before == 3, "three looks, no change"
        ref = Ref("salesforce", "Account", min(one.live("Account")))
        values = {
            "CS_Health_Score__c": "72.5",
            "CS_Health_Band__c": "red",
            "CS_Health_Reasons__c": "a & b",
            "CS_Lifecycle_Stage__c": "Growth",
            "CS_Stage_Entered_On__c": "2026-02-01",
            "CS_Scored_At__c": "2026-02-01T03:04:05Z",
        }
        assert [o.kind for o in connector.write([Change(ref, values)])] == ["confirmed"]
        override = [Change(ref, {"CS_Override_Reason__c": "mine"})]
        assert connector.write(override)[0].kind == "rejected", "what people own is granted for reading only"


def test_new_fields_are_seen_by_a_connection_that_described_before() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        connector.fields().apply(connector.fields().plan([SCORE]))
        ref = Ref("salesforce", "Account", min(one.live("Account")))
        assert connector.write([Change(ref, {"CS_Health_Score__c": "1"})])[0].kind == "confirmed"
        assert connector.read_values([ref], ["CS_Health_Score__c"])[0].values == {"CS_Health_Score__c": 1}


@pytest.mark.parametrize(
    ("spec", "metadata", "said"),
    [
        (SCORE, {"type": "Text", "length": 20}, "not a number"),
        (SCORE, {"type": "Number", "precision": 5, "scale": 0}, "decimals"),
        (SCORE, {"type": "Number", "precision": 3, "scale": 2}, "digits before"),
        (STAGE, {"type": "Text", "length": 40}, "40 characters"),
        (STAGE, {"type": "Date"}, "not text"),
        (ENTERED, {"type": "DateTime"}, "not date"),
        (
            BAND,
            {
                "type": "Picklist",
                "valueSet": {
                    "restricted": True,
                    "valueSetDefinition": {"sorted": False, "value": [{"valueName": "green", "label": "Green"}]},
                },
            },
            "lacks the values red",
        ),
    ],
)
def test_a_field_of_another_shape_is_a_conflict(spec: FieldSpec, metadata: dict[str, Any], said: str) -> None:
    with org() as one:
        connector = one.connector()
        fields = connector.fields()
        admin(one, connector, fields.property_name(spec), metadata)
        hidden = fields.plan([spec])
        assert actions(hidden) == {fields.property_name(spec): "unreadable"}
        (finding,) = fields.apply(hidden)
        assert finding.action == "conflict"
        assert said in finding.detail


def test_a_field_that_fits_is_taken_as_it_is() -> None:
    with org() as one:
        connector = one.connector()
        admin(one, connector, "CS_Health_Score__c", {"type": "Percent", "precision": 6, "scale": 2})
        fields = connector.fields()
        assert actions(fields.apply(fields.plan([SCORE]))) == {"CS_Health_Score__c": "exists"}


def test_two_runs_at_once_end_with_one_field() -> None:
    with org() as one:
        first, second = one.connector().fields(), one.connector().fields()
        planned = second.plan([SCORE])
        first.apply(first.plan([SCORE]))
        assert actions(second.apply(planned)) == {"CS_Health_Score__c": "exists"}


@pytest.mark.parametrize("path", ["*/tooling/sobjects/CustomField", "*/sobjects/PermissionSet"])
def test_a_user_who_may_not_is_told_about_the_package(path: str) -> None:
    with org() as one:
        connector = one.connector()
        planned = connector.fields().plan([SCORE])
        body = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights"}]
        one.fault("status", path, method="POST", status=403, body=body, times=0)
        with pytest.raises(MissingScope) as caught:
            connector.fields().apply(planned)
        assert "fields export" in caught.value.hint


def test_the_package_grants_what_it_makes(tmp_path: Path) -> None:
    with org() as one:
        files = one.connector().fields().export(SPECS, tmp_path / "package")
    names = {str(file.relative_to(tmp_path / "package")) for file in files}
    root = "force-app/main/default"
    assert "sfdx-project.json" in names
    assert f"{root}/objects/Account/fields/CS_Health_Score__c.field-meta.xml" in names
    space = {"m": "http://soap.sforce.com/2006/04/metadata"}
    read = {path.name: ET.parse(path).getroot() for path in files if path.suffix == ".xml"}  # noqa: S314 (our own)
    score = read["CS_Health_Score__c.field-meta.xml"]
    assert (score.findtext("m:type", None, space), score.findtext("m:scale", None, space)) == ("Number", "1")
    assert read["CS_Health_Reasons__c.field-meta.xml"].findtext("m:label", None, space) == REASONS.label
    band = read["CS_Health_Band__c.field-meta.xml"]
    assert [one.text for one in band.iterfind(".//m:value/m:fullName", space)] == ["green", "red"]
    grants = read["Keepwell_Write.permissionset-meta.xml"].findall("m:fieldPermissions", space)
    editable = {g.findtext("m:field", None, space): g.findtext("m:editable", None, space) for g in grants}
    assert len(editable) == len(SPECS)
    assert editable["Account.CS_Health_Score__c"] == "true"
    assert editable["Account.CS_Override_Reason__c"] == "false"


def test_the_package_has_exactly_the_fields_that_would_be_created_with_order_colours_and_meanings(
    tmp_path: Path,
) -> None:
    framework = load_framework_file("cradle_to_grave")
    specs = (*output_fields(framework), *override_fields())
    with org() as one:
        connector = one.connector()
        after = connector.fields().apply(connector.fields().plan(specs))
        assert set(actions(after).values()) == {"exists"}, "the API takes the same definitions"
        files = connector.fields().export(specs, tmp_path)
        names = {connector.fields().property_name(spec): spec for spec in specs}
        wanted = {name: definition(spec) for name, spec in names.items()}
    read = {}
    for path in files:
        if path.name.endswith(".field-meta.xml"):
            root = parsed(path)
            assert root.tag == f"{{{SPACE['m']}}}CustomField"
            read[text(root, "fullName")] = root
    assert set(read) == set(wanted)
    for name, root in read.items():
        flat = {child.tag.rpartition("}")[2]: child.text for child in root if not len(child)}
        shape = {key: value for key, value in wanted[name].items() if key != "valueSet"}
        assert flat == {"fullName": name} | {key: _as_xml(value) for key, value in shape.items()}
        values = [
            {part.tag.rpartition("}")[2]: part.text for part in value} for value in root.iterfind(".//m:value", SPACE)
        ]
        listed = wanted[name].get("valueSet", {}).get("valueSetDefinition", {}).get("value", [])
        assert values == [
            {("fullName" if key == "valueName" else key): _as_xml(one) for key, one in entry.items()}
            for entry in listed
        ]
        assert all(len(entry.get("description", "")) <= 255 for entry in listed)
    band = read["CS_Health_Band__c"]
    assert [one.text for one in band.iterfind(".//m:value/m:color", SPACE)] == [
        "#2E844A", "#DD7A01", "#BA0517", "#939393",
    ]  # fmt: skip


def _as_xml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_package_has_list_views_and_a_compact_layout_of_its_own_fields(tmp_path: Path) -> None:
    specs = (*output_fields(load_framework_file("cradle_to_grave")), *override_fields())
    with org() as one:
        files = one.connector(property_prefix="KW_").fields().export(specs, tmp_path)
    ours = {path.name.removesuffix(".field-meta.xml") for path in files if path.name.endswith(".field-meta.xml")}
    home = tmp_path / "force-app/main/default/objects/Account"
    views = {path.name: parsed(path) for path in files if path.parent == home / "listViews"}
    assert set(views) == {
        f"Keepwell_{name}.listView-meta.xml" for name in ("Customers", "Lowest_Health", "Renewals", "Touches")
    }
    for name, view in views.items():
        assert f"{text(view, 'fullName')}.listView-meta.xml" == name
        assert len(text(view, "label")) < 40, "Salesforce takes no longer one"
        columns = [one.text for one in view.iterfind("m:columns", SPACE)]
        assert columns[:2] == ["ACCOUNT.NAME", "CORE.USERS.ALIAS"]
        assert set(columns[2:]) <= ours
        assert text(view, "filters/m:field") in ours
        assert text(view, "filterScope") == "Everything"
    value = {name: view.findtext("m:filters/m:value", None, SPACE) for name, view in views.items()}
    assert value["Keepwell_Lowest_Health.listView-meta.xml"] == "red"
    assert value["Keepwell_Customers.listView-meta.xml"] is None
    (layout,) = [parsed(path) for path in files if path.parent == home / "compactLayouts"]
    shown = [one.text for one in layout.iterfind("m:fields", SPACE)]
    assert shown[0] == "Name"
    assert len(shown) == 10
    assert set(shown[1:]) <= ours
    assert not list(tmp_path.rglob("*.object-meta.xml")), "which layout an object uses stays the admin's choice"


def test_one_form_is_written_into_the_folder_itself(tmp_path: Path) -> None:
    with org() as one:
        deps: Any = SimpleNamespace(connectors={"first": one.connector()}, specs_of=lambda _: SPECS)
        (made,) = fields_export(deps, tmp_path / "p", "sfdx")
        assert (made.connection, made.folder) == ("first", tmp_path / "p")
        assert tmp_path / "p" / "sfdx-project.json" in made.files
        (whole,) = fields_export(deps, tmp_path / "all")
        assert {path.relative_to(tmp_path / "all" / "first") for path in whole.files} == {
            path.relative_to(tmp_path / "p") for path in made.files
        }
        deps.connectors["second"] = one.connector()
        with pytest.raises(UsageError, match="several connections take it: first, second"):
            fields_export(deps, tmp_path / "q", "sfdx")
        with pytest.raises(UsageError, match=r"no connection takes it.*can be sfdx here"):
            fields_export(deps, tmp_path / "q", "csv")
    assert not (tmp_path / "q").exists()


def test_what_tasks_need_goes_into_the_same_project_and_every_file_is_listed_once(tmp_path: Path) -> None:
    with org() as one:
        connectors = {"first": one.connector(tasks={"alerts": "all"})}
        deps: Any = SimpleNamespace(connectors=connectors, specs_of=lambda _: SPECS)
        exports = fields_export(deps, tmp_path / "p", "sfdx")
    assert [made.folder for made in exports] == [tmp_path / "p"] * 2
    listed = definitions_answer(exports).data["files"]["first"]
    there = {str(path) for path in (tmp_path / "p").rglob("*") if path.is_file()}
    assert (set(listed), len(listed)) == (there, len(there))
    folders = {path.parent.parent.name for path in (tmp_path / "p").rglob("*.field-meta.xml")}
    assert folders == {"Account", "Activity"}
    assert len(list((tmp_path / "p").rglob("*.permissionset-meta.xml"))) == 2


def test_fields_that_are_not_there_make_no_view_of_them(tmp_path: Path) -> None:
    with org() as one:
        files = one.connector().fields().export([STAGE, ENTERED], tmp_path)
    assert [path.name for path in files if path.parent.name == "listViews"] == []
    (layout,) = [path for path in files if path.parent.name == "compactLayouts"]
    assert [one.text for one in parsed(layout).iterfind("m:fields", SPACE)] == ["Name", "CS_Lifecycle_Stage__c"]


def test_an_export_is_repeatable_and_leaves_other_folders_alone(tmp_path: Path) -> None:
    with org() as one:
        fields = one.connector().fields()
        folder = tmp_path / "package"
        first = {path: path.read_bytes() for path in fields.export(SPECS, folder)}
        assert {path: path.read_bytes() for path in fields.export(SPECS, folder)} == first
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("keep")
        (tmp_path / "link").symlink_to(folder)
        for taken in (tmp_path / "mine", tmp_path / "link", tmp_path / "mine" / "notes.txt"):
            with pytest.raises(ConfigError):
                fields.export(SPECS, taken)


def test_a_spec_that_outgrew_its_field_is_a_conflict() -> None:
    with org() as one:
        fields = one.connector().fields()
        fields.apply(fields.plan([BAND]))
        grown = replace(BAND, options=(*BAND.options, ("unknown", "Unknown")))
        (finding,) = fields.plan([grown])
        assert (finding.action, "unknown" in finding.detail) == ("conflict", True)
