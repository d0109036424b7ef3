"""Properties of KPIs: identities of the cohort, and that slices add up to the whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.engine import evaluate
from mapping.frames import Frames
from mapping.kpis.slice import Currency, Slice
from mapping.kpis.tally import Figures, Outcome, tallies
from tests.property.test_mapping_engine import AT, QUICK, made_up
from tests.unit.mapping.kpi_kit import every_kpi, framework, whole
from tests.unit.mapping.portfolio import Portfolio, day

ALL = framework(kpis=every_kpi())
COHORT = framework(
    kpis=[
        {"id": name}
        for name in ("nrr", "grr", "expansion_rate", "contraction_rate", "churned_arr", "logo_retention", "logo_churn",
                     "expansion_share")
    ]
)  # fmt: skip
FIGURES = Figures(cs_spend=10, sales_spend=20, gross_margin=Fraction(4, 5), advocates=3, case_studies=1,  # type: ignore[arg-type]
                  currency=Currency("EUR"))  # fmt: skip
amounts = st.none() | st.integers(0, 500).map(lambda cents: f"{cents / 7:.6f}")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(amounts, amounts, st.booleans()), min_size=1, max_size=8))
def test_identities_of_the_cohort(contracts: list[tuple[str | None, str | None, bool]]) -> None:
    portfolio = Portfolio()
    for number, (before, after, late) in enumerate(contracts):
        name = f"a{number}"
        portfolio.account(name)
        begins = day("2025-07-01") - timedelta(days=0 if late else 400)
        if before is not None:
            portfolio.contract(
                name, start_at=begins - timedelta(days=365), end_at=begins - timedelta(days=1), arr=before
            )
        if after is not None:
            portfolio.contract(name, start_at=begins, end_at=begins + timedelta(days=900), arr=after)
    sums = tallies(COHORT.spec.kpis)
    part = whole(portfolio, "2025-12-31", COHORT)
    for tally in sums:
        tally.add(part)
    found = {one.entry.id: one.outcome(day("2025-12-31"), Figures()) for one in sums}
    value = {name: one.value for name, one in found.items()}
    if value["nrr"] is None:
        assert set(value.values()) <= {None, value["expansion_share"]}
        return
    assert value["nrr"] == 1 + value["expansion_rate"] - value["contraction_rate"] - value["churned_arr"]
    assert value["grr"] == 1 - value["contraction_rate"] - value["churned_arr"]
    assert 0 <= value["grr"] <= min(1, value["nrr"])
    assert value["logo_retention"] + value["logo_churn"] == 1
    assert {one.n for name, one in found.items() if name != "expansion_share"} == {found["nrr"].n}
    assert found["nrr"].top - found["nrr"].bottom <= found["expansion_share"].bottom


def added(slices: list[Frames]) -> list[Outcome]:
    sums = tallies(ALL.spec.kpis)
    for frames in slices:
        part = Slice(frames, evaluate(frames, ALL, AT), FIGURES.currency)
        for tally in sums:
            tally.add(part)
    return [one.outcome(AT.date, FIGURES) for one in sums]


def some(frames: Frames, wanted: list[str]) -> Frames:
    return replace(frames, accounts=frames.accounts.filter(pl.col("account_id").is_in(wanted)))


@settings(max_examples=3, **QUICK)
@given(seed=st.integers(0, 10**6), size=st.integers(7, 20))
def test_slices_add_up_to_the_whole(seed: int, size: int) -> None:
    frames = made_up(seed, 40)
    ids = sorted(frames.accounts.get_column("account_id"))
    cut = [some(frames, ids[start : start + size]) for start in range(0, len(ids), size)]
    assert added(cut) == added([frames])


@settings(max_examples=5, **QUICK)
@given(seed=st.integers(0, 10**6))
def test_a_value_is_there_or_a_reason_is_and_it_is_finite(seed: int) -> None:
    for one in added([made_up(seed, 30)]):
        assert (one.value is None) == (one.reason is not None) == (one.status == "no_data"), one
        assert one.n >= 0 <= one.excluded
        if one.kpi.unit == "share" and one.value is not None and one.kpi.id in ("grr", "green_share", "renewal_rate"):
            assert 0 <= one.value <= 1


def test_a_portfolio_without_accounts_has_no_value_out_of_nothing() -> None:
    for one in added([some(made_up(1, 1), [])]):
        assert one.value is None or one.kpi.shape == "total", one
