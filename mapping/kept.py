"""What is kept of how healthy accounts were: a row an account and metric, for many accounts together.

A document an account would take a hundred times the bytes, and most of the time of an evaluation to make.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from mapping.details import json_value
from mapping.health import MetricPlan

_NUMBERS = ("value", "points", "counted_points", "weight", "loss")
KEPT = {
    "account_id": pl.String(),
    "metric": pl.String(),
    "unrounded": pl.Float64(),
    **dict.fromkeys(_NUMBERS, pl.Float64()),
    "answer": pl.String(),
    "missing": pl.String(),
}


def keep(table: pl.DataFrame, plans: Sequence[MetricPlan]) -> pl.DataFrame:
    """The health of every account of a finished table, a row an account and metric, the metrics in order."""
    return pl.concat(table.select(_columns(plan, table.schema)) for plan in plans)


def parted(kept: pl.DataFrame, size: int) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """The ids of `size` accounts and their rows, part by part; nothing is copied but the ids.

    Takes what `keep` makes: one metric after the other, each with all accounts in the same order. Raises ValueError for
    rows that are arranged otherwise.
    """
    if kept.is_empty():
        return
    metrics = kept.get_column("metric").rle_id()[-1] + 1
    accounts, odd = divmod(kept.height, metrics)
    if odd or kept.get_column("account_id").gather_every(accounts).n_unique() > 1:
        raise ValueError("the rows of each metric are not those of the same accounts in one order")
    for start in range(0, accounts, size):
        rows = [kept.slice(metric * accounts + start, min(size, accounts - start)) for metric in range(metrics)]
        yield rows[0].get_column("account_id").to_list(), pl.concat(rows)


def health_of(kept: pl.DataFrame, account_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Account id → the part `health` of its explanation as far as `keep` keeps it: `unrounded` and `metrics`."""
    found: dict[str, dict[str, Any]] = {}
    wanted = kept.select(list(KEPT)).filter(pl.col("account_id").is_in(list(account_ids)))
    for account_id, metric, unrounded, value, points, counted, weight, loss, answer, missing in wanted.iter_rows():
        health = found.setdefault(account_id, {"unrounded": json_value(unrounded), "metrics": []})
        counts = loss is not None
        health["metrics"].append(
            {
                "id": metric,
                "value": json_value(value) if answer is None else answer,
                "points": points,
                "counted_points": counted,
                "weight": json_value(weight) if counts else None,
                "contribution": json_value(weight - loss) if counts else None,
                "loss": json_value(loss),
                "missing": missing,
            }
        )
    return found


def _columns(plan: MetricPlan, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """A metric in the columns of `KEPT`: its value as a number, or as the answer that stands for points."""
    value = plan.column("value")
    answers = schema[value] == pl.String
    here = {
        "account_id": pl.col("account_id"),
        "metric": pl.lit(plan.metric.id),
        "unrounded": pl.col("·raw"),
        "value": pl.lit(None) if answers else pl.col(value),
        "points": pl.col(plan.column("points")),
        "counted_points": pl.col(plan.column("counted")),
        "weight": pl.col(plan.column("weight")),
        "loss": pl.col(plan.column("loss")),
        "answer": pl.col(value) if answers else pl.lit(None),
        "missing": pl.col(plan.column("why")),
    }
    return [here[name].cast(dtype).alias(name) for name, dtype in KEPT.items()]
