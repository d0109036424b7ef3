"""Measures of accounts as they are now: health, usage, coverage, and what a framework asks for in its own words."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from mapping.cadence import counts_as
from mapping.framework.columns import milestone_column, timing_columns
from mapping.framework.spec import KpiSpec
from mapping.framework.structure import UNKNOWN_BAND
from mapping.kpis.catalogue import Period
from mapping.kpis.slice import SCALE, Slice

LOW_ACTIVITY, QUIET_DAYS, USAGE_DAYS = 0.25, 30, 7
"""Little activity: a smaller share of licensed users, or longer without any. Usage figures count for so many days."""
REVIEW_TYPES = ("QBR", "Quarterly business review", "Quarterly review", "Business review", "Success review",
                "EBR", "Executive review", "Executive briefing")  # fmt: skip
REVIEW_TITLES = ("qbr", "ebr", "business review", "quarterly review", "success review", "executive review",
                 "executive briefing")  # fmt: skip
_MOST = 1e18
"""A larger number is none of a customer's."""
_NONE = pl.lit(0, dtype=pl.Int128)
_ONE = pl.lit(SCALE, dtype=pl.Int128)


def one_if(condition: pl.Expr) -> pl.Expr:
    """1 where the condition holds, else 0, as things are added here."""
    return pl.when(condition.fill_null(value=False)).then(_ONE).otherwise(_NONE)


def exact(number: pl.Expr) -> pl.Expr:
    """A number in the scale of `SCALE`; binary fractions are cut to twelve decimals, so that sums have no order.

    One that is too large to be added is null.
    """
    told = number.cast(pl.Float64)
    return (pl.when(told.abs() < _MOST).then(told) * SCALE).round().cast(pl.Int128)


def active(part: Slice) -> pl.DataFrame:
    """Rows of `part.table` of customers who have not left."""
    return part.table.filter(pl.col("active"))


def health(part: Slice) -> pl.DataFrame:
    """One row an active account: its band (best, worst, in between, none), and whether little happens there."""
    spec = part.framework.spec
    best, worst = spec.score.bands[0].id, list(spec.renewal.red_bands)
    band = pl.col("health_band")
    scored = (band != UNKNOWN_BAND).fill_null(value=False)
    red = scored & band.is_in(worst)
    quiet = _quiet(part)
    return active(part).select(
        "account_id",
        green=one_if(scored & (band == best)),
        yellow=one_if(scored & (band != best) & ~band.is_in(worst)),
        red=one_if(red),
        scored=one_if(scored),
        unscored=one_if(~scored),
        quiet=one_if(quiet),
        unhealthy=one_if(red | quiet.fill_null(value=False)),
        active=_ONE,
    )


def _quiet(part: Slice) -> pl.Expr:
    used = pl.when(_counts(part)).then(
        pl.col("users_active") / pl.when(pl.col("users_licensed") > 0).then("users_licensed")
    )
    silent = (pl.col("today") - pl.col("last_activity_at").dt.date()).dt.total_days() > QUIET_DAYS
    return (used < LOW_ACTIVITY).fill_null(value=False) | silent.fill_null(value=False)


def _counts(part: Slice) -> pl.Expr:
    """Whether usage figures count, as in the score: one day ahead is a feed of another time zone."""
    age = (pl.lit(part.at.date) - pl.col("usage_as_of")).dt.total_days()
    return age.is_between(-1, USAGE_DAYS).fill_null(value=True)


def usage(part: Slice) -> pl.DataFrame:
    """One row an active account that is live: four ratios of use; null where a figure is lacking or too old."""
    live = active(part).filter((pl.col("go_live_at") <= part.at.date).fill_null(value=False))
    fresh = _counts(part)
    pairs = {
        "features": ("features_used", "features_licensed"),
        "activated": ("users_activated", "users_provisioned"),
        "users": ("users_active", "users_licensed"),
        "quantity": ("quantity_used", "quantity_licensed"),
    }
    ratio = {
        name: exact(pl.when(fresh & (pl.col(whole) > 0)).then(pl.col(some) / pl.col(whole)))
        for name, (some, whole) in pairs.items()
    }
    known = {f"{name}_known": pl.when(value.is_not_null()).then(_ONE) for name, value in ratio.items()}
    return live.select("account_id", **ratio, **known)


