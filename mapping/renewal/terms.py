"""Terms: what an account is contracted for, from when to when, for how much."""

from __future__ import annotations

import polars as pl

from mapping.frames import AsOf, Frames
from mapping.framework.spec import Renewal
from mapping.money import comparable
from mapping.schema import MONEY

ACCOUNT_TERM = "account"
"""`term_id` of the term that the account's own date fields describe."""

_COLUMNS = ("account_id", "connection", "term_id", "start", "end", "arr", "auto_renew", "notice")


def terms(frames: Frames, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """Every signed term with an end date: contract rows, else the account's own contract dates.

    Columns: account_id, connection, term_id, start, end (last covered day), arr, auto_renew, notice (day of
    notice, null unless given by `at`), succeeded, successor_arr, replaced. An account without dates that churned
    was covered until the day it left.
    """
    contracts = _from_contracts(frames, at, spec)
    own = _from_accounts(frames, at).join(contracts, on="account_id", how="anti")
    together = pl.concat([contracts, own]).with_columns(
        notice=pl.when(pl.col("notice") <= at.date).then("notice"),
        auto_renew=pl.col("auto_renew").fill_null(value=False),
    )
    return _with_successors(together, at, spec).sort("account_id", "end", "connection", "term_id", nulls_last=True)


def signed_contract(spec: Renewal) -> pl.Expr:
    """Whether a contract row is one: a draft or a rejected one binds nobody."""
    status = pl.col("status").str.strip_chars().str.to_lowercase()
    return ~status.is_in([name.lower() for name in spec.unsigned]).fill_null(value=False)


def _from_contracts(frames: Frames, at: AsOf, spec: Renewal) -> pl.DataFrame:
    account = frames.accounts.select(
        "account_id", account_currency="currency", account_arr=pl.coalesce("arr", "acv"),
        account_auto="auto_renew", account_notice="cancel_notice_at",
    )  # fmt: skip
    signed = frames.contracts.filter(pl.col("end_at").is_not_null() & signed_contract(spec))
    signed = comparable(signed.join(account, on="account_id", how="left"), ["arr"], "start_at", frames.rates, at)
    # The account's revenue is that of its contract only when there is one contract.
    alone = pl.len().over("account_id") == 1
    return signed.select(
        "account_id",
        "connection",
        term_id="id",
        start="start_at",
        end="end_at",
        arr=pl.coalesce("arr", pl.when(alone).then("account_arr")).cast(MONEY),
        auto_renew=pl.coalesce("auto_renew", "account_auto"),
        notice=pl.coalesce("cancel_notice_at", "account_notice"),
    )


def _from_accounts(frames: Frames, at: AsOf) -> pl.DataFrame:
    left = pl.when(pl.col("churned_at") <= at.date).then("churned_at")
    paid = frames.accounts.with_columns(account_currency="currency", arr=pl.coalesce("arr", "acv"))
    paid = comparable(paid, ["arr"], "contract_start_at", frames.rates, at)
    known = paid.with_columns(end=pl.coalesce("contract_end_at", left)).filter(pl.col("end").is_not_null())
    return known.select(
        "account_id",
        connection=pl.lit(None, dtype=pl.String),
        term_id=pl.lit(ACCOUNT_TERM),
        start="contract_start_at",
        end="end",
        arr=pl.col("arr").cast(MONEY),
        auto_renew="auto_renew",
        notice="cancel_notice_at",
    )


def _with_successors(found: pl.DataFrame, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """Add `succeeded`, `successor_arr` and `replaced` (a later term has begun, so that this one is history)."""
    several = found.filter(pl.len().over("account_id") > 1).select(_COLUMNS)
    pairs = several.join(several, on="account_id", suffix="_next").filter(
        (pl.col("connection") != pl.col("connection_next")) | (pl.col("term_id") != pl.col("term_id_next"))
    )
    span = pl.duration(days=spec.successor_days)
    follows = (
        (pl.col("start_next") > pl.col("end") - span)
        & (pl.col("start_next") <= pl.col("end") + span)
        & (pl.col("end_next") > pl.col("end"))
    )
    begun = pl.col("start_next") <= at.date
    came_later = pl.col("start_next") > pl.col("end")
    pairs = pairs.with_columns(follows=follows, replaces=begun & (follows | came_later)).filter(
        pl.col("follows") | pl.col("replaces")
    )
    keys = ["account_id", "connection", "term_id"]
    nexts = (
        pairs.sort("account_id", "start_next", "connection_next", "term_id_next", nulls_last=True)
        .group_by(keys, maintain_order=True)
        .agg(
            succeeded=pl.col("follows").any(),
            successor_arr=pl.col("arr_next").filter(pl.col("follows")).first(),
            replaced=pl.col("replaces").any(),
        )
    )
    return found.join(nexts, on=keys, how="left", nulls_equal=True).with_columns(
        pl.col("succeeded", "replaced").fill_null(value=False)
    )
