"""How much an owner carries, against the norms of a role; worked example 36."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from config.frameworks import load_framework_file
from mapping.capacity import Load, judge, loads, role_of
from mapping.framework import FrameworkError
from mapping.framework.spec import Bounds, Role
from mapping.kpis.slice import SCALE, Currency
from tests.unit.mapping.kpi_kit import framework, whole
from tests.unit.mapping.portfolio import Portfolio

LEAD, ENTERPRISE, MID_MARKET = load_framework_file("portfolio_management").spec.capacity
MILLION = 1_000_000


def carrying(accounts: int, arr: float) -> Load:
    return Load(accounts, int(Decimal(str(arr)) * SCALE))


@pytest.mark.parametrize(
    ("accounts", "millions", "status"), [(20, 5.0, "within"), (21, 5.0, "over"), (14, 5.0, "under")]
)
def test_example_36(accounts: int, millions: float, status: str) -> None:
    assert judge(ENTERPRISE, carrying(accounts, millions * MILLION)).status == status


@pytest.mark.parametrize(
    ("role", "accounts", "arr", "status"),
    [
        (ENTERPRISE, 15, 3 * MILLION, "within"),
        (ENTERPRISE, 15, 2_999_999.99, "under"),
        (ENTERPRISE, 15, 5_000_000.01, "over"),
        (ENTERPRISE, 14, 5_000_000.01, "over"),
        (MID_MARKET, 35, 1.5 * MILLION, "within"),
        (MID_MARKET, 34, 1.5 * MILLION, "under"),
        (MID_MARKET, 40, 3 * MILLION, "within"),
        (MID_MARKET, 41, 3 * MILLION, "over"),
        (LEAD, 25, 8 * MILLION, "within"),
        (LEAD, 24, 8 * MILLION, "under"),
        (LEAD, 25, 7_999_999.99, "under"),
        (LEAD, 400, 90 * MILLION, "within"),  # a floor only
    ],
)
def test_both_are_checked_and_bounds_are_within(role: Role, accounts: int, arr: float, status: str) -> None:
    assert judge(role, carrying(accounts, arr)).status == status


@pytest.mark.parametrize(
    ("role", "accounts", "arr", "said"),
    [
        (ENTERPRISE, 16, 0, ("unknown", "unknown")),  # not under: nobody knows
        (ENTERPRISE, 16, 4 * MILLION, ("unknown", "unknown")),  # nor within: the rest may be too much
        (ENTERPRISE, 16, 5_000_000.01, ("over", "over")),  # whatever the rest is
        (ENTERPRISE, 14, 4 * MILLION, ("unknown", "under")),  # by accounts
        (ENTERPRISE, 21, 4 * MILLION, ("unknown", "over")),
        (LEAD, 30, 8 * MILLION, ("within", "within")),  # a floor, and it is reached
        (LEAD, 30, 7_999_999.99, ("unknown", "unknown")),
    ],
)
def test_what_an_account_pays_that_nobody_knows_makes_no_verdict(
    role: Role, accounts: int, arr: float, said: tuple[str, str]
) -> None:
    known = carrying(accounts, arr)
    found = judge(role, Load(known.accounts, known.arr, unknown=1))
    assert (found.arr, found.status) == said


@pytest.mark.parametrize(("accounts", "status"), [(0, "within"), (3, "within"), (4, "over")])
def test_a_sponsor_has_at_most_three_accounts_whatever_they_pay(accounts: int, status: str) -> None:
    (sponsor,) = load_framework_file("cradle_to_grave").spec.capacity
    verdict = judge(sponsor, Load(accounts, 0, unknown=accounts))
    assert (verdict.status, verdict.arr) == (status, None)


def role(name: str, segment: str, owners: tuple[str, ...] | None = None) -> Role:
    return Role(id=name, segment=segment, accounts=Bounds(min=1), arr=Bounds(min=0), owners=owners)


def test_a_role_is_that_of_who_is_named_else_of_most_accounts_in_its_segment() -> None:
    roles = (
        role("lead", "enterprise", ("Ada@Example.com", "17")),
        role("big", "enterprise"),
        role("small", "mid_market"),
    )
    mostly_small = {"enterprise": Load(2, 9), "mid_market": Load(3, 1)}
    assert role_of(roles, frozenset({"ada@example.com"}), mostly_small) == roles[0]
    assert role_of(roles, frozenset({"17"}), {}) == roles[0]
    assert role_of(roles, frozenset({"bob"}), mostly_small) == roles[2]
    assert role_of(roles, frozenset({"bob"}), {"enterprise": Load(3, 9), "mid_market": Load(3, 1)}) == roles[1]
    assert role_of(roles, frozenset({"bob"}), {"below_threshold": Load(3, 1)}) is None
    assert role_of((role("lead", "enterprise", ()),), frozenset({"bob"}), mostly_small) is None


def test_active_accounts_are_added_by_owner_and_segment() -> None:
    live: dict[str, Any] = {"go_live_at": "2025-01-01", "strategic_flag": True}
    portfolio = Portfolio().account("A", csm_ref="c", owner_ref="o", arr="10.5", currency="EUR", **live)
    portfolio.account("B", owner_ref="c", arr=1, currency="USD", **live).account("C", csm_ref="c", **live)
    portfolio.account("D", owner_ref="o", arr=3, go_live_at="2025-01-01").account("E", arr=0, currency="USD", **live)
    portfolio.account("F", csm_ref="c", arr=7, churned_at="2025-06-01", **live).account("G", csm_ref="c")
    found = loads(whole(portfolio, "2025-12-31", framework(), Currency("EUR")))
    assert found == {
        ("c", "enterprise"): Load(3, 10_500_000_000_000, 2),
        ("o", "other"): Load(1, 3 * SCALE),
        (None, "enterprise"): Load(1, 0),
    }


def test_a_sponsor_carries_what_names_him_and_no_owner_stands_in() -> None:
    live: dict[str, Any] = {"go_live_at": "2025-01-01", "csm_ref": "c", "arr": 1}
    portfolio = Portfolio().account("A", sponsor_ref="s", **live).account("B", **live)
    portfolio.account("C", sponsor_ref="s", churned_at="2025-06-01", **live)
    assert loads(whole(portfolio, "2025-12-31", framework()), "sponsor") == {
        ("s", "other"): Load(1, SCALE),
        (None, "other"): Load(1, SCALE),
    }


def test_revenue_is_what_the_kpis_count_and_not_only_a_property_of_the_account() -> None:
    live: dict[str, Any] = {"csm_ref": "c", "go_live_at": "2025-01-01", "strategic_flag": True}
    portfolio = Portfolio().account("A", **live).account("B", **live).account("C", arr=3, **live)
    portfolio.contract("A", start_at="2025-01-01", end_at="2026-12-31", arr=250, currency="USD")
    portfolio.deal("B", kind="new", state="won", amount=200, term_months=24, closed_won_at="2025-01-10")
    found = loads(whole(portfolio, "2025-12-31", framework(), Currency("EUR", {"USD": Decimal("0.5")})))
    assert found == {("c", "enterprise"): Load(3, (125 + 100 + 3) * SCALE, 0)}


def test_who_is_told_makes_no_other_model_version_and_needs_norms() -> None:
    norms = [{"id": "csm", "segment": "other", "accounts": {"min": 0}, "arr": {"min": 0}}]
    told = framework(capacity=norms, capacity_alert={"owner": "lead"})
    assert told.version == framework(capacity=norms).version == framework().version
    assert told.spec.capacity_alert is not None
    rule = told.spec.capacity_alert.rule()
    assert (rule.id, rule.owner, rule.sla_hours, rule.answered_by()) == ("capacity_over", "lead", None, "nobody")
    with pytest.raises(FrameworkError, match="capacity_alert: needs `capacity`"):
        framework(capacity_alert={"owner": "lead"})
