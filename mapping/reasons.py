"""The sentence that a CRM user reads: where an account loses most points."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mapping.choose import choose
from mapping.health import SNAP, MetricPlan, half_up
from mapping.table import Table

LIMIT = 255
TOP = 3
_NOTICEABLE = 0.05
_FAR = 1e15
"""Beyond this a figure is cut: it says "absurd" well enough, and a whole number has to hold it."""


def add_reasons(table: Table, plans: Sequence[MetricPlan]) -> None:
    """Add `health_reasons`: the three largest losses in words, or what is missing for a score."""
    left = table.frame.select(pl.col(plan.column("loss")).round(SNAP).fill_null(-1.0) for plan in plans)
    texts = []
    for place in range(TOP):
        worst = left.select(which=_first_of_largest(left.columns), loss=pl.max_horizontal(left.columns))
        texts.append(_said(table.frame, worst, plans).alias(f"·reason{place}"))
        left = left.with_columns(
            pl.when(worst["which"] == index).then(-1.0).otherwise(name).alias(name)
            for index, name in enumerate(left.columns)
        )
    table.attach(_unscored(table.frame, plans))
    named = pl.concat_str([text.name for text in texts], separator="; ", ignore_nulls=True)
    sentence = (
        pl.when(pl.col("health_score").is_null()).then("·unscored")
        .when(pl.col(texts[0].name).is_null()).then(pl.lit("No points lost"))
        .otherwise(named)
    )  # fmt: skip
    told = table.frame.with_columns(texts).select(_cut(sentence).alias("health_reasons"))
    table.frame = table.frame.drop("·unscored").with_columns(told["health_reasons"])


def _unscored(frame: pl.DataFrame, plans: Sequence[MetricPlan]) -> pl.DataFrame:
    """What is missing, for the accounts without a score only (`account_id`, `·unscored`)."""
    labels = [pl.when(~pl.col(plan.column("known"))).then(pl.lit(plan.metric.label)) for plan in plans]
    missing = pl.concat_str(labels, separator=", ", ignore_nulls=True)
    coverage = pl.col("health_coverage").cast(pl.Int64)
    words = pl.format("Too little is known for a score ({}%). Missing: {}", coverage, missing)
    return frame.filter(pl.col("health_score").is_null()).select("account_id", words.alias("·unscored"))


def _first_of_largest(names: Sequence[str]) -> pl.Expr:
    """Place of the largest loss, the first in file order on a tie."""
    largest = pl.max_horizontal(names)
    cases = [(pl.col(name) == largest, pl.lit(index, dtype=pl.Int16)) for index, name in enumerate(names)]
    return choose(cases, pl.lit(None, dtype=pl.Int16))


def _said(frame: pl.DataFrame, worst: pl.DataFrame, plans: Sequence[MetricPlan]) -> pl.Series:
    """What the metric at place `which` costs, in words; null where that is next to nothing.

    The figure is picked before it is put into words: text is made once an account, not once a metric.
    """
    ways: dict[str, list[tuple[pl.Expr, pl.Expr]]] = {"words": [], "percent": [], "plain": []}
    for index, plan in enumerate(plans):
        shown = (pl.col("which") == index) & pl.col(plan.column("known"))
        ways[_way(plan)].append((shown, pl.col(plan.column("value"))))
    picked = frame.hstack(worst).select(
        "loss",
        label=pl.col("which").replace_strict(
            list(range(len(plans))), [plan.metric.label for plan in plans], return_dtype=pl.String
        ),
        words=choose(ways["words"], pl.lit(None, dtype=pl.String)),
        percent=choose(ways["percent"], pl.lit(None, dtype=pl.Float64)),
        plain=choose(ways["plain"], pl.lit(None, dtype=pl.Float64)),
    )
    figure = pl.coalesce(
        pl.col("words").str.replace_all("_", " "),
        pl.concat_str(half_up(pl.col("percent") * 100, 0).clip(-_FAR, _FAR).cast(pl.Int64), pl.lit("%")),
        half_up(pl.col("plain"), 1).cast(pl.String).str.strip_suffix(".0"),
        pl.lit("no data"),
    )
    words = pl.format("{}: {} (-{} points)", "label", figure, half_up(pl.col("loss"), 1))
    return picked.select(pl.when(pl.col("loss") >= _NOTICEABLE).then(words)).to_series()


def _way(plan: MetricPlan) -> str:
    if plan.metric.points is not None:
        return "words"
    return "percent" if plan.metric.format == "percent" else "plain"


def _cut(sentence: pl.Expr) -> pl.Expr:
    short = sentence.str.head(LIMIT - 1) + "…"
    return pl.when(sentence.str.len_chars() > LIMIT).then(short).otherwise(sentence)
