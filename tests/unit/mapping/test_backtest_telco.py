"""Weights fitted to a public churn data set, seen as a health score of a dozen metrics (tests/data/telco/README.md)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl

from mapping.backtest import Suggestion, auc, calibration, logistic, suggest, top_share
from mapping.backtest.suggest import filled
from mapping.framework.spec import Component, Metric

DATA = Path(__file__).parents[2] / "data" / "telco" / "churn.parquet"


def points(column: str, worth: dict[str, float]) -> pl.Expr:
    return pl.col(column).replace_strict(worth, default=100.0, return_dtype=pl.Float64)


METRICS: dict[str, dict[str, pl.Expr]] = {
    "loyalty": {
        "tenure": (pl.col("tenure") * (100 / 24)).clip(0, 100),
        "long_tenure": pl.col("tenure") * (100 / 72),
        "contract": points("contract", {"Month-to-month": 0.0, "One year": 75.0}),
    },
    "service": {
        "support": points("tech_support", {"No": 0.0}),
        "security": points("online_security", {"No": 0.0}),
        "backup": points("online_backup", {"No": 0.0}),
        "line": points("internet_service", {"Fiber optic": 0.0, "DSL": 60.0}),
    },
    "billing": {
        "payment": points("payment_method", {"Electronic check": 0.0}),
        "paper": pl.when("paperless_billing").then(0.0).otherwise(100.0),
        "price": (100 - pl.col("monthly_charges").cast(pl.Float64)).clip(0, 100),
    },
}
NAMES = [name for metrics in METRICS.values() for name in metrics]


def components() -> list[Component]:
    """The metrics above with equal weights."""
    return [
        Component(
            id=component, label=component, weight=len(metrics),
            metrics=tuple(Metric(id=name, label=name, value=name, curve=((0, 0), (100, 100))) for name in metrics),
        )
        for component, metrics in METRICS.items()
    ]  # fmt: skip


@cache
def halves() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Customers of even and of odd rows: the share of points that each metric loses, and a score of equal weights."""
    raw = pl.read_parquet(DATA).with_row_index()
    values = [expr.cast(pl.Float64).alias(name) for metrics in METRICS.values() for name, expr in metrics.items()]
    scored = raw.select("index", *values, account_id=pl.col("index").cast(pl.String), event="churn")
    lost = filled(scored.with_columns(score=pl.mean_horizontal(NAMES)), components())
    return lost.filter(pl.col("index") % 2 == 0), lost.filter(pl.col("index") % 2 == 1)


@cache
def suggested() -> Suggestion:
    learned = halves()[0]
    return suggest(learned, components(), churned=int(learned["event"].sum()))


def value(frame: pl.DataFrame) -> float:
    found = auc(frame, 0)
    assert found is not None
    return found.value


def test_fitted_weights_tell_better_than_equal_ones() -> None:
    checked = halves()[1]
    equal, fitted = value(checked), value(checked.with_columns(score=suggested().score(checked)))
    assert 0.78 < equal < fitted
    assert fitted >= 0.83


def test_they_come_within_a_hundredth_of_an_unbounded_regression() -> None:
    learned, checked = halves()
    free = logistic(learned, NAMES).probability()
    unbounded = value(checked.with_columns(score=-free))
    assert value(checked.with_columns(score=suggested().score(checked))) >= unbounded - 0.01


def test_expected_shares_are_those_that_left() -> None:
    learned, checked = (part.with_columns(score=suggested().score(part)) for part in halves())
    found = calibration(checked.with_columns(expected=logistic(learned, ["score"]).probability()))
    assert found.error <= 0.03
    assert len(found.bins) == 10
    assert sum(one["n"] for one in found.bins) == checked.height
    observed = [one["observed"] for one in found.bins]
    assert observed[0] > 0.6
    assert observed[-1] < 0.05


def test_the_lowest_tenth_holds_most_of_those_that_left() -> None:
    checked = halves()[1]
    found = top_share(checked.with_columns(score=suggested().score(checked)))
    assert found is not None
    assert found.lift > 2.5


def test_weights_are_a_framework_s() -> None:
    made = suggested()
    assert made.level == "metrics"
    assert abs(sum(weight for weight, _ in made.weights.values()) - 100) < 0.5
    for _, inside in made.weights.values():
        assert abs(sum(inside.values()) - 1) < 0.01
        assert all(share > 0 for share in inside.values())
    # What costs more and what nobody looks after makes people leave; a backup hardly matters.
    assert made.weights["loyalty"][0] > 40
    assert {*made.dropped, *(name for _, inside in made.weights.values() for name in inside)} == set(NAMES)


def test_with_few_departures_only_components_are_weighed() -> None:
    learned = halves()[0]
    made = suggest(learned, components(), churned=40)
    assert made.level == "components"
    assert set(made.weights["loyalty"][1].values()) == {0.333}