def executives(part: Slice) -> pl.DataFrame:
    """One row an active account: executives who are engaged, and whether they are three or more."""
    engaged = pl.col("executives_engaged")
    known = pl.when(engaged.is_not_null())
    return active(part).select(
        "account_id", engaged=exact(engaged), with_three=known.then(one_if(engaged >= 3)), accounts=known.then(_ONE)
    )


def references(part: Slice) -> pl.DataFrame:
    """One row an active account: whether it is a reference; null where no CRM of it has such a property."""
    unknown = pl.col("not_connected").list.contains("reference_status").fill_null(value=False)
    return active(part).select(
        "account_id",
        active=one_if(pl.col("reference_status") == "active"),
        accounts=pl.when(~unknown).then(_ONE),
        base=_ONE,
        nothing=_NONE,
    )


def reviews(part: Slice, period: Period, types: tuple[str, ...] | None, titles: tuple[str, ...] | None) -> pl.DataFrame:
    """One row an active account whose meetings are known: whether a review was held in the period."""
    meetings = part.streams["meetings"]
    held = meetings.filter((pl.col("outcome") == "completed") & part.within("starts_at", period, meetings.schema))
    own = types is not None or titles is not None
    fits = counts_as((types or ()) if own else REVIEW_TYPES, (titles or ()) if own else REVIEW_TITLES)
    reviewed = held.select("account_id", pl.col("type"), pl.col("title")).filter(fits).get_column("account_id")
    return active(part).select(
        "account_id",
        reviewed=one_if(pl.col("account_id").is_in(reviewed.implode())),
        accounts=pl.when(pl.col("has_meetings")).then(_ONE),
    )


def plans(part: Slice, period: Period, keys: tuple[str, ...] | None) -> pl.DataFrame:
    """One row an active account: whether one of the milestones was reached in the period, or ever (`recorded`)."""
    days = [milestone_column(key) for key in _keys(part, keys)]
    return active(part).select(
        "account_id",
        planned=one_if(pl.any_horizontal(part.within(day, period, part.table.schema) for day in days)),
        recorded=one_if(pl.any_horizontal(pl.col(day).is_not_null() for day in days)),
        accounts=_ONE,
    )


def milestones(part: Slice, period: Period, keys: tuple[str, ...] | None) -> pl.DataFrame:
    """One row an active account: milestones reached in the period and so far, and, of those with a day, in time."""
    wanted = _keys(part, keys)
    return active(part).select(
        "account_id",
        reached=_many(_recent(part, key, period) & _done(part, key) for key in wanted),
        done=_many(_done(part, key) for key in wanted),
        timed=_many(_timed(part, key, period) for key in wanted),
        on_time=_many(
            _timed(part, key, period) & _done(part, key) & (pl.col(milestone_column(key)) <= pl.col(_due(key)))
            for key in wanted
        ),
        steps=pl.lit(len(wanted) * SCALE, dtype=pl.Int128),
    )


def _many(conditions: Iterable[pl.Expr]) -> pl.Expr:
    """How many of the conditions hold, as things are added here."""
    return pl.sum_horizontal(_NONE, *(one_if(one) for one in conditions))


def _done(part: Slice, key: str) -> pl.Expr:
    return (pl.col(milestone_column(key)) <= part.at.date).fill_null(value=False)


def _recent(part: Slice, key: str, period: Period) -> pl.Expr:
    return part.within(milestone_column(key), period, part.table.schema)


def _timed(part: Slice, key: str, period: Period) -> pl.Expr:
    """A milestone with a due day that was reached in the period, or was due in it and is not reached."""
    missed = ~_done(part, key) & part.within(_due(key), period, part.table.schema)
    return pl.col(_due(key)).is_not_null() & (_recent(part, key, period) | missed)


def _due(key: str) -> str:
    due_on, _, _ = timing_columns(key)
    return due_on


def chosen(part: Slice, index: int, entry: KpiSpec) -> pl.DataFrame:
    """One row an active account for which `of` holds: whether `having` does, and its `value`."""
    rows = active(part)
    if entry.of is not None:
        rows = rows.filter(part.chosen(index, "of").fill_null(value=False))
    having = one_if(part.chosen(index, "having")) if entry.having is not None else _NONE
    value = exact(part.chosen(index, "value")) if entry.value is not None else _NONE
    return rows.select(
        "account_id", having=having, value=value, accounts=_ONE, valued=pl.when(value.is_not_null()).then(_ONE)
    )


def _keys(part: Slice, keys: tuple[str, ...] | None) -> list[str]:
    return list(keys) if keys is not None else [one.key for one in part.framework.spec.milestones]
