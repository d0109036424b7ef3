"""The worked examples of the domain specification on stages, cadence and segments, and their boundaries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from mapping.framework import load_framework
from mapping.suggest import strategic_candidates
from tests.unit.mapping.portfolio import Portfolio, day, excellent, noon, shipped

LIFE: dict[str, Any] = {"contract_signed_at": "2025-01-10", "go_live_at": "2025-03-28", "contract_end_at": "2026-01-09"}


@pytest.mark.parametrize(
    ("on", "stage", "tenure"),
    [
        ("2025-06-25", "adoption", "adoption"),
        ("2025-06-26", "value_realization", "value_realization"),
        ("2025-10-10", "value_realization", "value_realization"),
        ("2025-10-11", "renewal_or_transition", "value_realization"),
        ("2026-01-09", "renewal_or_transition", "value_realization"),
        ("2026-01-10", "renewal_or_transition", "value_realization"),
    ],
)
def test_example_15_stages(on: str, stage: str, tenure: str) -> None:
    result = excellent(Portfolio(), **LIFE).on(on)
    assert (result["lifecycle_stage"], result["tenure_stage"]) == (stage, tenure)


def test_example_15_implementation_on_time_and_last_day_in_force() -> None:
    portfolio = excellent(Portfolio(), **LIFE)
    detail = portfolio.on("2025-06-25").detail()
    assert detail["facts"]["implementation_took"] == 77
    assert detail["overlays"]["implementation_on_time"] is True
    assert portfolio.on("2025-10-11").detail()["renewal"]["days_to_end"] == 90
    last = portfolio.on("2026-01-09").detail()["renewal"]
    assert (last["days_to_end"], last["terms"][0]["in_force"]) == (0, True)
    assert portfolio.on("2026-01-10")["renewal_status"] == "overdue"


@pytest.mark.parametrize(
    ("on", "days", "stage"), [("2026-03-27", 364, "value_realization"), ("2026-03-28", 365, "growth_expansion")]
)
def test_example_20_growth_from_day_365(on: str, days: int, stage: str) -> None:
    life: dict[str, Any] = {**LIFE, "contract_end_at": "2028-01-01"}
    lifecycle = excellent(Portfolio(), **life).on(on).detail()["lifecycle"]
    growth = next(rule for rule in lifecycle["rules"] if rule["id"] == "growth_expansion")
    assert (lifecycle["stage"], growth["inputs"]) == (stage, {"days_since_go_live": days})


def test_example_33_progress_calls_every_two_weeks_for_91_days() -> None:
    portfolio = Portfolio().account(strategic_flag=True, contract_signed_at="2025-01-06")
    portfolio.deal(kind="new", state="won", closed_won_at=datetime(2025, 1, 6, tzinfo=UTC), close_date="2025-01-06")
    due = []
    today = day("2025-01-06")
    for _ in range(6):
        call = _cadence(portfolio.on(today.isoformat()).detail(), "progress_call")["due_on"]
        due.append(call)
        today = day(call)
        portfolio.meeting(starts_at=call, outcome="completed", type="Progress call")
    assert due == ["2025-01-20", "2025-02-03", "2025-02-17", "2025-03-03", "2025-03-17", "2025-03-31"]
    after = _cadence(portfolio.on("2025-03-31").detail(), "progress_call")
    assert (after["due_on"], after["status"]) == (None, "not_applicable")


@pytest.mark.parametrize(("on", "overdue"), [("2025-04-30", False), ("2025-05-01", True)])
def test_example_34_quarterly_review_with_month_end(on: str, overdue: bool) -> None:
    portfolio = excellent(Portfolio(), contract_signed_at="2024-01-10", go_live_at="2024-06-01")
    portfolio.meeting(starts_at="2025-01-31", outcome="completed", type="QBR")
    result = portfolio.on(on)
    assert (result["next_touch_type"], result["next_touch_due_on"]) == ("business_review", day("2025-04-30"))
    assert ("touch_overdue" in result.alerts()) is overdue


def test_example_35_win_back_after_six_months() -> None:
    portfolio = excellent(Portfolio(), **{**LIFE, "contract_end_at": "2025-12-31"}, churned_at="2025-08-31")
    result = portfolio.on("2025-10-01")
    assert (result["next_touch_type"], result["next_touch_due_on"]) == ("win_back", day("2026-02-28"))
    assert "winback_due" not in portfolio.on("2026-02-27").alerts()
    assert "winback_due" in portfolio.on("2026-02-28").alerts()


def test_example_37_strategic_candidates() -> None:
    accounts = pl.DataFrame({"account_id": [f"a{n:02}" for n in range(12)], "arr": [50, 70, 70, *[10] * 8, None]})
    assert strategic_candidates(accounts) == ["a01", "a02", "a00"]


@pytest.mark.parametrize(
    ("first_value", "days", "in_time"),
    [("2025-04-26", 29, True), ("2025-04-27", 30, False), ("2025-03-23", 0, True), (None, None, False)],
)
def test_example_39_first_value(first_value: str | None, days: int | None, in_time: bool) -> None:
    detail = excellent(Portfolio(), **LIFE, first_value_at=first_value).on("2025-06-01").detail()
    assert detail["facts"]["first_value_days"] == days
    assert detail["overlays"]["first_value_on_time"] is in_time


# Boundaries of the stages


@pytest.mark.parametrize(
    ("on", "stage"),
    [
        ("2025-01-09", "pre_sale"),
        ("2025-01-10", "implementation"),
        ("2025-03-27", "implementation"),
        ("2025-03-28", "adoption"),
    ],
)
def test_signature_and_go_live(on: str, stage: str) -> None:
    assert excellent(Portfolio(), **LIFE).on(on)["lifecycle_stage"] == stage


def test_won_deal_stands_in_for_a_signature() -> None:
    portfolio = Portfolio().account().deal(kind="new", state="won", closed_won_at="2025-05-01", close_date="2025-05-01")
    portfolio.deal(kind="expansion", state="won", closed_won_at="2025-02-01", close_date="2025-02-01")
    result = portfolio.on("2025-06-01")
    assert (result["lifecycle_stage"], result["stage_entered_on"]) == ("implementation", day("2025-05-01"))


@pytest.mark.parametrize(("status", "stage"), [("Activated", "implementation"), ("Draft", "pre_sale")])
def test_contract_stands_in_for_a_signature_but_a_draft_does_not(status: str, stage: str) -> None:
    portfolio = Portfolio().account().contract(start_at="2025-11-01", end_at="2026-10-31", status=status)
    assert portfolio.on("2025-11-10")["lifecycle_stage"] == stage


def test_renewal_window_without_a_customer_is_pre_sale() -> None:
    assert Portfolio().account(contract_end_at="2025-12-01").on("2025-11-10")["lifecycle_stage"] == "pre_sale"


def test_strict_handoff_holds_the_account_in_pre_sale() -> None:
    data = shipped()
    data["parameters"]["strict_handoff"] = True
    strict = load_framework(data, "strict")
    portfolio = Portfolio().account(contract_signed_at="2025-01-10", implementation_team_assigned_at="2025-01-12")
    assert portfolio.on("2025-02-01")["lifecycle_stage"] == "implementation"
    held = portfolio.on("2025-02-01", strict)
    assert (held["lifecycle_stage"], held.detail()["lifecycle"]["next_stage"]) == ("pre_sale", None)
    portfolio.rows["account"][0] |= {
        "success_criteria_documented_at": day("2025-01-20"),
        "project_manager_identified_at": day("2025-02-02"),
    }
    assert "handoff_incomplete" in portfolio.on("2025-02-01").alerts()
    assert portfolio.on("2025-02-01", strict).detail()["lifecycle"]["next_stage_on"] == "2025-02-02"
    passed = portfolio.on("2025-02-03", strict)
    assert (passed["lifecycle_stage"], passed["stage_entered_on"]) == ("implementation", day("2025-02-02"))
    assert "handoff_incomplete" not in portfolio.on("2025-02-02").alerts()


@pytest.mark.parametrize(("on", "raised"), [("2025-04-04", False), ("2025-04-05", True)])
def test_implementation_overdue_after_84_days(on: str, raised: bool) -> None:
    portfolio = Portfolio().account(contract_signed_at="2025-01-10")
    assert ("implementation_overdue" in portfolio.on(on).alerts()) is raised


def test_handoff_and_delay_are_reported_whatever_hides_the_implementation() -> None:
    # Never live, and the contract ends soon: the stage is renewal, by tenure it is still the implementation.
    portfolio = excellent(Portfolio(), contract_signed_at="2025-01-10", contract_end_at="2026-01-09")
    result = portfolio.on("2025-11-01")
    assert (result["lifecycle_stage"], result["tenure_stage"]) == ("renewal_or_transition", "implementation")
    assert {"handoff_incomplete", "implementation_overdue"} <= result.alerts()
    data = shipped()
    data["parameters"]["strict_handoff"] = True
    strict = load_framework(data, "strict")
    held = Portfolio().account(contract_signed_at="2025-01-10").on("2025-06-01", strict)
    assert held["lifecycle_stage"] == "pre_sale"
    assert {"handoff_incomplete", "implementation_overdue"} <= held.alerts()
    prospect = Portfolio().account(contract_signed_at="2025-06-02").on("2025-06-01")
    assert not {"handoff_incomplete", "implementation_overdue"} & prospect.alerts()


def test_calendar_day_is_that_of_the_tenant() -> None:
    portfolio = Portfolio().account(contract_signed_at="2025-01-10")
    late = datetime(2025, 1, 9, 23, 30, tzinfo=UTC)
    assert portfolio.on(late)["lifecycle_stage"] == "pre_sale"
    assert portfolio.on(late, zone="Europe/Copenhagen")["lifecycle_stage"] == "implementation"


def test_date_only_close_keeps_its_day_in_every_zone() -> None:
    portfolio = Portfolio().account().deal(kind="new", state="won", closed_won_at=datetime(2025, 5, 1, tzinfo=UTC))
    result = portfolio.on("2025-06-01", zone="America/New_York")
    assert result["stage_entered_on"] == day("2025-05-01")


# Since when, and what comes next


@pytest.mark.parametrize(
    ("on", "entered", "next_stage", "next_on"),
    [
        ("2025-02-01", "2025-01-10", "adoption", "2025-03-28"),
        ("2025-04-01", "2025-03-28", "value_realization", "2025-06-26"),
        ("2025-07-01", "2025-06-26", "renewal_or_transition", "2025-10-11"),
        ("2025-11-01", "2025-10-11", "departed", "2026-02-09"),
        ("2026-03-01", "2026-02-09", None, None),
    ],
)
def test_stage_dates(on: str, entered: str, next_stage: str | None, next_on: str | None) -> None:
    lifecycle = excellent(Portfolio(), **LIFE).on(on).detail()["lifecycle"]
    assert (lifecycle["entered_on"], lifecycle["next_stage"], lifecycle["next_stage_on"]) == (
        entered,
        next_stage,
        next_on,
    )


def test_stage_without_a_dated_fact_keeps_the_date_on_which_it_was_first_seen() -> None:
    portfolio = Portfolio().account()
    assert portfolio.on("2025-06-01")["stage_entered_on"] is None
    portfolio.staged(noon("2025-05-20"), "pre_sale", day("2025-05-02"))
    assert portfolio.on("2025-06-01")["stage_entered_on"] == day("2025-05-02")
    portfolio.staged(noon("2025-05-25"), "implementation", day("2025-05-25"))
    assert portfolio.on("2025-06-01")["stage_entered_on"] == day("2025-06-01")


def test_trace_names_what_was_unknown() -> None:
    rules = Portfolio().account().on("2025-06-01").detail()["lifecycle"]["rules"]
    assert [rule["id"] for rule in rules][-1] == "pre_sale"
    growth = next(rule for rule in rules if rule["id"] == "growth_expansion")
    assert (growth["matched"], growth["unknown"]) == (False, ["days_since_go_live"])


# Segment, escalation, cadence


@pytest.mark.parametrize(("flag", "segment"), [(True, "strategic"), (False, "standard"), (None, "standard")])
def test_segment_is_a_manual_mark(flag: bool | None, segment: str) -> None:
    assert Portfolio().account(strategic_flag=flag).on("2025-06-01")["segment"] == segment


@pytest.mark.parametrize(
    ("ticket", "level"),
    [
        ({"category": "Feature question"}, "L1"),
        ({"category": "never heard of"}, "L1"),
        ({}, "L1"),
        ({"category": "complex_integration"}, "L2"),
        ({"category": "Contract Dispute"}, "L3"),
        ({"category": "legal"}, "L4"),
        ({"category": "training", "escalation_level": 3}, "L3"),
        ({"is_escalated": True}, "L2"),
        ({"category": "legal", "closed_at": "2025-05-30"}, None),
        ({"created_at": "2025-06-02"}, None),
    ],
)
def test_escalation_matrix(ticket: dict[str, Any], level: str | None) -> None:
    portfolio = Portfolio().account().ticket(**{"created_at": "2025-05-01", **ticket})
    assert portfolio.on("2025-06-01")["escalation_level"] == level


@pytest.mark.parametrize(("strategic", "level"), [(True, "L4"), (False, "L3")])
def test_red_band_escalates(strategic: bool, level: str) -> None:
    portfolio = excellent(Portfolio(), strategic_flag=strategic)
    portfolio.rows["account"][0] |= {"roi_realised": 0.0, "goals_achieved": 0.0, "hours_saved": 0.0}
    assert portfolio.on("2025-06-01")["escalation_level"] == level


@pytest.mark.parametrize(
    ("outcome", "done"), [("completed", True), ("no_show", False), ("cancelled", False), (None, True)]
)
def test_only_a_meeting_that_took_place_counts(outcome: str | None, done: bool) -> None:
    portfolio = excellent(Portfolio(), contract_signed_at="2024-01-10", go_live_at="2025-01-15")
    portfolio.meeting(starts_at="2025-05-01", outcome=outcome, title="Our QBR in May")
    review = _cadence(portfolio.on("2025-05-10").detail(), "business_review")
    assert review["due_on"] == ("2025-08-01" if done else "2025-04-15")
    assert review["status"] == ("ok" if done else "overdue")


@pytest.mark.parametrize(("days_before", "status"), [(8, "ok"), (7, "due_soon"), (0, "due_soon"), (-1, "overdue")])
def test_cadence_status(days_before: int, status: str) -> None:
    portfolio = excellent(Portfolio(), contract_signed_at="2024-01-10", go_live_at="2025-01-15")
    on = day("2025-04-15") - timedelta(days=days_before)
    assert _cadence(portfolio.on(on.isoformat()).detail(), "business_review")["status"] == status


def test_welcome_call_is_owed_until_it_took_place() -> None:
    portfolio = Portfolio().account().deal(kind="new", state="won", closed_won_at="2025-05-01")
    result = portfolio.on("2025-05-03")
    assert (result["next_touch_type"], result["next_touch_due_on"]) == ("welcome_call", day("2025-05-08"))
    portfolio.meeting(starts_at="2025-05-02", outcome="completed", type="Kickoff")
    assert portfolio.on("2025-05-03")["next_touch_type"] is None


def test_reviews_of_a_strategic_account_start_at_go_live_or_after_91_days() -> None:
    portfolio = Portfolio().account(strategic_flag=True).deal(kind="new", state="won", closed_won_at="2025-01-06")
    detail = portfolio.on("2025-06-01").detail()
    assert _cadence(detail, "success_review")["anchor"] == "2025-04-07"
    portfolio.rows["account"][0]["go_live_at"] = day("2025-03-01")
    detail = portfolio.on("2025-06-01").detail()
    assert (_cadence(detail, "success_review")["due_on"], _cadence(detail, "executive_briefing")["due_on"]) == (
        "2025-04-01",
        "2025-06-01",
    )


def _cadence(detail: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in detail["cadences"] if item["id"] == name)
