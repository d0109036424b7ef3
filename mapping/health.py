"""Health: metric values become points, points become a score, and every lost point stays attributable.

All sums are binary floats that are snapped to nine decimals before they are rounded half-up, which undoes the
artefacts of binary fractions (79.95 stored as 79.949999…) for every score that has at most nine decimals.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import polars as pl

from mapping.choose import choose
from mapping.facts import FEED_OF
from mapping.framework import Framework
from mapping.framework.expressions import Checked
from mapping.framework.spec import Component, Metric
from mapping.framework.structure import UNKNOWN_BAND
from mapping.records import MEASURE
from mapping.table import Table

SNAP = 9


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """One metric with its place in the model; `share` is its part of all weight, 0…1."""

    metric: Metric
    component: Component
    share: float
    value: Checked
    zero_when: Checked | None
    feeds: tuple[str, ...] = ()

    def column(self, what: str) -> str:
        """Name of an internal column: value, points, weight, loss or why."""
        return f"·{what}:{self.metric.id}"


def metric_plans(framework: Framework) -> list[MetricPlan]:
    """Every metric, in file order."""
    components = framework.spec.score.components
    total = sum(component.weight for component in components)
    plans = []
    for c, component in enumerate(components):
        inside = sum(metric.weight for metric in component.metrics)
        for m, metric in enumerate(component.metrics):
            path = ("score", "components", c, "metrics", m)
            zero = framework.at(*path, "zero_when") if metric.zero_when is not None else None
            share = component.weight / total * metric.weight / inside
            value = framework.at(*path, "value")
            plans.append(MetricPlan(metric, component, share, value, zero, _feeds(value, framework)))
    return plans


def _feeds(value: Checked, framework: Framework) -> tuple[str, ...]:
    """Feed flags of the streams behind the facts that a value names."""
    named = (framework.spec.facts[name] for name in value.inputs if name in framework.spec.facts)
    feeds = (FEED_OF[fact.from_] for fact in named if fact.from_ is not None)
    return tuple(dict.fromkeys(feed for feed in feeds if feed is not None))


def score(table: Table, plans: list[MetricPlan], framework: Framework) -> None:
    """Add values, points, effective weights and losses per metric, then score, band and coverage."""
    _measure(table, plans)
    weigh(table, plans)
    spec = framework.spec.score
    losses = [pl.col(plan.column("loss")) for plan in plans]
    known = reduce(operator.add, [pl.when(plan.column("known")).then(plan.share).otherwise(0.0) for plan in plans])
    table.add(**{"·coverage": known.round(SNAP)})
    enough = (pl.col("·coverage") >= spec.min_coverage) & (pl.col("·weight") > 0)
    table.add(**{"·raw": pl.when(enough).then(100 - added(losses))})
    table.add(
        health_score=half_up(pl.col("·raw"), spec.decimals),
        health_coverage=half_up(pl.col("·coverage") * 100, 0),
    )
    bands = [(pl.col("health_score") >= item.min, pl.lit(item.id)) for item in spec.bands]
    table.add(health_band=choose(bands, pl.lit(UNKNOWN_BAND)))


def measures(plans: Sequence[MetricPlan], decimals: int) -> dict[str, pl.Expr]:
    """`measure_ID` of each component: what its known metrics keep of their weight, 0…100; null without a score."""
    groups: dict[str, list[MetricPlan]] = {}
    for plan in plans:
        groups.setdefault(plan.component.id, []).append(plan)
    made: dict[str, pl.Expr] = {}
    for name, group in groups.items():
        weight = added(pl.col(plan.column("weight")) for plan in group)
        lost = added(pl.col(plan.column("loss")) for plan in group)
        known = pl.col("health_score").is_not_null() & (weight > 0)
        made[MEASURE + name] = pl.when(known).then(half_up(100 - 100 * lost / weight, decimals))
    return made


def half_up(value: pl.Expr, decimals: int) -> pl.Expr:
    """`value` rounded half away from zero after snapping; results are the floats nearest to the decimals."""
    factor = 10**decimals
    snapped = (value.abs() * factor).round(SNAP - 1)
    rounded = ((snapped + 0.5).floor() * 0.1**decimals).round(decimals)
    # What is rounded to nothing has no sign: nobody wants to read "-0".
    return pl.when((value < 0) & (rounded > 0)).then(-rounded).otherwise(rounded)


def added(parts: Iterable[pl.Expr]) -> pl.Expr:
    """Sum of columns, null as zero, always from left to right (`sum_horizontal` adds in an order of its threads)."""
    return reduce(operator.add, [part.fill_null(0.0) for part in parts])


def _measure(table: Table, plans: Sequence[MetricPlan]) -> None:
    """Add value, why it is missing (null when it is not), points, and whether it is known, of every metric."""
    table.compute({plan.column("value"): plan.value for plan in plans})
    table.prepare(plan.zero_when for plan in plans if plan.zero_when is not None)
    absent = {plan.column("why"): _absence(table, plan) for plan in plans}
    table.add(**{plan.column("value"): _measured(plan) for plan in plans}, **absent)
    table.add(**{plan.column("points"): points_of(plan.metric, pl.col(plan.column("value"))) for plan in plans})
    table.add(**{plan.column("why"): _why(plan) for plan in plans})
    table.add(**{plan.column("known"): pl.col(plan.column("why")).is_null() for plan in plans})
    table.add(
        **{
            plan.column(what): pl.when(pl.col(plan.column("known"))).then(pl.col(plan.column(what)))
            for plan in plans
            for what in ("value", "points")
        }
    )


def _measured(plan: MetricPlan) -> pl.Expr:
    """The value as a number where it is one (a division by zero is none), or zero where the framework says so."""
    measured = pl.col(plan.column("value"))
    if plan.value.dtype.is_numeric():
        measured = pl.when(measured.cast(pl.Float64).is_finite()).then(measured.cast(pl.Float64))
    if plan.zero_when is not None:
        measured = pl.when(plan.zero_when.expr).then(pl.lit(0.0)).otherwise(measured)
    return measured


def _absence(table: Table, plan: MetricPlan) -> pl.Expr:
    """Why there can be no value at all, whatever was computed, as a place in `_ABSENT`; null where there may be one."""
    stale, early = _age(table, plan.metric)
    cases = [(_unconnected(plan, table), 0), (early, 1), (stale, 2)]
    return choose([(case, pl.lit(place, dtype=pl.Int8)) for case, place in cases], pl.lit(None, dtype=pl.Int8))


_ABSENT = ("not_connected", "not_known_yet", "stale")


def _why(plan: MetricPlan) -> pl.Expr:
    """Why the metric is missing, in a word; null where it is not. Texts are made once: they take most of the time."""
    absent = pl.col(plan.column("why"))
    cases = [(absent == place, pl.lit(word)) for place, word in enumerate(_ABSENT)]
    cases += [
        (pl.col(plan.column("value")).is_null(), pl.lit("no_value")),
        (pl.col(plan.column("points")).is_null(), pl.lit("no_answer")),
    ]
    return choose(cases, pl.lit(None, dtype=pl.String))


def _unconnected(plan: MetricPlan, table: Table) -> pl.Expr:
    """Whether there is no value because a column or a feed that it needs has no source at all."""
    gaps = table.frame.get_column("not_connected")
    named = [name for name in plan.value.inputs if name in table.frame.columns]
    # Where no account has a gap there is nothing to look for, which takes a fifth of the time of all scores.
    lacking = [pl.col(gaps.name).list.contains(pl.lit(name)) for name in named if gaps.null_count() < gaps.len()]
    silent = [~pl.col(feed) for feed in plan.feeds]
    return (
        pl.any_horizontal(*lacking, *silent, pl.lit(value=False)).fill_null(value=False)
        & pl.col(plan.column("value")).is_null()
    )


def _age(table: Table, metric: Metric) -> tuple[pl.Expr, pl.Expr]:
    """Whether the value is too old, and whether it is from after the evaluated day.

    One day ahead is allowed: a feed may stamp its figures with a date of another time zone.
    """
    if metric.fresh is None:
        return pl.lit(value=False), pl.lit(value=False)
    limit = metric.fresh.days
    if not isinstance(metric.missing, str):
        limit = max(limit, metric.missing.carry_forward)
    age = (pl.lit(table.at.date) - pl.col(metric.fresh.column)).dt.total_days()
    return (age > limit).fill_null(value=False), (age < -1).fill_null(value=False)


def points_of(metric: Metric, value: pl.Expr) -> pl.Expr:
    """Points of a value by the metric's curve or its list of points; null for no value and for a text that has none."""
    if metric.points is not None:
        return value.replace_strict(
            list(metric.points), list(metric.points.values()), default=None, return_dtype=pl.Float64
        )
    curve = metric.curve or ()
    cases = [(value.is_null(), pl.lit(None, dtype=pl.Float64)), (value <= curve[0][0], pl.lit(float(curve[0][1])))]
    for (x0, y0), (x1, y1) in pairwise(curve):
        cases.append((value <= x1, (y0 + (value - x0) * ((y1 - y0) / (x1 - x0))).cast(pl.Float64)))
    return choose(cases, pl.lit(float(curve[-1][1])))


