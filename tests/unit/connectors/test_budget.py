"""The budget of one process, and what holds for every latency, number of threads and number of processes."""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.budget import MemoryBudget, MemoryShelf, QuotaPolicy, SharedBudget
from connectors.errors import QuotaExhausted
from tests.budget_suite import BudgetSuite
from tests.traffic import Traffic, Vendor
from tests.unit.connectors.kit import FakeClock
from tests.virtual import VirtualTime


class TestInMemory(BudgetSuite):
    @pytest.fixture
    def shelf(self, time: VirtualTime) -> MemoryShelf:
        return MemoryShelf(time.clock)


@settings(deadline=None, max_examples=60)
@given(
    limit=st.integers(1, 30),
    window=st.sampled_from([1.0, 10.0]),
    median=st.floats(0.001, 3.0),
    spread=st.floats(0.0, 1.0),
    way_there=st.floats(0.0, 1.0),
    threads=st.integers(1, 12),
    processes=st.integers(1, 3),
    seed=st.integers(0, 1_000),
)
def test_no_rolling_window_is_exceeded_and_nobody_waits_beside_free_requests(
    limit: int, window: float, median: float, spread: float, way_there: float, threads: int, processes: int, seed: int
) -> None:
    """Whatever the latency, as long as a request arrives before its answer or within the grace."""
    time = VirtualTime()
    policy = QuotaPolicy("app", "burst", limit, window)
    traffic = Traffic(time, Vendor(limit, window), (policy,), median, spread, way_there, seed)
    shelf = MemoryShelf(time.clock)
    budgets = [SharedBudget(shelf, clock=time.clock, sleep=time.sleep) for _ in range(processes)]
    traffic.send(budgets, threads=threads, requests=5 * limit)
    assert traffic.vendor.refused == 0
    margin = policy.grace + 0.5  # booked ahead, in hand, the width of a slot
    for waited, left in traffic.log:
        if waited > margin:
            in_window = sum(1 for _, other in traffic.log if left - window - margin <= other < left)
            assert in_window >= limit - processes * max(1, limit // 10)


def test_threads_never_take_more_than_there_is() -> None:
    clock = FakeClock()
    keeper = MemoryBudget(clock, clock.sleep)
    policy = QuotaPolicy("portal", "daily", 50, 86_400.0)
    refused: list[int] = []

    def work() -> None:
        for _ in range(20):
            try:
                keeper.acquire(policy)
            except QuotaExhausted:
                refused.append(1)

    threads = [Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 50
