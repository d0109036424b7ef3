"""Alerts: each condition on both sides of its edge, and what the past looked like."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mapping.framework import Framework, load_framework
from tests.unit.mapping.portfolio import Portfolio, day, excellent, healthy, noon, shipped

ON = "2025-11-10"
SIGNED: dict[str, Any] = {"contract_signed_at": "2025-01-10", "go_live_at": "2025-03-28"}
WORTHLESS: dict[str, Any] = {"roi_realised": 0.0, "goals_achieved": 0.0, "hours_saved": 0.0}


@pytest.mark.parametrize(
    ("end", "raised"),
    [("2026-02-08", True), ("2026-02-09", False), (ON, True), ("2025-11-09", True), ("2025-10-11", True),
     ("2025-10-10", False)],
)  # fmt: skip
def test_renewal_not_started_from_ninety_days_before_the_end_until_it_is_lost(end: str, raised: bool) -> None:
    portfolio = excellent(Portfolio(), **SIGNED, contract_end_at=end)
    assert ("renewal_not_started" in portfolio.on(ON).alerts()) is raised


@pytest.mark.parametrize("state", ["open", "won"])
def test_renewal_that_was_started_raises_nothing(state: str) -> None:
    portfolio = excellent(Portfolio(), **SIGNED, contract_end_at="2025-12-31")
    portfolio.deal(kind="renewal", state=state, close_date="2025-12-20")
    assert "renewal_not_started" not in portfolio.on(ON).alerts()


def test_red_is_an_alert_until_the_customer_has_left() -> None:
    portfolio = excellent(Portfolio(), **SIGNED)
    portfolio.rows["account"][0] |= WORTHLESS
    assert "red" in portfolio.on(ON).alerts()
    portfolio.rows["account"][0]["churned_at"] = day("2025-11-01")
    result = portfolio.on(ON)
    assert result["lifecycle_stage"] == "departed"
    assert "red" not in result.alerts()
    assert result["escalation_level"] is None


def test_unknown_health_is_an_alert_for_customers_only() -> None:
    assert "coverage_low" in Portfolio().account(has_usage=False, **SIGNED).on(ON).alerts()
    assert "coverage_low" not in Portfolio().account(has_usage=False).on(ON).alerts()


@pytest.mark.parametrize(
    ("usage", "value", "raised"), [(7, 120, False), (8, 120, True), (7, 121, True), (None, None, False)]
)
def test_stale_figures(usage: int | None, value: int | None, raised: bool) -> None:
    dates: dict[str, Any] = {
        name: day(ON) - timedelta(days=age) if age is not None else None
        for name, age in (("usage_as_of", usage), ("value_as_of", value))
    }
    assert ("data_stale" in excellent(Portfolio(), **SIGNED, **dates).on(ON).alerts()) is raised


def test_band_falls_against_the_evaluation_before() -> None:
    portfolio = healthy(Portfolio(), ON)
    portfolio.scored(noon("2025-11-01"), 90.0, "green").scored(noon("2025-11-09"), 70.0, "yellow")
    assert "band_drop" not in portfolio.on(ON).alerts()
    portfolio.scored(noon("2025-11-09") + timedelta(hours=1), 90.0, "green")
    assert "band_drop" in portfolio.on(ON).alerts()
    portfolio.scored(noon(ON) + timedelta(hours=1), 10.0, "red")
    assert "band_drop" in portfolio.on(ON).alerts()


def test_unknown_band_is_neither_better_nor_worse() -> None:
    portfolio = healthy(Portfolio(), ON).scored(noon("2025-11-09"), None, "unknown")
    assert "band_drop" not in portfolio.on(ON).alerts()


def test_alert_carries_owner_and_what_it_saw() -> None:
    portfolio = excellent(Portfolio(), contract_signed_at="2025-01-10")
    alerts = {alert["id"]: alert for alert in portfolio.on(ON).detail()["alerts"]}
    assert alerts["implementation_overdue"]["owner"] == "delivery"
    assert alerts["implementation_overdue"]["inputs"]["days_since_signed"] == 304


END = "2026-01-09"
STEPS = ("renewal_value_documented", "renewal_proposed", "renewal_negotiated")


def recording(name: str, **parameters: bool) -> Framework:
    """A shipped framework, with what it extends under it, where people record the steps of a renewal."""
    base, own = shipped(), shipped(name)
    own.pop("extends", None)
    merged = {key: {**base[key], **own.get(key, {})} for key in ("parameters", "facts")}
    merged["parameters"] |= {"renewal_steps_recorded": True, **parameters}
    return load_framework({**base, **own, **merged}, name)


@pytest.mark.parametrize("name", ["cradle_to_grave", "account_management", "portfolio_management"])
@pytest.mark.parametrize(
    ("done", "on", "missed"),
    [(0, "2025-11-09", False), (0, "2025-11-10", True), (1, "2025-12-09", False), (1, "2025-12-10", True),
     (2, END, False), (2, "2026-01-10", True), (3, "2026-01-10", False)],
)  # fmt: skip
def test_a_renewal_step_is_missed_once_its_window_is_closed(name: str, done: int, on: str, missed: bool) -> None:
    portfolio = Portfolio().account(**SIGNED, contract_end_at=END, arr=60_000)
    portfolio.reached(**dict.fromkeys(STEPS[:done], "2025-11-01"))
    portfolio.deal(kind="renewal", state="open", close_date="2026-01-20")
    assert ("renewal_step_missed" in portfolio.on(on, recording(name)).alerts()) is missed
    off = recording(name, renewal_steps_recorded=False)
    assert "renewal_step_missed" not in portfolio.on(on, off).alerts(), "nobody records steps unless it is said"


def test_a_step_that_is_left_out_is_missed_although_a_later_one_is_done() -> None:
    portfolio = Portfolio().account(**SIGNED, contract_end_at=END).reached(renewal_proposed="2025-11-01")
    assert "renewal_step_missed" in portfolio.on("2025-11-10", recording("cradle_to_grave")).alerts()


@pytest.mark.parametrize("gone", [{"state": "won"}, {"state": "lost"}])
def test_a_renewal_that_is_decided_owes_no_step(gone: dict[str, str]) -> None:
    portfolio = Portfolio().account(**SIGNED, contract_end_at=END)
    portfolio.deal(kind="renewal", close_date="2026-01-05", closed_won_at="2026-01-05", **gone)
    assert "renewal_step_missed" not in portfolio.on("2026-01-10", recording("cradle_to_grave")).alerts()


# Time travel: what was known on an earlier day


def test_deal_won_later_was_open_then() -> None:
    portfolio = excellent(Portfolio(), **SIGNED, contract_end_at="2025-12-31", arr=100)
    portfolio.deal(
        kind="renewal",
        state="won",
        amount=100,
        close_date="2025-11-20",
        created_at="2025-10-01",
        updated_at="2025-11-20",
        closed_won_at="2025-11-20",
    )
    assert portfolio.on("2025-11-20")["renewal_status"] == "renewed"
    assert portfolio.on("2025-11-19")["renewal_status"] == "on_track"
    assert portfolio.on("2025-11-19")["renewal_sub_status"] == "flat"


def test_deal_lost_later_was_open_then_and_one_made_later_was_not_there() -> None:
    portfolio = excellent(Portfolio(), **SIGNED, contract_end_at="2025-12-31", arr=100)
    portfolio.deal(
        kind="renewal", state="lost", close_date="2025-11-20", created_at="2025-10-01", updated_at="2025-11-20"
    )
    assert portfolio.on("2025-11-20")["renewal_status"] == "projected_churn"
    assert portfolio.on("2025-11-19")["renewal_status"] == "on_track"
    assert portfolio.on("2025-09-30")["renewal_status"] == "not_due"


def test_open_deal_made_later_was_not_there() -> None:
    portfolio = Portfolio().account().deal(kind="expansion", state="open", created_at="2025-11-05")
    assert [portfolio.on(on).detail()["facts"]["open_expansion_deals"] for on in ("2025-11-04", "2025-11-05")] == [0, 1]


def test_deal_that_was_closed_early_is_won_on_the_day_of_the_edit() -> None:
    portfolio = Portfolio().account()
    portfolio.deal(
        kind="new", state="won", close_date="2025-12-24", closed_won_at="2025-12-24", updated_at="2025-11-03"
    )
    result = portfolio.on(ON)
    assert (result["lifecycle_stage"], result["stage_entered_on"]) == ("implementation", day("2025-11-03"))


def test_imported_deal_existed_when_it_was_closed() -> None:
    portfolio = Portfolio().account()
    portfolio.deal(
        kind="new", state="won", close_date="2024-05-01", closed_won_at="2024-05-01", created_at="2025-06-01"
    )
    assert portfolio.on("2024-05-02")["lifecycle_stage"] == "implementation"
    assert portfolio.on("2024-04-30")["lifecycle_stage"] == "pre_sale"


def test_figures_of_a_later_day_are_not_known_yet() -> None:
    portfolio = excellent(Portfolio(), usage_as_of=ON)
    assert portfolio.on("2025-11-09").detail()["health"]["missing"].get("login_frequency") is None
    assert portfolio.on("2025-11-08").detail()["health"]["missing"]["login_frequency"] == "not_known_yet"


def test_open_tickets_are_those_of_that_day() -> None:
    portfolio = Portfolio().account().ticket(category="legal", created_at="2025-10-01", closed_at="2025-10-20")
    assert [portfolio.on(on)["escalation_level"] for on in ("2025-09-30", "2025-10-10", "2025-10-21")] == [
        None,
        "L4",
        None,
    ]


def test_ten_thousand_tickets_on_one_account() -> None:
    portfolio = excellent(Portfolio(), has_tickets=True)
    one = {"account_id": "a", "connection": "crm", "stream": "tickets", "created_at": noon(ON), "sentiment": 0.5}
    portfolio.rows["ticket"] = [{**one, "id": str(number)} for number in range(10_000)]
    assert portfolio.on(ON).detail()["facts"]["sentiment_90d"] == 0.5
