"""Whole runs with Gainsight as the third system: in and out, together with the two CRMs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from config.errors import ConfigFileError
from config.limits import Limit
from config.settings import Settings
from dashboard.explanation import show_explanation
from store import check, failures
from store.frames import frame
from sync.deps import RunOptions
from sync.engine import run_undo
from sync.explain import explain_account
from sync.fields import fields_plan
from tests.flow.checker import assert_sound
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import Rig, rig, settings_data, time_passes

EVERYTHING = RunOptions(max_changes=Limit(share=1.0))


def companies(made: Rig) -> dict[str, dict[str, object]]:
    """The truth: companies as Gainsight has them."""
    assert made.crm.gainsight is not None
    return dict(made.crm.gainsight.tenant.tables["company"].rows)


def label(made: Rig, value: object) -> str | None:
    """The label of a picklist item."""
    assert made.crm.gainsight is not None
    found = (item for one in made.crm.gainsight.tenant.categories.values() for item in one.items)
    return next((item.label for item in found if item.gsid == value), None)


def test_three_systems_are_read_joined_and_written_and_then_nothing_is_left_to_do(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, salesforce=True, with_gainsight=True, store=either_store) as made:
        first = made.sync()
        assert (first.status, first.exit_code, first.reason) == ("complete", 0, None)
        assert first.plan is not None
        assert first.drift == 0
        assert first.to_dict()["pull"]["gainsight"]["companies"]["read"] == len(companies(made))
        scored = [one for one in companies(made).values() if one.get("CS_Lifecycle_Stage__gc")]
        assert len(scored) > len(companies(made)) / 2
        assert all(label(made, one["CS_Lifecycle_Stage__gc"]) for one in scored)
        assert_sound(made)
        assert check(made.settings.store) == []
        second = made.sync()
        assert (second.status, second.exit_code) == ("complete", 0)
        assert second.plan is not None
        assert second.plan.total("changes") == 0


def test_a_person_who_changed_a_value_keeps_it(tmp_path: Path) -> None:
    with rig(tmp_path, with_gainsight=True) as made:
        made.sync()
        gsid = next(one for one, row in sorted(companies(made).items()) if row.get("CS_Segment__gc"))
        made.person("edit", at="gainsight", object="Company", id=gsid, properties={"CS_Health_Reasons__gc": "my own"})
        made.person("edit", at="gainsight", object="Company", id=gsid, properties={"Arr": 1_234_567})
        again = made.sync()
        assert (again.exit_code, again.status) == (3, "partial")
        assert companies(made)[gsid]["CS_Health_Reasons__gc"] == "my own"
        assert_sound(made)


def test_what_is_deleted_counts_in_the_stream_that_had_it_and_in_no_other(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store) as made:
        made.sync()
        assert made.crm.gainsight is not None
        rows = made.crm.gainsight.tenant.tables["activity_timeline"].rows
        for kind in ("Call", "Update"):
            gone = next(one for one, row in sorted(rows.items()) if row["TypeName"] == kind)
            made.person("delete", at="gainsight", object="activity_timeline", id=gone)
        pulled = made.sync().pull["gainsight"]
        assert {name: pulled[name].deleted for name in ("meetings", "calls")} == {"meetings": 0, "calls": 1}
        assert pulled["meetings"].inserted == 0


def test_the_days_end_defers_the_run_and_the_next_one_goes_on(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store) as made:
        assert made.crm.gainsight is not None
        made.fault(at="gainsight", kind="too_many", method="PUT", times=0)
        clock = SkippingClock()
        report = made.sync(clock=clock, sleep=clock.sleep)
        assert (report.status, report.exit_code) == ("deferred", 75)
        assert report.apply["gainsight"].pending > 0
        made.heal("gainsight")
        with made.deps() as deps:
            time_passes(deps.store, 86_400)
        assert made.sync().status == "complete"
        assert_sound(made)


def test_a_key_generated_anew_in_the_middle_of_a_run_says_what_to_do(tmp_path: Path) -> None:
    with rig(tmp_path, with_gainsight=True) as made:
        made.fault(at="gainsight", kind="unauthorized", method="PUT", times=0)
        report = made.sync()
        assert report.exit_code == 6
        assert "generating it anew" in str(report.to_dict())
        made.heal("gainsight")
        assert made.sync().status == "complete"
        assert_sound(made)


def test_an_address_that_is_not_allowed_says_what_to_do(tmp_path: Path) -> None:
    with rig(tmp_path, with_gainsight=True) as made:
        made.person("allow_list", at="gainsight", ips=["203.0.113.7"])
        report = made.sync()
        assert report.exit_code == 6
        assert "allowed IP ranges" in str(report.to_dict())


def test_explain_names_the_system_behind_each_input(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, with_gainsight=True) as made:
        made.sync()
        gsid = next(one for one, row in sorted(companies(made).items()) if row["SfdcAccountId"] and row["Csm"])
        made.person("edit", at="gainsight", object="Company", id=gsid, properties={"Name": "As Gainsight has it"})
        made.sync()
        with made.deps() as deps:
            found = explain_account(deps, gsid)
        json.dumps(found)
        assert {one["connection"] for one in found["records"]} == {"hubspot", "salesforce", "gainsight"}
        inputs = {one["field"]: one for one in found["inputs"]["fields"]}
        assert inputs["name"]["others"]["gainsight"] == "As Gainsight has it"
        assert {one["connection"] for one in inputs.values()} >= {"hubspot", "salesforce"}
        assert found["inputs"]["records"]
        assert all(len(names) == 1 for names in found["inputs"]["records"].values()), "one CRM speaks for each kind"
        out = StringIO()
        show_explanation(Console(file=out, width=200), found)
        assert "As Gainsight has it" in out.getvalue()
        assert "others say" in out.getvalue()


def test_who_took_part_in_meetings_of_the_timeline_counts(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store) as made:
        data = settings_data(made.crm, made.settings.store)
        attendees = {"meeting": "ActivityId", "person": "ExternalAttendeeGsId"}
        data["connections"]["gainsight"]["timeline"] = {"attendees": attendees}
        made.settings = Settings(**data)
        made.sync()
        with made.deps() as deps, deps.store.read() as c:
            rows = frame(c, deps.workspace, "attendance").filter(pl.col("connection") == "gainsight")
        assert made.crm.gainsight is not None
        met = made.crm.gainsight.tenant.tables["activity_attendee"].rows.values()
        held = {one["Gsid"] for one in made.crm.gainsight.tenant.tables["activity_timeline"].rows.values()
                if one["TypeName"] == "In-Person Meeting"}  # fmt: skip
        wanted = {(one["ActivityId"], one["ExternalAttendeeGsId"]) for one in met if one["ExternalAttendeeGsId"]}
        assert set(rows.select("meeting_ref", "contact_ref").rows()) == {one for one in wanted if one[0] in held}
        assert rows.height > 3


def test_usage_of_a_custom_object_is_the_accounts_and_is_remembered_by_month(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store) as made:
        data = settings_data(made.crm, made.settings.store)
        usage = {"object": "usage_metrics__gc", "company": "Company__gc", "as_of": "As_Of__gc", "days": 3660}
        data["connections"]["gainsight"]["usage"] = usage
        mapped = {"users_active": "usage.Active_Users__gc", "usage_as_of": "usage.As_Of__gc"}
        made.settings = Settings(**data, fields={"gainsight": {"companies": mapped}})
        assert made.sync().status == "complete"
        assert made.crm.gainsight is not None
        rows = {row["Company__gc"]: row for row in made.crm.gainsight.tenant.tables["usage_metrics__gc"].rows.values()}
        assert remembered(made).keys() == {key for key, row in rows.items() if row["Active_Users__gc"] is not None}
        company, row = min(rows.items(), key=lambda one: str(one[0]))
        values = {"Active_Users__gc": 4711}
        made.person("edit", at="gainsight", object="usage_metrics__gc", id=row["Gsid"], properties=values)
        made.sync()
        assert remembered(made)[company] == 4711


def put_aside(made: Rig, *, but: int = 0) -> dict[str, dict[str, object]]:
    """Let Keepwell's fields be in rows of a custom object, one a company `but` for some; gives them by company."""
    data = settings_data(made.crm, made.settings.store)
    data["connections"]["gainsight"]["target"] = {"object": "ext_health_metric__gc", "company": "Company__gc"}
    made.settings = Settings(**data)
    made.provision()
    for gsid in sorted(companies(made))[but:]:
        values = {"Company__gc": gsid, "Measure__gc": "all"}
        made.person("create", at="gainsight", object="ext_health_metric__gc", properties=values)
    assert made.crm.gainsight is not None
    rows = made.crm.gainsight.tenant.tables["ext_health_metric__gc"].rows.values()
    return {str(row["Company__gc"]): row for row in rows}  # type: ignore[misc]


