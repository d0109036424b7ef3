"""KPIs of revenue in several currencies, and what earlier runs saw of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from mapping.engine import evaluate
from mapping.frames import AsOf
from mapping.kpis.revenue import disagreeing, revenue_on
from mapping.kpis.slice import SCALE, SEEN, Currency, Slice
from mapping.kpis.tally import Figures
from tests.unit.mapping.kpi_kit import framework, kpi, whole
from tests.unit.mapping.portfolio import Portfolio, day, noon

ON = "2025-12-31"


def test_money_in_another_currency_needs_a_rate_and_logos_do_not() -> None:
    portfolio = Portfolio()
    for name, currency in (("A", "EUR"), ("B", "USD"), ("C", None)):
        portfolio.account(name, currency=currency, contract_signed_at="2023-01-01")
        portfolio.contract(name, start_at="2024-01-01", end_at="2025-06-30", arr=100, currency=currency)
        portfolio.contract(name, start_at="2025-07-01", end_at="2026-06-30", arr=110, currency=currency)
    euros = Figures(currency=Currency("EUR"))
    both = Figures(currency=Currency("EUR", {"USD": Decimal("0.92")}))
    without = kpi(portfolio, "nrr", figures=euros)
    assert (without.bottom, without.n, without.excluded) == (200, 2, 1)
    assert kpi(portfolio, "nrr", figures=both).bottom == 292
    assert kpi(portfolio, "logo_retention", figures=euros).n == 3


RATES = Currency("EUR", {"USD": Decimal("0.5"), "SEK": Decimal("0.1"), "IRR": Decimal("0.0000000217")})


def reported(portfolio: Portfolio, when: str = ON, currency: Currency = RATES) -> Fraction | None:
    found = revenue_on(whole(portfolio, ON, framework(), currency), day(when)).get_column("arr")[0]
    return None if found is None else Fraction(int(found), SCALE)


@pytest.mark.parametrize(
    ("account", "contract", "arr"),
    [
        (None, "USD", 50),  # an account often has no currency of its own: never at par
        ("EUR", "USD", 50),
        ("USD", "EUR", 100),
        ("SEK", "USD", 50),
        ("SEK", None, 10),
        (None, None, 100),
        ("usd ", "USD", 50),
        ("EUR", "JPY", None),
        (None, "JPY", None),
    ],
)
def test_a_contract_counts_in_its_own_currency(account: str | None, contract: str | None, arr: int | None) -> None:
    portfolio = Portfolio().account("A", currency=account)
    portfolio.contract("A", start_at="2024-07-01", end_at="2026-06-30", arr=100, currency=contract)
    assert reported(portfolio) == arr


def test_a_deal_counts_in_its_own_currency() -> None:
    account: dict[str, Any] = {"arr": 150, "contract_signed_at": "2023-01-10", "contract_start_at": "2024-06-01"}
    portfolio = Portfolio().account("A", currency="EUR", contract_end_at="2026-05-31", **account)
    portfolio.deal("A", kind="expansion", state="won", arr=40, currency="USD", closed_won_at="2025-03-01")
    assert [reported(portfolio, when) for when in ("2025-02-28", ON)] == [130, 150]
    lost = Portfolio().account("A", currency="EUR")
    lost.contract("A", start_at="2024-07-01", end_at="2025-06-30", arr=100, currency="EUR")
    lost.deal("A", kind="renewal", state="won", amount=180, currency="USD", closed_won_at="2025-06-20",
              close_date="2025-06-20")  # fmt: skip
    found = kpi(lost, "eligible_churn", figures=Figures(currency=RATES))
    assert (found.top, found.bottom, found.excluded) == (10, 100, 0)


def test_who_has_money_without_a_rate_is_told_by_account_by_contract_and_by_deal() -> None:
    portfolio = Portfolio()
    for name, fields in {"A": {"arr": 100, "currency": "CHF"}, "B": {"currency": "EUR"}, "C": {}, "D": {}, "E": {},
                         "F": {"arr": 0, "currency": "CHF"}}.items():  # fmt: skip
        portfolio.account(name, contract_signed_at="2024-01-01", **fields)
    portfolio.contract("A", start_at="2024-07-01", end_at="2026-06-30", arr=100, currency="CHF")
    portfolio.contract("B", start_at="2024-07-01", end_at="2026-06-30", arr=100, currency="CHF")
    portfolio.deal("C", kind="new", state="won", amount=100, currency="JPY", closed_won_at="2025-03-01")
    portfolio.deal("C", kind="expansion", state="open", amount=100, currency="CHF")
    portfolio.deal("D", kind="new", state="won", amount=100, currency="USD", closed_won_at="2025-03-01")
    portfolio.deal("D", kind="new", state="lost", amount=100, currency="CHF", closed_won_at="2025-03-01")
    portfolio.deal("D", kind="renewal", state="won", currency="CHF", closed_won_at="2025-03-01")  # without an amount
    portfolio.account("G", arr=5, currency="CHF", churned_at="2025-01-01")
    assert whole(portfolio, ON, framework(), RATES).unpriced() == {"CHF": 3, "JPY": 1}
    assert whole(portfolio, ON, framework()).unpriced() == {}


def test_no_rate_is_too_small() -> None:
    portfolio = Portfolio().account("A", currency="IRR", arr=Decimal(10) ** 12)
    assert reported(portfolio) == 21700


def remembered(portfolio: Portfolio, paid: object, currency: str | None = None, when: str = "2025-12-31") -> object:
    """What the account is taken to have paid at the end of 2024, with what a run saw then."""
    frames, chosen = portfolio.frames(), framework()
    rows = [("A", day("2024-12-31"), None if paid is None else Decimal(str(paid)), currency)]
    seen = pl.DataFrame(rows, schema=SEEN, orient="row")
    part = Slice(frames, evaluate(frames, chosen, AsOf(noon(when))), RATES, seen=seen)
    found = revenue_on(part, day("2024-12-31")).row(0, named=True)
    return None if found["arr"] is None else Fraction(int(found["arr"]), SCALE)


@pytest.mark.parametrize(
    ("fields", "paid", "currency", "arr"),
    [
        ({"arr": 130}, 100, "EUR", 100),
        ({"arr": 130}, 100, None, 100),
        ({"arr": 130}, None, None, 130),  # nobody looked: as far as is known it is what it was
        ({"arr": 130, "currency": "USD"}, 100, " usd", 50),
        ({"arr": 130, "currency": "USD"}, 100, "EUR", 65),  # another currency is another figure
        ({"arr": 130, "contract_signed_at": "2025-02-01"}, 100, "EUR", 0),  # facts come before what a field says
        ({"arr": 130, "churned_at": "2024-11-30"}, 100, "EUR", 0),
    ],
)
def test_what_a_run_saw_about_a_day_counts_for_it(
    fields: dict[str, Any], paid: object, currency: str | None, arr: int
) -> None:
    assert remembered(Portfolio().account("A", **{"contract_signed_at": "2024-01-01", **fields}), paid, currency) == arr


def test_who_pays_nothing_any_more_did_when_a_run_saw_it() -> None:
    gone = Portfolio().account("A")
    assert remembered(gone, None) == 0
    assert remembered(gone, 100) == 100


@pytest.mark.parametrize(
    ("fields", "kinds", "arr"),
    [
        (
            {"contract_start_at": "2025-06-01", "contract_end_at": "2026-05-31"},
            (),
            100,
        ),  # the running one is not the first
        ({"go_live_at": "2025-06-01"}, (), 100),
        ({}, ("renewal",), 100),
        ({}, ("expansion",), 100),
        ({}, ("new",), 0),
        ({"go_live_at": "2023-06-01"}, ("new",), 100),
    ],
)
def test_what_comes_after_a_first_contract_does_not_speak_against_what_a_run_saw(
    fields: dict[str, Any], kinds: Sequence[str], arr: int
) -> None:
    portfolio = Portfolio().account("A", arr=130, **fields)
    for kind in kinds:
        portfolio.deal("A", kind=kind, state="won", arr=130, closed_won_at="2025-05-20", close_date="2025-05-20")
    assert remembered(portfolio, 100) == arr


def test_contracts_say_what_was_paid_whatever_a_run_saw() -> None:
    portfolio = Portfolio().account("A", arr=500).contract("A", start_at="2024-07-01", end_at="2026-06-30", arr=120)
    assert remembered(portfolio, 100) == 120


def test_contracts_and_a_figure_of_the_crm_that_differ_are_counted() -> None:
    portfolio = Portfolio()
    for name, arr in (("same", 100), ("nearly", 99), ("more", "101.02"), ("less", "98.99"), ("silent", None)):
        portfolio.account(name, arr=arr).contract(name, start_at="2025-07-01", end_at="2026-06-30", arr=100)
    portfolio.account("alone", arr=90, contract_signed_at="2024-01-01")
    portfolio.account("later", arr=90, contract_signed_at="2026-01-01")
    portfolio.account("left", arr=90, churned_at="2025-11-01")
    portfolio.contract("left", start_at="2025-07-01", end_at="2026-06-30", arr=100)
    assert disagreeing(whole(portfolio, ON, framework())) == 2
