"""The two charts of an account: from the full score to its own, and how its score came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.web.charts import Chart, Series
from mapping.framework import Framework
from store.portfolio import Moment

FULL = 100.0
_SEEN = 0.005
MOST_POINTS = 120


def waterfall(framework: Framework, health: Mapping[str, Any]) -> Chart | None:
    """From 100 down by what each component loses, the largest loss first; None without a score."""
    score = health["unrounded"]
    if score is None:
        return None
    lost = {one["id"]: one["loss"] or 0.0 for one in health["metrics"]}
    losses = [
        (component.label or component.id, sum(lost.pop(metric.id, 0.0) for metric in component.metrics))
        for component in framework.spec.score.components
    ]
    # What the framework does not know any more, or takes off besides its metrics.
    losses.append(("Other", FULL - score - sum(loss for _, loss in losses)))
    steps = sorted((step for step in losses if abs(step[1]) > _SEEN), key=lambda step: -step[1])
    return Chart(
        kind="waterfall",
        title="From 100 to the score",
        across="Step",
        labels=("Full score", *(name.replace("_", " ").capitalize() for name, _ in steps), "Score"),
        series=(Series(name="Points", values=(FULL, *(-loss for _, loss in steps), score)),),
        least=0,
        most=FULL,
        level=True,
    )


def history(moments: Sequence[Moment], zone: ZoneInfo, now: datetime) -> Chart | None:
    """The score that stood at the end of each of at most 120 equally distant days, up to today; None without any."""
    first, today = moments[0].as_of.astimezone(zone).date(), now.astimezone(zone).date()
    step = max(1, -(-((today - first).days + 1) // MOST_POINTS))
    days = [today - timedelta(days=step * at) for at in range((today - first).days // step + 1)][::-1]
    dated = [(one.as_of.astimezone(zone).date(), one) for one in moments]
    standing = [_standing(dated, day) for day in days]
    if len(days) < 2 or all(one is None or one.score is None for one in standing):
        return None
    notes = [
        "the framework changed" if before and now_ and before.model_version != now_.model_version else None
        for before, now_ in zip([None, *standing], standing, strict=False)
    ]
    scores = tuple(one.score if one is not None else None for one in standing)
    return Chart(
        kind="line",
        title="Score over time",
        across="Day",
        labels=tuple(day.isoformat() for day in days),
        series=(Series(name="Score", values=scores, notes=tuple(notes)),),
        least=0,
        most=FULL,
    )


def _standing(dated: Sequence[tuple[date, Moment]], day: date) -> Moment | None:
    """The last evaluation up to a day."""
    return next((one for on, one in reversed(dated) if on <= day), None)
