"""Deals as they stood at a moment, and what they say about their account."""

from __future__ import annotations

import polars as pl

from mapping.frames import AsOf, Frames
from mapping.money import micro, rated, with_rate
from mapping.table import won_on

LONGEST = 12_000
"""Months; a term that is said to be longer lasts as good as for ever, and its end would be in no calendar."""


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


def first_won_by(deals: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """Of the same deal the moment of `won_by` (`closed_won_by`), and whether that is the end of a day.

    The latter is `closed_won_day_only`.
    """
    # One number a deal: its moment, of two equal ones that which is known before the end of a day.
    moment = won_by(at).cast(pl.Int64) * 2 + pl.when(_timed(at)).then(0).otherwise(1)
    won = deals.filter(pl.col("state") == "won").select("account_id", "kind", moment=moment)
    apart = won.select("account_id", any="moment", new=pl.when(pl.col("kind") == "new").then("moment"))
    first = apart.group_by("account_id").min().select("account_id", first=pl.coalesce("new", "any"))
    by = (pl.col("first") // 2).cast(pl.Datetime("us", "UTC"))
    return first.select("account_id", closed_won_by=by, closed_won_day_only=pl.col("first") % 2 == 1)


def won_by(at: AsOf) -> pl.Expr:
    """The moment by which a deal was won: its own, or the end of `closed_won_on` in the tenant's zone.

    Midnight UTC is a date without a time; a time that is on another day than the deal was won on is none.
    """
    midnight = (pl.col("closed_won_on") + pl.duration(days=1)).cast(pl.Datetime("us"))
    # Where clocks skip midnight, the day ends with the hour that they skip.
    later = (midnight, midnight + pl.duration(hours=1))
    ends = [one.dt.replace_time_zone(at.zone, ambiguous="earliest", non_existent="null") for one in later]
    return pl.when(_timed(at)).then("closed_won_at").otherwise(pl.coalesce(ends).dt.convert_time_zone("UTC"))


def _timed(at: AsOf) -> pl.Expr:
    moment = pl.col("closed_won_at")
    there = moment.dt.convert_time_zone(at.zone).dt.date() == pl.col("closed_won_on")
    return ((moment.dt.time() != pl.time(0, 0)) & there).fill_null(value=False)


def term_over_on() -> pl.Expr:
    """The first day on which a won deal covers nothing any more; null where it does not say for how long it does."""
    months = pl.format("{}mo", pl.col("term_months").clip(1, LONGEST))
    return pl.when(pl.col("term_months") > 0).then(pl.col("closed_won_on").dt.offset_by(months))


def recurring_value() -> pl.Expr:
    """What a year of a deal is worth in millionths of its currency, as far as it says that it recurs; else null."""
    months = pl.when(pl.col("term_months") > 0).then("term_months").cast(pl.Int128)
    whole = pl.coalesce(micro(pl.col("tcv")), micro(pl.col("amount")))
    return pl.coalesce(micro(pl.col("arr")), micro(pl.col("acv")), whole * 12 // months)


def annual_value() -> pl.Expr:
    """The same, with the amount of a deal that says nothing else."""
    return pl.coalesce(recurring_value(), micro(pl.col("amount")))


def with_annual_value(deals: pl.DataFrame, frames: Frames, at: AsOf) -> pl.DataFrame:
    """`deals` with `annual`: what a year of each is worth, in millionths of its account's currency; null if unknown.

    With `frames.rates` it is in the reporting currency, at the rate of the close date.
    """
    account = frames.accounts.select("account_id", account_currency="currency")
    joined = deals.join(account, on="account_id", how="left").with_columns(annual=annual_value())
    return with_rate(joined, pl.col("close_date"), frames.rates, at).with_columns(annual=rated(pl.col("annual")))
