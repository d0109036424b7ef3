"""Quotas hold over all processes on a store, in every rolling window."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from threading import Thread

import pytest
from sqlalchemy import update

from connectors.budget import Budget, QuotaPolicy
from store import Store, open_store
from store.budgets import StoreBudget
from store.errors import BudgetExhausted
from store.tables import quota


@dataclass(frozen=True)
class Policy:
    limit: int
    window: float
    reserve: float = 0.0
    name: str = "burst"
    holder: str = field(default_factory=lambda: f"hubspot:portal:{uuid.uuid4().hex}")


@dataclass
class Naps:
    """A sleep that notes how long it was asked to sleep, and really sleeps."""

    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        time.sleep(seconds)


def most_in_a_window(moments: list[float], window: float) -> int:
    moments = sorted(moments)
    return max(sum(1 for other in moments if start <= other < start + window) for start in moments)


def test_no_rolling_window_holds_more_than_the_limit(url: str, store: Store) -> None:
    policy = Policy(limit=40, window=0.5, reserve=0.25)
    other = open_store(url)
    moments: list[float] = []

    def work(budget: StoreBudget) -> None:
        for _ in range(30):
            budget.acquire(policy)
            moments.append(time.monotonic())

    threads = [Thread(target=work, args=(StoreBudget(place),)) for place in (store, store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(moments) == 90
    # A thread may be kept from noting its moment for a while, hence not the very last part of the window.
    assert most_in_a_window(moments, policy.window * 0.9) <= 30
    assert max(moments) - min(moments) < 4.0  # three windows at least, and not much more


def test_a_slow_client_loses_no_permits(store: Store) -> None:
    """Permits are drawn several at a time; those that a slow client had no time to use go back to the quota."""
    policy = Policy(limit=190, window=10.0)
    seconds = iter(range(1_000_000))
    budget = StoreBudget(store, clock=lambda: next(seconds) * 0.07, sleep=lambda _: pytest.fail("had to wait"))
    for _ in range(120):
        budget.acquire(policy)
    left = budget.remaining(policy)
    assert left is not None
    assert 190 - 120 - 10 <= left <= 190 - 120


def test_a_long_wait_raises_with_the_time_left(store: Store) -> None:
    policy = Policy(limit=5, window=86_400.0, reserve=0.2, name="daily")
    naps = Naps()
    budget = StoreBudget(store, sleep=naps)
    for _ in range(4):
        budget.acquire(policy)
    with pytest.raises(BudgetExhausted, match="daily") as caught:
        budget.acquire(policy)
    assert 80_000 < caught.value.resets_in <= 90_000
    assert naps.taken == []
    assert budget.remaining(policy) == 1


def test_the_caller_can_have_its_own_error(store: Store) -> None:
    policy = Policy(limit=1, window=86_400.0)
    budget = StoreBudget(store, exhausted=lambda message, seconds: RuntimeError(f"{message} {seconds > 0}"))
    budget.acquire(policy)
    with pytest.raises(RuntimeError, match="used up"):
        budget.acquire(policy)


def test_a_pause_holds_everybody_back_and_naps_are_short(url: str, store: Store) -> None:
    policy = Policy(limit=100, window=10.0)
    naps: list[float] = []
    waiting = StoreBudget(store, sleep=naps.append, patience=17.0)
    other = open_store(url)
    StoreBudget(other).pause(policy, 16.0)
    StoreBudget(other).pause(policy, 1.0)  # a shorter pause never shortens a longer one
    other.close()
    with pytest.raises(BudgetExhausted):
        waiting.acquire(policy)
    assert naps == [5.0]


def test_other_apps_on_the_quota_are_seen_in_the_headers(store: Store) -> None:
    policy = Policy(limit=100, window=10.0)
    budget = StoreBudget(store, clock=iter(range(0, 1000, 2)).__next__)
    assert budget.remaining(policy) is None
    budget.acquire(policy)
    ours = budget.remaining(policy)
    assert ours is not None
    assert ours <= 99
    budget.observe(policy, limit=100, remaining=30)
    assert budget.remaining(policy) == 30
    budget.observe(policy, limit=100, remaining=90)  # requests of ours may still be under way: no reason to relax
    assert budget.remaining(policy) == 30
    budget.observe(policy, limit=50, remaining=20)
    assert budget.remaining(policy) == 0  # a smaller limit than configured: 70 of 50 are used


def test_a_daily_count_follows_the_vendor_both_ways(store: Store) -> None:
    policy = Policy(limit=1000, window=86_400.0, name="daily")
    budget = StoreBudget(store, clock=iter(range(0, 1000, 2)).__next__)
    budget.observe(policy, limit=1000, remaining=0, resets_in=3600)
    with pytest.raises(BudgetExhausted) as caught:
        budget.acquire(policy)
    assert 3500 < caught.value.resets_in <= 3600
    budget.observe(policy, remaining=990)
    budget.acquire(policy)
    assert budget.remaining(policy) == 980  # ten permits were drawn at once


def test_a_daily_quota_is_new_after_its_reset(store: Store) -> None:
    policy = Policy(limit=10, window=86_400.0, name="daily")
    budget = StoreBudget(store)
    budget.observe(policy, remaining=0, resets_in=0.0)
    with store.write() as c:
        c.execute(update(quota).where(quota.c.holder == policy.holder).values(blocked_until=None))
    budget.acquire(policy)
    assert budget.remaining(policy) == 9


def test_headers_cost_at_most_one_transaction_a_second_unless_nothing_is_left(store: Store) -> None:
    policy = Policy(limit=100, window=10.0)
    budget = StoreBudget(store, clock=lambda: 7.0)
    budget.observe(policy, remaining=50)
    budget.observe(policy, remaining=40)
    assert budget.remaining(policy) == 50
    budget.observe(policy, remaining=0)
    assert budget.remaining(policy) == 0


def test_a_request_dearer_than_the_limit_takes_a_whole_window(store: Store) -> None:
    policy = Policy(limit=4, window=0.2)
    naps = Naps()
    budget = StoreBudget(store, sleep=naps)
    budget.acquire(policy, cost=9)
    budget.acquire(policy)
    assert sum(naps.taken) >= 0.15


def test_connectors_can_use_it_as_their_budget(store: Store) -> None:
    budget: Budget = StoreBudget(store)
    policy = QuotaPolicy(f"salesforce:org:{uuid.uuid4().hex}", "daily", 100, 86_400.0, reserve=0.5)
    budget.acquire(policy)
    budget.observe(policy, limit=100, remaining=60)
    left = budget.remaining(policy)
    assert left is not None
    assert 55 <= left <= 60  # permits in hand count as used