def test_fields_in_a_custom_object_are_written_kept_and_taken_back_as_those_of_company(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store, provision=False) as made:
        rows = put_aside(made)
        first = made.sync()
        assert (first.status, first.drift) == ("complete", 0)
        assert not any(name.startswith("CS_") for row in companies(made).values() for name in row)
        assert sum(row["CS_Lifecycle_Stage__gc"] is not None for row in rows.values()) > len(rows) / 2
        second = made.sync()
        assert second.plan is not None
        assert (second.status, second.plan.total("changes")) == ("complete", 0)
        edited = next(row for row in rows.values() if row["CS_Segment__gc"])
        values = {"CS_Health_Reasons__gc": "my own"}
        made.person("edit", at="gainsight", object="ext_health_metric__gc", id=edited["Gsid"], properties=values)
        made.person("edit", at="gainsight", object="Company", id=edited["Company__gc"], properties={"Arr": 1_234_567})
        assert made.sync().status == "partial"
        assert edited["CS_Health_Reasons__gc"] == "my own"
        assert made.run(lambda deps: run_undo(deps, first.run_id, EVERYTHING, agreed=lambda _: True)).undo is not None
        left = {name for row in rows.values() for name, value in row.items() if name.startswith("CS_") and value}
        assert left == {"CS_Health_Reasons__gc"}, "what a person wrote stays, all else is as it was"


