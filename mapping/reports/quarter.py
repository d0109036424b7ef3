"""The quarterly review: KPIs against their targets, revenue, renewals behind and ahead, health then and now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from mapping.reports import health
from mapping.reports.document import Chart, Column, Document, Figure, Section, Series, Table, share, tone
from mapping.reports.gathered import Gathered, listed, total
from mapping.reports.renewals import coming
from mapping.reports.revenue import ended, movement

AHEAD = 4
"""Calendar months of the outlook: the rest of the running one and the next three."""
ROWS = 50


def quarterly_review(found: Gathered) -> Document:
    """The three months that end with the day of the report."""
    forecast, calendar, _ = coming(found, AHEAD, ROWS)
    return found.document(
        "quarterly-review",
        "Quarterly review",
        (
            targets(found),
            movement(found),
            ended(found),
            replace(forecast, id="ahead", title="Contracts that end next"),
            replace(calendar, id="ahead_calendar", title="Which ones"),
            _health(found),
            _stages(found),
            _touches(found),
        ),
        since=found.since + timedelta(days=1),
    )


def targets(found: Gathered) -> Section:
    """The KPIs of the framework, each over its own period."""
    figures = tuple(kpi_figure(one) for one in found.kpis)
    judged = [one for one in figures if one.status in {"met", "missed"}]
    met = sum(one.status == "met" for one in judged)
    text = f"{met} of {len(judged)} targets are met." if judged else "The framework sets no target."
    return Section("kpis", "Targets", text, figures=figures)


def kpi_figure(one: Mapping[str, Any]) -> Figure:
    """A KPI as `report kpis` says it."""
    period = one["period"]
    over = f", {period['from']} to {period['to']}" if period is not None else ""
    names = ("unit", "value", "numerator", "denominator", "n", "excluded_n", "target", "status", "reason")
    given = {name: one[name] for name in names}
    return Figure(
        id=str(one["name"]), label=str(one["label"]), made_of=f"{one['made_of']}{over}", of_money=one["money"], **given
    )


def _health(found: Gathered) -> Section:
    now, then = health.standing_on(found, found.at.date), health.standing_on(found, found.since)
    here, before = health.counts(now), health.counts(then)
    bands = health.bands_of(found)
    figures = health.band_shares(found, now, then)
    labels = [found.since.isoformat(), found.at.date.isoformat()]
    series = tuple(Series(label, [before.get(name, 0), here.get(name, 0)], tone(name)) for name, label in bands)
    chart = Chart("health", "Customers by band, at the beginning and now", "stacked", "count", labels, series, "day")
    return Section("health", "Health", figures=(*figures, health.mean_score(now, then)), charts=(chart,))


def _stages(found: Gathered) -> Section:
    labels = {one.id: one.label or one.id for one in found.framework.spec.stages}
    sums = found.active.group_by("stage").agg(accounts=pl.len(), arr=pl.col("arr").sum())
    by_stage = {row["stage"]: row for row in listed(sums, ("stage", "accounts", "arr"), 1000, scaled=["arr"])}
    rows = [
        {"label": label, "accounts": by_stage[name]["accounts"], "arr": by_stage[name]["arr"]}
        for name, label in labels.items()
        if name in by_stage
    ]
    columns = (Column("label", "Stage"), Column("accounts", "Customers", "count"), Column("arr", "ARR", "money"))
    return Section("stages", "Where customers are", tables=(Table("stages", "By stage", columns, rows, len(rows)),))


def _touches(found: Gathered) -> Section:
    """What is owed to customers: touches whose day has passed."""
    labels = {one.id: one.label or one.id for one in found.framework.spec.cadences}
    owed = found.active.filter(pl.col("next_touch_due_on").is_not_null())
    late = (pl.col("next_touch_due_on") < found.at.date).fill_null(value=False)
    rows = (
        owed.group_by("next_touch_type")
        .agg(customers=pl.len(), overdue=late.sum())
        .sort("overdue", "next_touch_type", descending=[True, False])
    )
    named = [
        {**row, "label": labels.get(row["next_touch_type"], row["next_touch_type"])}
        for row in listed(rows, ("next_touch_type", "customers", "overdue"), 100)
    ]
    columns = (
        Column("label", "Next touch"),
        Column("customers", "Customers", "count"),
        Column("overdue", "Overdue", "count"),
    )
    return Section(
        "touches",
        "Reviews and calls",
        figures=(
            share(
                "overdue",
                "Overdue",
                total(rows, "overdue"),
                owed.height,
                made_of="customers whose next touch is overdue ÷ customers who are owed one",
                nothing="no customer is owed a touch",
            ),
        ),
        tables=(Table("touches", "By kind", columns, named, len(named), "No customer is owed a touch."),),
    )
