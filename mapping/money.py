"""Amounts made comparable: one currency, exact arithmetic.

Amounts become whole millionths and rates whole units of 10⁻¹⁰, so that products, sums and comparisons are exact and
the same in every order of rows and on every store.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import polars as pl

from mapping.frames import AsOf
from mapping.rates import RATE_DECIMALS, Rates
from mapping.schema import MONEY

MICRO = 1_000_000
RATE = "·rate"
"""Column that `with_rate` adds: units of 10⁻¹⁰, null where there is no rate."""
UNRATED = "·unrated"
"""Column that `in_reporting` adds: the currency of an amount that there is no rate for."""
_ONE = 10**RATE_DECIMALS
AT_PAR = pl.lit(_ONE, dtype=pl.Int128)
"""The rate of a currency in itself."""
_MOST = 10**20
"""Millionths; a larger amount is none of a customer's and could not be multiplied exactly."""


def micro(amount: pl.Expr) -> pl.Expr:
    """A decimal amount as a whole number of millionths, in which products and comparisons are exact."""
    return (amount.cast(MONEY) * MICRO).cast(pl.Int128)


def money(millionths: pl.Expr) -> pl.Expr:
    """The reverse of `micro`."""
    return (millionths.cast(MONEY) * pl.lit(Decimal(1) / MICRO)).cast(MONEY)


def with_rate(frame: pl.DataFrame, on: pl.Expr, rates: Rates | None, at: AsOf) -> pl.DataFrame:
    """`frame` with the rate of each row's `currency` on the day `on`, or on the day of the evaluation without one.

    The last quote on or before that day counts, never one after the day of the evaluation. An amount without a currency
    has that of its account (`account_currency`, where there is one), else the reporting currency. Without `rates`, an
    amount counts as it is when its currency is that of its account or one of the two is unknown.
    """
    known = _codes(frame)
    if rates is None:
        same = (known[0] == known[-1]).fill_null(value=True)
        return frame.with_columns(pl.when(same).then(pl.lit(_ONE)).alias(RATE))
    keyed = frame.with_row_index("·row").with_columns(
        pl.coalesce(known).fill_null(rates.currency).alias("·currency"),
        pl.min_horizontal(on.fill_null(at.date), pl.lit(at.date)).alias("·on"),
    )
    wanted = keyed.select("·row", "·currency", "·on").sort("·on", "·row")
    found = wanted.join_asof(_quotes(rates), on="·on", by="·currency", strategy="backward", check_sortedness=False)
    joined = keyed.join(found.select("·row", RATE), on="·row", how="left", maintain_order="left")
    own = pl.when(pl.col("·currency") == rates.currency).then(pl.lit(_ONE)).otherwise(pl.col(RATE))
    return joined.with_columns(own.alias(RATE)).drop("·row", "·currency", "·on")


def rated(millionths: pl.Expr, rate: str = RATE, per: pl.Expr = AT_PAR) -> pl.Expr:
    """An amount in millionths times the rate of a column, divided by the rate `per`; null without one of the two.

    It is rounded half away from zero.
    """
    product = pl.when(millionths.abs() < _MOST).then(millionths) * pl.col(rate).cast(pl.Int128)
    size: pl.Expr = (product.abs() + per // 2) // per
    return size * product.sign().cast(pl.Int128)


def code(currency: pl.Expr) -> pl.Expr:
    """A currency code as rates have it."""
    return currency.str.strip_chars().str.to_uppercase()


def in_reporting(
    frame: pl.DataFrame, amounts: Mapping[str, str], on: pl.Expr, rates: Rates | None, at: AsOf
) -> pl.DataFrame:
    """`frame` with the amounts of `amounts` (new column → column) in the reporting currency, as in `with_rate`.

    Where one of them is known and has no rate, it is null and `UNRATED` names its currency.
    """
    found = with_rate(frame, on, rates, at)
    new = {name: money(rated(micro(pl.col(source)))) for name, source in amounts.items()}
    lacking = pl.any_horizontal(pl.col(source).is_not_null() & new[name].is_null() for name, source in amounts.items())
    return found.with_columns(**new, **{UNRATED: pl.when(lacking).then(pl.coalesce(_codes(frame)))}).drop(RATE)


def comparable(frame: pl.DataFrame, amounts: list[str], on: str, rates: Rates | None, at: AsOf) -> pl.DataFrame:
    """`frame` with its `amounts` in one currency, with the rate of the date in column `on`."""
    return in_reporting(frame, {name: name for name in amounts}, pl.col(on), rates, at).drop(UNRATED)


def _codes(frame: pl.DataFrame) -> list[pl.Expr]:
    """The currency of a row and that of its account, as far as the frame has them."""
    names = [name for name in ("currency", "account_currency") if name in frame.columns]
    return [code(pl.col(name)) for name in names]


@lru_cache(maxsize=2)
def _quotes(rates: Rates) -> pl.DataFrame:
    rows = [(one.currency, one.on, int(one.rate.scaleb(RATE_DECIMALS))) for one in rates.quotes]
    columns = {"·currency": pl.String(), "·on": pl.Date(), RATE: pl.Int64()}
    return pl.DataFrame(rows, schema=columns, orient="row").sort("·on", "·currency")
