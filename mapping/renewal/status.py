"""The status of one term: an ordered list of rules of which the first that holds wins."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mapping.choose import choose, word
from mapping.frames import AsOf
from mapping.framework.spec import Renewal
from mapping.money import MICRO, micro


@dataclass(frozen=True, slots=True)
class Case:
    """One rule: its number in the rule list, the status it gives, when it holds, the sub-status then."""

    rule: int
    status: pl.Expr
    when: pl.Expr
    sub: pl.Expr


def judge(terms: pl.DataFrame, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """Add `days`, `gone`, `in_force`, `ratio`, `rule`, `status` and `sub_status` to every term.

    Wants the columns of terms and offers, and of the account: `churned_at`, `forecast`, `override`, `red`. Facts
    beat opinion: the override (rule 1) comes after the rules that state what has happened (2 to 4).
    """
    cases = _cases(spec)
    rule = choose([(case.when, pl.lit(case.rule)) for case in cases], pl.lit(None, dtype=pl.Int32))
    numbered = _facts(terms, at).with_columns(rule=rule)
    return numbered.with_columns(
        status=choose([(pl.col("rule") == case.rule, case.status) for case in cases], pl.lit(None, dtype=pl.String)),
        sub_status=choose([(pl.col("rule") == case.rule, case.sub) for case in cases], pl.lit(None, dtype=pl.String)),
    )


def _facts(terms: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    days = (pl.col("end") - pl.lit(at.date)).dt.total_days()
    left = pl.col("churned_at") <= at.date
    # A term that began after the customer left belongs to a customer who came back.
    gone = left & (pl.col("start").is_null() | (pl.col("start") <= pl.col("churned_at")))
    begun = pl.col("start").is_null() | (pl.col("start") <= at.date)
    arr = micro(pl.col("arr"))
    offered = pl.coalesce("annual", pl.when(pl.col("succeeded")).then(micro(pl.col("successor_arr"))))
    # A deal that renews several lines is worth them all.
    by_deal = pl.col("annual").is_not_null()
    together = pl.when(arr.is_not_null().all()).then(arr.sum()).over("account_id", "deal_id", by_deal)
    base = pl.when(by_deal).then(together).otherwise(arr)
    return (
        terms.with_columns(pl.col("won", "open", "lost", "red").fill_null(value=False))
        .with_columns(days=days, gone=gone.fill_null(value=False), base=pl.when(base > 0).then(base), offered=offered)
        .with_columns(
            in_force=begun & (pl.col("days") >= 0) & ~pl.col("gone"),
            ratio=(pl.col("offered").cast(pl.Float64) / pl.col("base").cast(pl.Float64)).round(6),
        )
    )


def _cases(spec: Renewal) -> list[Case]:
    days, won, is_open, lost = pl.col("days"), pl.col("won"), pl.col("open"), pl.col("lost")
    near = days <= spec.window_days
    auto = pl.col("auto_renew") & pl.col("notice").is_null()
    rolled = pl.col("auto_renew") & (days < 0) & pl.col("notice").is_null()
    unstarted = (days <= spec.start_days) & ~is_open & ~pl.col("auto_renew")
    early = pl.col("gone") & (pl.col("churned_at") < pl.col("end"))
    # Who leaves after the end of a renewed term leaves the term that the renewal made.
    after = pl.col("gone") & (pl.col("churned_at") > pl.col("end"))
    signed = won | pl.col("succeeded")
    forecast = pl.col("forecast")
    size = _size(spec)
    falls = is_open & _below(spec.flat[0])
    return [
        Case(2, pl.lit("renewed"), (signed & ~after) | (rolled & ~pl.col("gone")),
             pl.when(signed).then(size).otherwise(pl.lit("auto"))),
        Case(3, pl.lit("churned"), pl.col("gone") | ((days < 0) & (lost | (days < -spec.grace_days))),
             word((early | (signed & after), "terminated_early"), (lost, "lost"), last="lapsed")),
        Case(4, pl.lit("overdue"), days < 0, word((is_open, "in_negotiation"), last="no_deal")),
        Case(1, pl.col("override"), pl.col("override").is_not_null(), pl.lit("manual")),
        Case(5, pl.lit("projected_churn"), pl.col("notice").is_not_null() | lost | (forecast == "churn"),
             word((pl.col("notice").is_not_null(), "notice"), (lost, "deal_lost"), last="forecast")),
        Case(6, pl.lit("projected_downsell"), falls | (forecast == "downsell"),
             pl.when(falls).then(_percent()).otherwise(pl.lit("forecast"))),
        Case(7, pl.lit("at_risk"), near & (pl.col("red") | unstarted),
             word((pl.col("red") & unstarted, "both"), (pl.col("red"), "health_red"), last="not_started")),
        Case(8, pl.lit("due"), near & ~is_open & ~pl.col("auto_renew"), pl.lit("not_started")),
        Case(9, pl.lit("on_track"), is_open | near, pl.when(is_open).then(size).when(auto).then(pl.lit("auto"))),
        Case(10, pl.lit("not_due"), pl.lit(value=True), pl.lit(None, dtype=pl.String)),
    ]  # fmt: skip


def _size(spec: Renewal) -> pl.Expr:
    """What the new value is against the old: expansion, flat, contraction, or amount_unknown."""
    unknown = pl.col("offered").is_null() | pl.col("base").is_null()
    return (
        pl.when(unknown)
        .then(pl.lit("amount_unknown"))
        .when(_above(spec.flat[1]))
        .then(pl.lit("expansion"))
        .when(_below(spec.flat[0]))
        .then(pl.lit("contraction"))
        .otherwise(pl.lit("flat"))
    )


def _below(ratio: float) -> pl.Expr:
    return pl.col("offered") * MICRO < pl.col("base") * pl.lit(round(ratio * MICRO), dtype=pl.Int128)


def _above(ratio: float) -> pl.Expr:
    return pl.col("offered") * MICRO > pl.col("base") * pl.lit(round(ratio * MICRO), dtype=pl.Int128)


def _percent() -> pl.Expr:
    """The change in percent, for instance "-20.0%", rounded half away from zero in whole numbers."""
    change, base = (pl.col("offered") - pl.col("base")) * 1_000, pl.col("base")
    tenths = change.sign() * ((change.abs() * 2 + base) // (base * 2))
    return pl.format("{}%", (tenths.cast(pl.Float64) / 10).round(1))