def test_a_company_without_a_row_of_the_custom_object_is_told_and_the_others_are_written(tmp_path: Path) -> None:
    with rig(tmp_path, with_gainsight=True, provision=False) as made:
        rows = put_aside(made, but=1)
        report = made.sync()
        assert (report.status, report.exit_code) == ("partial", 3)
        with made.deps() as deps, deps.store.read() as c:
            found = failures.listed(c, deps.workspace)
        assert {one.record_id for one in found} == {min(companies(made))}
        assert all("has no row of this company" in one.reason for one in found)
        assert sum(row["CS_Lifecycle_Stage__gc"] is not None for row in rows.values()) > len(rows) / 2


def remembered(made: Rig) -> dict[object, object]:
    """Active users by company, as the readings of Gainsight's companies have them."""
    with made.deps() as deps, deps.store.read() as c:
        rows = frame(c, deps.workspace, "reading").filter(pl.col("connection") == "gainsight")
    return dict(rows.filter(pl.col("users_active").is_not_null()).select("account_ref", "users_active").rows())


def test_the_points_of_each_component_are_written_where_a_rule_of_the_tenant_reads_them(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store) as made:
        data = settings_data(made.crm, made.settings.store)
        plain = made.settings
        data["connections"]["gainsight"]["measures"] = {
            "business_value": "Value_Points__gc",
            "relationship": "CS_Ties__gc",
        }
        made.settings = Settings(**data)
        with made.deps() as deps:
            planned = {name: {one.property for one in found} for name, found in fields_plan(deps).items()}
        assert {"Value_Points__gc", "CS_Ties__gc"} <= planned["gainsight"]
        assert not any("measure" in one for one in planned["hubspot"])
        made.provision()
        assert made.sync().status == "complete"
        rows = [row for row in companies(made).values() if row.get("CS_Lifecycle_Stage__gc")]
        assert all(row.get("CS_Ties__gc") is None for row in rows if row.get("CS_Health_Score__gc") is None)
        points = [row["Value_Points__gc"] for row in rows if row.get("Value_Points__gc") is not None]
        scored = [float(str(one)) for one in points]
        assert len(set(scored)) > 3
        assert all(0 <= one <= 100 for one in scored)
        assert made.person("rule", at="gainsight", field="Value_Points__gc")["companies"] == len(scored)
        assert_sound(made)
        second = made.sync()
        assert second.plan is not None
        assert (second.status, second.plan.total("changes")) == ("complete", 0)
        made.settings = plain
        assert made.sync().status == "complete", "fields that are no more ours are left as they are"
        assert {row.get("Value_Points__gc") for row in companies(made).values()} >= set(points)


def test_a_component_that_the_framework_does_not_have_is_named_with_those_that_it_has(tmp_path: Path) -> None:
    with rig(tmp_path, with_gainsight=True) as made:
        data = settings_data(made.crm, made.settings.store)
        data["connections"]["gainsight"]["measures"] = {"usge": "Usage_Points__gc"}
        made.settings = Settings(**data)
        with pytest.raises(ConfigFileError, match="usge is no component of the score") as raised, made.deps():
            pass
        assert "usage" in str(raised.value)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("CS_Health_Score__gc", "is where health_score is written"),
        ("cs_health_score__gc", "is where health_score is written"),
        ("Own_Score__gc", "is read by the field map"),
    ],
)
def test_a_measure_needs_a_field_that_holds_nothing_else(tmp_path: Path, field: str, says: str) -> None:
    with rig(tmp_path, with_gainsight=True) as made:
        data = settings_data(made.crm, made.settings.store)
        data["connections"]["gainsight"]["measures"] = {"usage": field}
        made.settings = Settings(**data, fields={"gainsight": {"companies": {"external_score": "Own_Score__gc"}}})
        with pytest.raises(ConfigFileError, match=f"{field} {says}"), made.deps():
            pass


def test_gainsights_own_score_is_shown_beside_ours(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, with_gainsight=True, store=either_store) as made:
        data = settings_data(made.crm, made.settings.store)
        made.settings = Settings(
            **data, fields={"gainsight": {"companies": {"external_score": "CurrentScore__gr.Score"}}}
        )
        made.sync()
        gsid = next(one for one, row in sorted(companies(made).items()) if row["CurrentScore"])
        with made.deps() as deps:
            found = explain_account(deps, gsid)
        (score,) = [one for one in found["inputs"]["fields"] if one["field"] == "external_score"]
        assert score["connection"] == "gainsight"
        assert 0 <= score["value"] <= 100
        out = StringIO()
        show_explanation(Console(file=out, width=200), found)
        assert f"gainsight itself has {score['value']:g}." in out.getvalue()
