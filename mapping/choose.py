"""Choosing by ordered conditions, as one Polars expression."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def choose(cases: Sequence[tuple[pl.Expr, pl.Expr]], otherwise: pl.Expr) -> pl.Expr:
    """The value of the first case whose condition holds, else `otherwise`; a null condition does not hold."""
    result = otherwise
    for condition, value in reversed(cases):
        result = pl.when(condition).then(value).otherwise(result)
    return result


def word(*cases: tuple[pl.Expr, str], last: str) -> pl.Expr:
    """`choose` for constant texts."""
    return choose([(condition, pl.lit(text)) for condition, text in cases], pl.lit(last))
