"""KPIs of revenue: the cohort, ARR on a day, renewals, lifetime value, spend; worked examples 25, 26, 27, 40."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from mapping.kpis.revenue import revenue_on
from mapping.kpis.slice import SCALE, months_before
from mapping.kpis.tally import Figures
from tests.unit.mapping.kpi_kit import framework, kpi, whole
from tests.unit.mapping.portfolio import Portfolio, day

ON = "2025-12-31"


def moved(portfolio: Portfolio, name: str, before: object, after: object) -> Portfolio:
    """An account whose contract of last year was followed by another one, or by none."""
    portfolio.account(name)
    portfolio.contract(name, start_at="2024-07-01", end_at="2025-06-30", arr=before)
    return portfolio.contract(name, start_at="2025-07-01", end_at="2026-06-30", arr=after) if after else portfolio


def example_27() -> Portfolio:
    portfolio = Portfolio()
    for name, before, after in (("A", 100, 130), ("B", 200, 180), ("C", 50, 0), ("D", 150, 150)):
        moved(portfolio, name, before, after)
    return portfolio.account("E").contract("E", start_at="2025-10-01", end_at="2026-09-30", arr=80)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nrr", "0.92"),
        ("grr", "0.86"),
        ("logo_retention", "0.75"),
        ("logo_churn", "0.25"),
        ("contraction_rate", "0.04"),
        ("churned_arr", "0.1"),
        ("expansion_rate", "0.06"),
        ("expansion_share", "0.75"),
    ],
)
def test_example_27(name: str, value: str) -> None:
    found = kpi(example_27(), name)
    assert found.value == Fraction(value)
    assert found.excluded == 0


def test_example_27_sums_and_the_other_basis() -> None:
    nrr, share = kpi(example_27(), "nrr"), kpi(example_27(), "expansion_share")
    assert (nrr.top, nrr.bottom, nrr.n) == (460, 500, 4)
    assert (nrr.since, nrr.until) == (day("2024-12-31"), day("2025-12-31"))
    assert (share.top, share.bottom) == (30, 40)
    assert share.also["of_gross_new"] == Fraction(30, 110)  # 27.3 %


@pytest.mark.parametrize(
    ("after", "target", "status"),
    [
        (96, ">= 0.96", "met"),
        ("95.999999", ">= 0.96", "missed"),
        (96, "> 0.96", "missed"),
        ("96.000001", "> 0.96", "met"),
    ],
)
def test_a_target_is_compared_unrounded_and_a_strict_one_is_missed_by_an_exact_hit(
    after: object, target: str, status: str
) -> None:
    assert kpi(moved(Portfolio(), "A", 100, after), "grr", target=target).status == status


def test_without_a_cohort_there_is_no_value_and_a_reason() -> None:
    found = kpi(Portfolio().account("A"), "nrr", target=">= 1")
    assert (found.value, found.status, found.n, found.excluded) == (None, "no_data", 0, 0)
    assert found.reason == "no account is known to have had revenue when the period began"


def test_net_new_that_is_not_above_zero_has_no_share() -> None:
    found = kpi(moved(Portfolio(), "A", 100, 90), "expansion_share")
    assert (found.value, found.reason) == (None, "net new ARR is not above zero")


def test_grr_is_never_above_one_and_expansion_counts_in_the_quarter() -> None:
    assert kpi(moved(Portfolio(), "A", 100, 300), "grr").value == 1
    assert kpi(moved(Portfolio(), "A", 100, 300), "expansion_revenue", "2025-09-30").value == 200
    assert kpi(moved(Portfolio(), "A", 100, 300), "expansion_revenue", "2025-10-01").value == 0
    assert kpi(moved(Portfolio(), "A", 100, 300), "expansion_revenue", "2025-06-30").value == 0


def test_months_are_calendar_months_with_the_day_held_back() -> None:
    assert months_before(day("2025-05-31"), 3) == day("2025-02-28")
    assert months_before(day("2024-02-29"), 12) == day("2023-02-28")
    assert months_before(day("2025-01-15"), 3) == day("2024-10-15")


def arr_on(portfolio: Portfolio, when: str, on: str = ON) -> Fraction | None:
    found = revenue_on(whole(portfolio, on, framework()), day(when)).get_column("arr")[0]
    return None if found is None else Fraction(int(found), SCALE)


@pytest.mark.parametrize(
    ("when", "arr"),
    [("2024-06-30", 0), ("2024-07-01", 100), ("2025-06-30", 100), ("2025-07-01", 130), ("2025-12-31", 130)],
)
def test_arr_of_contracts_by_day(when: str, arr: int) -> None:
    assert arr_on(moved(Portfolio(), "A", 100, 130), when) == arr


@pytest.mark.parametrize(("when", "arr"), [("2025-06-30", 100), ("2025-07-30", 100), ("2025-07-31", 0)])
def test_a_contract_that_ended_counts_until_the_account_counts_as_churned(when: str, arr: int) -> None:
    """As in the renewal status: overdue for 30 days, lapsed from the 31st."""
    assert arr_on(moved(Portfolio(), "A", 100, None), when) == arr


def test_a_won_renewal_without_a_contract_of_its_own_is_worth_what_it_says() -> None:
    portfolio = moved(Portfolio(), "A", 100, None)
    portfolio.deal("A", kind="renewal", state="won", arr=120, close_date="2025-06-20", closed_won_at="2025-06-20")
    assert arr_on(portfolio, "2025-06-30") == 100
    assert arr_on(portfolio, "2025-12-31") == 120


@pytest.mark.parametrize(
    ("when", "arr"),
    [("2023-12-31", 0), ("2024-01-01", 150), ("2025-06-30", 150), ("2025-07-31", 100), ("2025-11-29", 100),
     ("2025-11-30", 0)],
)  # fmt: skip
def test_a_contract_without_an_end_runs_until_the_customer_leaves(when: str, arr: int) -> None:
    portfolio = Portfolio().account("A", churned_at="2025-11-30")
    portfolio.contract("A", start_at="2024-01-01", arr=100)
    portfolio.contract("A", start_at="2024-01-01", end_at="2025-06-30", arr=50)
    portfolio.contract("A", start_at="2024-01-01", arr=1000, status="Draft")
    assert arr_on(portfolio, when) == arr


def test_a_contract_without_an_end_and_an_amount_leaves_the_account_to_say_it() -> None:
    portfolio = Portfolio().account("A").contract("A", start_at="2024-01-01")
    assert arr_on(portfolio, ON) is None
    assert arr_on(Portfolio().account("A", arr=70).contract("A", start_at="2024-01-01"), ON) == 70


@pytest.mark.parametrize(("offered", "lost"), [(100, 0), (60, 40), (130, 0)])
def test_one_renewal_of_several_contracts_counts_once(offered: int, lost: int) -> None:
    portfolio = Portfolio().account("A")
    for arr in (80, 20):
        portfolio.contract("A", start_at="2024-07-01", end_at="2025-06-30", arr=arr)
    portfolio.deal("A", kind="renewal", state="won", arr=offered, close_date="2025-06-20", closed_won_at="2025-06-20")
    assert arr_on(portfolio, "2025-06-30") == 100
    assert arr_on(portfolio, ON) == offered
    found = kpi(portfolio, "eligible_churn")
    assert (found.top, found.bottom, found.n) == (lost, 100, 2)


def test_contracts_side_by_side_are_added_and_one_that_is_lost_is_contraction() -> None:
    portfolio = Portfolio().account("A")
    portfolio.contract("A", start_at="2024-01-01", end_at="2026-12-31", arr=80)
    portfolio.contract("A", start_at="2024-01-01", end_at="2025-06-30", arr=20)
    assert kpi(portfolio, "contraction_rate").value == Fraction(20, 100)
    assert kpi(portfolio, "logo_retention").value == 1


def test_an_account_that_left_has_no_revenue_from_that_day_on() -> None:
    portfolio = Portfolio().account("A", arr=100, contract_start_at="2024-01-01", contract_end_at="2026-12-31",
                                    churned_at="2025-08-31")  # fmt: skip
    assert [arr_on(portfolio, when) for when in ("2025-08-30", "2025-08-31")] == [100, 0]


ACCOUNT: dict[str, Any] = {"arr": 150, "contract_signed_at": "2023-01-10", "contract_start_at": "2024-06-01",
                           "contract_end_at": "2026-05-31"}  # fmt: skip


def test_the_accounts_own_amount_counts_for_its_running_contract_less_what_was_sold_since() -> None:
    portfolio = Portfolio().account("A", **ACCOUNT)
    portfolio.deal("A", kind="expansion", state="won", arr=30, closed_won_at="2025-03-01")
    portfolio.deal("A", kind="contraction", state="won", arr=-10, closed_won_at="2025-05-01")
    portfolio.deal("A", kind="expansion", state="open", arr=500, close_date="2025-11-01")
    assert arr_on(portfolio, "2025-02-28") == 130
    assert arr_on(portfolio, "2025-03-01") == 160
    assert arr_on(portfolio, "2025-12-31") == 150


def test_before_its_running_contract_the_deals_won_until_then_say_it() -> None:
    portfolio = Portfolio().account("A", **ACCOUNT)
    portfolio.deal("A", kind="new", state="won", amount=200, term_months=24, closed_won_at="2023-01-10")
    portfolio.deal("A", kind="expansion", state="won", arr=15, closed_won_at="2023-09-01")
    portfolio.deal("A", kind="renewal", state="won", arr=150, closed_won_at="2024-05-15", close_date="2024-05-15")
    assert arr_on(portfolio, "2023-01-09") == 0
    assert arr_on(portfolio, "2023-08-31") == 100
    assert arr_on(portfolio, "2024-05-14") == 115
    assert arr_on(portfolio, "2024-05-31") == 150


def test_what_was_sold_for_a_term_counts_until_30_days_after_it() -> None:
    portfolio = Portfolio().account("A")
    portfolio.deal("A", kind="new", state="won", amount=120, term_months=12, closed_won_at="2023-01-10")
    assert [arr_on(portfolio, when) for when in ("2024-01-09", "2024-02-08", "2024-02-09")] == [120, 120, None]
    portfolio.deal("A", kind="renewal", state="won", arr=90, term_months=12, closed_won_at="2024-02-01")
    assert [arr_on(portfolio, when) for when in ("2024-02-09", "2025-03-02", "2025-03-03")] == [90, 90, None]
    portfolio.deal("A", kind="renewal", state="won", arr=80, closed_won_at="2025-03-10")
    assert arr_on(portfolio, ON) == 80  # for how long it does not say


def test_a_change_of_unknown_size_is_not_one_of_nothing() -> None:
    portfolio = Portfolio().account("A", **ACCOUNT)
    portfolio.deal("A", kind="new", state="won", amount=200, term_months=24, closed_won_at="2023-01-10")
    portfolio.deal("A", kind="expansion", state="won", closed_won_at="2023-09-01")
    portfolio.deal("A", kind="renewal", state="won", arr=150, closed_won_at="2024-05-15", close_date="2024-05-15")
    portfolio.deal("A", kind="expansion", state="won", closed_won_at="2025-03-01")
    days = ("2023-08-31", "2023-09-01", "2024-05-15", "2025-02-28", "2025-03-01", ON)
    assert [arr_on(portfolio, when) for when in days] == [100, None, 150, None, 150, 150]


@pytest.mark.parametrize("kind", ["new", "renewal", "expansion"])
def test_a_deal_of_unknown_size_is_not_one_of_nothing(kind: str) -> None:
    portfolio = Portfolio().account("A").deal("A", kind=kind, state="won", closed_won_at="2024-01-10")
    assert arr_on(portfolio, "2024-01-09") == 0
    assert arr_on(portfolio, "2024-12-31") is None
    found = kpi(portfolio, "logo_retention")
    assert (found.value, found.excluded) == (None, 1)


def test_what_neither_contracts_nor_deals_say_is_unknown_and_left_out_of_the_cohort() -> None:
    portfolio = moved(Portfolio(), "A", 100, 100).account("B", **ACCOUNT | {"contract_start_at": "2025-06-01"})
    portfolio.account("C", arr=70)
    portfolio.account("D")  # nothing was ever sold to it
    found = kpi(portfolio, "nrr")
    assert (found.value, found.n, found.excluded) == (1, 1, 2)


def test_a_new_customer_is_no_part_of_the_cohort_and_not_unknown() -> None:
    new = ACCOUNT | {"contract_signed_at": "2025-05-20", "contract_start_at": "2025-06-01"}
    found = kpi(moved(Portfolio(), "A", 100, 100).account("B", **new), "nrr")
    assert (found.value, found.n, found.excluded) == (1, 1, 0)


def test_where_narrows_a_kpi_to_some_accounts() -> None:
    portfolio = moved(moved(Portfolio(), "A", 100, 130), "B", 200, 100)
    assert kpi(portfolio, "nrr", where="account_id = 'A'").value == Fraction(13, 10)


def due(portfolio: Portfolio, name: str, before: int, after: int | None) -> Portfolio:
    return moved(portfolio, name, before, after)


def test_example_25() -> None:
    portfolio = due(due(due(Portfolio(), "A", 120, 120), "B", 80, 60), "C", 50, None)
    portfolio.account("D", churned_at="2025-11-30")  # gives up 30 in the middle of its term
    portfolio.contract("D", start_at="2025-04-01", end_at="2026-03-31", arr=30)
    found = kpi(portfolio, "eligible_churn")
    assert (found.value, found.top, found.bottom, found.n) == (Fraction("0.28"), 70, 250, 3)
    assert found.also["churn_only"] == Fraction("0.2")
    rate = kpi(portfolio, "renewal_rate", target=">= 0.95")
    assert (rate.top, rate.bottom, rate.status) == (2, 3, "missed")


@pytest.mark.parametrize(("on", "n"), [("2025-06-29", 0), ("2025-06-30", 1), ("2026-06-29", 1), ("2026-06-30", 0)])
def test_a_term_is_due_in_the_period_in_which_it_ends(on: str, n: int) -> None:
    assert kpi(Portfolio().account("A").contract("A", start_at="2024-07-01", end_at="2025-06-30", arr=1),
               "eligible_churn", on).n == n  # fmt: skip


def test_a_renewal_that_is_not_decided_was_due_and_is_not_lost() -> None:
    portfolio = Portfolio().account("A").contract("A", start_at="2025-01-01", end_at="2025-12-20", arr=100)
    assert (kpi(portfolio, "eligible_churn").value, kpi(portfolio, "renewal_rate").value) == (0, None)
    assert kpi(portfolio, "renewal_rate").reason == "no renewal was decided in the period"


def test_a_renewal_of_unknown_size_is_won_and_its_loss_unknown() -> None:
    portfolio = Portfolio().account("A").contract("A", start_at="2024-07-01", end_at="2025-06-30", arr=100)
    portfolio.deal("A", kind="renewal", state="won", close_date="2025-06-20", closed_won_at="2025-06-20")
    found = kpi(portfolio, "eligible_churn")
    assert (found.value, found.n, found.excluded) == (None, 0, 1)
    assert kpi(portfolio, "renewal_rate").value == 1


def test_a_contract_that_renews_by_itself_loses_nothing() -> None:
    portfolio = Portfolio().account("A")
    portfolio.contract("A", start_at="2024-07-01", end_at="2025-06-30", arr=100, auto_renew=True)
    assert (kpi(portfolio, "eligible_churn").value, kpi(portfolio, "renewal_rate").value) == (0, 1)


def test_where_only_the_running_contract_is_known_its_beginning_was_a_renewal() -> None:
    """Else a CRM that keeps one contract an account would know nothing but the lost renewals."""
    renewed = ACCOUNT | {"contract_start_at": "2025-06-01"}
    first = renewed | {"contract_signed_at": "2025-04-15"}
    found = kpi(Portfolio().account("A", **renewed).account("B", **first), "renewal_rate")
    assert (found.top, found.bottom) == (1, 1)
    assert kpi(Portfolio().account("A", **renewed), "eligible_churn").excluded == 1


def test_pipeline_takes_open_expansion_deals_that_can_be_won() -> None:
    portfolio = Portfolio().account("A", has_deals=False, arr=1).account("B", has_deals=True)
    for chance, amount in ((None, 100), (0.0, 200), (0.1, 300), (0.5, 400), (0.6, None)):
        portfolio.deal("B", kind="expansion", state="open", amount=amount, probability=chance)
    portfolio.deal("B", kind="renewal", state="open", amount=900)
    found = kpi(portfolio, "expansion_pipeline")
    assert (found.value, found.n, found.excluded) == (800, 3, 2)
    assert kpi(portfolio, "expansion_pipeline", min_probability=0.5).value == 400


def test_example_26() -> None:
    """100 accounts pay 18,000 a year each now; 24 % of last year's revenue is gone, 2 % a month."""
    portfolio = Portfolio()
    for number in range(19):
        moved(portfolio, f"stays{number}", 18000, 18000)
    for number in range(6):
        moved(portfolio, f"left{number}", 18000, None)
    figures = Figures(gross_margin=Decimal("0.8"))
    found = kpi(portfolio, "clv", figures=figures)
    assert found.also["churn"] == Fraction("0.24")
    assert found.value == 60000
    nobody_left = kpi(moved(Portfolio(), "A", 18000, 18000), "clv", figures=figures)
    assert (nobody_left.value, nobody_left.reason) == (None, "nothing churned in the period")
    assert kpi(portfolio, "clv").reason == "no CRM has it: set `figures.gross_margin` in the configuration"


@pytest.mark.parametrize(("spend", "status"), [("1200000", "met"), ("1200000.01", "missed")])
def test_example_40(spend: str, status: str) -> None:
    portfolio = Portfolio()
    for number in range(10):
        portfolio.account(f"a{number}", acv=1_000_000, contract_signed_at="2024-01-01")
    found = kpi(portfolio, "cs_spend_ratio", figures=Figures(cs_spend=Decimal(spend)), target="<= 0.12")
    assert (found.bottom, found.status) == (10_000_000, status)
    assert kpi(portfolio, "cs_spend_ratio").status == "no_data"


def test_acquisition_spend_is_compared_with_what_new_customers_pay_a_year() -> None:
    portfolio = Portfolio().account("A")
    portfolio.deal("A", kind="new", state="won", amount=3000, term_months=36, closed_won_at="2025-01-01")
    portfolio.deal(
        "A", kind="new", state="won", amount=500, closed_won_at="2024-12-31"
    )  # the day at whose end it begins
    found = kpi(portfolio, "acq_spend_ratio", figures=Figures(sales_spend=Decimal(250)))
    assert (found.value, found.n) == (Fraction(1, 4), 1)
