"""Observations: on a day an account had a score, and within the horizon after it the customer left or did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

STEP = timedelta(days=30)
"""Scores are looked at once a month: a score of yesterday says hardly more than that of today."""

PAST: dict[str, pl.DataType] = {
    "evaluation": pl.Int64(),
    "account_id": pl.String(),
    "on": pl.Date(),
    "score": pl.Float64(),
    "status": pl.String(),
    "afterwards": pl.Boolean(),
}
"""Evaluations, oldest first: each stands from `on` until the next; `afterwards`: it was computed on a later day."""

DEPARTURES: dict[str, pl.DataType] = {
    "account_id": pl.String(), "gone_on": pl.Date(), "known_until": pl.Date(),
}  # fmt: skip
"""Per account: the day on which it left, if it is gone now, and the last day of which anything is known."""


@dataclass(frozen=True, slots=True)
class Observed:
    """`frame` has evaluation, account_id, day, score, event, afterwards; `left_out` counts what could not be used."""

    frame: pl.DataFrame
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Split:
    """An earlier and a later part; no outcome of the earlier one lies in the time of the later one's scores."""

    earlier: pl.DataFrame
    later: pl.DataFrame


def days_between(first: date, last: date) -> list[date]:
    """The last day and then back by `STEP`, oldest first; none when `first` is after it."""
    days = []
    while last >= first:
        days.append(last)
        last -= STEP
    return days[::-1]


def observe(past: pl.DataFrame, departures: pl.DataFrame, days: Sequence[date], horizon: int) -> Observed:
    """What stood on each of `days`, with whether the customer left within `horizon` days after it.

    `past` has the columns of `PAST`, `departures` those of `DEPARTURES`, one row for every account. Left out are
    accounts that were gone already, that had no contract end to renew, no score, or no known end of the window.
    """
    standing = _standing(past, days)
    seen = standing.join(departures, on="account_id", how="inner", maintain_order="left")
    after, end = pl.col("day"), pl.col("day") + pl.duration(days=horizon)
    left = _left(past).join(departures, on="account_id").select("account_id", pl.col("on").alias("left_on"))
    gone = departures.filter(pl.col("gone_on").is_not_null()).select("account_id", left_on="gone_on")
    spells = pl.concat([left, gone]).unique().group_by("account_id").agg("left_on")
    seen = seen.join(spells, on="account_id", how="left", maintain_order="left").explode("left_on")
    event = ((pl.col("left_on") > after) & (pl.col("left_on") <= end)).fill_null(value=False)
    seen = seen.group_by("account_id", "day", maintain_order=True).agg(pl.exclude("left_on").first(), event=event.any())
    why = (
        pl.when((pl.col("status") == "churned") | (pl.col("gone_on") <= after)).then(pl.lit("already_gone"))
        .when(pl.col("status") == "not_applicable").then(pl.lit("no_contract_end"))
        .when(pl.col("score").is_null()).then(pl.lit("no_score"))
        .when(end > pl.col("known_until")).then(pl.lit("end_unknown"))
    )  # fmt: skip
    judged = seen.with_columns(why=why)
    counts = judged.filter(pl.col("why").is_not_null()).group_by("why").len()
    left_out = dict.fromkeys(("already_gone", "no_contract_end", "no_score", "end_unknown"), 0) | dict(counts.rows())
    columns = ["evaluation", "account_id", "day", "score", "event", "afterwards"]
    return Observed(judged.filter(pl.col("why").is_null()).select(columns).sort("day", "account_id"), left_out)


def split(frame: pl.DataFrame, horizon: int) -> Split | None:
    """The last third of the days against those whose outcomes were known before it began; None if that leaves none.

    Both parts have to have customers that left and customers that stayed.
    """
    days = frame["day"].unique().sort().to_list()
    if not days:
        return None
    first = days[-max(len(days) // 3, 1)]
    earlier = frame.filter(pl.col("day") <= first - timedelta(days=horizon))
    later = frame.filter(pl.col("day") >= first)
    if any(part["event"].n_unique() < 2 for part in (earlier, later)):
        return None
    return Split(earlier, later)


def _standing(past: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    accounts = past.select("account_id").unique(maintain_order=True)
    grid = accounts.join(pl.DataFrame({"day": list(days)}, schema={"day": pl.Date}), how="cross").sort("day")
    ordered = past.sort("on", maintain_order=True)
    found = grid.join_asof(
        ordered, left_on="day", right_on="on", by="account_id", strategy="backward", check_sortedness=False
    )
    return found.filter(pl.col("evaluation").is_not_null())


def _left(past: pl.DataFrame) -> pl.DataFrame:
    """The days on which an evaluation first found a customer churned (account_id, on)."""
    ordered = past.sort("account_id", "on", maintain_order=True)
    churned = (pl.col("status") == "churned").fill_null(value=False)
    before = churned.shift(1).over("account_id").fill_null(value=True)
    return ordered.filter(churned & ~before).select("account_id", "on")
