from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.budget import MemoryBudget, QuotaPolicy
from connectors.errors import QuotaExhausted
from tests.unit.connectors.kit import FakeClock

BURST = QuotaPolicy("app", "ten_secondly", 10, 10.0)
DAILY = QuotaPolicy("portal", "daily", 100, 86_400.0, reserve=0.2)


def budget() -> tuple[MemoryBudget, FakeClock]:
    clock = FakeClock()
    return MemoryBudget(clock, clock.sleep), clock


def test_requests_within_the_limit_do_not_wait():
    keeper, clock = budget()
    for _ in range(10):
        keeper.acquire(BURST)
    assert clock.slept == []
    assert keeper.remaining(BURST) == 0


@given(st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=80))
def test_no_window_ever_holds_more_requests_than_the_limit(gaps: list[float]):
    keeper, clock = budget()
    sent: list[float] = []
    for gap in gaps:
        clock.pass_by(gap)
        keeper.acquire(BURST)
        sent.append(clock.monotonic())
    for start in sent:
        assert sum(start <= moment < start + BURST.window for moment in sent) <= BURST.limit


def test_the_vendors_smaller_limit_is_taken_over():
    keeper, clock = budget()
    keeper.observe(BURST, limit=3)
    for _ in range(4):
        keeper.acquire(BURST)
    assert len(clock.slept) == 1


def test_requests_of_other_apps_count():
    keeper, clock = budget()
    keeper.acquire(BURST)
    keeper.observe(BURST, remaining=1)
    keeper.acquire(BURST)
    keeper.acquire(BURST)
    assert len(clock.slept) == 1


def test_an_answer_that_knows_less_than_we_do_changes_nothing():
    keeper, clock = budget()
    for _ in range(5):
        keeper.acquire(BURST)
    keeper.observe(BURST, remaining=9)  # the answer to our first request
    assert keeper.remaining(BURST) == 5
    for _ in range(5):
        keeper.acquire(BURST)
    assert clock.slept == []


def test_a_pause_holds_everyone_and_is_never_shortened():
    keeper, clock = budget()
    keeper.pause(BURST, 10)
    keeper.pause(BURST, 1)
    keeper.acquire(BURST)
    assert clock.slept == [10]


def test_the_reserve_is_left_to_others():
    keeper, _clock = budget()
    for _ in range(80):
        keeper.acquire(DAILY)
    with pytest.raises(QuotaExhausted, match="daily") as caught:
        keeper.acquire(DAILY)
    assert caught.value.resets_in == pytest.approx(86_400)
    assert keeper.remaining(DAILY) == 20


def test_the_day_begins_anew_when_the_vendor_said_so():
    keeper, clock = budget()
    keeper.observe(DAILY, limit=100, remaining=0, resets_in=3600)
    with pytest.raises(QuotaExhausted) as caught:
        keeper.acquire(DAILY)
    assert caught.value.resets_in == pytest.approx(3600)
    clock.pass_by(3601)
    keeper.acquire(DAILY)


def test_a_reset_that_is_near_is_waited_for():
    keeper, clock = budget()
    keeper.observe(DAILY, limit=100, remaining=0, resets_in=30)
    keeper.acquire(DAILY)
    assert clock.slept == [pytest.approx(30)]


def test_nothing_is_known_of_a_quota_before_its_first_use():
    keeper, _clock = budget()
    assert keeper.remaining(DAILY) is None
    keeper.observe(DAILY, limit=50, remaining=7)
    assert keeper.remaining(DAILY) == 7


def test_holders_do_not_share_and_policies_of_one_holder_do_not_mix():
    keeper, clock = budget()
    for policy in (BURST, QuotaPolicy("other", "ten_secondly", 10, 10.0), QuotaPolicy("app", "search", 10, 10.0)):
        for _ in range(10):
            keeper.acquire(policy)
    assert clock.slept == []


def test_threads_never_take_more_than_there_is():
    keeper, _clock = budget()
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
