"""Trend: the score now against the score about a month ago, and against the evaluation before this one."""

from __future__ import annotations

import polars as pl

from mapping.framework import Framework
from mapping.health import SNAP
from mapping.table import Table


def compare(table: Table, framework: Framework, history: pl.DataFrame) -> None:
    """Add `health_trend`, `score_change`, `previous_score`, `previous_band` and `band_fell`."""
    spec = framework.spec.score
    past = history.filter(pl.col("at") < table.at.utc)
    last = past.group_by("account_id", maintain_order=True).last()
    table.attach(last.select("account_id", previous_score="score", previous_band="band"))
    table.attach(_month_ago(past, table, framework))
    table.add(score_change=(pl.col("health_score") - pl.col("·score_then")).round(SNAP))
    change = pl.col("score_change")
    table.add(
        health_trend=pl.when(change >= spec.trend.improving)
        .then(pl.lit("improving"))
        .when(change <= spec.trend.declining)
        .then(pl.lit("declining"))
        .when(change.is_not_null())
        .then(pl.lit("stable"))
    )
    order = [band.id for band in spec.bands]

    def rank(name: str) -> pl.Expr:
        return pl.col(name).replace_strict(order, range(len(order)), default=None, return_dtype=pl.Int64)

    table.add(band_fell=(rank("health_band") > rank("previous_band")).fill_null(value=False))


def _month_ago(past: pl.DataFrame, table: Table, framework: Framework) -> pl.DataFrame:
    """The scored snapshot whose validity comes nearest to the wanted age (`·score_then`), the later one on a tie."""
    trend = framework.spec.score.trend
    today = pl.lit(table.at.date)

    def age(instant: pl.Expr) -> pl.Expr:
        return (today - instant.dt.convert_time_zone(table.at.zone).dt.date()).dt.total_days()

    oldest, newest = age(pl.col("at")), age(pl.max_horizontal("at", pl.coalesce("until", "at")))
    aged = past.filter(pl.col("score").is_not_null()).with_columns(nearest=pl.lit(trend.days).clip(newest, oldest))
    inside = aged.filter(pl.col("nearest").is_between(trend.from_, trend.to))
    ranked = inside.with_columns(distance=(pl.col("nearest") - trend.days).abs()).sort(
        "account_id", "distance", "at", "score", descending=[False, False, True, False]
    )
    best = ranked.group_by("account_id", maintain_order=True).first()
    return best.select("account_id", **{"·score_then": "score", "·scored_then_at": "at"})
