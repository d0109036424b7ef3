"""Weights of a framework's own metrics that would have told leaving customers from staying ones best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mapping.backtest.fit import logistic
from mapping.framework.spec import Component

LEAST_EVENTS = 30
"""Customers that left, below which no weights are fitted: they would be those of chance."""
EVENTS_A_WEIGHT = 10
"""So many for each fitted weight (Peduzzi et al. 1996, DOI 10.1016/S0895-4356(96)00236-3)."""
_NEXT_TO_NOTHING = 0.005


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`weights` has component → (weight of 100, metric → weight inside it); `dropped` the metrics without any."""

    level: str
    weights: dict[str, tuple[float, dict[str, float]]]
    dropped: tuple[str, ...]

    def score(self, losses: pl.DataFrame) -> pl.Series:
        """The score that these weights give, from the columns of lost points of every metric (0…1, no nulls)."""
        total = sum(weight for weight, _ in self.weights.values())
        lost = pl.lit(0.0)
        for weight, metrics in self.weights.values():
            inside = sum(metrics.values())
            for name, share in metrics.items():
                lost = lost + pl.col(name) * (weight / total * share / inside)
        return losses.select(score=100 - 100 * lost).to_series()


def filled(points: pl.DataFrame, components: Sequence[Component]) -> pl.DataFrame:
    """Share of lost points of every metric (0…1); a missing metric loses what the others of its component lose.

    `points` has a column a metric (0 to 100, null where missing) and `score`. A component without any metric loses
    what the account loses altogether.
    """
    overall = 1 - pl.col("score") / 100
    columns = []
    for component in components:
        losses = {metric.id: 1 - pl.col(metric.id) / 100 for metric in component.metrics}
        known = [(loss * metric.weight, metric.weight * loss.is_not_null().cast(pl.Float64))
                 for metric, loss in zip(component.metrics, losses.values(), strict=True)]  # fmt: skip
        mean = pl.sum_horizontal(one for one, _ in known) / pl.sum_horizontal(weight for _, weight in known)
        others = pl.when(mean.is_finite()).then(mean).otherwise(overall)
        columns += [loss.fill_null(others).alias(name) for name, loss in losses.items()]
    return points.with_columns(columns)


def suggest(losses: pl.DataFrame, components: Sequence[Component], churned: int) -> Suggestion:
    """Fit non-negative weights for the metrics, or for whole components where too few customers left for that.

    `losses` is what `filled` gives, with `event`; `churned` is the number of customers that left. Raises `ValueError`
    when the metrics say nothing: every weight would be zero.
    """
    metrics = [metric.id for component in components for metric in component.metrics]
    fine = churned >= EVENTS_A_WEIGHT * len(metrics)
    if fine:
        found = logistic(losses, metrics, nonnegative=True).weights
    else:
        grouped = losses.with_columns(_component_loss(component) for component in components)
        found = logistic(grouped, [component.id for component in components], nonnegative=True).weights
    total = sum(found.values())
    if total <= 0:
        raise ValueError("no metric was lower for customers that left")
    weights: dict[str, tuple[float, dict[str, float]]] = {}
    for component in components:
        shares = {
            metric.id: found[metric.id] / total
            if fine
            else found[component.id] / total * metric.weight / sum(one.weight for one in component.metrics)
            for metric in component.metrics
        }
        kept = {name: share for name, share in shares.items() if share >= _NEXT_TO_NOTHING}
        if kept:
            whole = sum(kept.values())
            inside = {name: round(share / whole, 3) for name, share in kept.items()}
            weights[component.id] = (round(100 * whole, 1), inside)
    dropped = tuple(name for name in metrics if not any(name in inside for _, inside in weights.values()))
    return Suggestion("metrics" if fine else "components", weights, dropped)


def _component_loss(component: Component) -> pl.Expr:
    whole = sum(metric.weight for metric in component.metrics)
    parts = (pl.col(metric.id) * (metric.weight / whole) for metric in component.metrics)
    return pl.sum_horizontal(parts).alias(component.id)
