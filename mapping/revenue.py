"""What an account pays a year, in the reporting currency: what its CRM says, else its contracts, else its won deals."""

from __future__ import annotations

import polars as pl

from mapping.deals import recurring_value, term_over_on
from mapping.frames import AsOf, Frames
from mapping.framework.columns import REPORTING_DEAL
from mapping.framework.spec import Renewal
from mapping.money import UNRATED, in_reporting, micro, money, rated, with_rate
from mapping.rates import Rates
from mapping.renewal import signed_contract

DEAL_AMOUNTS = {name: name.removeprefix("reporting_") for name in REPORTING_DEAL}


def revenue(frames: Frames, deals: pl.DataFrame, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """One row an account: `account_id` and the columns of `framework.columns.REVENUE`.

    `arr_in_force` is the CRM's `arr`; without one the sum over the contract terms in force, when the revenue of each is
    known; without any the sum of what is recurring of the won deals (`deals`, as known at the moment). `arr_source`
    says which. What has no rate makes it null, and `currency_without_rate` names the currency.
    """
    today, start = pl.lit(at.date), pl.col("contract_start_at")
    own = in_reporting(
        frames.accounts, {"reporting_arr": "arr", "reporting_acv": "acv"}, start, frames.rates, at
    ).with_columns(left=(pl.col("churned_at") <= today).fill_null(value=False))
    rows = (
        own.select("account_id", "arr", "reporting_arr", "reporting_acv", "left", own=UNRATED)
        .join(_of_contracts(frames, at, spec), on="account_id", how="left", maintain_order="left")
        .join(_of_deals(frames, deals, at), on="account_id", how="left", maintain_order="left")
    )
    staying = ~pl.col("left")
    contracts = staying & pl.col("contracts_told").fill_null(value=False)
    won = staying & pl.col("deals_told").fill_null(value=False)
    source = (
        pl.when(pl.col("arr").is_not_null()).then(pl.lit("crm"))
        .when(contracts).then(pl.lit("contracts"))
        .when(won).then(pl.lit("deals"))
    )  # fmt: skip
    return rows.with_columns(arr_source=source).select(
        "account_id",
        "reporting_arr",
        "reporting_acv",
        "arr_source",
        arr_in_force=_by_source(pl.col("reporting_arr"), pl.col("contracts"), pl.col("deals")),
        currency_without_rate=pl.coalesce(
            "own", _by_source(pl.lit(None, pl.String), pl.col("contracts_unrated"), pl.col("deals_unrated"))
        ),
    )


def with_reporting(
    rows: pl.DataFrame, accounts: pl.DataFrame, stream: str, rates: Rates | None, at: AsOf
) -> pl.DataFrame:
    """Deals or contracts with their amounts in the reporting currency as columns `reporting_…`."""
    amounts = DEAL_AMOUNTS if stream == "deals" else {"reporting_arr": "arr"}
    found = in_reporting(_with_account(rows, accounts), amounts, _day(stream), rates, at)
    return found.drop(UNRATED, "account_currency")


def _by_source(crm: pl.Expr, contracts: pl.Expr, deals: pl.Expr) -> pl.Expr:
    found = {"crm": crm, "contracts": contracts, "deals": deals}
    return pl.coalesce(pl.when(pl.col("arr_source") == name).then(value) for name, value in found.items())


def _with_account(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    account = accounts.select("account_id", account_currency="currency")
    return rows.join(account, on="account_id", how="left", maintain_order="left")


def _day(stream: str) -> pl.Expr:
    """The day whose rate counts: the first covered day of a contract, the day a deal was won or is to close."""
    return pl.coalesce("closed_won_on", "close_date") if stream == "deals" else pl.coalesce("start_at", "signed_at")


def _of_contracts(frames: Frames, at: AsOf, spec: Renewal) -> pl.DataFrame:
    """Per account: `contracts` (the sum), whether they tell it (`contracts_told`), a currency without a rate."""
    dated = pl.col("start_at").is_not_null() | pl.col("end_at").is_not_null()
    begun = (pl.col("start_at") <= at.date).fill_null(value=True)
    runs = (pl.col("end_at") >= at.date).fill_null(value=True)
    running = frames.contracts.filter(dated & begun & runs & signed_contract(spec))
    priced = in_reporting(
        _with_account(running, frames.accounts), {"reporting_arr": "arr"}, _day("contracts"), frames.rates, at
    )
    whole = pl.col("reporting_arr").is_not_null().all()
    return priced.group_by("account_id").agg(
        contracts=pl.when(whole).then(money(micro(pl.col("reporting_arr")).sum())),
        contracts_told=pl.col("arr").is_not_null().all(),
        contracts_unrated=pl.col(UNRATED).min(),
    )


def _of_deals(frames: Frames, deals: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """The same of won deals that recur: a renewal stands for all deals of its contract that were won before it.

    A deal without a term counts until a renewal replaces it. What a contraction takes away counts as negative.
    """
    dated = (pl.col("state") == "won") & pl.col("closed_won_on").is_not_null()
    won = _with_account(deals.filter(dated), frames.accounts)
    annual = recurring_value()
    signed = pl.when(pl.col("kind") == "contraction").then(pl.lit(0) - annual.abs()).otherwise(annual)
    renewed = pl.col("closed_won_on").filter(pl.col("kind") == "renewal").max().over("account_id", "contract_ref")
    counting = won.with_columns(annual=signed, renewed=renewed, over=term_over_on() <= at.date).filter(
        pl.col("annual").is_not_null()
        & (pl.col("closed_won_on") >= pl.col("renewed")).fill_null(value=True)
        & ~pl.col("over").fill_null(value=False)
    )
    priced = with_rate(counting, _day("deals"), frames.rates, at).with_columns(value=rated(pl.col("annual")))
    lacking = pl.col("value").is_null()
    return priced.group_by("account_id").agg(
        deals=pl.when(~lacking.any()).then(money(pl.col("value").sum())),
        deals_told=pl.lit(value=True),
        deals_unrated=pl.coalesce("currency", "account_currency").filter(lacking).min(),
    )
