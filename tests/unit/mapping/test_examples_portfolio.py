"""The worked examples of the domain specification on portfolio management, and their boundaries."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from config.frameworks import load_framework_file
from mapping.framework import Framework
from tests.unit.mapping.portfolio import Portfolio, Result, day, excellent

LIFE: dict[str, Any] = {"contract_signed_at": "2025-01-10", "go_live_at": "2025-03-28", "contract_end_at": "2028-01-09"}


@cache
def f3() -> Framework:
    return load_framework_file("portfolio_management")


def on(when: str, **fields: Any) -> Result:
    return excellent(Portfolio(), **fields).on(when, f3())


@pytest.mark.parametrize(
    ("arr", "segment"),
    [
        ("200000", "enterprise"),
        ("199999.99", "mid_market"),
        ("50000", "mid_market"),
        ("49999.99", "below_threshold"),
        ("0", "below_threshold"),
        (None, "unknown"),
    ],
)
def test_example_9_segments_by_revenue(arr: str | None, segment: str) -> None:
    assert on("2026-01-02", arr=arr)["segment"] == segment


def test_a_person_can_make_any_account_enterprise() -> None:
    assert on("2026-01-02", arr="100", strategic_flag=True)["segment"] == "enterprise"
    assert on("2026-01-02", strategic_flag=True)["segment"] == "enterprise"
    assert on("2026-01-02", arr="100", strategic_flag=False)["segment"] == "below_threshold"


@pytest.mark.parametrize(
    ("when", "stage"),
    [
        ("2025-01-09", "pre_sale"),
        ("2025-01-10", "implementation"),
        ("2025-03-27", "implementation"),
        ("2025-03-28", "adoption"),
        ("2025-06-25", "adoption"),
        ("2025-06-26", "value_realization"),
        ("2026-03-27", "value_realization"),
        ("2026-03-28", "growth_expansion"),
    ],
)
def test_stages_go_by_time_with_us_alone(when: str, stage: str) -> None:
    result = on(when, **LIFE)
    assert (result["lifecycle_stage"], result["tenure_stage"]) == (stage, stage)


def test_a_renewal_that_is_due_hides_no_stage() -> None:
    result = on("2025-12-01", **{**LIFE, "contract_end_at": "2026-01-09"})
    assert (result["lifecycle_stage"], result["renewal_status"]) == ("value_realization", "at_risk")
    assert result["renewal_phase"] == "proposal"


@pytest.mark.parametrize(
    ("arr", "touch", "due"),
    [
        ("200000", "enterprise_check_in", "2025-02-10"),
        ("50000", "mid_market_check_in", "2025-01-24"),
        ("49999.99", None, None),
        (None, None, None),
    ],
)
def test_check_ins_go_by_segment(arr: str | None, touch: str | None, due: str | None) -> None:
    result = on("2025-01-15", arr=arr, **LIFE)
    assert (result["next_touch_type"], result["next_touch_due_on"]) == (touch, day(due) if due else None)


def test_example_34_a_quarter_after_the_last_review() -> None:
    life: dict[str, Any] = {**LIFE, "contract_signed_at": "2024-09-02", "go_live_at": "2024-10-01"}
    portfolio = excellent(Portfolio(), arr="200000", has_meetings=True, **life)
    portfolio.meeting(title="QBR", starts_at=datetime(2025, 1, 31, 9, tzinfo=UTC), outcome="completed")
    portfolio.meeting(title="Check-in", starts_at=datetime(2025, 4, 15, 9, tzinfo=UTC), outcome="completed")
    for when, overdue in (("2025-04-30", False), ("2025-05-01", True)):
        result = portfolio.on(when, f3())
        assert (result["next_touch_type"], result["next_touch_due_on"]) == ("enterprise_review", day("2025-04-30"))
        assert ("touch_overdue" in result.alerts()) is overdue


def test_red_goes_to_the_executive_for_enterprise_accounts_only() -> None:
    poor = {"logins_per_user_week": 0.0, "features_used": 0.0, "data_volume": 0.0, "roi_realised": 0.0}
    for arr, level in (("200000", "L4"), ("199999.99", "L3")):
        result = on("2026-01-02", arr=arr, **LIFE, **poor)
        assert (result["health_band"], result["escalation_level"]) == ("red", level)
        assert "red" in result.alerts()


def test_an_account_without_a_known_revenue_is_told_of() -> None:
    assert "revenue_unknown" in on("2026-01-02", **LIFE).alerts()
    assert "revenue_unknown" not in on("2026-01-02", arr="1", **LIFE).alerts()
    assert "revenue_unknown" not in on("2025-01-09", **LIFE).alerts()


def test_the_score_is_the_same_as_that_of_cradle_to_grave() -> None:
    assert f3().spec.score == load_framework_file("cradle_to_grave").spec.score
