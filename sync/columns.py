"""Texts of a column's values, made once of each different value: a portfolio has few scores, bands and days."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl


def each(values: pl.Series, said: Callable[[Any], str | None]) -> pl.Series:
    """What `said` says of each value, null included, under the name of `values`."""
    different = values.unique()
    answers = pl.Series("said", [said(value) for value in different.to_list()], dtype=pl.String)
    known = pl.DataFrame([different.alias("value"), answers])
    found = pl.DataFrame([values.alias("value")]).join(
        known, on="value", how="left", nulls_equal=True, maintain_order="left"
    )
    return found.get_column("said").alias(values.name)
