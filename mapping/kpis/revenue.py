"""Annual recurring revenue on a day, out of dated contracts and deals, and the measures that are made of it."""

from __future__ import annotations

from datetime import date

import polars as pl

from mapping.deals import term_over_on, with_annual_value
from mapping.kpis.catalogue import Period
from mapping.kpis.slice import SCALE, Slice, live_on, worth
from mapping.money import code, comparable, micro
from mapping.renewal import signed_contract

_NONE = pl.lit(0, dtype=pl.Int128)
_ONE = pl.lit(SCALE, dtype=pl.Int128)
EARLIER = 90
"""A customer that was won so many days before its contract began had another contract before."""


def revenue_on(part: Slice, day: date) -> pl.DataFrame:
    """`account_id`, `arr` and `own` at the end of `day`: zero without a contract, null if unknown.

    `arr` is in the reporting currency and in the scale of `SCALE`, `own` in millionths of the account's currency.
    Contracts say it where each of those in force has an amount. Else it is what a run saw about that day; else the
    account's own amount for its running contract, less what was sold since; before that contract, what the deals won
    until then add up to.
    """
    key = ("revenue", day)
    if key not in part.made:
        part.made[key] = _revenue_on(part, day)
    return part.made[key]


def disagreeing(part: Slice) -> int:
    """Active accounts whose contracts say another revenue than the CRM's own figure, by which rules and segments go.

    A hundredth of the larger one is no difference.
    """
    own = part.table.filter("active").select("account_id", crm=micro(pl.col("arr")))
    rows = own.join(_by_contracts(part, part.at.date).filter("said"), on="account_id", maintain_order="left")
    contracts, crm = pl.col("by_contracts"), pl.col("crm")
    return rows.filter((contracts - crm).abs() * 100 > pl.max_horizontal(contracts, crm)).height


def _revenue_on(part: Slice, day: date) -> pl.DataFrame:
    said = _by_contracts(part, day)
    own = _by_account(part, day)
    joined = part.table.select("account_id", "rate").join(said, on="account_id", how="left", maintain_order="left")
    joined = joined.join(own, on="account_id", how="left", maintain_order="left")
    known = pl.when(pl.col("said").fill_null(value=False)).then("by_contracts").otherwise("by_account")
    # Nothing is nothing in every currency.
    arr = pl.when(known == 0).then(_NONE).otherwise(worth(known))
    return joined.select("account_id", arr=arr, own=known)


def _by_contracts(part: Slice, day: date) -> pl.DataFrame:
    begun = (pl.col("start") <= day).fill_null(value=True)
    counts = begun & ~pl.col("replaced") & (pl.col("status") != "churned")
    rolled_on = (pl.col("days") < 0) & (pl.col("status") == "renewed")
    value = pl.when(rolled_on).then(pl.coalesce("offered", micro(pl.col("arr")))).otherwise(micro(pl.col("arr")))
    rows = part.terms(day).filter(pl.col("connection").is_not_null())
    rows = _by_deal(rows.with_columns(begun=begun, counts=counts, value=value), rolled_on & counts)
    rows = rows.with_columns(value=pl.when(pl.col("nth") > 0).then(_NONE).otherwise("value"))
    return (
        pl.concat([rows.select("account_id", "begun", "counts", "value"), _endless(part, day)])
        .group_by("account_id", maintain_order=True)
        .agg(
            said=pl.col("begun").any() & ~(pl.col("counts") & pl.col("value").is_null()).any(),
            by_contracts=pl.col("value").filter(pl.col("counts")).sum(),
        )
    )


def _endless(part: Slice, day: date) -> pl.DataFrame:
    """Contracts without an end, which are no terms to renew: they run until their customer leaves."""
    account = part.frames.accounts.select("account_id", "churned_at", account_currency="currency")
    endless = (
        pl.col("end_at").is_null() & pl.col("start_at").is_not_null() & signed_contract(part.framework.spec.renewal)
    )
    rows = part.frames.contracts.filter(endless).join(account, on="account_id", maintain_order="left")
    start, churned_at = pl.col("start_at"), pl.col("churned_at")
    left = ((churned_at <= day) & (start <= churned_at)).fill_null(value=False)
    return comparable(rows, ["arr"], "start_at", None, part.at).select(
        "account_id", begun=start <= day, counts=(start <= day) & ~left, value=micro(pl.col("arr"))
    )


