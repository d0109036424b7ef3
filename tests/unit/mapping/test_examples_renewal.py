"""The worked examples of the domain specification on renewal, and both sides of every boundary of its rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapping.rates import Quote, Rates
from tests.unit.mapping.portfolio import Portfolio, day, excellent

END: dict[str, Any] = {
    "contract_signed_at": "2025-01-10",
    "go_live_at": "2025-03-28",
    "contract_end_at": "2026-01-09",
    "arr": 100_000,
}
FORTY_FIVE_BEFORE = "2025-11-25"


def status(portfolio: Portfolio, on: str) -> tuple[str, str | None]:
    result = portfolio.on(on)
    return result["renewal_status"], result["renewal_sub_status"]


@pytest.mark.parametrize(
    ("on", "days", "phase"),
    [
        ("2025-10-10", 91, "none"),
        ("2025-10-11", 90, "value_documentation"),
        ("2025-11-09", 61, "value_documentation"),
        ("2025-11-10", 60, "proposal"),
        ("2025-12-09", 31, "proposal"),
        ("2025-12-10", 30, "negotiation"),
        ("2026-01-09", 0, "negotiation"),
        ("2026-01-10", -1, "lapsed"),
    ],
)
def test_example_16_renewal_phase(on: str, days: int, phase: str) -> None:
    renewal = excellent(Portfolio(), **END).on(on).detail()["renewal"]
    assert (renewal["days_to_end"], renewal["phase"]) == (days, phase)


def test_example_17_due_then_not_started() -> None:
    portfolio = excellent(Portfolio(), **END)
    assert portfolio.on("2025-11-09")["health_band"] == "green"
    assert status(portfolio, "2025-11-09") == ("due", "not_started")
    assert status(portfolio, "2025-11-10") == ("at_risk", "not_started")


def test_example_18_overdue_then_lapsed() -> None:
    portfolio = excellent(Portfolio(), **END)
    assert portfolio.on("2026-02-08").detail()["renewal"]["days_to_end"] == -30
    assert status(portfolio, "2026-02-08") == ("overdue", "no_deal")
    assert status(portfolio, "2026-02-09") == ("churned", "lapsed")
    assert portfolio.on("2026-02-08")["lifecycle_stage"] == "renewal_or_transition"
    assert portfolio.on("2026-02-09")["lifecycle_stage"] == "departed"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (80_000, ("projected_downsell", "-20.0%")),
        (98_999, ("projected_downsell", "-1.0%")),
        (99_000, ("on_track", "flat")),
        (101_000, ("on_track", "flat")),
        (101_001, ("on_track", "expansion")),
        (None, ("on_track", "amount_unknown")),
        (-20_000, ("on_track", "amount_unknown")),
    ],
)
def test_example_19_ratio_of_the_open_renewal(amount: int | None, expected: tuple[str, str]) -> None:
    portfolio = excellent(Portfolio(), **END).deal(kind="renewal", state="open", amount=amount, close_date="2026-01-05")
    assert portfolio.on(FORTY_FIVE_BEFORE).detail()["renewal"]["days_to_end"] == 45
    assert status(portfolio, FORTY_FIVE_BEFORE) == expected


def test_example_41_line_at_risk_decides_for_the_account() -> None:
    on = "2025-11-10"
    portfolio = (
        excellent(Portfolio())
        .contract(id="A", start_at="2025-05-30", end_at="2026-05-29", arr=80_000)
        .contract(id="B", start_at="2024-12-21", end_at="2025-12-20", arr=20_000)
    )
    renewal = portfolio.on(on).detail()["renewal"]
    assert {term["term"]: (term["days_to_end"], term["status"]) for term in renewal["terms"]} == {
        "A": (200, "not_due"),
        "B": (40, "at_risk"),
    }
    assert (renewal["status"], renewal["arr_at_stake"]) == ("at_risk", "20000")


@pytest.mark.parametrize(
    ("on", "expected"), [("2025-12-30", ("on_track", "auto")), ("2026-01-10", ("renewed", "auto"))]
)
def test_example_42_auto_renewal(on: str, expected: tuple[str, str]) -> None:
    assert status(excellent(Portfolio(), **END, auto_renew=True), on) == expected


def test_example_42_red_auto_renewal_is_at_risk() -> None:
    portfolio = excellent(Portfolio(), **END, auto_renew=True)
    portfolio.rows["account"][0] |= {"roi_realised": 0.0, "goals_achieved": 0.0, "hours_saved": 0.0}
    assert portfolio.on("2025-12-30")["health_band"] == "red"
    assert status(portfolio, "2025-12-30") == ("at_risk", "health_red")


def test_example_43_facts_beat_an_override() -> None:
    override: dict[str, Any] = {
        "renewal_status_override": "on_track",
        "override_reason": "spoke to them",
        "override_until": "2026-02-01",
    }
    portfolio = excellent(Portfolio(), **END, **override)
    portfolio.deal(kind="renewal", state="lost", amount=100_000, close_date="2025-12-20")
    assert status(portfolio, "2026-01-10") == ("churned", "lost")
    assert status(portfolio, "2026-01-04") == ("on_track", "manual")


# Boundaries of §7, both sides


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("2025-10-10", ("not_due", None)),
        ("2025-10-11", ("due", "not_started")),
        ("2026-01-09", ("at_risk", "not_started")),
        ("2026-01-10", ("overdue", "no_deal")),
    ],
)
def test_window_of_ninety_days(on: str, expected: tuple[str, str | None]) -> None:
    assert status(excellent(Portfolio(), **END), on) == expected


def test_no_end_date_is_not_applicable() -> None:
    assert status(excellent(Portfolio()), "2025-11-10") == ("not_applicable", None)
    assert status(excellent(Portfolio(), arr=0), "2025-11-10") == ("not_applicable", None)
    paying = excellent(Portfolio(), arr=1)
    assert status(paying, "2025-11-10") == ("not_applicable", "missing_end_date")
    assert "missing_end_date" in paying.on("2025-11-10").alerts()


@pytest.mark.parametrize(("until", "expected"), [("2025-11-10", "on_track"), ("2025-11-09", "at_risk")])
def test_override_counts_to_its_lastday(until: str, expected: str) -> None:
    override: dict[str, Any] = {
        "renewal_status_override": "on_track",
        "override_reason": "call",
        "override_until": until,
    }
    assert status(excellent(Portfolio(), **END, **override), "2025-11-10")[0] == expected


@pytest.mark.parametrize("lacking", ["override_reason", "override_until"])
def test_override_without_reason_or_end_is_ignored_and_reported(lacking: str) -> None:
    override: dict[str, Any] = {
        "renewal_status_override": "on_track",
        "override_reason": "call",
        "override_until": "2025-12-01",
    }
    portfolio = excellent(Portfolio(), **END, **{**override, lacking: None})
    assert status(portfolio, "2025-11-10") == ("at_risk", "not_started")
    assert "override_incomplete" in portfolio.on("2025-11-10").alerts()


@pytest.mark.parametrize(
    ("amount", "sub"), [(98_999, "contraction"), (99_000, "flat"), (101_000, "flat"), (101_001, "expansion")]
)
def test_won_renewal(amount: int, sub: str) -> None:
    portfolio = excellent(Portfolio(), **END).deal(kind="renewal", state="won", amount=amount, close_date="2025-12-01")
    assert status(portfolio, "2025-12-02") == ("renewed", sub)
    assert portfolio.on("2025-12-02")["lifecycle_stage"] == "value_realization"


@pytest.mark.parametrize(
    ("closes", "expected"),
    [("2025-07-12", "not_started"), ("2025-07-13", "flat"), ("2026-04-09", "flat"), ("2026-04-10", "not_started")],
)
def test_deal_window_180_days_before_to_90_after_the_end(closes: str, expected: str) -> None:
    portfolio = excellent(Portfolio(), **END).deal(kind="renewal", state="open", amount=100_000, close_date=closes)
    assert status(portfolio, "2025-11-25")[1] == expected


@pytest.mark.parametrize(("start", "expected"), [("2026-02-09", "renewed"), ("2026-02-10", "at_risk")])
def test_successor_within_31_days(start: str, expected: str) -> None:
    portfolio = (
        excellent(Portfolio())
        .contract(id="old", start_at="2025-01-10", end_at="2026-01-09", arr=100)
        .contract(id="new", start_at=start, end_at="2027-02-08", arr=100)
    )
    assert status(portfolio, "2025-12-25")[0] == expected


def test_successor_takes_over_when_it_starts() -> None:
    portfolio = (
        excellent(Portfolio())
        .contract(id="old", start_at="2025-01-10", end_at="2026-01-09", arr=100)
        .contract(id="new", start_at="2026-01-10", end_at="2027-01-09", arr=120)
    )
    assert status(portfolio, "2026-01-09") == ("renewed", "expansion")
    assert status(portfolio, "2026-01-10") == ("not_due", None)


def test_draft_contract_is_no_successor() -> None:
    portfolio = (
        excellent(Portfolio())
        .contract(id="old", start_at="2025-01-10", end_at="2026-01-09", arr=100)
        .contract(id="new", start_at="2026-01-10", end_at="2027-01-09", arr=120, status="Draft")
    )
    assert status(portfolio, "2025-12-20") == ("at_risk", "not_started")


def test_line_that_ends_before_it_starts_does_not_succeed_itself() -> None:
    portfolio = Portfolio().account()
    portfolio.contract(id="valid", start_at="2024-08-01", end_at="2025-07-31")
    portfolio.contract(id="mistyped", start_at="2025-10-01", end_at="2025-09-28")
    terms = {one["term"]: one for one in portfolio.on("2025-10-02").detail()["renewal"]["terms"]}
    assert (terms["mistyped"]["counts"], terms["mistyped"]["status"]) == (True, "overdue")
    assert terms["valid"]["counts"] is False


@pytest.mark.parametrize(
    ("amount", "change"), [(98_850, "-1.2%"), (98_851, "-1.1%"), (98_849, "-1.2%"), (80_000, "-20.0%"), (50, "-100.0%")]
)
def test_percent_of_a_downsell_is_rounded_half_away_from_zero(amount: int, change: str) -> None:
    portfolio = excellent(Portfolio(), **END).deal(kind="renewal", state="open", amount=amount, close_date="2026-01-05")
    assert status(portfolio, FORTY_FIVE_BEFORE) == ("projected_downsell", change)


def test_account_is_churned_only_when_no_line_is_in_force() -> None:
    portfolio = (
        excellent(Portfolio())
        .contract(id="lost", start_at="2024-01-01", end_at="2025-08-01", arr=900)
        .contract(id="runs", start_at="2024-06-01", end_at="2026-12-31", arr=100)
    )
    assert status(portfolio, "2025-11-10") == ("not_due", None)
    terms = {term["term"]: term for term in portfolio.on("2025-11-10").detail()["renewal"]["terms"]}
    assert (terms["lost"]["status"], terms["lost"]["counts"]) == ("churned", False)


@pytest.mark.parametrize("auto_renew", [True, False])
def test_account_is_not_churned_when_its_other_line_is_renewed_and_past_its_end(auto_renew: bool) -> None:
    portfolio = (
        excellent(Portfolio())
        .contract(id="lost", start_at="2024-01-01", end_at="2025-08-01", arr=900)
        .contract(id="renewed", start_at="2024-06-01", end_at="2025-11-09", arr=100, auto_renew=auto_renew)
    )
    if not auto_renew:
        portfolio.deal(kind="renewal", state="won", amount=100, close_date="2025-11-01", contract_ref="renewed")
    assert status(portfolio, "2025-11-10") == ("renewed", "auto" if auto_renew else "flat")


@pytest.mark.parametrize(
    ("churned", "expected"),
    [("2025-11-10", ("churned", "terminated_early")), ("2025-11-11", ("at_risk", "not_started"))],
)
def test_churn_date_counts_from_itsday(churned: str, expected: tuple[str, str]) -> None:
    assert status(excellent(Portfolio(), **END, churned_at=churned), "2025-11-10") == expected


@pytest.mark.parametrize(
    ("churned", "expected"),
    [("2026-01-09", ("renewed", "flat")), ("2026-01-10", ("churned", "terminated_early"))],
)
def test_customer_who_leaves_during_the_renewed_term_has_left(churned: str, expected: tuple[str, str]) -> None:
    portfolio = excellent(Portfolio(), **END, churned_at=churned)
    portfolio.deal(kind="renewal", state="won", amount=100_000, close_date="2025-12-01")
    assert status(portfolio, "2026-04-01") == expected
    assert portfolio.on("2026-01-08")["renewal_status"] == "renewed"


def test_customer_who_left_early_is_in_no_renewal_phase() -> None:
    portfolio = excellent(Portfolio(), **END, churned_at="2025-11-01")
    assert portfolio.on("2025-11-20")["renewal_phase"] == "none"
    assert portfolio.on("2026-01-10")["renewal_phase"] == "lapsed"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"cancel_notice_at": "2025-11-10"}, ("projected_churn", "notice")),
        ({"cancel_notice_at": "2025-11-11"}, ("at_risk", "not_started")),
        ({"renewal_forecast": "churn"}, ("projected_churn", "forecast")),
        ({"renewal_forecast": "downsell"}, ("projected_downsell", "forecast")),
    ],
)
def test_what_people_say(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert status(excellent(Portfolio(), **END, **fields), "2025-11-10") == expected


def test_renewal_lost_before_the_end_and_after() -> None:
    portfolio = excellent(Portfolio(), **END).deal(kind="renewal", state="lost", close_date="2025-12-01")
    assert status(portfolio, "2026-01-09") == ("projected_churn", "deal_lost")
    assert status(portfolio, "2026-01-10") == ("churned", "lost")


def test_open_deal_after_the_end_is_a_negotiation() -> None:
    portfolio = excellent(Portfolio(), **END).deal(kind="renewal", state="open", amount=1, close_date="2026-01-20")
    assert status(portfolio, "2026-01-10") == ("overdue", "in_negotiation")


def test_red_and_not_started() -> None:
    portfolio = excellent(Portfolio(), **END)
    portfolio.rows["account"][0] |= {"roi_realised": 0.0, "goals_achieved": 0.0, "hours_saved": 0.0}
    assert status(portfolio, "2025-11-09") == ("at_risk", "health_red")
    assert status(portfolio, "2025-11-10") == ("at_risk", "both")
    assert status(portfolio, "2025-10-10") == ("not_due", None)


@pytest.mark.parametrize(
    ("fields", "ratio"),
    [
        ({"arr": 110, "amount": 1}, 1.1),
        ({"acv": 90, "amount": 1}, 0.9),
        ({"tcv": 240, "term_months": 24}, 1.2),
        ({"amount": 300, "term_months": 36}, 1.0),
        ({"amount": 50, "term_months": 6}, 1.0),
        ({"amount": 100}, 1.0),
    ],
)
def test_deal_value_is_annualised(fields: dict[str, Any], ratio: float) -> None:
    account: dict[str, Any] = {**END, "arr": 100}
    portfolio = excellent(Portfolio(), **account).deal(kind="renewal", state="open", close_date="2026-01-05", **fields)
    assert portfolio.on(FORTY_FIVE_BEFORE).detail()["renewal"]["terms"][0]["ratio"] == ratio


def test_deal_that_made_the_term_does_not_renew_it() -> None:
    portfolio = (
        excellent(Portfolio())
        .contract(id="old", start_at="2024-01-10", end_at="2025-01-09", arr=100)
        .contract(id="now", start_at="2025-01-10", end_at="2026-01-09", arr=100)
        .deal(kind="renewal", state="won", contract_ref="now", amount=100, close_date="2025-01-08")
    )
    assert status(portfolio, "2025-06-01") == ("not_due", None)


def test_another_currency_counts_only_with_a_rate() -> None:
    account: dict[str, Any] = {**END, "arr": 100, "currency": "EUR"}
    portfolio = excellent(Portfolio(), **account)
    portfolio.deal(kind="renewal", state="open", amount=90, currency="USD", close_date="2025-11-20")
    assert status(portfolio, FORTY_FIVE_BEFORE) == ("on_track", "amount_unknown")
    quotes = (Quote("USD", day("2025-11-21"), Decimal("0.5")), Quote("USD", day("2025-01-01"), Decimal("1.2")))
    portfolio.rates = Rates("EUR", quotes)
    portfolio.rows["account"][0]["contract_start_at"] = day("2025-01-10")
    assert portfolio.on(FORTY_FIVE_BEFORE).detail()["renewal"]["terms"][0]["ratio"] == 1.08


@pytest.mark.parametrize(
    ("offer", "expected", "stake"),
    [
        (60_000, ("projected_downsell", "-40.0%"), "100000"),
        (98_999, ("projected_downsell", "-1.0%"), "100000"),
        (99_000, ("on_track", "flat"), "0"),
        (101_001, ("on_track", "expansion"), "0"),
    ],
)
def test_a_deal_that_renews_two_lines_is_compared_with_both(offer: int, expected: tuple[str, str], stake: str) -> None:
    portfolio = excellent(Portfolio(), **END)
    for line, arr in (("A", 80_000), ("B", 20_000)):
        portfolio.contract(id=line, start_at="2025-01-10", end_at="2026-01-09", arr=arr)
    portfolio.deal(kind="renewal", state="open", close_date="2026-01-09", arr=offer)
    renewal = portfolio.on(FORTY_FIVE_BEFORE).detail()["renewal"]
    assert (renewal["status"], renewal["sub_status"]) == expected
    assert renewal["arr_at_stake"] == stake


def test_a_deal_that_names_its_line_is_compared_with_that_alone() -> None:
    portfolio = excellent(Portfolio(), **END)
    for line, arr in (("A", 80_000), ("B", 20_000)):
        portfolio.contract(id=line, start_at="2025-01-10", end_at="2026-01-09", arr=arr)
        portfolio.deal(kind="renewal", state="open", close_date="2026-01-09", arr=arr, contract_ref=line)
    assert status(portfolio, FORTY_FIVE_BEFORE) == ("on_track", "flat")
