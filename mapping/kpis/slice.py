"""What the measures of one slice of accounts share: records, what was evaluated, the period, one currency."""

from __future__ import annotations

import calendar
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

import polars as pl

from mapping import schema
from mapping.deals import as_known
from mapping.engine import Evaluation
from mapping.facts import streams
from mapping.frames import AsOf, Frames, ordered
from mapping.framework import Framework
from mapping.framework.expressions import Checked
from mapping.kpis.catalogue import Period
from mapping.money import AT_PAR, MICRO, RATE, code, micro, money, rated
from mapping.rates import RATE_DECIMALS
from mapping.renewal import renew
from mapping.revenue import DEAL_AMOUNTS

SCALE = MICRO * MICRO
"""Everything is added as whole numbers of this part of one, in which sums are the same in every order."""
ALERTS = {
    "account_id": pl.String(),
    "raised_at": schema.INSTANT,
    "answered_at": schema.INSTANT,
    "resolved_at": schema.INSTANT,
    "sla_hours": pl.Int64(),
}
"""Alerts that were raised, whatever became of them."""
SEEN = {"account_id": pl.String(), "day": pl.Date(), "paid": schema.MONEY, "currency": pl.String()}
"""What accounts paid a year on earlier days, as it was seen then; `currency` is that of the account then."""
MONTHS: Mapping[Period, int] = MappingProxyType({"12mo": 12, "quarter": 3})
_END_OF_TIME = AsOf(datetime.fromisoformat("2200-12-31T00:00:00+00:00"))


