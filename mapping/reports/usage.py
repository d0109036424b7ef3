"""The monthly usage report: how much of the product customers use, out of the readings of each month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

import polars as pl

from mapping.kpis.slice import months_before
from mapping.reports.document import Chart, Column, Document, Figure, Section, Series, Table, Tone, Unit, number, share
from mapping.reports.gathered import Gathered, listed

MONTHS = 13
"""So many months are drawn, the last one included: the same month a year ago is there."""
HABIT = 3
"""An account's habit is the mean of its readings in so many months before."""
DROP = 0.7
"""Usage fell when it is at most this part of the habit (the frameworks' `usage_drop`)."""
ROWS = 10_000
DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of use: the column of a reading, and the account's column that it is divided by."""

    id: str
    label: str
    used: str
    of: str | None
    unit: Unit = "share"

    @property
    def made_of(self) -> str:
        """In words."""
        what = self.used.replace("_", " ") + (f" ÷ {self.of.replace('_', ' ')}" if self.of else "")
        return f"mean of {what} over live accounts"


METRICS = (
    Metric("mau", "Monthly active users", "users_active", "users_licensed"),
    Metric("feature_adoption", "Feature adoption", "features_used", "features_licensed"),
    Metric("licence_consumption", "Licence consumption", "quantity_used", "quantity_licensed"),
    Metric("data_volume", "Contracted data volume", "data_volume", "data_volume_contracted"),
    Metric("logins", "Logins per user and week", "logins_per_user_week", None, "number"),
)


def monthly_usage(found: Gathered) -> Document:
    """The calendar month of the report up to its day, against the months before; only live customers count."""
    months = [_first(months_before(found.at.date.replace(day=1), back)) for back in reversed(range(MONTHS))]
    live = found.active.filter((pl.col("go_live_at") <= found.at.date).fill_null(value=False))
    rows = _by_month(found, live)
    means = {one.id: _means(rows, one, months) for one in METRICS}
    return found.document(
        "monthly-usage",
        "Monthly usage",
        (
            Section(
                "usage",
                "Use of the product",
                "Every live customer counts once, whatever its size.",
                figures=(*(_figure(one, means[one.id], months, live.height) for one in METRICS), _activation(live)),
                charts=_charts(means, months),
            ),
            _fallen(rows, live, months),
            _silent(rows, live, months[-1]),
        ),
        since=months[-1],
        notes=("What is licensed or agreed counts as it is now, in earlier months too.",),
    )


def _first(day: date) -> date:
    return day.replace(day=1)


def _by_month(found: Gathered, live: pl.DataFrame) -> pl.DataFrame:
    """One row a live account and month, with what the month's readings say last of each metric; null where nothing.

    Several systems may have readings of an account, each of other metrics.
    """
    limits = live.select("account_id", "account", "arr", *(one.of for one in METRICS if one.of))
    read = found.readings.filter(pl.col("read_on") <= found.at.date + timedelta(days=1))
    used = list(dict.fromkeys(one.used for one in METRICS))
    dated = read.with_columns(month=pl.col("read_on").dt.truncate("1mo")).sort("account_id", "read_on")
    last = dated.group_by("account_id", "month", maintain_order=True).agg(pl.col(used).drop_nulls().last())
    rows = last.join(limits, on="account_id", maintain_order="left")
    return rows.with_columns(**{f"·{one.id}": _value(one) for one in METRICS})


def _value(one: Metric) -> pl.Expr:
    used = pl.col(one.used)
    if one.of is None:
        return used
    return pl.when(pl.col(one.of) > 0).then(used / pl.col(one.of))


def _means(rows: pl.DataFrame, one: Metric, months: Sequence[date]) -> Mapping[date, tuple[Fraction, int]]:
    """Month → the sum over accounts, exact to nine decimals, and how many there are."""
    known = rows.filter(pl.col(f"·{one.id}").is_not_null() & pl.col("month").is_in(list(months)))
    parts = known.partition_by("month", as_dict=True)
    return {month: (exact(part.get_column(f"·{one.id}")), part.height) for (month,), part in parts.items()}


def _figure(one: Metric, means: Mapping[date, tuple[Fraction, int]], months: Sequence[date], live: int) -> Figure:
    """The last of the months against the one before it; what an earlier one had says nothing of them."""
    now, before = means.get(months[-1]), means.get(months[-2])
    earlier = None if before is None else number(before[0] / before[1])
    if now is None:
        return Figure(
            one.id, one.label, one.unit, None, excluded_n=live, before=earlier, status="no_data",
            reason="no live customer has a reading of this month", made_of=one.made_of,
        )  # fmt: skip
    top, n = now
    return Figure(
        one.id, one.label, one.unit, number(top / n),
        numerator=number(top), denominator=n, n=n, excluded_n=live - n, before=earlier, made_of=one.made_of,
    )  # fmt: skip


