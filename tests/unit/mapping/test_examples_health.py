"""The worked examples of the domain specification on health, rounding and trend, through the shipped framework."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from mapping.framework import load_framework
from mapping.health import half_up
from tests.unit.mapping.portfolio import Portfolio, Result, excellent, healthy, noon, shipped

ON = "2025-11-10"


def metric(result: Result, name: str) -> dict[str, Any]:
    return next(item for item in result.detail()["health"]["metrics"] if item["id"] == name)


def test_example_01_components_and_score() -> None:
    result = healthy(Portfolio(), ON).on(ON)
    points = [round(item["points"], 2) for item in result.detail()["health"]["metrics"]]
    assert points == [75, 80, 90, 80, 75, 100, 66.67, 60, 83.33, 70, 80, 80]
    sums: dict[str, float] = {}
    for item in result.detail()["health"]["metrics"]:
        sums[item["component"]] = sums.get(item["component"], 0) + item["contribution"]
    assert {name: round(value, 3) for name, value in sums.items()} == {
        "usage": 24.5,
        "business_value": 25.5,
        "relationship": 14.0,
        "growth": 15.333,
    }
    assert (result["health_score"], result["health_band"], result["health_coverage"]) == (79.3, "yellow", 100.0)


def test_measures_are_the_points_of_the_components() -> None:
    """Of example 1: 24.5 of 30, 25.5 of 30, 14 of 20 and 15.333 of 20."""
    found = healthy(Portfolio(), ON).on(ON).evaluation.with_measures().row(0, named=True)
    measures = {name: value for name, value in found.items() if name.startswith("measure_")}
    assert measures == {
        "measure_usage": 81.7, "measure_business_value": 85.0, "measure_relationship": 70.0, "measure_growth": 76.7,
    }  # fmt: skip


def test_there_are_no_measures_without_a_score_and_none_of_what_is_not_known() -> None:
    unknown = Portfolio().account(name="new").on(ON).evaluation.with_measures().row(0, named=True)
    assert {value for name, value in unknown.items() if name.startswith("measure_")} == {None}
    untold = healthy(Portfolio(), ON, roi_realised=None, goals_achieved=None, hours_saved=None).on(ON)
    found = untold.evaluation.with_measures().row(0, named=True)
    assert (found["measure_usage"], found["measure_business_value"]) == (81.7, None)


def test_example_02_reasons() -> None:
    result = healthy(Portfolio(), ON).on(ON)
    health = result.detail()["health"]
    losses = sorted(((-item["loss"], index, item["id"]) for index, item in enumerate(health["metrics"])))
    assert [name for _, _, name in losses[:3]] == ["ticket_sentiment", "login_frequency", "goal_completion"]
    assert [round(loss, 3) for loss, _, _ in losses[:3]] == [-2.667, -2.5, -2.5]
    assert round(sum(item["loss"] for item in health["metrics"]), 3) == 20.667
    assert result["health_reasons"] == (
        "Mood of tickets: 0.2 (-2.7 points); Logins per user and week: 2 (-2.5 points); "
        "Success-plan goals reached: 75% (-2.5 points)"
    )


def test_example_03_all_goals_reached() -> None:
    result = healthy(Portfolio(), ON, goals_achieved=4.0).on(ON)
    value = sum(
        item["contribution"] for item in result.detail()["health"]["metrics"] if item["component"] == "business_value"
    )
    assert (round(value, 6), result["health_score"], result["health_band"]) == (28.0, 81.8, "green")


@pytest.mark.parametrize(
    ("policy", "score", "band"), [("reweight", 80.0, "green"), ("neutral", 74.0, "yellow"), ("zero", 64.0, "yellow")]
)
def test_example_04_growth_not_connected(policy: str, score: float, band: str) -> None:
    data = shipped()
    for item in data["score"]["components"][3]["metrics"]:
        item["missing"] = policy
    portfolio = healthy(Portfolio(), ON, reference_status=None)
    portfolio.rows["account"][0] |= {"has_deals": False, "expansion_discussions": None}
    for ticket in portfolio.rows["ticket"]:
        ticket["category"] = None
    data["facts"]["feature_requests_90d"]["empty"] = "missing"
    result = portfolio.on(ON, load_framework(data, "test"))
    assert (result["health_score"], result["health_band"], result["health_coverage"]) == (score, band, 80.0)


def test_example_05_data_volume_missing() -> None:
    portfolio = healthy(Portfolio(), ON, data_volume=None)
    portfolio.rows["account"][0]["not_connected"] = ["data_volume"]
    result = portfolio.on(ON)
    usage = sum(
        item["contribution"] or 0 for item in result.detail()["health"]["metrics"] if item["component"] == "usage"
    )
    assert (round(usage, 6), result["health_score"], result["health_band"]) == (23.25, 78.1, "yellow")
    assert result["health_coverage"] == 90.0
    assert result.detail()["health"]["missing"] == {"data_volume_ratio": "not_connected"}


def test_example_06_too_little_is_known() -> None:
    portfolio = healthy(Portfolio(), ON)
    keep = {
        "account_id": "a",
        "logins_per_user_week": 2.0,
        "has_usage": True,
        "has_meetings": True,
        "has_tickets": True,
    }
    portfolio.rows["account"][0] = keep
    data = shipped()
    # Tickets feed the relationship; feature requests are left out as the example has no growth component.
    data["facts"]["feature_requests_90d"]["where"] = "FALSE AND id = ''"
    data["facts"]["feature_requests_90d"]["empty"] = "missing"
    result = portfolio.on(ON, load_framework(data, "test"))
    assert (result["health_score"], result["health_band"], result["health_coverage"]) == (None, "unknown", 30.0)
    assert result["health_reasons"].startswith(
        "Too little is known for a score (30%). Missing: Licensed features in use"
    )


@pytest.mark.parametrize(
    ("raw", "score", "band"),
    [(79.94, 79.9, "yellow"), (79.95, 80.0, "green"), (59.94, 59.9, "red"), (59.95, 60.0, "yellow")],
)
def test_example_07_rounding(raw: float, score: float, band: str) -> None:
    result = excellent(Portfolio(), **figures_worth(raw)).on(ON)
    assert round(result.detail()["health"]["unrounded"], 9) == raw
    assert (result["health_score"], result["health_band"]) == (score, band)


def figures_worth(points: float) -> dict[str, float]:
    """Usage and value figures of which every metric is worth `points` (50 to 100) by the shipped curves."""
    features = 0.5 * points / 60 if points < 60 else 0.5 + 0.3 * (points - 60) / 40
    ratio = points / 100
    return {
        "logins_per_user_week": 1 + (points - 50) / 25,
        "features_used": features * 5,
        **dict.fromkeys(("data_volume", "roi_realised", "goals_achieved", "hours_saved"), ratio * 5),
    }


@pytest.mark.parametrize("rows", [1, 3, 1001])
def test_rounded_scores_carry_no_binary_noise(rows: int) -> None:
    tenths = [number / 10 for number in range(0, 1001, 1001 // rows)]
    noisy = pl.DataFrame({"raw": [value + 1e-12 for value in tenths]})
    assert noisy.select(half_up(pl.col("raw"), 1))["raw"].to_list() == tenths


@pytest.mark.parametrize(
    ("unknown", "coverage", "score", "band"),
    [
        (("features_licensed",), 50.0, 100.0, "green"),
        (("features_licensed", "roi_target"), 40.0, None, "unknown"),
    ],
)
def test_half_of_the_weight_is_enough_for_a_score(
    unknown: tuple[str, ...], coverage: float, score: float | None, band: str
) -> None:
    result = excellent(Portfolio(), **dict.fromkeys(unknown)).on(ON)
    assert (result["health_coverage"], result["health_score"], result["health_band"]) == (coverage, score, band)


@pytest.mark.parametrize(("mood", "said"), [(-0.04, "0"), (0.04, "0"), (-0.06, "-0.1")])
def test_a_figure_that_is_rounded_to_nothing_has_no_sign(mood: float, said: str) -> None:
    portfolio = excellent(Portfolio(), has_tickets=True)
    portfolio.ticket(created_at="2025-11-01", sentiment=mood)
    assert f"Mood of tickets: {said} (" in portfolio.on("2025-11-10")["health_reasons"]


def test_reasons_fit_the_property_and_repeat_nothing_that_a_record_says() -> None:
    data = shipped()
    for component in data["score"]["components"]:
        for item in component["metrics"]:
            item["label"] = f"{item['label']} {'very ' * 30}"
    portfolio = healthy(Portfolio(), ON, reference_status="=cmd('x')<b>", roi_realised=-1e300)
    reasons = portfolio.on(ON, load_framework(data, "wordy"))["health_reasons"]
    assert (len(reasons), reasons[-1]) == (255, "…")
    told = portfolio.on(ON)["health_reasons"]
    assert told.startswith("Return against target: -1000000000000000% (-")
    assert "cmd" not in told


def test_example_08_stable_trend_and_fallen_band() -> None:
    result = healthy(Portfolio(), ON).scored(noon("2025-10-11"), 84.0, "green").on(ON)
    assert (result["health_score"], result["health_trend"]) == (79.3, "stable")
    assert round(result.detail()["health"]["change"], 6) == -4.7
    assert "band_drop" in result.alerts()
    assert "score_drop" not in result.alerts()


@pytest.mark.parametrize(
    ("days_ago", "score", "trend"),
    [
        (22, 70.0, None),
        (23, 70.0, "improving"),
        (37, 70.0, "improving"),
        (38, 70.0, None),
        (30, 74.3, "improving"),
        (30, 74.4, "stable"),
        (30, 84.2, "stable"),
        (30, 84.3, "declining"),
    ],
)
def test_trend_boundaries(days_ago: int, score: float, trend: str | None) -> None:
    result = healthy(Portfolio(), ON).scored(noon(ON) - timedelta(days=days_ago), score, "yellow").on(ON)
    assert result["health_trend"] == trend


def test_snapshot_that_stayed_valid_counts_for_its_whole_life() -> None:
    portfolio = healthy(Portfolio(), ON).scored(noon("2025-06-01"), 70.0, "yellow")
    portfolio.history[0]["until"] = noon("2025-11-09")
    assert portfolio.on(ON)["health_trend"] == "improving"


@pytest.mark.parametrize(("before", "raised"), [(89.2, False), (89.3, True)])
def test_score_drop_of_ten_points(before: float, raised: bool) -> None:
    result = healthy(Portfolio(), ON).scored(noon("2025-10-11"), before, "green").on(ON)
    assert ("score_drop" in result.alerts()) is raised


@pytest.mark.parametrize(("age", "known"), [(7, True), (8, False)])
def test_usage_older_than_a_week_is_missing(age: int, known: bool) -> None:
    result = healthy(Portfolio(), ON, usage_as_of=(noon(ON) - timedelta(days=age)).date()).on(ON)
    assert (metric(result, "login_frequency")["missing"] is None) is known
    assert result["health_coverage"] == (100.0 if known else 70.0)


@pytest.mark.parametrize(("age", "known"), [(120, True), (121, False)])
def test_value_older_than_120_days_is_missing(age: int, known: bool) -> None:
    result = healthy(Portfolio(), ON, value_as_of=(noon(ON) - timedelta(days=age)).date()).on(ON)
    assert (metric(result, "roi_achievement")["missing"] is None) is known


@pytest.mark.parametrize(("age", "counted"), [(0, 1), (89, 1), (90, 0)])
def test_windows_are_ninety_days_with_today(age: int, counted: int) -> None:
    portfolio = (
        Portfolio().account().meeting(contacts=("anna",), starts_at=noon(ON) - timedelta(days=age), outcome="completed")
    )
    assert portfolio.on(ON).detail()["facts"]["stakeholders_90d"] == counted


def test_connected_and_empty_is_zero_but_not_connected_is_missing() -> None:
    result = Portfolio().account().on(ON)
    assert metric(result, "stakeholder_engagement")["value"] == 0
    assert metric(result, "ticket_sentiment")["missing"] == "no_value"
    silent = Portfolio().account(has_meetings=False).on(ON)
    assert metric(silent, "stakeholder_engagement")["missing"] == "not_connected"


def test_usage_feed_that_knows_the_account_counts_an_absent_login_as_zero() -> None:
    assert metric(Portfolio().account(has_usage=True).on(ON), "login_frequency")["value"] == 0
    assert metric(Portfolio().account(has_usage=False).on(ON), "login_frequency")["missing"] == "no_value"
