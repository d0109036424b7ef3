"""KPIs of accounts as they are: health, usage, coverage, milestones, a framework's own; worked examples 30 and 31."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.unit.mapping.kpi_kit import kpi
from tests.unit.mapping.portfolio import Portfolio

GREEN, YELLOW, RED = 90, 70, 50
LIVE: dict[str, Any] = {"go_live_at": "2025-01-01"}


def test_a_child_that_is_billed_with_its_parent_is_no_account_of_its_own() -> None:
    site: dict[str, Any] = {"parent_ref": "1", "go_live_at": "2024-06-01", "employees": 50}
    portfolio = Portfolio().account("parent", contract_signed_at="2024-01-01", arr=100, employees=90)
    portfolio.account("site", **site).account("paying", arr=10, **site).account("signed", **site)
    portfolio.contract("signed", start_at="2024-07-01", end_at="2026-06-30", arr=10)
    portfolio.account("alone", **site | {"parent_ref": None})
    assert kpi(portfolio, "green_share").n == 4
    assert kpi(portfolio, "red_share").top == 3
    found = kpi(portfolio, "logo_retention")
    assert (found.n, found.excluded) == (3, 1)  # of who is live alone nobody knows what it pays


def banded(**counts: int | None) -> Portfolio:
    """So many active accounts of each band; employees are the score."""
    portfolio = Portfolio()
    employees = {"green": GREEN, "yellow": YELLOW, "red": RED, "unknown": None}
    for band, count in counts.items():
        for number in range(count or 0):
            portfolio.account(f"{band}{number}", employees=employees[band], **LIVE)
    return portfolio


def test_example_30() -> None:
    fifty = banded(green=44, yellow=5, red=1)
    green, red = kpi(fifty, "green_share", target=">= 0.88"), kpi(fifty, "red_share", target="< 0.03")
    assert (green.value, green.status, green.n) == (Fraction("0.88"), "met", 50)
    assert (red.value, red.status) == (Fraction("0.02"), "met")
    hundred = kpi(banded(green=97, red=3), "red_share", target="< 0.03")
    assert (hundred.value, hundred.status) == (Fraction("0.03"), "missed")


def test_shares_are_of_scored_accounts_and_say_how_many_are_not() -> None:
    found = kpi(banded(green=1, yellow=1, red=1, unknown=1), "yellow_share")
    assert (found.value, found.also["unknown_share"]) == (Fraction(1, 3), Fraction(1, 4))
    assert kpi(banded(green=1, unknown=3), "unknown_share").value == Fraction(3, 4)
    assert kpi(banded(unknown=1), "green_share").reason == "no active account has a score"


def test_who_has_left_or_never_signed_is_not_active() -> None:
    portfolio = banded(green=1).account("left", employees=RED, churned_at="2025-06-01", **LIVE)
    portfolio.account("prospect", employees=RED).account("soon", employees=RED, go_live_at="2026-02-01")
    assert kpi(portfolio, "red_share").bottom == 1


@pytest.mark.parametrize(("unhealthy", "healthy", "status"), [(17, 33, "missed"), (12, 36, "met")])
def test_example_31(unhealthy: int, healthy: int, status: str) -> None:
    found = kpi(banded(red=unhealthy, green=healthy), "unhealthy_share", target="<= 0.25")
    assert (found.top, found.bottom, found.status) == (unhealthy, unhealthy + healthy, status)


@pytest.mark.parametrize(
    ("figures", "unhealthy"),
    [
        ({"users_active": 24.0, "users_licensed": 100.0}, 1),
        ({"users_active": 25.0, "users_licensed": 100.0}, 0),
        ({"users_active": 24.0, "users_licensed": 100.0, "usage_as_of": "2025-12-24"}, 1),
        ({"users_active": 24.0, "users_licensed": 100.0, "usage_as_of": "2025-12-23"}, 0),  # too old to count
        ({"last_activity_at": "2025-11-30"}, 1),  # 31 days
        ({"last_activity_at": "2025-12-01"}, 0),
        ({"users_active": 0.0, "users_licensed": 0.0}, 0),
        ({}, 0),
    ],
)
def test_little_activity_is_unhealthy_too(figures: dict[str, Any], unhealthy: int) -> None:
    found = kpi(Portfolio().account("A", employees=GREEN, **LIVE, **figures), "unhealthy_share")
    assert (found.top, found.also["low_activity"]) == (unhealthy, unhealthy)


@pytest.mark.parametrize(("used", "licensed"), [(1e30, 1.0), (1e300, 1e-300)])
def test_a_figure_that_cannot_be_is_not_known(used: float, licensed: float) -> None:
    portfolio = Portfolio().account("a", features_used=used, features_licensed=licensed, **LIVE)
    found = kpi(portfolio.account("b", features_used=1.0, features_licensed=2.0, **LIVE), "feature_adoption")
    assert (found.value, found.n, found.excluded) == (Fraction(1, 2), 1, 1)


@pytest.mark.parametrize(
    ("name", "some", "whole"),
    [
        ("feature_adoption", "features_used", "features_licensed"),
        ("user_activation", "users_activated", "users_provisioned"),
        ("mau", "users_active", "users_licensed"),
        ("licence_consumption", "quantity_used", "quantity_licensed"),
    ],
)
def test_usage_is_the_unweighted_mean_over_live_accounts_that_are_known(name: str, some: str, whole: str) -> None:
    portfolio = Portfolio().account("A", **LIVE, **{some: 9.0, whole: 10.0})
    portfolio.account("B", **LIVE, **{some: 700.0, whole: 1000.0})
    portfolio.account("C", **LIVE, **{some: 1.0, whole: 0.0}).account("D", **LIVE)
    portfolio.account("E", contract_signed_at="2025-11-01", **{some: 1.0, whole: 1.0})  # not live yet
    found = kpi(portfolio, name, target="> 0.8")
    assert (found.value, found.n, found.excluded, found.status) == (Fraction("0.8"), 2, 2, "missed")
    assert kpi(portfolio, name, target=">= 0.8").status == "met"


def test_thirds_add_up_to_the_mean_that_they_have() -> None:
    portfolio = Portfolio()
    for number, used in enumerate((1.0, 2.0, 3.0)):
        portfolio.account(f"a{number}", **LIVE, features_used=used, features_licensed=3.0)
    assert kpi(portfolio, "feature_adoption").value == round(Fraction(2, 3), 9)
    assert kpi(portfolio, "feature_adoption", where="features_used < 3", target=">= 0.5").status == "met"


@pytest.mark.parametrize(
    ("day", "n"), [("2025-12-24", 1), ("2025-12-23", 0), ("2026-01-01", 1), ("2026-01-02", 0), (None, 1)]
)
def test_usage_figures_count_for_seven_days(day: str | None, n: int) -> None:
    figures = {"features_used": 1.0, "features_licensed": 2.0, "usage_as_of": day}
    assert kpi(Portfolio().account("A", **LIVE, **figures), "feature_adoption").n == n


def test_executives_engaged_and_the_share_with_three() -> None:
    portfolio = Portfolio().account("A", strategic_flag=True, executives_engaged=4.0, **LIVE)
    portfolio.account("B", strategic_flag=True, executives_engaged=2.0, **LIVE)
    portfolio.account("C", strategic_flag=True, **LIVE).account("D", executives_engaged=0.0, **LIVE)
    found = kpi(portfolio, "exec_depth", where="segment = 'enterprise'", target=">= 3")
    assert (found.value, found.n, found.excluded, found.status) == (3, 2, 1, "met")
    assert found.also["with_three"] == Fraction(1, 2)


def test_references_are_counted_where_a_crm_says_who_is_one() -> None:
    portfolio = Portfolio().account("A", reference_status="active", **LIVE).account("B", **LIVE)
    portfolio.account("C", reference_status="willing", **LIVE).account("D", not_connected=["reference_status"], **LIVE)
    found = kpi(portfolio, "reference_share")
    assert (found.top, found.bottom, found.excluded) == (1, 3, 1)


def test_what_no_crm_has_comes_from_the_figures() -> None:
    from mapping.kpis.tally import Figures

    portfolio = Portfolio().account("A", **LIVE).account("B", **LIVE)
    assert kpi(portfolio, "advocacy", figures=Figures(advocates=1)).value == Fraction(1, 2)
    assert kpi(portfolio, "case_studies", figures=Figures(case_studies=2), target=">= 2").status == "met"
    assert kpi(portfolio, "case_studies").reason == "no CRM has it: set `figures.case_studies` in the configuration"


@pytest.mark.parametrize(
    ("held", "outcome", "kind", "title", "reviewed"),
    [
        ("2025-12-01", "completed", "QBR", None, 1),
        ("2025-12-01", "completed", None, "Our QBR with you", 1),
        ("2025-12-01", "no_show", "QBR", None, 0),
        ("2025-12-01", "completed", "Training", "QBR", 0),
        ("2025-09-30", "completed", "QBR", None, 0),
        ("2025-10-01", "completed", "qbr", None, 1),
    ],
)
def test_a_review_counts_when_it_was_held_in_the_quarter(
    held: str, outcome: str, kind: str | None, title: str | None, reviewed: int
) -> None:
    portfolio = Portfolio().account("A", **LIVE).account("B", has_meetings=False, **LIVE)
    portfolio.meeting("A", starts_at=held, outcome=outcome, type=kind, title=title)
    found = kpi(portfolio, "qbr_coverage")
    assert (found.top, found.bottom, found.excluded) == (reviewed, 1, 1)


def test_a_framework_can_say_which_meetings_are_reviews() -> None:
    portfolio = Portfolio().account("A", **LIVE).meeting("A", starts_at="2025-12-01", outcome="completed", type="Sync")
    assert kpi(portfolio, "qbr_coverage", types=["Sync"]).value == 1
    assert kpi(portfolio, "qbr_coverage", titles=["sync"]).value == 0


@pytest.mark.parametrize(("made", "planned"), [("2025-01-01", 1), ("2024-12-31", 0), ("2026-01-01", 0)])
def test_a_plan_is_current_for_a_year(made: str, planned: int) -> None:
    portfolio = Portfolio().account("A", **LIVE).account("B", **LIVE)
    portfolio.milestone("A", key="success_plan", completed_on=made)
    found = kpi(portfolio, "plan_coverage", milestones=["success_plan"])
    assert (found.top, found.bottom) == (planned, 2)


def test_plans_that_nobody_records_are_not_zero() -> None:
    portfolio = Portfolio().account("A", **LIVE).milestone("A", key="kick_off", completed_on="2025-05-01")
    found = kpi(portfolio, "plan_coverage", milestones=["success_plan"])
    assert (found.value, found.status, found.n) == (None, "no_data", 1)


def test_milestones_reached_so_far_in_the_period_and_in_time() -> None:
    portfolio = Portfolio().account("A", **LIVE).account("B", **LIVE).account("left", churned_at="2025-02-01", **LIVE)
    portfolio.milestone("A", key="kick_off", completed_on="2024-12-31", due_on="2024-12-31")
    portfolio.milestone("A", key="success_plan", completed_on="2025-06-02", due_on="2025-06-01")
    portfolio.milestone("B", key="kick_off", completed_on="2025-06-01", due_on="2025-06-01")
    portfolio.milestone("B", key="success_plan", due_on="2025-12-31")
    portfolio.milestone("B", key="other", completed_on="2025-06-01")
    portfolio.milestone("left", key="kick_off", completed_on="2025-01-05")
    rate = kpi(portfolio, "milestone_completion")
    assert (rate.top, rate.bottom, rate.since) == (3, 4, None)
    assert kpi(portfolio, "milestones_completed").value == 2
    on_time = kpi(portfolio, "milestones_on_time")
    assert (on_time.top, on_time.bottom) == (1, 3)
    assert kpi(portfolio, "milestone_completion", milestones=["kick_off"]).value == 1


def test_a_frameworks_own_share_and_mean() -> None:
    portfolio = Portfolio().account("A", employees=90, **LIVE).account("B", employees=30, **LIVE)
    portfolio.account("C", **LIVE).account("prospect", employees=1000)
    share = kpi(portfolio, "account_share", having="employees > 50", of="employees IS NOT NULL", target=">= 0.5")
    assert (share.top, share.bottom, share.status) == (1, 2, "met")
    mean = kpi(portfolio, "account_mean", value="employees / 100")
    assert (mean.value, mean.n, mean.excluded) == (Fraction("0.6"), 2, 1)


def test_a_milestone_may_be_derived_from_its_checklists_and_due_after_its_recommended_days() -> None:
    chosen = {
        "milestones": [{"key": "set_up", "label": "Set-up", "recommended_days": 7}],
        "milestones_start": "contract_start_at",
        "derive_from_checklists": True,
        "checklists": [{"key": name, "label": name, "serves": ["set_up"]} for name in ("one", "two")],
    }
    portfolio = Portfolio()
    for name, last in (("A", "2025-06-08"), ("B", "2025-06-09"), ("C", None)):
        portfolio.account(name, contract_start_at="2025-06-01").reached(name, one="2025-06-02")
        if last is not None:
            portfolio.reached(name, two=last)
    on_time = kpi(portfolio, "milestones_on_time", parts=chosen)
    assert (on_time.top, on_time.bottom) == (1, 3)
    assert kpi(portfolio, "milestones_completed", parts=chosen).value == 2
    mean = kpi(portfolio, "account_mean", value="checklists_share", parts=chosen)
    assert mean.value == round(Fraction(5, 6), 9)
