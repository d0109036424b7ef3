"""Amounts made comparable: one currency, exact arithmetic."""

from __future__ import annotations

import polars as pl

from mapping.schema import MONEY

MICRO = 1_000_000


def micro(amount: pl.Expr) -> pl.Expr:
    """A decimal amount as a whole number of millionths, in which products and comparisons are exact."""
    return (amount.cast(MONEY) * MICRO).cast(pl.Int128)


def comparable(frame: pl.DataFrame, amounts: list[str], on: str, rates: pl.DataFrame | None) -> pl.DataFrame:
    """`frame` with its `amounts` in one currency.

    With `rates`, amounts are converted with the last rate on or before the date in column `on`; a currency without
    a rate gives null. Without, an amount counts only when its currency is that of the account
    (`account_currency`) or one of the two is unknown.
    """
    if rates is None:
        same = (pl.col("currency") == pl.col("account_currency")).fill_null(value=True)
        return frame.with_columns(pl.when(same).then(pl.col(name)).alias(name) for name in amounts)
    keyed = frame.with_row_index("·row").with_columns(
        pl.coalesce("currency", "account_currency").alias("·currency"), pl.col(on).alias("·on")
    )
    dated = keyed.filter(pl.col("·on").is_not_null()).sort("·on")
    quotes = rates.select(
        pl.col("currency").alias("·currency"), pl.col("on").alias("·on"), pl.col("rate").alias("·rate")
    )
    found = dated.join_asof(quotes.sort("·on"), on="·on", by="·currency", strategy="backward", check_sortedness=False)
    joined = keyed.join(found.select("·row", "·rate"), on="·row", how="left", maintain_order="left")
    converted = ((pl.col(name).cast(pl.Float64) * pl.col("·rate")).round(6).cast(MONEY).alias(name) for name in amounts)
    return joined.with_columns(converted).drop("·row", "·currency", "·on", "·rate")
