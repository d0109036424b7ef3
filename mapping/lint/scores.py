"""Metrics that cannot do what a score from 0 to 100 needs of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.framework.spec import Metric
from mapping.framework.tree import tree
from mapping.health import metric_plans
from mapping.lint.findings import Finding
from mapping.lint.ranges import Range, value_range

LEAST_POINTS = 1.0
"""A metric that moves the score by less, from its worst value to its best, decides nothing."""


def score_findings(framework: Framework) -> Iterator[Finding]:
    """Curves that never reach 100 or 0, weights that decide nothing, bands that no score reaches."""
    reached: list[Range] = []
    plans = iter(metric_plans(framework))
    for c, component in enumerate(framework.spec.score.components):
        for m, metric in enumerate(component.metrics):
            path: Path = ("score", "components", c, "metrics", m)
            low, high = _points(framework, path, metric)
            reached.append((low, high))
            yield from _ends(path, metric, low, high)
            moved = next(plans).share * (high - low)
            if moved < LEAST_POINTS:
                yield Finding(
                    "irrelevant_metric", (*path, "weight"),
                    f"with its weight, {metric.label} moves the score by {moved:.2g} points at most.",
                    "Give it a weight that counts, or take it out.",
                )  # fmt: skip
    yield from _bands(framework, max(high for _low, high in reached))


def _points(framework: Framework, path: Path, metric: Metric) -> Range:
    """Fewest and most points that the metric can be worth."""
    if metric.points is not None:
        low, high = min(metric.points.values()), max(metric.points.values())
    else:
        curve = metric.curve or ()
        values = value_range(framework, tree(framework.at(*path, "value").expr))
        if metric.zero_when is not None:
            values = (min(values[0], 0.0), max(values[1], 0.0))
        inside = [y for x, y in curve if values[0] <= x <= values[1]]
        ends = [*inside, _at(curve, values[0]), _at(curve, values[1])]
        low, high = min(ends), max(ends)
    if metric.missing == "neutral":
        low, high = min(low, 50.0), max(high, 50.0)
    return (0.0 if metric.missing == "zero" else low), high


def _at(curve: tuple[tuple[float, float], ...], x: float) -> float:
    """Points of a value, clamped at the ends as the score does it."""
    if x <= curve[0][0]:
        return curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x <= x1:
            return y0 + (x - x0) * (y1 - y0) / (x1 - x0)
    return curve[-1][1]


def _ends(path: Path, metric: Metric, low: float, high: float) -> Iterator[Finding]:
    where: Path = (*path, "points" if metric.points is not None else "curve")
    if high < 100:
        yield Finding(
            "curve_never_100", where, f"{metric.label} is never worth more than {high:g} points.",
            "A customer who is perfect loses points by it: let its best value be worth 100.",
        )  # fmt: skip
    if low > 0:
        yield Finding(
            "curve_never_0", where, f"{metric.label} is never worth less than {low:g} points.",
            "The worst customer keeps points by it: let its worst value be worth 0.",
        )  # fmt: skip


def _bands(framework: Framework, highest: float) -> Iterator[Finding]:
    for index, band in enumerate(framework.spec.score.bands):
        if band.min > highest:
            yield Finding(
                "unreachable_band", ("score", "bands", index, "min"),
                f"no score reaches {band.min:g}: no metric is ever worth more than {highest:g} points.",
                "Lower the band, or let the curves reach 100.",
            )  # fmt: skip