def _activation(live: pl.DataFrame) -> Figure:
    known = live.filter((pl.col("users_provisioned") > 0) & pl.col("users_activated").is_not_null())
    parts = known.select(pl.col("users_activated") / pl.col("users_provisioned")).to_series()
    top, n = exact(parts), known.height
    return Figure(
        "user_activation",
        "User activation",
        "share",
        number(top / n) if n else None,
        numerator=number(top),
        denominator=n,
        n=n,
        excluded_n=live.height - n,
        status="reported" if n else "no_data",
        reason=None if n else "no live account says how many users were given access",
        made_of="mean of users activated ÷ users provisioned over live accounts, as it is now",
    )


def exact(values: pl.Series) -> Fraction:
    """The sum of floats, each taken to nine decimals: the same in every order."""
    whole = (values.cast(pl.Float64) * 10**DECIMALS).round().cast(pl.Int128)
    return Fraction(int(whole.sum() or 0), 10**DECIMALS)


def _charts(means: Mapping[str, Mapping[date, tuple[Fraction, int]]], months: Sequence[date]) -> tuple[Chart, ...]:
    labels = [f"{month:%Y-%m}" for month in months]
    tones: tuple[Tone, ...] = ("1", "2", "3", "4", "1")

    def series(one: Metric, tone: Tone) -> Series:
        values = [means[one.id].get(month) for month in months]
        return Series(one.label, [None if part is None else number(part[0] / part[1]) for part in values], tone)

    shares = tuple(
        series(one, tone) for one, tone in zip(METRICS, tones, strict=True) if one.unit == "share" and means[one.id]
    )
    logins = series(METRICS[-1], "1")
    found = []
    if shares:
        found.append(Chart("usage", "Mean use by month", "lines", "share", labels, shares, "month"))
    if means[METRICS[-1].id]:
        found.append(Chart("logins", logins.label, "lines", "number", labels, (logins,), "month"))
    return tuple(found)


def _fallen(rows: pl.DataFrame, live: pl.DataFrame, months: Sequence[date]) -> Section:
    """Accounts whose use fell against their own habit: of their metrics, the one that fell most."""
    parts = [_against_habit(rows, one, months) for one in METRICS]
    found = pl.concat(parts)
    known = found.get_column("account_id").n_unique()
    worst = found.sort("ratio", "account_id", "label").group_by("account_id", maintain_order=True).first()
    fell = worst.filter(pl.col("ratio") <= DROP)
    rows_shown = fell.join(
        live.select("account_id", "account", "arr", "segment"), on="account_id", maintain_order="left"
    )
    rows_shown = rows_shown.sort("arr", "account_id", descending=[True, False], nulls_last=True)
    columns = (
        Column("account", "Account"),
        Column("segment", "Segment", "word"),
        Column("arr", "ARR", "money"),
        Column("label", "What fell most"),
        Column("habit", "Usual", "number"),
        Column("value", "This month", "number"),
        Column("ratio", "Of the usual", "share"),
    )
    return Section(
        "fallen",
        "Where use fell",
        f"An account is here when a metric is at most {DROP:.0%} of the mean of its last {HABIT} months.",
        figures=(
            share(
                "fell",
                "Use fell",
                fell.height,
                known,
                excluded=live.height - known,
                made_of="live accounts whose use fell ÷ those with a reading now and before",
                nothing="no account has a reading now and before",
            ),
        ),
        tables=(
            Table(
                "fallen",
                "Accounts, most revenue first",
                columns,
                listed(rows_shown, ("account_id", *(one.id for one in columns)), ROWS, scaled=["arr"]),
                fell.height,
                "No account's use fell that far.",
            ),
        ),
    )


def _against_habit(rows: pl.DataFrame, one: Metric, months: Sequence[date]) -> pl.DataFrame:
    value = pl.col(one.used)
    now = rows.filter((pl.col("month") == months[-1]) & value.is_not_null()).select("account_id", value=value)
    earlier = rows.filter(pl.col("month").is_in(list(months[-1 - HABIT : -1])) & value.is_not_null())
    habit = earlier.group_by("account_id", maintain_order=True).agg(habit=value.mean()).filter(pl.col("habit") > 0)
    joined = now.join(habit, on="account_id", maintain_order="left")
    return joined.select(
        "account_id", "habit", "value", label=pl.lit(one.label), ratio=pl.col("value") / pl.col("habit")
    )


def _silent(rows: pl.DataFrame, live: pl.DataFrame, month: date) -> Section:
    here = rows.filter(pl.col("month") == month).select("account_id")
    silent = live.join(here, on="account_id", how="anti", maintain_order="left")
    silent = silent.sort("arr", "account_id", descending=[True, False], nulls_last=True)
    columns = (
        Column("account", "Account"),
        Column("segment", "Segment", "word"),
        Column("arr", "ARR", "money"),
        Column("usage_as_of", "Last figures", "date"),
    )
    return Section(
        "silent",
        "Who sent no figures",
        figures=(
            share(
                "silent",
                "Without a reading",
                silent.height,
                live.height,
                made_of="live accounts without a reading this month ÷ live accounts",
                nothing="no account is live",
            ),
        ),
        tables=(
            Table(
                "silent",
                "Accounts, most revenue first",
                columns,
                listed(silent, ("account_id", *(one.id for one in columns)), ROWS, scaled=["arr"]),
                silent.height,
                "Every live account has a reading.",
            ),
        ),
    )
