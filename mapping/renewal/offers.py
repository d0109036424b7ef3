"""Renewal deals: which deal renews which term, and what a year of it is worth."""

from __future__ import annotations

import polars as pl

from mapping.deals import annual_value
from mapping.frames import AsOf, Frames
from mapping.framework.spec import Renewal
from mapping.money import rated, with_rate

TERM = ["account_id", "connection", "term_id"]


def offers(terms: pl.DataFrame, deals: pl.DataFrame, frames: Frames, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """Per term: `won`, `open`, `lost` (lost and nothing else), `lost_on`, `deal_id`, `annual` (millionths).

    A deal belongs to the contract that it names; else to the term of its account whose end is nearest to its close
    date, within the configured window. A closed deal from the start of a term made that term and does not renew it.
    A deal is worth what it is at the rate of its term, so that a currency that falls is no contraction.
    """
    account = frames.accounts.select("account_id", account_currency="currency")
    # A negative value is a change, not what the renewed contract is worth.
    worth = deals.filter(pl.col("kind") == "renewal").with_columns(annual=annual_value())
    renewals = worth.with_columns(annual=pl.when(pl.col("annual") >= 0).then("annual"))
    renewals = renewals.join(account, on="account_id", how="left")
    named = renewals.join(
        terms.select(*TERM, "start", "end"),
        left_on=["account_id", "connection", "contract_ref"],
        right_on=TERM,
        how="inner",
    ).with_columns(term_id="contract_ref")
    others = renewals.join(
        named.select("account_id", "connection", "id"), on=["account_id", "connection", "id"], how="anti"
    )
    columns = ["account_id", "term_connection", "term_id", "start", "connection", "id", "state", "close_date", "annual",
               "currency", "account_currency"]  # fmt: skip
    near = _nearest(others, terms, spec)
    matched = pl.concat([named.with_columns(term_connection="connection").select(columns), near.select(columns)])
    made_it = (pl.col("close_date") <= pl.col("start") + pl.duration(days=spec.successor_days)) & (
        pl.col("state") != "open"
    )
    matched = matched.filter(~made_it.fill_null(value=False))
    priced = with_rate(matched, pl.coalesce("start", "close_date"), frames.rates, at)
    return _summed(priced.with_columns(annual=rated(pl.col("annual"))))


def _nearest(renewals: pl.DataFrame, terms: pl.DataFrame, spec: Renewal) -> pl.DataFrame:
    around = renewals.join(terms.select(*TERM, "start", "end"), on="account_id", suffix="_term").with_columns(
        offset=(pl.col("close_date") - pl.col("end")).dt.total_days(), term_connection="connection_term"
    )
    inside = around.filter(pl.col("offset").is_between(-spec.deal_window.before, spec.deal_window.after))
    closest = pl.col("offset").abs().min().over("account_id", "connection", "id")
    return inside.filter(pl.col("offset").abs() == closest)


def _summed(matched: pl.DataFrame) -> pl.DataFrame:
    ordered = matched.sort("account_id", "close_date", "connection", "id", nulls_last=False)

    def last(name: str, state: str) -> pl.Expr:
        return pl.col(name).filter(pl.col("state") == state).last()

    def some(state: str) -> pl.Expr:
        return (pl.col("state") == state).any()

    found = ordered.group_by("account_id", "term_connection", "term_id", maintain_order=True).agg(
        won=some("won"),
        open=some("open"),
        lost=some("lost") & ~some("won") & ~some("open"),
        lost_on=last("close_date", "lost"),
        deal_id=pl.coalesce(last("id", "won"), last("id", "open"), last("id", "lost")),
        annual=pl.when(some("won")).then(last("annual", "won")).otherwise(last("annual", "open")),
    )
    return found.rename({"term_connection": "connection"})
