"""Why a score is another one than before: what was measured, what the framework says now, and what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from mapping.frames import AsOf
from mapping.framework import Framework
from mapping.health import SNAP, MetricPlan, added, metric_plans, points_of, weigh
from mapping.table import Table

Health = Mapping[str, Any]
"""The part `health` of an explanation, as `Evaluation.details` gives it and the store keeps it."""
_STEPS = ("·before", "·between")


def change(before: Health, after: Health, framework: Framework, at: AsOf, *, same_model: bool) -> dict[str, Any]:
    """Split the difference of two unrounded scores in three parts that add up to it, to nine decimals.

    `framework` is that of `after`. `configuration` is what the measurements of before are worth with the rules of
    now, less what they were worth then; a metric that was not there before belongs to it. `metrics` is what other
    values of the metrics known at both times add to that. `coverage` is the rest: metrics that have become known, or
    are not known any more. A metric whose value is calculated otherwise than before counts as another value. All are
    null where there was or is no score. `values` has the metrics that differ.
    """
    was = {one["id"]: one for one in before["metrics"]}
    now = {one["id"]: one for one in after["metrics"]}
    found: dict[str, Any] = {
        "score": {"before": before["score"], "after": after["score"]},
        **dict.fromkeys(("difference", "metrics", "configuration", "coverage")),
        "values": [_value(was.get(name), one) for name, one in now.items() if _differs(was.get(name), one)],
        "dropped": [name for name in was if name not in now],
    }
    if before["unrounded"] is None or after["unrounded"] is None:
        return found
    first, last = _exact(before["unrounded"]), _exact(after["unrounded"])
    steps = _between(was, now, metric_plans(framework), at, same_model=same_model)
    configured = first if same_model or steps[0] is None else steps[0]
    measured = configured if steps[1] is None else steps[1]
    return found | {
        "difference": float(last - first),
        "configuration": float(configured - first),
        "metrics": float(measured - configured),
        "coverage": float(last - measured),
    }


def _between(
    was: Mapping[str, Health], now: Mapping[str, Health], plans: Sequence[MetricPlan], at: AsOf, *, same_model: bool
) -> tuple[Decimal | None, Decimal | None]:
    """Scores on the way: what was known and measured before, then what is measured now of what was known before."""
    values: dict[str, pl.Series] = {}
    for plan in plans:
        old, new = was.get(plan.metric.id), now[plan.metric.id]
        kind = pl.String() if plan.metric.points is not None else pl.Float64()
        if old is None or not _fits(old["value"], kind):
            old = new
        stays = new if old["missing"] is None and new["missing"] is None else old
        values[plan.column("value")] = pl.Series([old["value"], stays["value"]], dtype=kind)
        values[plan.column("exact")] = pl.Series(
            [_exact_points(one, new, same_model=same_model) for one in (old, stays)], dtype=pl.Float64()
        )
    table = Table(pl.DataFrame({"account_id": _STEPS, **values}), at)
    ways: dict[str, list[pl.Expr]] = {plan.column("points"): [pl.col(plan.column("exact"))] for plan in plans}
    if not same_model:
        for plan in plans:
            ways[plan.column("points")].append(points_of(plan.metric, pl.col(plan.column("value"))))
    table.add(**{name: pl.coalesce(*found) for name, found in ways.items()})
    weigh(table, plans)
    scored = pl.any_horizontal(pl.col(plan.column("loss")).is_not_null() for plan in plans)
    raw = 100 - added(pl.col(plan.column("loss")) for plan in plans)
    before, between = table.frame.select(pl.when(scored).then(raw)).to_series().to_list()
    return None if before is None else _exact(before), None if between is None else _exact(between)


def _exact_points(one: Health, new: Health, *, same_model: bool) -> float | None:
    """Points that an explanation has: a value in it is rounded, and points made from it would be too."""
    points = one["points"] if same_model else new["points"] if one["value"] == new["value"] else None
    return None if points is None else float(points)


def _exact(score: float) -> Decimal:
    return Decimal(repr(round(score, SNAP)))


def _fits(value: object, kind: pl.DataType) -> bool:
    """Whether a value of before can be one of the metric of now, which may have points instead of a curve."""
    return value is None or isinstance(value, str) == (kind == pl.String)


def _differs(old: Health | None, new: Health) -> bool:
    return old is None or any(old[key] != new[key] for key in ("value", "points", "missing"))


def _value(old: Health | None, new: Health) -> dict[str, Any]:
    sides = {"before": old, "after": new}
    return {
        "id": new["id"],
        "label": new["label"],
        **{
            key: {side: one and one[key] for side, one in sides.items()}
            for key in ("value", "counted_points", "missing")
        },
    }
