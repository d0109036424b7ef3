"""The accounts that a customer-success manager should look at first.

Customers come before accounts without a contract, and those that left come last: a lost account is red for ever and
hides the ones that can still be kept. Among equals the worst health comes first, then the most urgent renewal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from sync.report import AccountLine

MOST = 15
_STANDING = {"churned": 2, "not_applicable": 1}
_BANDS = ("red", "yellow", "green")
_RENEWALS = ("projected_churn", "overdue", "projected_downsell", "at_risk", "due", "on_track", "not_due", "renewed")
_COLUMNS = ("account_id", "name", "segment", "lifecycle_stage", "health_score", "health_band", "renewal_status")


def merged(top: Iterable[AccountLine], accounts: pl.DataFrame) -> list[AccountLine]:
    """The first of the lines in `top` and of a slice of `accounts` with their names and computed values."""
    return sorted([*top, *_lines(_first(accounts))], key=_urgency)[:MOST]


def _first(accounts: pl.DataFrame) -> pl.DataFrame:
    """The rows that come first, in no order: of a large slice most need no line."""

    def place(column: pl.Expr, order: Mapping[str, int], otherwise: int) -> pl.Expr:
        return column.replace_strict(order, default=otherwise, return_dtype=pl.Int64)

    return accounts.bottom_k(
        MOST,
        by=[
            place(pl.col("renewal_status").fill_null("not_applicable"), _STANDING, 0),
            place(pl.col("health_band"), _places(_BANDS), len(_BANDS)),
            pl.col("health_score").round(1).fill_null(101.0),
            place(pl.col("renewal_status"), _places(_RENEWALS), len(_RENEWALS)),
            pl.col("account_id"),
        ],
    )


def _places(order: Sequence[str]) -> dict[str, int]:
    return {value: place for place, value in enumerate(order)}


def _lines(accounts: pl.DataFrame) -> Iterator[AccountLine]:
    for *values, why in accounts.select(*_COLUMNS, "health_reasons").iter_rows():
        account_id, name, segment, stage, score, band, status = values
        shown = None if score is None else round(score, 1)
        reason = why.split("; ")[0] if why else None
        yield AccountLine(account_id, name or account_id, segment, stage, shown, band, status, reason)


def _urgency(line: AccountLine) -> tuple[int, int, float, int, str]:
    return (
        _STANDING.get(line.renewal_status or "not_applicable", 0),
        _place(_BANDS, line.band),
        line.score if line.score is not None else 101.0,
        _place(_RENEWALS, line.renewal_status),
        line.account_id,
    )


def _place(order: tuple[str, ...], value: str | None) -> int:
    return order.index(value) if value in order else len(order)
