"""The sentence that a CRM user reads: where an account loses most points."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mapping.framework.spec import Metric
from mapping.health import SNAP, MetricPlan, half_up
from mapping.table import Table

LIMIT = 255
TOP = 3
_NOTICEABLE = 0.05


def add_reasons(table: Table, plans: Sequence[MetricPlan]) -> None:
    """Add `health_reasons`: the three largest losses in words, or what is missing for a score."""
    losses = [pl.col(plan.column("loss")).round(SNAP).fill_null(-1.0) for plan in plans]
    table.add(**{"·losses": pl.concat_list(losses)})
    texts = []
    for place in range(TOP):
        worst = f"·worst{place}"
        table.add(**{worst: pl.col("·losses").list.arg_max()})
        big = pl.col("·losses").list.max() >= _NOTICEABLE
        said = pl.coalesce(
            *(pl.when(big & (pl.col(worst) == index)).then(_said(plan)) for index, plan in enumerate(plans)),
            pl.lit(None, dtype=pl.String),
        )
        table.add(**{f"·reason{place}": said})
        texts.append(f"·reason{place}")
        left = (
            pl.when(pl.col(worst) == index).then(-1.0).otherwise(pl.col("·losses").list.get(index))
            for index in range(len(plans))
        )
        table.add(**{"·losses": pl.concat_list(list(left))})
    named = pl.concat_str(texts, separator="; ", ignore_nulls=True)
    missing = pl.concat_str(
        [pl.when(~pl.col(plan.column("known"))).then(pl.lit(plan.metric.label)) for plan in plans],
        separator=", ",
        ignore_nulls=True,
    )
    unknown = pl.format(
        "Too little is known for a score ({}%). Missing: {}", pl.col("health_coverage").cast(pl.Int64), missing
    )
    sentence = (
        pl.when(pl.col("health_score").is_null()).then(unknown)
        .when(pl.col("·reason0").is_null()).then(pl.lit("No points lost"))
        .otherwise(named)
    )  # fmt: skip
    table.add(health_reasons=_cut(sentence))
    table.frame = table.frame.drop("·losses", *texts, *(f"·worst{place}" for place in range(TOP)))


def _said(plan: MetricPlan) -> pl.Expr:
    loss = half_up(pl.col(plan.column("loss")), 1)
    shown = pl.when(pl.col(plan.column("known"))).then(_shown(plan.metric, pl.col(plan.column("value"))))
    return pl.format("{}: {} (-{} points)", pl.lit(plan.metric.label), shown.fill_null("no data"), loss)


def _shown(metric: Metric, value: pl.Expr) -> pl.Expr:
    if metric.points is not None:
        return value.str.replace_all("_", " ")
    if metric.format == "percent":
        percent = half_up(value * 100, 0).clip(-1e15, 1e15)
        return pl.concat_str(percent.cast(pl.Int64).cast(pl.String), pl.lit("%"))
    return half_up(value, 1).cast(pl.String).str.strip_suffix(".0")


def _cut(sentence: pl.Expr) -> pl.Expr:
    short = sentence.str.head(LIMIT - 1) + "…"
    return pl.when(sentence.str.len_chars() > LIMIT).then(short).otherwise(sentence)
