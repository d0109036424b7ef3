"""Deals as they stood at a moment, and what they say about their account."""

from __future__ import annotations

import polars as pl

from mapping.frames import AsOf
from mapping.table import won_on


def as_known(deals: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """Deals that existed at `at`, with `state` as it was then and `closed_won_on` as a date.

    A record untouched since `at` is taken as it is; one that changed later was won or lost only if its dated close
    lies before. A deal that was closed before its record was made (an import) existed when it was closed.
    """
    state, later = pl.col("state"), pl.col("updated_at") > at.utc
    closed = pl.when(state == "won").then("closed_won_on").when(state == "lost").then("close_date")
    existed = (pl.col("created_at") <= at.utc).fill_null(value=True) | (closed <= at.date).fill_null(value=False)
    return (
        deals.with_columns(closed_won_on=pl.when(state == "won").then(_won_day(at)))
        .filter(existed)
        .with_columns(state=pl.when(later & (closed > at.date)).then(pl.lit("open")).otherwise(state))
        .with_columns(closed_won_on=pl.when(state == "won").then("closed_won_on"))
    )


def _won_day(at: AsOf) -> pl.Expr:
    """Day of closed-won; where people close a deal early and leave its close date ahead, the day of that edit."""
    dated = pl.coalesce(won_on("closed_won_at", at), "close_date")
    edited = pl.col("updated_at").dt.convert_time_zone(at.zone).dt.date()
    ahead = dated > edited + pl.duration(days=1)
    return pl.when(ahead & (pl.col("updated_at") <= at.utc)).then(edited).otherwise(dated)


def first_won(deals: pl.DataFrame) -> pl.DataFrame:
    """Per account the day of the earliest won deal of kind new, else of the earliest won deal (`closed_won_on`)."""
    won = deals.filter(pl.col("state") == "won")
    new = pl.col("closed_won_on").filter(pl.col("kind") == "new").min()
    return won.group_by("account_id").agg(closed_won_on=pl.coalesce(new, pl.col("closed_won_on").min()))