def _by_deal(terms: pl.DataFrame, renewed: pl.Expr) -> pl.DataFrame:
    """`terms` with `nth`: the place of a renewed one among those that the same deal renews, which is worth them all."""
    shared = (renewed & pl.col("won") & pl.col("annual").is_not_null()).fill_null(value=False)
    nth = pl.int_range(pl.len()).over("account_id", "deal_id", "shared")
    return terms.with_columns(shared=shared).with_columns(nth=pl.when("shared").then(nth).otherwise(0))


def _by_account(part: Slice, day: date) -> pl.DataFrame:
    ended = part.terms(day).filter(pl.col("connection").is_null())
    gone = ended.select("account_id", gone=pl.col("status") == "churned")
    rows = (
        part.frames.accounts.join(gone, on="account_id", how="left", maintain_order="left")
        .join(_seen(part, day), on="account_id", how="left", maintain_order="left")
        .join(_sold(part, day), on="account_id", how="left", maintain_order="left")
        .join(part.table.select("account_id", "covered_since"), on="account_id", how="left", maintain_order="left")
    )
    begun = pl.min_horizontal("first_won_on", "contract_signed_at", "covered_since", live_on())
    # Everything else comes after a first contract too, and says nothing against one who was seen to pay.
    first = pl.min_horizontal("first_new_on", "contract_signed_at") > day
    later = (begun > day) & (pl.col("seen").is_null() | first.fill_null(value=False))
    now = micro(pl.coalesce("arr", "acv"))
    came_back = pl.col("contract_start_at") > pl.col("churned_at")
    left = (pl.col("churned_at") <= day) & ~came_back.fill_null(value=False)
    running = (pl.col("contract_start_at") <= day).fill_null(value=True) & (now > 0)
    then = pl.max_horizontal(now - pl.col("sold_later").fill_null(0), _NONE)
    before = pl.when(~pl.col("unknown_later").fill_null(value=False)).then(then)
    if day == part.at.date:
        rows = rows.with_columns(value=pl.coalesce(now, "deals_until"))
    else:
        reckoned = pl.when(begun.is_not_null()).then(pl.when(running).then(before).otherwise("deals_until"))
        rows = rows.with_columns(value=pl.coalesce("seen", reckoned))
    nothing = (
        later.fill_null(value=False)
        | (left | pl.col("gone")).fill_null(value=False)
        | (begun.is_null() & pl.col("seen").is_null() & (now.is_null() | (now == 0)))
    )
    return rows.select("account_id", by_account=pl.when(nothing).then(_NONE).otherwise("value"))


def _seen(part: Slice, day: date) -> pl.DataFrame:
    """Per account `seen`: what a run saw that it pays about that day, where it is in the account's currency of now."""
    accounts = part.frames.accounts.select("account_id", now="currency")
    paid = part.seen.filter((pl.col("day") == day) & (pl.col("paid") > 0))
    rows = paid.join(accounts, on="account_id", maintain_order="left")
    same = (code(pl.col("currency")) == code(pl.col("now"))).fill_null(value=True)
    return rows.filter(same).select("account_id", seen=micro(pl.col("paid")))


