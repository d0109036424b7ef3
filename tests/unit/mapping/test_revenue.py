"""What an account pays a year: which source counts, in which currency, at which day's rate, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from mapping.rates import Quote, Rates
from tests.unit.mapping.portfolio import Portfolio, Result, day
from tests.unit.mapping.test_examples_portfolio import f3

TODAY = "2026-06-30"
DOLLARS = (Quote("USD", day("2026-07-01"), Decimal("0.5")), Quote("USD", day("2026-01-01"), Decimal("0.92")))
EUROS = Rates("EUR", DOLLARS)


def run(portfolio: Portfolio, rates: Rates | None = EUROS, on: str = TODAY) -> Result:
    portfolio.rates = rates
    return portfolio.on(on, f3())


def revenue(portfolio: Portfolio, rates: Rates | None = EUROS, on: str = TODAY) -> tuple[Any, ...]:
    found = run(portfolio, rates, on).detail()["revenue"]
    return found["arr_in_force"], found["source"], found["without_rate"]


@pytest.mark.parametrize(
    ("arr", "segment"),
    [
        ("200000", "enterprise"), ("199999.99", "mid_market"), ("50000", "mid_market"), ("49999.99", "below_threshold"),
        (None, "unknown"),
    ],
)  # fmt: skip
def test_example_9_in_the_reporting_currency(arr: str | None, segment: str) -> None:
    portfolio = Portfolio().account(arr=arr and Decimal(arr), currency="EUR")
    assert run(portfolio)["segment"] == segment


@pytest.mark.parametrize(
    ("arr", "segment"),
    [
        # 0.92: 217,391.304347… dollars are 200,000 euros, 54,347.826086… are 50,000
        ("217391.304348", "enterprise"), ("217391.304347", "mid_market"),
        ("54347.826087", "mid_market"), ("54347.826086", "below_threshold"),
    ],
)  # fmt: skip
def test_example_9_in_another_currency(arr: str, segment: str) -> None:
    portfolio = Portfolio().account(arr=Decimal(arr), currency="USD")
    assert run(portfolio)["segment"] == segment


def test_a_currency_without_a_rate_is_left_out_and_said() -> None:
    portfolio = Portfolio().account(arr=Decimal(300_000), currency="GBP", go_live_at=day("2026-01-01"))
    found = run(portfolio)
    assert found["segment"] == "unknown"
    assert found.detail()["revenue"]["without_rate"] == "GBP"
    assert {"currency_without_rate", "revenue_unknown"} <= {one["id"] for one in found.detail()["alerts"]}


def test_before_the_first_rate_there_is_none() -> None:
    def found(start: str) -> tuple[Any, ...]:
        portfolio = Portfolio().account(arr=Decimal(100), currency="usd ", contract_start_at=day(start))
        return revenue(portfolio)

    assert found("2025-12-31") == (None, "crm", "USD")
    before = Portfolio().account(arr=Decimal(100), currency="USD", contract_start_at=day("2025-12-31"))
    assert run(before).detail()["revenue"]["rates_begin_on"] == "2026-01-01"
    assert found("2026-01-01") == ("92", "crm", None)


def test_the_rate_is_that_of_the_records_day_and_none_from_after_the_evaluation() -> None:
    portfolio = Portfolio().account(arr=Decimal(100), currency="USD", contract_start_at=day("2026-06-30"))
    assert revenue(portfolio, on="2026-12-31")[0] == "92"
    portfolio.rows["account"][0]["contract_start_at"] = day("2026-07-01")
    assert revenue(portfolio, on="2026-12-31")[0] == "50"
    assert revenue(portfolio, on="2026-06-30")[0] == "92", "a contract of tomorrow at today's rate"


def test_an_amount_without_a_currency_is_in_the_reporting_currency() -> None:
    assert revenue(Portfolio().account(arr=Decimal("0.1"))) == ("0.1", "crm", None)


def test_without_a_reporting_currency_amounts_count_as_they_are() -> None:
    portfolio = Portfolio().account(arr=Decimal(200000), currency="JPY")
    assert run(portfolio, None)["segment"] == "enterprise"
    assert revenue(portfolio, None) == ("200000", "crm", None)


def test_what_the_crm_says_comes_before_contracts_and_contracts_before_deals() -> None:
    portfolio = (
        Portfolio().account(currency="EUR").deal(kind="new", state="won", arr=Decimal(70), close_date="2026-01-10")
    )
    assert revenue(portfolio) == ("70", "deals", None)
    portfolio.contract(id="a", start_at="2026-01-10", end_at=TODAY, arr=Decimal(60))
    portfolio.contract(id="b", start_at=TODAY, end_at="2027-01-09", arr=Decimal(100), currency="USD")
    assert revenue(portfolio) == ("152", "contracts", None)
    portfolio.rows["account"][0]["arr"] = Decimal(50)
    assert revenue(portfolio) == ("50", "crm", None)


def test_only_contracts_in_force_count_and_all_of_them_have_to_tell() -> None:
    portfolio = Portfolio().account(currency="EUR")
    portfolio.contract(id="over", start_at="2025-01-01", end_at="2026-06-29", arr=Decimal(1))
    portfolio.contract(id="coming", start_at="2026-07-01", end_at="2027-06-30", arr=Decimal(2))
    portfolio.contract(id="draft", start_at="2026-01-01", end_at="2026-12-31", arr=Decimal(4), status="Draft")
    assert revenue(portfolio) == (None, None, None)
    portfolio.contract(id="now", start_at="2026-01-01", end_at="2026-12-31", arr=Decimal(8))
    assert revenue(portfolio) == ("8", "contracts", None)
    portfolio.contract(id="untold", start_at="2026-01-01", end_at="2026-12-31")
    portfolio.deal(kind="new", state="won", acv=Decimal(16), close_date="2026-01-01")
    assert revenue(portfolio) == ("16", "deals", None)


def test_a_contract_without_a_rate_makes_the_sum_unknown() -> None:
    portfolio = (
        Portfolio().account(currency="EUR").deal(kind="new", state="won", arr=Decimal(70), close_date="2026-01-10")
    )
    portfolio.contract(id="a", start_at="2026-01-10", end_at=TODAY, arr=Decimal(60))
    portfolio.contract(id="b", start_at="2026-01-10", end_at=TODAY, arr=Decimal(60), currency="GBP")
    assert revenue(portfolio) == (None, "contracts", "GBP")


def test_won_deals_that_recur_add_up() -> None:
    portfolio = Portfolio().account(currency="EUR")
    portfolio.deal(
        kind="new", state="won", amount=Decimal(2400), term_months=24, close_date="2025-01-10"
    )  # 1,200 a year
    portfolio.deal(kind="expansion", state="won", acv=Decimal(100), currency="USD", close_date="2026-02-01")  # 92
    portfolio.deal(kind="contraction", state="won", arr=Decimal(200), close_date="2026-03-01")
    portfolio.deal(kind="new", state="open", arr=Decimal(9999), close_date="2026-05-01")
    portfolio.deal(kind="new", state="won", amount=Decimal(5000), close_date="2026-05-01")  # no term: does not recur
    assert revenue(portfolio) == ("1092", "deals", None)
    portfolio.deal(kind="renewal", state="won", arr=Decimal(1000), close_date="2026-02-15")
    assert revenue(portfolio) == ("800", "deals", None), "the renewal stands for what was won before it"


def test_a_deal_counts_as_long_as_its_term() -> None:
    portfolio = Portfolio().account(currency="EUR")
    portfolio.deal(kind="new", state="won", arr=Decimal(12), term_months=12, close_date="2025-06-30")
    assert revenue(portfolio, on="2026-06-29")[0] == "12"
    assert revenue(portfolio, on="2026-06-30")[0] is None


class Counted(tuple[Quote, ...]):
    """Quotes that know how often somebody went through them."""

    times = 0

    def __iter__(self) -> Iterator[Quote]:
        self.times += 1
        return super().__iter__()


def test_rates_are_not_read_again_for_every_slice_and_account() -> None:
    """Years of daily rates are a hundred thousand; reading them took longer than the accounts."""
    quotes = Counted((Quote("USD", day("2026-07-01"), Decimal("0.123")),))
    portfolio, rates = Portfolio().account(arr=Decimal(100), currency="USD"), Rates("EUR", quotes)
    assert {revenue(portfolio, rates) for _ in range(3)} == {(None, "crm", "USD")}
    assert quotes.times == 2  # the quotes, and the first day of each currency


def test_no_term_is_too_long_for_the_calendar() -> None:
    portfolio = Portfolio().account(currency="EUR")
    portfolio.deal(kind="new", state="won", arr=Decimal(12), term_months=2**63 - 1, close_date="2025-06-30")
    assert revenue(portfolio)[0] == "12"


def test_who_has_left_pays_what_the_crm_says() -> None:
    portfolio = Portfolio().account(currency="EUR", churned_at=day(TODAY))
    portfolio.contract(id="a", start_at="2026-01-10", end_at="2027-01-09", arr=Decimal(60))
    assert revenue(portfolio) == (None, None, None)
    assert revenue(portfolio, on="2026-06-29") == ("60", "contracts", None)


def test_a_currency_that_falls_is_no_contraction() -> None:
    portfolio = Portfolio().account(currency="USD")
    portfolio.contract(id="a", start_at="2026-01-10", end_at="2027-01-09", arr=Decimal(100))
    portfolio.deal(kind="renewal", state="open", arr=Decimal(100), close_date="2027-01-05")
    (term,) = run(portfolio, on="2026-12-20").detail()["renewal"]["terms"]
    assert (term["arr"], term["ratio"]) == ("92", 1.0)


def test_no_amount_is_too_large_or_too_fine() -> None:
    tiny = Rates("EUR", (Quote("IRR", day("2020-01-01"), Decimal("0.0000217654")),))
    portfolio = Portfolio().account(arr=Decimal("42000000000.01"), currency="IRR")
    assert revenue(portfolio, tiny)[0] == "914146.8"
    portfolio = Portfolio().account(arr=Decimal(10) ** 15, currency="IRR")
    assert revenue(portfolio, tiny) == (None, "crm", "IRR")
