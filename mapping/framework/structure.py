"""Checks of a framework that need no schema: weights, curves, bands, ids and catch-alls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from mapping.framework.errors import Path, Problem
from mapping.framework.measured import kpi_problems
from mapping.framework.spec import Cadence, FrameworkSpec, Metric, RuleSpec, Score

RENEWAL_STATUSES = (
    "churned", "projected_churn", "overdue", "projected_downsell", "at_risk", "due", "on_track", "renewed", "not_due",
    "not_applicable",
)  # fmt: skip
"""Every renewal status, most severe first."""

UNKNOWN_BAND = "unknown"


def structural_problems(spec: FrameworkSpec) -> Iterator[Problem]:
    """Every structural fault of `spec`."""
    yield from _milestones(spec)
    yield from _score(spec.score)
    yield from _catch_all(("stages",), spec.stages)
    yield from _unique(("overlays",), [item.id for item in spec.overlays])
    yield from _segments(spec)
    yield from _renewal(spec)
    yield from _unique(("cadences",), [item.id for item in spec.cadences])
    for index, cadence in enumerate(spec.cadences):
        yield from _cadence(("cadences", index), cadence)
    if spec.escalation:
        yield from _unique(("escalation", "levels"), [item.id for item in spec.escalation.levels])
        ranks = [item.rank for item in spec.escalation.levels]
        if ranks != sorted(set(ranks), reverse=True):
            yield Problem(
                ("escalation", "levels"), "ranks have to fall from level to level: the highest level is first"
            )
    yield from _unique(("alerts",), [item.id for item in spec.alerts])
    yield from kpi_problems(spec)
    yield from _unique(("kpis",), [item.key for item in spec.kpis], "name")
    yield from _capacity(spec)


def _milestones(spec: FrameworkSpec) -> Iterator[Problem]:
    keys, stages = [one.key for one in spec.milestones], {one.id for one in spec.stages}
    yield from _unique(("milestones",), keys, "key")
    for index, milestone in enumerate(spec.milestones):
        path: Path = ("milestones", index)
        if milestone.stage is not None and milestone.stage not in stages:
            yield Problem((*path, "stage"), f"there is no stage {milestone.stage!r}")
        if milestone.recommended_days is not None and spec.milestones_start is None:
            yield Problem(
                (*path, "recommended_days"), "needs `milestones_start`, a date: the day from which the days count"
            )
    for index, checklist in enumerate(spec.checklists):
        path = ("checklists", index)
        if checklist.key in [*keys, *(one.key for one in spec.checklists[:index])]:
            yield Problem((*path, "key"), f"{checklist.key!r} is used twice")
        for number, served in enumerate(checklist.serves):
            if served not in keys:
                yield Problem((*path, "serves", number), f"there is no milestone {served!r}")
            if served in checklist.serves[:number]:
                yield Problem((*path, "serves", number), f"{served!r} is named twice")
    if spec.derive_from_checklists and not spec.checklists:
        yield Problem(("derive_from_checklists",), "needs `checklists`, of which a milestone's day can be made")


def _score(score: Score) -> Iterator[Problem]:
    path: Path = ("score", "components")
    yield from _unique(path, [item.id for item in score.components])
    metrics = [((*path, c, "metrics", m), metric) for c, item in enumerate(score.components)
               for m, metric in enumerate(item.metrics)]  # fmt: skip
    seen: set[str] = set()
    for where, metric in metrics:
        if metric.id in seen:
            yield Problem((*where, "id"), f"{metric.id!r} is used twice")
        seen.add(metric.id)
        yield from _metric(where, metric)
    yield from _bands(score)
    trend = score.trend
    if not trend.from_ <= trend.days <= trend.to:
        yield Problem(("score", "trend"), "`days` has to lie between `from` and `to`")
    if trend.declining >= trend.improving:
        yield Problem(("score", "trend"), "`declining` has to be less than `improving`")


def _metric(path: Path, metric: Metric) -> Iterator[Problem]:
    if (metric.curve is None) == (metric.points is None):
        yield Problem(path, "needs either `curve` (for a number) or `points` (for a text)")
    if metric.points is not None and not metric.points:
        yield Problem((*path, "points"), "needs at least one value")
    if metric.points is not None and metric.zero_when is not None:
        yield Problem((*path, "zero_when"), "only belongs to a metric with a curve")
    if metric.curve is not None:
        yield from _curve((*path, "curve"), metric.curve)
    if not isinstance(metric.missing, str) and metric.fresh is None:
        yield Problem((*path, "missing"), "carry_forward needs `fresh`, which names the date of the value")


def _curve(path: Path, curve: Sequence[tuple[float, float]]) -> Iterator[Problem]:
    if len(curve) < 2:
        yield Problem(path, "needs at least two points")
    for index, (left, right) in enumerate(pairwise(curve)):
        if not left[0] < right[0]:
            yield Problem((*path, index + 1), "x has to be greater than that of the point before")
    for index, (x, y) in enumerate(curve):
        if not (abs(x) < float("inf") and 0 <= y <= 100):
            yield Problem((*path, index), "has to be [x, points] with points from 0 to 100")


def _bands(score: Score) -> Iterator[Problem]:
    path: Path = ("score", "bands")
    yield from _unique(path, [item.id for item in score.bands])
    for index, band in enumerate(score.bands):
        if band.id == UNKNOWN_BAND:
            yield Problem((*path, index, "id"), "unknown is the band of accounts without a score")
        if round(band.min, score.decimals) != band.min:
            yield Problem((*path, index, "min"), f"has more decimals than the score, which has {score.decimals}")
    for index, (upper, lower) in enumerate(pairwise(score.bands)):
        if not upper.min > lower.min:
            yield Problem((*path, index + 1, "min"), "overlaps the band above: bands go from the best to the worst")
    if score.bands[-1].min != 0:
        yield Problem((*path, len(score.bands) - 1, "min"), "leaves a gap: the last band has to start at 0")


def _segments(spec: FrameworkSpec) -> Iterator[Problem]:
    names = [item.dimension for item in spec.segments]
    yield from _unique(("segments",), names, "dimension")
    if "segment" not in names:
        yield Problem(("segments",), "needs a dimension named `segment`: it is what the CRM shows")
    for index, dimension in enumerate(spec.segments):
        yield from _catch_all(("segments", index, "rules"), dimension.rules)


def _renewal(spec: FrameworkSpec) -> Iterator[Problem]:
    renewal, bands = spec.renewal, {item.id for item in spec.score.bands}
    if not renewal.flat[0] <= 1 <= renewal.flat[1]:
        yield Problem(("renewal", "flat"), "has to be two ratios around 1, for instance [0.99, 1.01]")
    for index, band in enumerate(renewal.red_bands):
        if band not in bands:
            yield Problem(("renewal", "red_bands", index), f"there is no band {band!r}")
    for status in renewal.labels:
        if status not in RENEWAL_STATUSES:
            yield Problem(
                ("renewal", "labels", status), f"is no renewal status; those are {', '.join(RENEWAL_STATUSES)}"
            )
    if renewal.start_days > renewal.window_days:
        yield Problem(("renewal", "start_days"), "cannot be more than window_days")
    if renewal.phases:
        yield from _catch_all(("renewal", "phases"), renewal.phases)


def _cadence(path: Path, cadence: Cadence) -> Iterator[Problem]:
    if (cadence.within is None) == (cadence.every is None):
        yield Problem(path, "needs either `within` (once) or `every` (again and again)")
    if not cadence.types and not cadence.titles:
        yield Problem(path, "needs `types` or `titles`, or no meeting will ever count")


def _capacity(spec: FrameworkSpec) -> Iterator[Problem]:
    yield from _unique(("capacity",), [item.id for item in spec.capacity])
    if spec.capacity_alert is not None and not spec.capacity:
        yield Problem(("capacity_alert",), "needs `capacity`, the norms that somebody can exceed")
    segments = {rule.id for item in spec.segments if item.dimension == "segment" for rule in item.rules}
    for index, role in enumerate(spec.capacity):
        path: Path = ("capacity", index)
        if role.segment is not None and role.segment not in segments:
            yield Problem(
                (*path, "segment"), f"there is no segment {role.segment!r}; those are {', '.join(sorted(segments))}"
            )
        for name, bounds in (("accounts", role.accounts), ("arr", role.arr)):
            if bounds is not None and bounds.max is not None and bounds.max < bounds.min:
                yield Problem((*path, name, "max"), "is less than `min`")


def _catch_all(path: Path, rules: Sequence[RuleSpec]) -> Iterator[Problem]:
    yield from _unique(path, [item.id for item in rules])
    for index, rule in enumerate(rules):
        certain = re.sub(r"\s+", "", rule.when).casefold() == "true"
        last = index == len(rules) - 1
        if last and not certain:
            yield Problem((*path, index, "when"), 'the last rule has to be a catch-all: "TRUE"')
        if certain and not last:
            yield Problem((*path, index, "when"), "always holds, so that no rule after it can ever match")


def _unique(path: Path, ids: Iterable[str], key: str = "id") -> Iterator[Problem]:
    seen: set[str] = set()
    for index, item in enumerate(ids):
        if item in seen:
            yield Problem((*path, index, key), f"{item!r} is used twice")
        seen.add(item)
