"""What has to be watched: alerts, and what the scores do not know."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from mapping.reports.document import Column, Section, Table, count, share
from mapping.reports.gathered import Gathered, listed, total


class Named(Protocol):
    """A part of a framework that has a name for people."""

    @property
    def id(self) -> str: ...

    @property
    def label(self) -> str: ...


def named(rows: pl.DataFrame, column: str, parts: Iterable[Named]) -> pl.DataFrame:
    """`rows` with `label`: what the part of the framework in a column is called, else its id."""
    labels = {one.id: one.label or one.id for one in parts}
    return rows.with_columns(label=pl.col(column).replace(labels))


def alerts(found: Gathered) -> Section:
    """What was raised, answered and resolved in the week, and what stands."""
    until, since = found.at.utc, found.moment(found.at.date - timedelta(days=7))
    here = found.alerts.filter(pl.col("raised_at") <= until)
    rows = here.with_columns(
        raised=pl.col("raised_at") > since,
        closed=pl.col("resolved_at").is_between(since, until, closed="right").fill_null(value=False),
        stands=(pl.col("resolved_at").is_null() | (pl.col("resolved_at") > until)),
        answered=(pl.col("answered_at") <= until).fill_null(value=False),
    ).with_columns(late=_late(until))
    sums = [pl.col(name).sum() for name in ("raised", "closed", "stands")]
    by_kind = rows.group_by("alert").agg(*sums, late=(pl.col("late") & pl.col("stands")).sum())
    by_kind = by_kind.filter(pl.any_horizontal(pl.col("raised", "closed", "stands") > 0))
    by_kind = named(
        by_kind.sort("stands", "alert", descending=[True, False]), "alert", found.framework.spec.every_alert()
    )
    raised = rows.filter("raised")
    columns = (
        Column("label", "Alert"),
        Column("raised", "Raised", "count"),
        Column("closed", "Resolved", "count"),
        Column("stands", "Standing", "count"),
        Column("late", "Standing and late", "count"),
    )
    return Section(
        "alerts",
        "Alerts",
        figures=(
            count("raised", "Raised this week", raised.height, made_of="alerts raised in the period"),
            share(
                "answered",
                "Answered so far",
                raised.filter("answered").height,
                raised.height,
                made_of="answered ÷ raised in the period",
                nothing="no alert was raised in the period",
            ),
            count(
                "standing",
                "Standing",
                rows.filter("stands").height,
                of=rows.height,
                made_of="not resolved by the end of the period",
            ),
        ),
        tables=(
            Table(
                "alerts",
                "By kind",
                columns,
                listed(by_kind, ("alert", *(one.id for one in columns)), 100),
                by_kind.height,
                "No alert was raised, resolved or left standing.",
            ),
        ),
    )


def _late(until: datetime) -> pl.Expr:
    """Whether nobody had answered when the time for it was up."""
    due = pl.col("raised_at") + pl.duration(hours=pl.col("sla_hours"))
    answered = pl.min_horizontal("answered_at", pl.lit(until))
    return ((due <= until) & (pl.col("answered_at").is_null() | (answered > due))).fill_null(value=False)


def unknown(found: Gathered) -> Section:
    """Which metrics are not known of how many customers; what is missing is never counted as zero."""
    metrics = [metric for part in found.framework.spec.score.components for metric in part.metrics]
    sums = found.missing.group_by("metric", maintain_order=True).agg(pl.col("n", "missing").sum())
    rows = (
        named(sums, "metric", metrics)
        .with_columns(
            share=pl.col("missing") / pl.col("n"),
        )
        .sort("share", "metric", descending=[True, False])
    )
    columns = (
        Column("label", "Metric"),
        Column("missing", "Not known of", "count"),
        Column("n", "Customers", "count"),
        Column("share", "Share", "share"),
    )
    cells, lacking = total(sums, "n"), total(sums, "missing")
    return Section(
        "coverage",
        "What the scores do not know",
        figures=(
            share(
                "missing_share",
                "Missing metrics",
                lacking,
                cells,
                made_of="metrics that are not known ÷ metrics of all customers",
            ),
        ),
        tables=(
            Table(
                "missing",
                "By metric",
                columns,
                listed(rows, ("metric", *(one.id for one in columns)), 100),
                rows.height,
            ),
        ),
    )
