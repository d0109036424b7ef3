"""One renewal status per account, rolled up from its terms."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mapping.frames import AsOf, Frames
from mapping.framework.spec import Renewal
from mapping.framework.structure import RENEWAL_STATUSES
from mapping.renewal.offers import TERM, offers
from mapping.renewal.status import judge
from mapping.renewal.terms import terms
from mapping.schema import MONEY

AT_STAKE = ("projected_churn", "overdue", "projected_downsell", "at_risk")
SETTABLE = tuple(name for name in RENEWAL_STATUSES if name != "not_applicable")


@dataclass(frozen=True, slots=True)
class Renewals:
    """`accounts` has the columns of `framework.columns.RENEWED`, one row an account; `terms` every term judged."""

    accounts: pl.DataFrame
    terms: pl.DataFrame


def renew(accounts: pl.DataFrame, frames: Frames, deals: pl.DataFrame, at: AsOf, spec: Renewal) -> Renewals:
    """Judge every term of every account and roll them up.

    `accounts` carries the account fields and `health_band`; `deals` are those known at `at`.
    """
    opinions = accounts.select(
        "account_id",
        "churned_at",
        forecast=pl.col("renewal_forecast"),
        override=_valid_override(at),
        red=pl.col("health_band").is_in(list(spec.red_bands)),
    )
    found = terms(frames, at, spec)
    joined = found.join(
        offers(found, deals, frames, at, spec), on=TERM, how="left", nulls_equal=True, maintain_order="left"
    )
    judged = judge(joined.join(opinions, on="account_id", how="left", maintain_order="left"), at, spec)
    judged = _ranked(judged, at)
    return Renewals(_rolled_up(accounts, judged, at, spec), judged)


def _valid_override(at: AsOf) -> pl.Expr:
    said = pl.col("renewal_status_override")
    valid = (
        said.is_in(SETTABLE) & pl.col("override_reason").is_not_null() & (pl.col("override_until") >= at.date)
    ).fill_null(value=False)
    return pl.when(valid).then(said)


def _ranked(judged: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """Add `counts`: whether a term takes part in the roll-up; most telling term of an account first."""
    begun = pl.col("start").is_null() | (pl.col("start") <= at.date)
    current = begun & ~pl.col("replaced")
    # Only terms that begin in the future: the customer has signed and has not started yet.
    current = current | ~current.any().over("account_id")
    # A line that is renewed runs on after its end, whether the CRM has its new term or not.
    renewed = current & (pl.col("status") == "renewed") & ~pl.col("gone")
    running = ((pl.col("in_force") & (pl.col("status") != "churned")) | renewed).any().over("account_id")
    lost_line = (pl.col("status") == "churned") & running
    severity = pl.col("status").replace_strict(
        list(RENEWAL_STATUSES), range(len(RENEWAL_STATUSES)), return_dtype=pl.Int64
    )
    return (
        judged.with_columns(counts=current & ~lost_line, current=current, severity=severity)
        .sort(
            "account_id", "counts", "severity", "arr", "end", "connection", "term_id",
            descending=[False, True, False, True, False, False, False], nulls_last=True,
        )
    )  # fmt: skip


def _rolled_up(accounts: pl.DataFrame, judged: pl.DataFrame, at: AsOf, spec: Renewal) -> pl.DataFrame:
    decisive = judged.filter(pl.col("counts")).group_by("account_id", maintain_order=True).first()
    stake = judged.filter(pl.col("in_force") & pl.col("counts") & pl.col("status").is_in(AT_STAKE))
    # Whole numbers add up the same in every order.
    at_stake = stake.group_by("account_id").agg(arr_at_stake=pl.col("arr").sum().cast(MONEY))
    ended = pl.col("end") + pl.duration(days=1)
    left = (
        pl.when(pl.col("gone")).then("churned_at")
        .when(pl.col("sub_status") == "lost").then(pl.max_horizontal(ended, "lost_on"))
        .when(pl.col("rule") == 3).then(ended + pl.duration(days=spec.grace_days))
    )  # fmt: skip
    facts = decisive.select(
        "account_id",
        renewal_status="status",
        renewal_sub_status="sub_status",
        days_to_end="days",
        contract_ends_on="end",
        renewal_ratio="ratio",
        renewal_deal_open="open",
        renewal_deal_won="won",
        auto_renews=pl.col("auto_renew") & pl.col("notice").is_null(),
        churned_on=pl.when(pl.col("status") == "churned").then(left),
        **{"·rule": "rule", "·term": "term_id", "·term_connection": "connection"},
    )
    rows = accounts.select("account_id", "arr", "acv", incomplete=_incomplete(at)).join(
        facts.join(_leaving(judged, at, spec), on="account_id", how="left", maintain_order="left"),
        on="account_id", how="left", maintain_order="left",
    )  # fmt: skip
    revenue = (pl.coalesce("arr", "acv") > 0).fill_null(value=False)
    unknown = pl.col("renewal_status").is_null()
    return (
        rows.join(at_stake, on="account_id", how="left", maintain_order="left")
        .with_columns(
            renewal_sub_status=pl.when(unknown & revenue)
            .then(pl.lit("missing_end_date"))
            .otherwise("renewal_sub_status"),
            renewal_status=pl.col("renewal_status").fill_null("not_applicable"),
            arr_at_stake=pl.col("arr_at_stake").fill_null(0).cast(MONEY),
            override_incomplete="incomplete",
            **{"·rule": pl.col("·rule").fill_null(0)},
        )
        .with_columns(pl.col("renewal_deal_open", "renewal_deal_won", "auto_renews").fill_null(value=False))
        .drop("arr", "acv", "incomplete")
    )


def _leaving(judged: pl.DataFrame, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """Per account `churns_on`, the day on which it will be churned if nothing happens but time; null where it stays.

    That is the first day on which one of its lines is lost and none runs any more, or a churn date that is known ahead.
    """
    signed, a_day = pl.col("won") | pl.col("succeeded"), pl.duration(days=1)
    stays = signed | (pl.col("auto_renew") & pl.col("notice").is_null())
    lost = pl.col("end") + pl.when(pl.col("lost")).then(a_day).otherwise(pl.duration(days=spec.grace_days + 1))
    told = pl.col("churned_at")
    tells = (pl.col("start").is_null() | (pl.col("start") <= told)) & (~signed | (told > pl.col("end")))
    return (
        judged.filter(pl.col("current"))
        .group_by("account_id")
        .agg(
            ends=pl.when(~stays.any()).then(pl.max_horizontal(lost.min(), pl.col("end").max() + a_day)),
            told=pl.when(tells.all() & (told.first() > at.date)).then(told.first()),
        )
        .select("account_id", churns_on=pl.min_horizontal("ends", "told"))
    )


def _incomplete(at: AsOf) -> pl.Expr:
    """A person set a status that does not count: no reason, no end date, or no such status."""
    said = pl.col("renewal_status_override")
    ended = (pl.col("override_until") < at.date).fill_null(value=False)
    lacking = pl.col("override_reason").is_null() | pl.col("override_until").is_null() | ~said.is_in(SETTABLE)
    return (said.is_not_null() & ~ended & lacking).fill_null(value=False)