def _sold(part: Slice, day: date) -> pl.DataFrame:
    """Per account what its deals say about a day.

    `first_won_on` and, of new ones, `first_new_on`; `deals_until` (what those won until `day` add up to), `sold_later`,
    `unknown_later`.

    A renewal says what the whole is worth from then on; expansions and contractions change it. A change of unknown size
    makes what it changes unknown: `unknown_later` is whether one came after `day`. What was sold for a term counts
    until the days of grace after it are over: whether the customer stayed on without another deal is not known.
    """
    won = with_annual_value(part.all_deals.filter(pl.col("state") == "won"), part.frames, part.at)
    won = won.sort("account_id", "closed_won_on", "connection", "id", nulls_last=True)
    kind, on = pl.col("kind"), pl.col("closed_won_on")
    change = (
        pl.when(kind == "expansion").then("annual").when(kind == "contraction").then(_NONE - pl.col("annual").abs())
    )  # fmt: skip
    until = on <= day
    grace = pl.duration(days=part.framework.spec.renewal.grace_days)
    runs = (pl.lit(day) < term_over_on() + grace).fill_null(value=True)
    renewal = (kind == "renewal") & (pl.col("annual") >= 0) & until
    won = won.with_columns(change=change, renewed_on=on.filter(renewal).max().over("account_id"))
    after = (on > pl.col("renewed_on")).fill_null(value=True)
    first = (kind == "new") & until & runs & pl.col("annual").is_not_null()
    base = pl.coalesce(pl.col("annual").filter(renewal & runs).last(),
                       pl.when(first.any()).then(pl.col("annual").filter(first).sum()))  # fmt: skip
    unknown = kind.is_in(["expansion", "contraction"]) & pl.col("annual").is_null()
    total = base + pl.col("change").filter(until & after).sum()
    known = total.is_not_null() & ~(unknown & until & after).any()
    return won.group_by("account_id", maintain_order=True).agg(
        first_won_on=on.min(),
        first_new_on=on.filter(kind == "new").min(),
        deals_until=pl.when(known).then(pl.max_horizontal(total, _NONE)),
        sold_later=pl.col("change").filter(on > day).sum(),
        unknown_later=(unknown & (on > day)).any(),
    )