def weigh(table: Table, plans: Sequence[MetricPlan]) -> None:
    """Add what each metric counts with (`points` after its missing policy), its effective weight and its loss."""
    table.add(**{plan.column("counted"): _counted(plan) for plan in plans})
    groups: dict[str, list[MetricPlan]] = {}
    for plan in plans:
        groups.setdefault(plan.component.id, []).append(plan)
    present = {name: pl.any_horizontal(_there(plan) for plan in group) for name, group in groups.items()}
    weights = {name: group[0].component.weight for name, group in groups.items()}
    table.add(
        **{"·weight": added(pl.when(there).then(weights[name]).otherwise(0.0) for name, there in present.items())}
    )
    inside = {
        name: added(pl.when(_there(plan)).then(plan.metric.weight).otherwise(0.0) for plan in group)
        for name, group in groups.items()
    }
    table.add(
        **{
            plan.column("weight"): pl.when(_there(plan)).then(
                100.0 * plan.component.weight / pl.col("·weight") * plan.metric.weight / inside[plan.component.id]
            )
            for plan in plans
        }
    )
    table.add(
        **{
            plan.column("loss"): pl.col(plan.column("weight")) * (100 - pl.col(plan.column("counted"))) * 0.01
            for plan in plans
        }
    )


def _counted(plan: MetricPlan) -> pl.Expr:
    points = pl.col(plan.column("points"))
    if plan.metric.missing in ("neutral", "zero"):
        return points.fill_null(50.0 if plan.metric.missing == "neutral" else 0.0)
    return points


def _there(plan: MetricPlan) -> pl.Expr:
    return pl.col(plan.column("counted")).is_not_null()
