"""Quotas hold over all processes on a store, by the database's clock."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import Connection

from connectors.budget import QuotaPolicy, SharedBudget
from store import Store, open_store
from store.budgets import QuotaShelf
from store.types import from_micros
from tests.budget_suite import BudgetSuite
from tests.virtual import VirtualTime


class TestInTheStore(BudgetSuite):
    @pytest.fixture
    def shelf(self, store: Store, time: VirtualTime) -> QuotaShelf:
        def moment(_: Connection) -> datetime:
            return from_micros(int(time.clock() * 1e6))

        return QuotaShelf(store, moment)


def test_processes_with_real_clocks_share_a_window(url: str, store: Store) -> None:
    """No figure of time is asserted, only that nothing is lost or counted twice."""
    policy = QuotaPolicy(f"app:{uuid.uuid4().hex}", "burst", 1_000, 60.0)
    other = open_store(url)
    budgets = [SharedBudget(QuotaShelf(place)) for place in (store, store, other)]

    def work(budget: SharedBudget) -> None:
        for _ in range(50):
            budget.acquire(policy).answered()

    threads = [Thread(target=work, args=(budget,)) for budget in budgets for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = [budget.remaining(policy) for budget in budgets]
    other.close()
    assert all(one is not None and 1_000 - 300 - 3 * 10 <= one <= 1_000 - 300 for one in left)


def test_several_quotas_are_locked_in_one_order(url: str, store: Store) -> None:
    """Whatever order they are asked for in, two processes never wait for each other."""
    holder = f"app:{uuid.uuid4().hex}"
    one, two = (QuotaPolicy(holder, name, 10_000, 60.0) for name in ("a", "b"))
    other = open_store(url)
    budgets = SharedBudget(QuotaShelf(store)), SharedBudget(QuotaShelf(other))
    failures: list[Exception] = []

    def work(budget: SharedBudget, policies: tuple[QuotaPolicy, QuotaPolicy]) -> None:
        try:
            for _ in range(100):
                budget.acquire(*policies)
        except Exception as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    threads = [Thread(target=work, args=pair) for pair in zip(budgets, ((one, two), (two, one)), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failures == []
    left = budgets[0].remaining(one)
    assert left is not None
    assert left <= 10_000 - 200


def test_a_row_of_an_earlier_version_is_understood(store: Store) -> None:
    """Slots used to have two numbers, their beginning and their requests."""
    shelf, policy = QuotaShelf(store), QuotaPolicy(f"app:{uuid.uuid4().hex}", "burst", 100, 10.0)
    with shelf.open([policy.key]) as opened:
        now = opened.now()
        opened.states[policy.key].slots = [[now - 2_000_000, 30], [now - 60_000_000, 50]]
    assert SharedBudget(shelf).remaining(policy) == 70


def test_what_is_stored_comes_back(store: Store) -> None:
    shelf, key = QuotaShelf(store), (f"app:{uuid.uuid4().hex}", "daily")
    assert shelf.look(key) is None
    with shelf.open([key]) as opened:
        now, kept = opened.now(), opened.states[key]
        kept.vendor_limit, kept.slots, kept.blocked_until, kept.resets_at = 250, [[now, 3, 1]], now + 5, now + 7
    found = shelf.look(key)
    assert found is not None
    assert (found[0], found[1] >= now) == (kept, True)
    assert abs(datetime.now(UTC) - from_micros(now)).total_seconds() < 60