def cohort(part: Slice, period: Period) -> pl.DataFrame:
    """One row an account: how its revenue moved over the period; null where one of the two ends is not known."""
    then = revenue_on(part, part.since(period))
    rows = revenue_on(part, part.at.date).join(then, on="account_id", suffix="_then", maintain_order="left")
    now, before = pl.col("arr"), pl.col("arr_then")
    there = before > 0
    # Whether a customer is still there does not depend on a rate.
    had, has = pl.col("own_then") > 0, pl.col("own") > 0

    def when(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
        return pl.when(now.is_not_null() & before.is_not_null()).then(pl.when(condition).then(value).otherwise(_NONE))

    def count(condition: pl.Expr) -> pl.Expr:
        return pl.when(had.is_not_null() & has.is_not_null()).then(pl.when(condition).then(_ONE).otherwise(_NONE))

    return rows.select(
        "account_id",
        start=when(there, before),
        end=when(there, now),
        kept=when(there, pl.min_horizontal(now, before)),
        contraction=when(there & (now > 0) & (now < before), before - now),
        churned=when(there & (now == 0), before),
        expansion=when(there & (now > before), now - before),
        logos=count(had),
        retained=count(had & has),
        left=count(had & ~has),
        net_new=when(pl.lit(value=True), now - before),
        gross_new=when(now > before, now - before),
    )


def renewals(part: Slice, period: Period) -> pl.DataFrame:
    """One row a term that came up for renewal in the period: what was due, what was lost, whether it is decided."""
    terms = part.terms(part.at.date)
    begun = (pl.col("start") <= part.at.date).fill_null(value=True)
    due = terms.filter(begun & part.within("end", period, terms.schema)).join(
        part.table.select("account_id", "rate"), on="account_id", how="left", maintain_order="left"
    )
    arr, status = micro(pl.col("arr")), pl.col("status")
    due = _by_deal(due, status == "renewed")
    together = pl.when(pl.col("shared")).then(
        pl.when(arr.is_not_null().all()).then(arr.sum()).over("account_id", "deal_id", "shared")
    ).otherwise(arr)  # fmt: skip
    stays = pl.when(pl.col("sub_status") == "auto").then(arr).otherwise("offered")
    smaller = pl.when((together - stays).is_not_null()).then(pl.max_horizontal(together - stays, _NONE))
    counted = (pl.col("nth") > 0) & smaller.is_not_null()
    lost = (
        pl.when(status == "churned").then(arr)
        .when(status == "renewed").then(pl.when(counted).then(_NONE).otherwise(smaller))
        .otherwise(_NONE)
    )  # fmt: skip
    known = arr.is_not_null() & lost.is_not_null()
    rows = due.select(
        "account_id",
        due=pl.when(known).then(worth(arr)),
        lost=worth(lost),
        churned=pl.when(status == "churned").then(worth(arr)).otherwise(_NONE),
        renewed=pl.when(status == "renewed").then(_ONE).otherwise(_NONE),
        decided=pl.when(status.is_in(["renewed", "churned"])).then(_ONE).otherwise(_NONE),
    )
    return pl.concat([rows, _renewed_before(part, period)]).sort("account_id", maintain_order=True)


def _renewed_before(part: Slice, period: Period) -> pl.DataFrame:
    """Renewals of accounts whose contract has no record of its own: the dates of the one before are gone from the CRM.

    What it was worth is not known.
    """
    contracts = part.terms(part.at.date).filter(pl.col("connection").is_not_null())
    ended = pl.col("contract_start_at") - pl.duration(days=1)
    own = part.table.join(contracts, on="account_id", how="anti", maintain_order="left").with_columns(ended=ended)
    first = pl.min_horizontal("closed_won_on", "contract_signed_at", "go_live_at")
    earlier = (first < pl.col("contract_start_at") - pl.duration(days=EARLIER)).fill_null(value=False)
    unknown = pl.lit(None, dtype=pl.Int128)
    return own.filter(earlier & part.within("ended", period, own.schema)).select(
        "account_id", due=unknown, lost=unknown, churned=unknown, renewed=_ONE, decided=_ONE
    )


def pipeline(part: Slice, min_probability: float | None) -> pl.DataFrame:
    """One row an open expansion deal that can be won (with `min_probability`, at least so probably)."""
    chance = pl.col("probability")
    likely = chance > 0 if min_probability is None else chance >= min_probability
    deals = part.deals.filter((pl.col("kind") == "expansion") & (pl.col("state") == "open"))
    deals = deals.filter(likely.fill_null(value=min_probability is None))
    rows = deals.with_columns(rate=part.currency.rate(pl.col("currency")))
    found = rows.select("account_id", amount=worth(micro(pl.col("amount"))))
    # Whose deals nobody sends may have some.
    silent = part.table.filter(pl.col("active") & ~pl.col("has_deals"))
    unknown = silent.select("account_id", amount=pl.lit(None, dtype=pl.Int128))
    return pl.concat([found, unknown]).sort("account_id", maintain_order=True)


def lifetime(part: Slice, period: Period) -> pl.DataFrame:
    """One row an account: revenue a month (`mrr`), whether it pays, its ACV, and how revenue moved in the period.

    `mrr` is the annual figure of an average month's twelvefold; it is divided once it is added up.
    """
    now = revenue_on(part, part.at.date).drop("own")
    moved = cohort(part, period).select("account_id", "start", "churned")
    rows = part.table.select("account_id", "active", "rate", "acv").join(now, on="account_id", maintain_order="left")
    arr, active = pl.col("arr"), pl.col("active")
    acv = pl.coalesce(worth(micro(pl.col("acv"))), arr)
    return rows.join(moved, on="account_id", maintain_order="left").select(
        "account_id",
        "start",
        "churned",
        mrr=arr,
        paying=pl.when(arr > 0).then(_ONE).when(arr == 0).then(_NONE),
        acv=pl.when(active).then(acv).otherwise(_NONE),
        nothing=_NONE,
    )


def won(part: Slice, period: Period) -> pl.DataFrame:
    """One row a deal of kind new that was won in the period: `new_acv`."""
    deals = part.deals.filter((pl.col("kind") == "new") & part.within("closed_won_on", period, part.deals.schema))
    priced = with_annual_value(deals, part.frames, part.at).join(
        part.table.select("account_id", "rate"), on="account_id", how="left", maintain_order="left"
    )
    return priced.select("account_id", new_acv=worth(pl.col("annual")), nothing=_NONE)