def months_before(day: date, months: int) -> date:
    """The calendar day so many months earlier; a day that the month lacks becomes its last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Currency:
    """The currency in which money is added, and what one unit of another one is worth in it.

    Rates are constant over a period, so that no KPI moves because a rate did. Without `code`, amounts are added as they
    are. An amount in a currency without a rate is unknown; one that names no currency has that of its account, an
    account that names none has `code`.
    """

    code: str | None = None
    rates: Mapping[str, Decimal] = field(default_factory=dict)

    def rate(self, currency: pl.Expr) -> pl.Expr:
        """What one unit of `currency` is worth, in units of 10⁻¹⁰; null where that is not known."""
        if self.code is None:
            return AT_PAR
        known = {name: int(rate.scaleb(RATE_DECIMALS)) for name, rate in self.rates.items()}
        known[self.code] = 10**RATE_DECIMALS
        named = code(currency).fill_null(self.code)
        return named.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int128)

    def by_account(self, frames: Frames) -> Frames:
        """`frames` with the amounts of contracts and deals in the currency of their account, where rates allow it."""
        if self.code is None:
            return frames
        accounts = frames.accounts.with_columns(currency=code(pl.col("currency")).fill_null(self.code))
        own = accounts.select("account_id", account_currency="currency")
        return replace(
            frames,
            accounts=accounts,
            contracts=self._converted(frames.contracts, own, ("arr",)),
            deals=self._converted(frames.deals, own, DEAL_AMOUNTS.values()),
        )

    def _converted(self, rows: pl.DataFrame, own: pl.DataFrame, amounts: Iterable[str]) -> pl.DataFrame:
        named = rows.join(own, on="account_id", how="left", maintain_order="left").with_columns(
            currency=pl.coalesce(code(pl.col("currency")), "account_currency")
        )
        rated_ones = named.with_columns(
            **{RATE: self.rate(pl.col("currency"))}, per=self.rate(pl.col("account_currency"))
        )
        other = pl.col("currency") != pl.col("account_currency")
        convertible = other & pl.col(RATE).is_not_null() & pl.col("per").is_not_null()
        found = {name: money(rated(micro(pl.col(name)), per=pl.col("per"))) for name in amounts}
        return rated_ones.with_columns(
            **{name: pl.when(convertible).then(value).otherwise(name) for name, value in found.items()},
            currency=pl.when(convertible).then("account_currency").otherwise("currency"),
        ).drop("account_currency", RATE, "per")


def worth(millionths: pl.Expr) -> pl.Expr:
    """An amount in the currency of the column `rate`, in the reporting currency and the scale of `SCALE`."""
    return rated(millionths, "rate") * MICRO


class Slice:
    """Some accounts, evaluated: what each measure reads.

    `alerts` (`ALERTS`) are those that were raised for these accounts, `seen` (`SEEN`) is what they paid earlier,
    `strays` are answers to surveys that belong to no account: they count in no value, and are told as left out.
    `table` has one row an account with every column of the evaluation, `active` (a customer who has not left) and
    `rate` (of the account's currency).
    """

    def __init__(
        self, frames: Frames, evaluation: Evaluation, currency: Currency, alerts: pl.DataFrame | None = None,
        seen: pl.DataFrame | None = None, strays: pl.DataFrame | None = None,
    ) -> None:  # fmt: skip
        # Amounts are in the currency of their account: what they are worth is said once, by `rate`.
        self.frames = currency.by_account(replace(ordered(frames), rates=None))
        self.alerts = schema.empty(ALERTS) if alerts is None else schema.conform(alerts, ALERTS)
        self.seen = schema.empty(SEEN) if seen is None else schema.conform(seen, SEEN)
        answers = schema.child_schema("survey")
        self.strays = schema.empty(answers) if strays is None else schema.conform(strays, answers)
        self.at: AsOf = evaluation.at
        self.framework: Framework = evaluation.framework
        self.currency = currency
        self.table = evaluation.computed(_expressions(evaluation.framework)).with_columns(
            active=_active(), rate=currency.rate(pl.col("currency"))
        )
        self.deals = as_known(self.frames.deals, self.at)
        self.all_deals = as_known(self.frames.deals, _END_OF_TIME)
        """Deals as they are known now, those after the moment included."""
        self.streams = streams(self.frames, self.deals, self.framework, self.at)
        self.made: dict[Hashable, pl.DataFrame] = {}
        """Measures that were made of it."""
        self._terms: dict[date, pl.DataFrame] = {}

    def since(self, period: Period) -> date:
        """The day at whose end a period begins."""
        return months_before(self.at.date, MONTHS[period])

    def moment(self, day: date) -> AsOf:
        """The end of a day, or the moment of the evaluation when it is that day."""
        return self.at if day == self.at.date else AsOf.end_of(day, self.at.zone)

    def terms(self, day: date) -> pl.DataFrame:
        """Every term as it was judged at the end of `day`; opinions and health play no part."""
        if day not in self._terms:
            at = self.moment(day)
            nobody = pl.lit(None, dtype=pl.String)
            accounts = self.frames.accounts.with_columns(
                health_band=nobody, renewal_status_override=nobody, renewal_forecast=nobody
            )
            deals = as_known(self.frames.deals, at)
            self._terms[day] = renew(accounts, self.frames, deals, at, self.framework.spec.renewal).terms
        return self._terms[day]

    def within(self, name: str, period: Period, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        """Whether a date, or an instant, lies in the period: after its first day, and not after the moment."""
        column, since = pl.col(name), self.since(period)
        if schema[name] == pl.Date:
            return ((column > since) & (column <= self.at.date)).fill_null(value=False)
        after = column.dt.convert_time_zone(self.at.zone).dt.date() > since
        return (after & (column <= self.at.utc)).fill_null(value=False)

    def unpriced(self) -> dict[str, int]:
        """Currency without a rate → active accounts with an amount in it, their own or that of a contract or deal."""
        active = self.table.filter("active").select("account_id", own="currency", own_rate="rate")
        counts = (pl.col("state") == "won") | ((pl.col("state") == "open") & (pl.col("kind") == "expansion"))
        worth_something = pl.any_horizontal(pl.col(name) != 0 for name in DEAL_AMOUNTS.values())
        amounts = [
            self.table.filter(pl.coalesce("arr", "acv") > 0).select("account_id", "currency"),
            self.frames.contracts.filter(pl.col("arr") != 0).select("account_id", "currency"),
            self.deals.filter(counts & worth_something).select("account_id", "currency"),
        ]
        rows = (
            pl.concat(amounts).join(active, on="account_id").with_columns(rate=self.currency.rate(pl.col("currency")))
        )
        # What has a rate itself is converted by way of its account's currency.
        lacking = pl.when(pl.col("rate").is_null()).then("currency").when(pl.col("own_rate").is_null()).then("own")
        found = rows.select("account_id", lacking=lacking).drop_nulls().unique()
        return dict(found.group_by("lacking").len().iter_rows())

    def chosen(self, index: int, key: str) -> pl.Expr:
        """The value of an expression of a framework's KPI, as a column of `table`."""
        return pl.col(expression_column(index, key))


def expression_column(index: int, key: str) -> str:
    """Column of `Slice.table` with the value of an expression of the KPI at `index`."""
    return f"·kpi:{index}:{key}"


def _expressions(framework: Framework) -> dict[str, Checked]:
    found = {}
    for path, checked in framework.expressions.items():
        if path[0] == "kpis" and isinstance(path[1], int):
            found[expression_column(path[1], str(path[2]))] = checked
    return found


def live_on() -> pl.Expr:
    """The day of go-live, which says that an account is a customer; not of one whose parent is billed for it."""
    billed = (pl.coalesce("arr", "acv") > 0).fill_null(value=False)
    return pl.when(pl.col("parent_ref").is_null() | billed).then("go_live_at")


def _active() -> pl.Expr:
    """A customer: something was signed or paid for, and the account has not left."""
    days = (pl.col("closed_won_on"), pl.col("contract_signed_at"), pl.col("covered_since"), live_on())
    begun = [day <= pl.col("today") for day in days]
    paying = pl.coalesce("arr", "acv") > 0
    customer = pl.any_horizontal(*(one.fill_null(value=False) for one in [*begun, paying]))
    return customer & (pl.col("renewal_status") != "churned")
