"""What the periodic reports say of small portfolios, number by number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from mapping.engine import evaluate
from mapping.frames import AsOf
from mapping.kpis.catalogue import Period
from mapping.kpis.slice import Slice
from mapping.reports.document import Document, Figure, Table, share
from mapping.reports.gathered import Gathered, Gathering
from mapping.reports.health import weekly_health
from mapping.reports.quality import data_quality
from mapping.reports.quarter import quarterly_review
from mapping.reports.renewals import renewals
from mapping.reports.usage import monthly_usage
from mapping.reports.value import annual_value
from tests.unit.mapping.kpi_kit import PLAIN, framework
from tests.unit.mapping.portfolio import Portfolio, day, noon
from tests.unit.mapping.test_kpis_revenue import example_27

ON = "2025-12-31"
ALERTS = {"account_id": pl.String(), "alert": pl.String(), "raised_at": pl.Datetime("us", "UTC"),
          "answered_at": pl.Datetime("us", "UTC"), "resolved_at": pl.Datetime("us", "UTC"),
          "sla_hours": pl.Int64()}  # fmt: skip
HISTORY = {"account_id": pl.String(), "at": pl.Datetime("us", "UTC"), "score": pl.Float64(), "band": pl.String()}
Seen = tuple[str, str, float | None, str]
"""Account, day, score, band."""


def gathered(
    portfolio: Portfolio, since: str, *, on: str = ON, seen: list[Seen] | None = None, alerts: list[Any] | None = None,
    period: Period | None = None, learns: bool = False, parts: dict[str, Any] | None = None,
) -> Gathered:  # fmt: skip
    """A portfolio as a report gets it; `seen` is what runs had stored, at noon of their days."""
    frames, chosen, at = portfolio.frames(), framework(**(parts or {})), AsOf(noon(on))
    evaluation = evaluate(frames, chosen, at)
    gathering = Gathering(at, day(since), learns=learns, period=period)
    gathering.add(Slice(frames, evaluation, PLAIN), evaluation)
    rows = [(account, noon(when), score, band) for account, when, score, band in seen or ()]
    history = pl.DataFrame(rows, schema=HISTORY, orient="row").sort("account_id", "at")
    raised = pl.DataFrame(alerts or [], schema=ALERTS, orient="row")
    return Gathered(at, day(since), chosen, None, **gathering.frames(), history=history, alerts=raised)


def figure(document: Document, name: str) -> Figure:
    (found,) = [one for section in document.sections for one in section.figures if one.id == name]
    return found


def table(document: Document, name: str) -> Table:
    (found,) = [one for section in document.sections for one in section.tables if one.id == name]
    return found


def customers(*names: str, every: dict[str, Any] | None = None, **own: dict[str, Any]) -> Portfolio:
    """Customers who pay 100, 200, … a year; with fields that all of them have, and their own."""
    portfolio = Portfolio()
    for place, name in enumerate(names):
        fields = {"arr": 100 * (place + 1), "contract_start_at": "2025-01-01", "contract_end_at": "2026-12-31"}
        portfolio.account(name, **fields, **(every or {}), **own.get(name, {}))
    return portfolio


def test_nothing_to_divide_by_is_no_value_and_says_why() -> None:
    none = share("x", "X", 0, 0, nothing="nobody is there")
    assert (none.value, none.status, none.reason) == (None, "no_data", "nobody is there")
    third = share("x", "X", 1, 3, before=(0, 0))
    assert (third.value, third.numerator, third.denominator, third.before) == (0.333333333, 1, 3, None)


def test_a_week_of_health_counts_who_was_where() -> None:
    seen: list[Seen] = [
        ("A", "2025-12-20", 85.0, "green"), ("A", "2025-12-30", 55.5, "red"),
        ("B", "2025-12-20", 61.0, "yellow"), ("B", "2025-12-29", 80.0, "green"),
        ("C", "2025-12-24", 70.0, "yellow"),
        ("D", "2025-12-30", None, "unknown"),
        ("gone", "2025-12-20", 90.0, "green"),
    ]  # fmt: skip
    found = weekly_health(gathered(customers("A", "B", "C", "D", "E"), "2025-12-24", seen=seen))
    assert found.period == {"from": "2025-12-25", "to": ON}
    green, red = figure(found, "green_share"), figure(found, "red_share")
    assert (green.numerator, green.denominator, green.before) == (1, 3, pytest.approx(1 / 3))
    assert (red.numerator, red.excluded_n, red.before) == (1, 1, 0)
    assert figure(found, "mean_score").numerator == 205.5
    drops, rises = figure(found, "band_drops"), figure(found, "band_rises")
    assert (drops.numerator, rises.numerator, drops.denominator) == (1, 1, 3)
    pairs = {(row["band_then"], row["band"]): row["accounts"] for row in table(found, "moves").rows}
    assert pairs == {("green", "red"): 1, ("yellow", "green"): 1}
    assert [(row["account_id"], row["change"]) for row in table(found, "fell").rows] == [("A", -29.5)]
    assert [row["account_id"] for row in table(found, "rose").rows] == ["B"]
    assert [(row["account_id"], row["arr"]) for row in table(found, "worst").rows] == [("A", 100)]
    chart = found.sections[0].charts[0]
    assert len(chart.labels) == 13
    assert [one.values[-1] for one in chart.series] == [1, 1, 1, 1], "E was not evaluated and is in no band"
    assert [one.values[0] for one in chart.series] == [0, 0, 0, 0]


def test_alerts_of_the_week_are_raised_answered_late_or_standing() -> None:
    at = datetime(2025, 12, 30, tzinfo=UTC)
    hour = timedelta(hours=1)
    rows = [
        ("A", "red", at, at + hour, None, 24),
        ("B", "red", at, None, None, 24),  # a day and a half ago, and nobody answered
        ("C", "other", at - timedelta(days=20), None, at, 24),
        ("D", "other", at - timedelta(days=20), at - timedelta(days=10), None, 24),  # answered ten days later
    ]
    found = weekly_health(gathered(customers("A"), "2025-12-24", alerts=rows))
    assert figure(found, "raised").value == 2
    assert (figure(found, "answered").numerator, figure(found, "answered").denominator) == (1, 2)
    assert figure(found, "standing").value == 3
    by_kind = {
        row["alert"]: (row["raised"], row["closed"], row["stands"], row["late"]) for row in table(found, "alerts").rows
    }
    assert by_kind == {"red": (2, 0, 2, 1), "other": (0, 1, 1, 1)}


def test_an_alert_about_a_person_is_named_like_the_others() -> None:
    over = ("owner 7", "capacity_over", datetime(2025, 12, 30, tzinfo=UTC), None, None, 24)
    parts = {"capacity": [{"id": "csm", "accounts": {"max": 3}}], "capacity_alert": {"owner": "lead"}}
    found = weekly_health(gathered(customers("A"), "2025-12-24", alerts=[over], parts=parts))
    assert [row["label"] for row in table(found, "alerts").rows] == ["Somebody carries more than the norm"]


def test_a_month_of_usage_is_a_mean_over_live_customers() -> None:
    live = {"go_live_at": "2025-02-01", "users_licensed": 10, "features_licensed": 0}
    portfolio = customers("A", "B", "C", every=live)
    for month in ("2025-09-30", "2025-10-31", "2025-11-30"):
        portfolio.reading("A", read_on=month, users_active=8).reading("B", read_on=month, users_active=4)
    portfolio.reading("A", read_on="2025-12-10", users_active=9).reading("A", read_on="2025-12-20", users_active=5)
    portfolio.reading("B", read_on="2025-12-20", users_active=4, features_used=3)
    found = monthly_usage(gathered(portfolio, "2025-11-30"))
    active = figure(found, "mau")
    assert (active.value, active.numerator, active.denominator, active.excluded_n) == (0.45, 0.9, 2, 1)
    assert active.before == 0.6
    features = figure(found, "feature_adoption")
    assert (features.value, features.status) == (None, "no_data"), "nothing licensed is nothing to divide by"
    fell = figure(found, "fell")
    assert (fell.numerator, fell.denominator) == (1, 2)
    (row,) = table(found, "fallen").rows
    assert (row["account_id"], row["habit"], row["value"], row["ratio"]) == ("A", 8, 5, 0.625)
    assert [one["account_id"] for one in table(found, "silent").rows] == ["C"]


def test_a_reading_of_one_metric_does_not_hide_an_earlier_one_of_another() -> None:
    live = {"go_live_at": "2025-02-01", "users_licensed": 10, "features_licensed": 4}
    portfolio = customers("A", every=live)
    portfolio.reading("A", read_on="2025-12-10", users_active=9).reading("A", read_on="2025-12-20", features_used=2)
    found = monthly_usage(gathered(portfolio, "2025-11-30"))
    assert (figure(found, "mau").value, figure(found, "feature_adoption").value) == (0.9, 0.5)


def test_a_quarter_adds_up_from_its_start_to_now() -> None:
    found = quarterly_review(gathered(example_27(), "2024-12-31", period="12mo", learns=True))
    assert (figure(found, "arr_start").value, figure(found, "arr_end").value) == (500, 540)
    (chart,) = next(one.charts for one in found.sections if one.id == "revenue")
    start, *steps, end = chart.series[0].values
    assert steps == [80, 30, -20, -50]
    assert (start or 0) + sum(one or 0 for one in steps) == end
    assert (figure(found, "nrr").value, figure(found, "grr").value) == (0.92, 0.86)
    renewed = figure(found, "renewal_rate")
    assert (renewed.numerator, renewed.denominator) == (3, 4)
    assert figure(found, "eligible_churn").value == pytest.approx(70 / 500)


def test_a_year_of_value_is_what_was_reached_of_what_was_agreed() -> None:
    portfolio = customers(
        "A", "B", "C", "D",
        A={"roi_realised": 3, "roi_target": 2, "goals_achieved": 2, "goals_agreed": 2},
        B={"roi_realised": 1, "roi_target": 2},
        C={"roi_realised": 1, "roi_target": 0},
    )  # fmt: skip
    found = annual_value(gathered(portfolio, "2024-12-31", period="12mo"))
    reached = figure(found, "return")
    assert (reached.value, reached.numerator, reached.denominator) == (1, 4, 4)
    assert (reached.n, reached.excluded_n) == (2, 2)
    every = figure(found, "all_met")
    assert (every.numerator, every.denominator, every.excluded_n) == (1, 2, 2)
    assert [row["account_id"] for row in table(found, "behind").rows] == ["B"]
    assert [row["account_id"] for row in table(found, "ahead").rows] == ["A"]
    assert figure(found, "hours").reason is not None


def test_a_forecast_is_revenue_times_probability() -> None:
    portfolio = Portfolio()
    for name, end, arr in (("soon", "2026-01-31", 100), ("later", "2026-11-30", 200), ("beyond", "2027-06-30", 400),
                           ("late", "2025-12-20", 50), ("unknown", "2026-03-31", None)):  # fmt: skip
        portfolio.account(name).contract(name, start_at="2025-02-01", end_at=end, arr=arr)
    found = renewals(gathered(portfolio, ON))
    assert [row["account_id"] for row in table(found, "calendar").rows] == ["late", "soon", "unknown", "later"]
    due, expected = figure(found, "due"), figure(found, "expected")
    assert (due.value, due.excluded_n) == (350, 1)
    assert expected.value == 100 * 0.5 + 200 * 0.9 + 50 * 0.5
    assert figure(found, "at_stake").value == 150
    months = {row["month"]: (row["terms"], row["due"]) for row in table(found, "months").rows}
    assert len(months) == 13
    assert (months["overdue"], months["2026-01"], months["2026-11"]) == ((1, 50), (1, 100), (1, 200))


def test_quality_says_how_much_is_known_and_what_to_enter() -> None:
    portfolio = customers("A", "B", A={"employees": 90, "csm_ref": "p1"}).account("bare", go_live_at="2025-01-01")
    found = data_quality(gathered(portfolio, ON))
    coverage = figure(found, "coverage")
    assert (coverage.numerator, coverage.denominator) == (1, 3)
    assert figure(found, "missing_share").numerator == 2
    lacking = {row["account_id"]: row["lacks"] for row in table(found, "lacking").rows}
    assert lacking == {
        "B": "Nobody looks after it",
        "bare": "No contract end, Revenue not known, Nobody looks after it",
    }


@pytest.mark.parametrize(
    "made", [weekly_health, monthly_usage, quarterly_review, annual_value, renewals, data_quality]
)  # fmt: skip
def test_no_customer_is_an_answer_too(made: Any) -> None:
    found = made(gathered(Portfolio().account("prospect"), "2025-09-30", period="quarter", learns=True))
    assert found.accounts == 0
    for section in found.sections:
        for one in section.figures:
            assert one.value is not None or one.reason, one.id
    assert found.as_dict()["schema"] == "keepwell.report/1"
