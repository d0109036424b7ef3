"""Reading raw records: HubSpot's texts, Salesforce's JSON types, and what neither should send."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from mapping.fieldmap import FieldMap, FieldMapError
from mapping.normalise import Normalised, attendance_row, normalise, primary_target
from mapping.records import ENTITIES, Link, RawRecord

MAPS = Path(__file__).parents[3] / "config" / "fields"


def field_map(name: str, override: dict[str, Any] | None = None) -> FieldMap:
    return FieldMap.parse(yaml.safe_load((MAPS / f"{name}.yaml").read_text(encoding="utf-8")), override)


def read(crm: str, stream: str, override: dict[str, Any] | None = None, **properties: Any) -> Normalised:
    return normalise(RawRecord("1", properties), field_map(crm, override).streams[stream], crm)


@pytest.mark.parametrize(
    ("stream", "field", "prop", "raw", "value"),
    [
        ("hubspot/companies", "name", "name", "  Müller\u202e & Søn\x00 ", "Müller\u202e & Søn"),
        ("hubspot/companies", "name", "name", "   ", None),
        ("hubspot/companies", "employees", "numberofemployees", "120", 120),
        ("hubspot/companies", "arr", "annual_recurring_revenue", "199999.99", Decimal("199999.99")),
        ("salesforce/accounts", "arr", "ARR__c", 199999.99, Decimal("199999.99")),
        ("hubspot/companies", "go_live_at", "go_live_date", "2025-03-28", date(2025, 3, 28)),
        ("hubspot/companies", "go_live_at", "go_live_date", "1743120000000", date(2025, 3, 28)),
        (
            "hubspot/companies",
            "created_at",
            "createdate",
            "2025-03-28T10:11:12.345Z",
            datetime(2025, 3, 28, 10, 11, 12, 345000, UTC),
        ),
        (
            "hubspot/companies",
            "created_at",
            "createdate",
            "2025-03-28T10:11:12Z",
            datetime(2025, 3, 28, 10, 11, 12, 0, UTC),
        ),
        (
            "salesforce/accounts",
            "created_at",
            "CreatedDate",
            "2026-01-02T03:04:05.000+0000",
            datetime(2026, 1, 2, 3, 4, 5, 0, UTC),
        ),
        (
            "salesforce/accounts",
            "created_at",
            "CreatedDate",
            "2026-01-02T03:04:05+0130",
            datetime(2026, 1, 2, 1, 34, 5, 0, UTC),
        ),
        ("hubspot/companies", "strategic_flag", "strategic_account", "true", True),
        ("salesforce/accounts", "strategic_flag", "Strategic_Account__c", False, False),
        ("salesforce/accounts", "strategic_flag", "Strategic_Account__c", "1", True),
        ("salesforce/accounts", "employees", "NumberOfEmployees", "1.2E2", 120),
        ("hubspot/companies", "roi_realised", "roi_realised", "-0", 0.0),
        ("hubspot/companies", "go_live_at", "go_live_date", 1743120000000, date(2025, 3, 28)),
        ("hubspot/companies", "domain", "domain", "https://www.shop.Acme.co.uk/x?y", "acme.co.uk"),
        ("hubspot/companies", "reference_status", "reference_status", "Not asked", "not_asked"),
        ("salesforce/opportunities", "probability", "Probability", 75, 0.75),
        ("hubspot/deals", "probability", "hs_deal_stage_probability", "0.2", 0.2),
        ("hubspot/deals", "kind", "pipeline", "Renewals", "renewal"),
        ("salesforce/opportunities", "kind", "Type", "New Customer", "new"),
        ("salesforce/opportunities", "kind", "Type", "Unheard of", None),
        ("hubspot/meetings", "outcome", "hs_meeting_outcome", "NO_SHOW", "no_show"),
        ("hubspot/calls", "outcome", "hs_call_status", "NO_ANSWER", "no_answer"),
        ("hubspot/calls", "direction", "hs_call_direction", "INBOUND", "inbound"),
        ("hubspot/calls", "duration", "hs_call_duration", "90500", 90.5),
        ("hubspot/feedback_submissions", "type", "hs_survey_type", "nps", "nps"),
        ("hubspot/feedback_submissions", "type", "survey_type", "CES", "ces"),
        ("hubspot/feedback_submissions", "score", "survey_score", "4.5", 4.5),
        ("hubspot/feedback_submissions", "scale_max", "hs_survey_type", "NPS", 10.0),
        ("hubspot/feedback_submissions", "scale_min", "hs_survey_type", "CSAT", 1.0),
        ("hubspot/feedback_submissions", "scale_max", "hs_survey_type", "CUSTOM", None),
        ("salesforce/events", "outcome", "Outcome__c", "Rescheduled", "rescheduled"),
        ("salesforce/events", "outcome", "Outcome__c", "Canceled", "cancelled"),
        ("hubspot/deals", "acv", "hs_acv", "-13160.00", Decimal(-13160)),
        ("hubspot/companies", "owner_ref", "hubspot_owner_id", 77, "77"),
    ],
)
def test_values_are_read(stream: str, field: str, prop: str, raw: Any, value: Any) -> None:
    crm, _, name = stream.partition("/")
    found = read(crm, name, **{prop: raw})
    assert found.problems == ()
    assert found.row[field] == value


@pytest.mark.parametrize(
    ("field", "prop", "raw", "reason"),
    [
        ("employees", "numberofemployees", "many", "is not a number"),
        ("employees", "numberofemployees", "12.5", "is not a whole number"),
        ("employees", "numberofemployees", "-3", "is negative"),
        ("employees", "numberofemployees", True, "expected a number, found a yes/no value"),
        ("arr", "annual_recurring_revenue", "-1", "is negative"),
        ("arr", "annual_recurring_revenue", "1e30", "is too large to be an amount"),
        ("arr", "annual_recurring_revenue", "NaN", "is not a finite number"),
        ("arr", "annual_recurring_revenue", {"a": 1}, "expected a number, found an object"),
        ("go_live_at", "go_live_date", "28/03/2025", "is not a date in the form 2026-01-02"),
        ("go_live_at", "go_live_date", "2025-02-30", "is not a date in the form 2026-01-02"),
        ("go_live_at", "go_live_date", "0202-01-01", "is outside the years 1900 to 2200"),
        ("strategic_flag", "strategic_account", "maybe", "is neither true nor false"),
        ("domain", "domain", "n/a", "is not a domain or website"),
        ("name", "name", ["a"], "expected text, found a list"),
        ("arr", "annual_recurring_revenue", "1,5", "is not a number"),
        ("arr", "annual_recurring_revenue", "$1000", "is not a number"),
        ("arr", "annual_recurring_revenue", "1_000", "is not a finite number"),
        ("features_used", "features_used_30d", "1e400", "is too large or too small to be real"),
        ("features_used", "features_used_30d", float("inf"), "is not a finite number"),
        ("features_used", "features_used_30d", "12;13", "is not a number"),
        ("roi_target", "roi_target", "-1", "is negative"),
        ("hours_saved_target", "hours_saved_target", "-1", "is negative"),
        ("reference_status", "reference_status", "willing;active", "has several values where one is wanted"),
        ("strategic_flag", "strategic_account", "true;false", "is neither true nor false"),
        ("go_live_at", "go_live_date", "0001-01-01", "is outside the years 1900 to 2200"),
        ("go_live_at", "go_live_date", "9999-12-31T23:59:59-12:00", "is a date outside the calendar"),
        ("go_live_at", "go_live_date", "9999-12-31", "is outside the years 1900 to 2200"),
        ("go_live_at", "go_live_date", "99999999999999", "is outside the years 1900 to 2200"),
        ("go_live_at", "go_live_date", "1743120000", "is not a date in the form 2026-01-02"),
        ("go_live_at", "go_live_date", 1743120000, "is not a time in milliseconds since 1970"),
        ("go_live_at", "go_live_date", 45744, "is not a time in milliseconds since 1970"),
        ("go_live_at", "go_live_date", 0, "is not a time in milliseconds since 1970"),
    ],
)
def test_unreadable_value_is_set_aside_alone(field: str, prop: str, raw: Any, reason: str) -> None:
    found = read("hubspot", "companies", **{prop: raw, "industry": "SOFTWARE"})
    assert (found.row[field], found.row["industry"]) == (None, "SOFTWARE")
    (problem,) = found.problems
    assert (problem.connection, problem.stream, problem.id, problem.field_name) == ("hubspot", "companies", "1", field)
    assert problem.reason == reason


def test_number_of_thousands_of_digits_is_set_aside_like_any_other_value() -> None:
    # Python itself refuses to write such a number out.
    huge = 10**5000
    found = read("hubspot", "companies", name=huge, annual_recurring_revenue=huge, strategic_account=huge, industry="x")
    assert {problem.field_name for problem in found.problems} == {"name", "arr", "strategic_flag"}
    assert {problem.value for problem in found.problems} == {"a number of thousands of digits"}
    assert found.row["industry"] == "x"


def test_row_has_keys_and_every_field() -> None:
    row = read("hubspot", "companies").row
    assert list(row) == ["id", "connection", "stream", *(item.name for item in ENTITIES["account"])]


@pytest.mark.parametrize(
    ("closed", "won", "state"),
    [("true", "true", "won"), ("true", "false", "lost"), ("false", "false", "open"), (None, None, None)],
)
def test_deal_state(closed: str | None, won: str | None, state: str | None) -> None:
    row = read("hubspot", "deals", hs_is_closed=closed, hs_is_closed_won=won, closedate="2025-05-01T10:00:00Z").row
    assert row["state"] == state
    assert (row["closed_won_at"] is not None) is (state == "won")


def test_first_property_with_a_value_wins() -> None:
    row = read("hubspot", "deals", hs_closed_won_date="", closedate="2025-05-01T10:00:00Z", hs_is_closed_won="true").row
    assert row["closed_won_at"] == datetime(2025, 5, 1, 10, tzinfo=UTC)


def test_instant_in_a_date_field_is_the_tenants_day() -> None:
    stream = field_map("hubspot").streams["deals"]
    record = RawRecord("1", {"closedate": "2025-05-01T23:30:00Z"})
    assert normalise(record, stream, "hubspot", zone=ZoneInfo("Europe/Copenhagen")).row["close_date"] == date(
        2025, 5, 2
    )
    assert normalise(record, stream, "hubspot").row["close_date"] == date(2025, 5, 1)


def test_references_come_from_links_where_no_property_gives_them() -> None:
    stream = field_map("salesforce").streams["opportunities"]
    mapped = normalise(RawRecord("1", {"AccountId": "001"}), stream, "sf", refs={"account_ref": "002"})
    linked = normalise(RawRecord("1", {}), stream, "sf", refs={"account_ref": "002"})
    assert (mapped.row["account_ref"], linked.row["account_ref"]) == ("001", "002")


def test_primary_link_else_the_lowest_id() -> None:
    links = [
        Link("deals>companies", "d", "30"),
        Link("deals>companies", "d", "4"),
        Link("deals>companies", "d", "7", primary=True),
    ]
    assert primary_target(links) == "7"
    assert primary_target(links[:2]) == "4"
    assert primary_target([]) is None


def test_attendance_is_a_row_of_its_own() -> None:
    row = attendance_row(Link("meetings>contacts", "m1", "c1"), "hubspot", "meetings>contacts")
    assert (row["id"], row["meeting_ref"], row["contact_ref"]) == ("m1:c1", "m1", "c1")


def test_offset_makes_the_first_uncovered_day_the_last_covered_one() -> None:
    override = {"companies": {"contract_end_at": {"property": "renewal_date", "offset_days": -1}}}
    assert read("hubspot", "companies", override, renewal_date="2026-01-10").row["contract_end_at"] == date(2026, 1, 9)


def test_milestones_of_an_account_are_rows_of_their_own() -> None:
    override = {
        "companies": {
            "ms.kick_off": "kickoff_date",
            "ms.go": {"first_of": ["a", "b"], "offset_days": -1},
            "ms.late": "c",
        }
    }
    found = read("hubspot", "companies", override, name="Acme", kickoff_date="2026-01-02", b="2026-02-01", c="soon")
    assert "ms.kick_off" not in found.row
    rows = {str(one["key"]): one for one in found.milestones}
    assert rows["kick_off"] == {
        "id": "1:kick_off", "connection": "hubspot", "stream": "companies", "account_ref": "1", "key": "kick_off",
        "due_on": None, "completed_on": date(2026, 1, 2),
    }  # fmt: skip
    assert rows["go"]["completed_on"] == date(2026, 1, 31)
    assert "late" not in rows
    ((name, reason),) = [(one.field_name, one.reason) for one in found.problems]
    assert (name, reason) == ("ms.late", "is not a date in the form 2026-01-02")
    assert read("hubspot", "companies", override, kickoff_date="").milestones == ()


def test_a_milestone_is_requested_optional_by_default_and_switched_off_by_null() -> None:
    default = field_map("hubspot").streams["companies"]
    assert "goals_set_date" in default.custom
    named = field_map("hubspot", {"companies": {"ms.goals_set": "ours"}}).streams["companies"]
    assert "ours" in named.properties
    assert "ours" in named.explicit
    off = field_map("hubspot", {"companies": {"ms.goals_set": None}}).streams["companies"]
    assert "goals_set" not in off.milestones
    assert read("salesforce", "accounts", Goals_Set__c="2026-01-02").milestones[0]["key"] == "goals_set"


@pytest.mark.parametrize(
    ("stream", "name"), [("companies", "ms.Kick off"), ("companies", "ms."), ("deals", "ms.kick_off")]
)
def test_what_is_no_milestone(stream: str, name: str) -> None:
    with pytest.raises(FieldMapError, match="has no field"):
        field_map("hubspot", {stream: {name: "x"}})


def test_override_is_explicit_and_null_switches_off() -> None:
    streams = field_map("hubspot", {"companies": {"arr": "mrr_x", "acv": None}}).streams
    companies = streams["companies"]
    assert companies.rules["arr"].explicit
    assert "acv" not in companies.rules
    assert "mrr_x" in companies.explicit
    assert "mrr_x" not in companies.custom
    assert "go_live_date" in companies.custom
    assert "name" not in companies.custom
    assert {"pipeline", "dealtype", "hs_is_closed"} <= set(streams["deals"].properties)


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ({"firms": {}}, ("firms",)),
        ({"companies": {"arrr": "x"}}, ("companies", "arrr")),
        ({"companies": {"arr": {}}}, ("companies", "arr")),
        ({"companies": {"arr": 5}}, ("companies", "arr")),
        ({"companies": {"arr": {"property": "x", "unit": "cents"}}}, ("companies", "arr", "unit")),
        ({"companies": {"arr": {"property": "x", "extra": 1}}}, ("companies", "arr", "extra")),
        ({"companies": {"arr": {"property": "x", "first_of": ["y"]}}}, ("companies", "arr")),
        ({"deals": {"kind": {"rules": [{"when": {}, "value": "new"}]}}}, ("deals", "kind", "rules", 0)),
        ({"companies": {"arr": {"property": "x", "offset_days": "1"}}}, ("companies", "arr", "offset_days")),
    ],
)
def test_field_map_faults_have_a_path(override: dict[str, Any], path: tuple[str | int, ...]) -> None:
    with pytest.raises(FieldMapError) as caught:
        field_map("hubspot", override)
    assert caught.value.path == path


def test_unknown_option_is_set_aside() -> None:
    found = read("hubspot", "meetings", hs_meeting_outcome="TELEPATHY")
    assert found.row["outcome"] is None
    assert "is none of the values in the field map" in found.problems[0].reason


ONBOARDING: dict[str, Any] = {
    "milestone": {"property": "subject", "values": {"Kick-off held": "kick_off"}},
    "milestone_due_on": "due_date",
}
STEP = {"subject": "kick-off held", "closed_date": "2026-03-28T22:30:00Z", "due_date": "2026-03-20"}


def onboarding(override: dict[str, Any] | None = None, /, **properties: Any) -> Normalised:
    stream = field_map("hubspot", {"tickets": ONBOARDING if override is None else override}).streams["tickets"]
    record = RawRecord("7", properties)
    return normalise(record, stream, "hubspot", refs={"account_ref": "1"}, zone=ZoneInfo("Europe/Copenhagen"))


def test_a_ticket_stands_for_a_milestone_that_is_reached_on_the_day_on_which_it_is_closed() -> None:
    (reached,) = onboarding(**STEP).milestones
    assert reached == {
        "id": "7",
        "connection": "hubspot",
        "stream": "tickets",
        "account_ref": "1",
        "key": "kick_off",
        "due_on": date(2026, 3, 20),
        "completed_on": date(2026, 3, 28),
    }
    (open_one,) = onboarding(**STEP | {"closed_date": ""}).milestones
    assert open_one["completed_on"] is None


def test_a_day_begins_in_the_tenants_zone_for_a_ticket_as_well() -> None:
    (reached,) = onboarding(**STEP | {"closed_date": "2026-03-28T23:30:00Z"}).milestones
    assert reached["completed_on"] == date(2026, 3, 29)


def test_other_tickets_stay_tickets() -> None:
    assert onboarding(subject="Login fails").milestones == ()
    assert onboarding(subject="").milestones == ()
    assert onboarding(subject="Login fails").problems == ()
    assert read("hubspot", "tickets", subject="Kick-off held").milestones == ()


def test_a_milestone_by_a_rule_or_by_a_property_that_holds_its_name() -> None:
    rules = [{"when": {"hs_pipeline": "onboarding", "hs_ticket_category": "KICK_OFF"}, "value": "kick_off"}]
    by_rule = {"milestone": {"rules": rules}}
    assert (
        onboarding(by_rule, hs_pipeline="onboarding", hs_ticket_category="KICK_OFF").milestones[0]["key"] == "kick_off"
    )
    assert onboarding(by_rule, hs_pipeline="0", hs_ticket_category="KICK_OFF").milestones == ()
    assert onboarding({"milestone": "step"}, step="Kick Off").milestones[0]["key"] == "kick_off"


def test_a_due_day_that_cannot_be_read_is_set_aside_alone() -> None:
    found = onboarding(**STEP | {"due_date": "soon"})
    assert found.milestones[0]["due_on"] is None
    assert found.milestones[0]["completed_on"] == date(2026, 3, 28)
    assert [problem.field_name for problem in found.problems] == ["milestone_due_on"]


def test_only_tickets_stand_for_milestones() -> None:
    with pytest.raises(FieldMapError, match="deal has no field 'milestone'"):
        field_map("hubspot", {"deals": {"milestone": "dealname"}})


USED = {"usage_updated_on": "2026-03-14", "data_volume_30d": "70", "logins_per_user_week_30d": "0"}


def test_usage_figures_are_a_reading_of_their_month() -> None:
    assert read("hubspot", "companies", **USED).reading == {
        "id": "1:2026-03",
        "connection": "hubspot",
        "stream": "companies",
        "account_ref": "1",
        "read_on": date(2026, 3, 14),
        "logins_per_user_week": 0.0,
        "features_used": None,
        "data_volume": 70.0,
        "quantity_used": None,
        "users_active": None,
    }


def test_figures_without_a_day_and_a_day_without_figures_are_no_reading() -> None:
    assert read("hubspot", "companies", **USED | {"usage_updated_on": ""}).reading is None
    assert read("hubspot", "companies", usage_updated_on="2026-03-14", licensed_users="9").reading is None
    assert read("hubspot", "deals", dealname="Renewal").reading is None


@pytest.mark.parametrize(
    ("outcome", "by", "said"),
    [("CANCELED", "us", "cancelled_by_us"), ("CANCELED", "customer", "cancelled"), ("CANCELED", None, "cancelled"),
     ("COMPLETED", "us", "completed")],
)  # fmt: skip
def test_a_field_map_may_tell_who_cancelled_a_meeting(outcome: str, by: str | None, said: str) -> None:
    page = (MAPS.parents[1] / "docs" / "frameworks" / "cradle_to_grave.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(page.partition("```yaml\nfields:")[2].partition("```")[0])["hubspot"]
    found = read("hubspot", "meetings", shown, hs_meeting_outcome=outcome, cancelled_by=by)
    assert found.row["outcome"] == said
