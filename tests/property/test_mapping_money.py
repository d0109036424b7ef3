"""Conversion is exact: the same as with decimals by hand, in every order of rows, and nothing is ever at par unsaid."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.deals import as_known
from mapping.frames import AsOf, ordered
from mapping.framework.spec import Renewal
from mapping.money import UNRATED, in_reporting
from mapping.rates import HIGHEST_RATE, Quote, Rates
from mapping.revenue import revenue
from mapping.schema import MONEY
from tests.unit.mapping.portfolio import Portfolio, noon

AT = AsOf(noon("2026-06-30"))
DAYS = st.dates(date(2025, 1, 1), date(2026, 12, 31))
AMOUNTS = st.decimals(-(10**13), 10**13, places=6)
RATES = st.decimals("0.0000000001", HIGHEST_RATE - 1, places=10)
CODES = ("EUR", "USD", "GBP", "DKK")
QUOTES = st.dictionaries(st.tuples(st.sampled_from(CODES[1:]), DAYS), RATES, max_size=6)


def by_hand(amount: Decimal | None, currency: str | None, on: date | None, quotes: dict[tuple[str, date], Decimal]):
    """Value and whether a rate is missing."""
    if amount is None:
        return None, None
    if currency in (None, "EUR"):
        return amount, None
    day = min(on or AT.date, AT.date)
    known = sorted((since, rate) for (code, since), rate in quotes.items() if code == currency and since <= day)
    if not known:
        return None, currency
    return (amount * known[-1][1]).quantize(Decimal("0.000001"), ROUND_HALF_UP), None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | AMOUNTS, st.none() | st.sampled_from(CODES), st.none() | DAYS), min_size=1, max_size=8
    ),
    QUOTES,
)
def test_an_amount_is_what_it_is_by_hand(rows, quotes) -> None:
    columns = {"amount": MONEY, "currency": pl.String(), "on": pl.Date()}
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    rates = Rates("EUR", tuple(Quote(code, since, rate) for (code, since), rate in quotes.items()))
    found = in_reporting(frame, {"value": "amount"}, pl.col("on"), rates, AT)
    assert found.select("value", UNRATED).rows() == [by_hand(*row, quotes) for row in rows]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.none() | st.decimals(0, 10**9, places=2), st.sampled_from(CODES), DAYS), max_size=5),
    st.lists(st.tuples(st.decimals(0, 10**9, places=2), st.sampled_from(CODES), DAYS), max_size=5),
    QUOTES,
    st.randoms(use_true_random=False),
)
def test_the_order_of_records_does_not_matter(contracts, deals, quotes, dice: random.Random) -> None:
    portfolio = Portfolio().account(currency="EUR")
    for number, (arr, currency, start) in enumerate(contracts):
        end = start + timedelta(days=400)
        portfolio.contract(id=str(number), arr=arr, currency=currency, start_at=start, end_at=end)
    for arr, currency, won in deals:
        portfolio.deal(kind=dice.choice(["new", "renewal"]), state="won", arr=arr, currency=currency, close_date=won)
    portfolio.rates = Rates("EUR", tuple(Quote(code, since, rate) for (code, since), rate in quotes.items()))
    first = portfolio.frames()

    def turned(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1, shuffle=True, seed=dice.randint(0, 999))

    assert portfolio.rates is not None
    quoted = tuple(dice.sample(portfolio.rates.quotes, len(quotes)))
    other = replace(
        first,
        contracts=turned(first.contracts),
        deals=turned(first.deals),
        rates=replace(portfolio.rates, quotes=quoted),
    )
    one, same = (
        revenue(ordered(frames), as_known(ordered(frames).deals, AT), AT, Renewal()) for frames in (first, other)
    )
    assert one.equals(same)
