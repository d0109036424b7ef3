"""What every form of a budget does, wherever its quotas are kept; run on each shelf by a class that names it."""

from __future__ import annotations

import uuid

import pytest

from connectors.budget import QuotaPolicy, SharedBudget, Shelf, urgent
from connectors.errors import QuotaExhausted
from tests.traffic import Traffic, Vendor, with_argument
from tests.virtual import VirtualTime

DAY = 86_400.0


class BudgetSuite:
    """Tests for a subclass that gives the fixtures `time` and `shelf`; the shelf shows the time's clock."""

    @pytest.fixture
    def time(self) -> VirtualTime:
        return VirtualTime()

    @pytest.fixture
    def budget(self, shelf: Shelf, time: VirtualTime) -> SharedBudget:
        return SharedBudget(shelf, clock=time.clock, sleep=time.sleep)

    @pytest.fixture
    def twin(self, shelf: Shelf, time: VirtualTime) -> SharedBudget:
        """The same quotas, in another process."""
        return SharedBudget(shelf, clock=time.clock, sleep=time.sleep)

    @pytest.fixture
    def holder(self) -> str:
        return f"app:{uuid.uuid4().hex}"

    @pytest.mark.parametrize(("threads", "processes"), [(8, 1), (16, 1), (20, 3)])
    def test_the_whole_limit_is_used_and_not_one_request_more(
        self, time: VirtualTime, shelf: Shelf, holder: str, threads: int, processes: int
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 190, 10.0)
        traffic = Traffic(time, Vendor(190, 10.0), (burst,))
        budgets = [SharedBudget(shelf, clock=time.clock, sleep=time.sleep) for _ in range(processes)]
        traffic.send(budgets, threads=threads, requests=1_200)
        assert traffic.vendor.refused == 0
        assert traffic.share_used() >= 0.98

    def test_the_first_window_goes_out_at_once(self, time: VirtualTime, budget: SharedBudget, holder: str) -> None:
        burst = QuotaPolicy(holder, "burst", 190, 10.0)
        begun = time.clock()
        for _ in range(190):
            budget.acquire(burst)
        assert time.clock() == begun
        budget.acquire(burst)
        assert time.clock() > begun + 10.0

    def test_an_answer_frees_its_request_one_window_later(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 1, 10.0)
        permit = budget.acquire(burst)
        time.sleep(0.04)
        permit.answered()
        begun = time.clock()
        budget.acquire(burst)
        assert begun + 10.0 <= time.clock() < begun + 10.02

    def test_a_request_without_an_answer_counts_a_little_longer(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 1, 10.0)
        begun = time.clock()
        budget.acquire(burst)
        budget.acquire(burst)
        assert begun + 10.5 <= time.clock() < begun + 10.7

    def test_all_or_nothing_of_several_quotas(self, time: VirtualTime, budget: SharedBudget, holder: str) -> None:
        daily, burst = QuotaPolicy(holder, "daily", 1_000, DAY), QuotaPolicy(holder, "burst", 3, 10.0)
        for _ in range(3):
            budget.acquire(daily, burst)
        with pytest.raises(QuotaExhausted, match="daily"):
            budget.acquire(QuotaPolicy(holder, "daily", 1_000, DAY, reserve=0.999), burst)
        assert (budget.remaining(daily), budget.remaining(burst)) == (997, 0)
        waiting = SharedBudget(budget._shelf, clock=time.clock, sleep=time.sleep, patience=5.0)
        with pytest.raises(QuotaExhausted, match="burst"):
            waiting.acquire(daily, burst)
        assert budget.remaining(daily) == 997  # nothing is taken of a quota that is there while another one is not

    def test_the_reserve_is_left_to_others(self, budget: SharedBudget, holder: str) -> None:
        daily = QuotaPolicy(holder, "daily", 100, DAY, reserve=0.2)
        for _ in range(80):
            budget.acquire(daily)
        with pytest.raises(QuotaExhausted, match="daily") as caught:
            budget.acquire(daily)
        assert caught.value.resets_in == pytest.approx(DAY, abs=2)
        assert budget.remaining(daily) == 20

    def test_who_keeps_a_larger_reserve_stops_earlier(
        self, budget: SharedBudget, twin: SharedBudget, holder: str
    ) -> None:
        for _ in range(50):
            budget.acquire(QuotaPolicy(holder, "daily", 100, DAY, reserve=0.5))
        with pytest.raises(QuotaExhausted):
            budget.acquire(QuotaPolicy(holder, "daily", 100, DAY, reserve=0.5))
        for _ in range(30):
            twin.acquire(QuotaPolicy(holder, "daily", 100, DAY, reserve=0.2))

    def test_work_that_gives_way_leaves_a_part_of_every_quota(
        self, time: VirtualTime, shelf: Shelf, budget: SharedBudget, holder: str
    ) -> None:
        daily, burst = QuotaPolicy(holder, "daily", 1_000, DAY, reserve=0.2), QuotaPolicy(holder, "burst", 100, 10.0)
        meek = SharedBudget(shelf, clock=time.clock, sleep=time.sleep, reserve=0.5)
        begun = time.clock()
        for _ in range(50):
            meek.acquire(daily, burst)
        assert time.clock() == begun
        for _ in range(50):
            budget.acquire(daily, burst)
        assert time.clock() == begun
        meek.acquire(daily, burst)
        assert time.clock() > begun + 10

    def test_what_is_urgent_may_take_half_of_the_reserve(self, budget: SharedBudget, holder: str) -> None:
        daily = QuotaPolicy(holder, "daily", 100, DAY, reserve=0.2)
        for _ in range(80):
            budget.acquire(daily)
        with urgent():
            for _ in range(10):
                budget.acquire(daily)
            with pytest.raises(QuotaExhausted):
                budget.acquire(daily)
        with pytest.raises(QuotaExhausted):
            budget.acquire(daily)

    def test_a_reset_that_is_near_is_waited_for(self, time: VirtualTime, budget: SharedBudget, holder: str) -> None:
        daily = QuotaPolicy(holder, "daily", 100, DAY)
        begun = time.clock()
        budget.observe(daily, limit=100, remaining=0, resets_in=30)
        budget.acquire(daily)
        assert time.clock() == pytest.approx(begun + 30, abs=0.2)
        assert budget.remaining(daily) == 99

    def test_a_far_reset_ends_the_run_at_once(self, time: VirtualTime, budget: SharedBudget, holder: str) -> None:
        daily = QuotaPolicy(holder, "daily", 100, DAY)
        begun = time.clock()
        budget.observe(daily, limit=100, remaining=0, resets_in=3_600)
        with pytest.raises(QuotaExhausted) as caught:
            budget.acquire(daily)
        assert caught.value.resets_in == pytest.approx(3_600, abs=1)
        assert time.clock() == begun

    def test_the_last_requests_of_a_day_are_there_for_every_kind(self, budget: SharedBudget, holder: str) -> None:
        """Permits drawn ahead for requests of one kind are given up when one of another kind finds none."""
        daily = QuotaPolicy(holder, "daily", 300, DAY)
        burst, search = QuotaPolicy(holder, "burst", 190, 10.0), QuotaPolicy(holder, "search", 500, 1.0)
        budget.observe(daily, limit=300, remaining=20, resets_in=3_600)
        for number in range(20):
            budget.acquire(daily, search if number % 5 == 4 else burst)
        with pytest.raises(QuotaExhausted):
            budget.acquire(daily, search)

    def test_what_a_process_took_ahead_is_given_back_when_it_ends(
        self, budget: SharedBudget, twin: SharedBudget, holder: str
    ) -> None:
        daily = QuotaPolicy(holder, "daily", 300, DAY)
        budget.observe(daily, limit=300, remaining=20, resets_in=3_600)
        for _ in range(8):
            budget.acquire(daily)
        budget.close()
        for _ in range(12):
            twin.acquire(daily)
        with pytest.raises(QuotaExhausted):
            twin.acquire(daily)

    @pytest.mark.parametrize("meanwhile", [0, 1], ids=["alone", "while another process works"])
    def test_what_was_taken_ahead_in_vain_comes_back_however_late(
        self, time: VirtualTime, budget: SharedBudget, twin: SharedBudget, holder: str, meanwhile: int
    ) -> None:
        daily = QuotaPolicy(holder, "daily", 300, DAY)
        for _ in range(30):
            budget.acquire(daily).answered()  # in full flow it takes ten at a time
        time.sleep(1_000.0)
        for _ in range(meanwhile):
            twin.acquire(daily).answered()
            twin.close()
        budget.close()
        assert budget.remaining(daily) == 270 - meanwhile

    def test_an_answer_that_is_heard_late_leaves_what_was_sent_after_it(
        self, time: VirtualTime, budget: SharedBudget, twin: SharedBudget, holder: str
    ) -> None:
        daily = QuotaPolicy(holder, "daily", 300, DAY)
        first = budget.acquire(daily)
        time.sleep(1.0)
        for _ in range(20):
            twin.acquire(daily).answered()
        twin.close()
        first.answered()
        budget.observe(daily, limit=300, remaining=299, permit=first)
        time.sleep(1_000.0)  # only now does anybody look at the quota again
        assert budget.remaining(daily) == 279

    def test_an_answer_of_the_old_day_says_nothing_of_the_new_one(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        daily = QuotaPolicy(holder, "daily", 100, DAY)
        budget.observe(daily, limit=100, remaining=50, resets_in=0.5)
        permit = budget.acquire(daily)
        time.sleep(1.0)
        permit.answered()
        budget.observe(daily, limit=100, remaining=0, resets_in=DAY - 0.5, permit=permit)
        assert budget.remaining(daily) == 99

    def test_a_rolling_day_is_tried_again_now_and_then(
        self, time: VirtualTime, budget: SharedBudget, twin: SharedBudget, holder: str
    ) -> None:
        """It frees little by little, and nobody says when; one request in a quarter of an hour finds out."""
        daily = QuotaPolicy(holder, "daily", 1_000, DAY, reserve=0.2)
        budget.observe(daily, limit=1_000, remaining=100)
        with pytest.raises(QuotaExhausted) as caught:
            budget.acquire(daily)
        assert caught.value.resets_in == pytest.approx(900, abs=1)
        time.sleep(901)
        probe = budget.acquire(daily)
        with pytest.raises(QuotaExhausted):
            twin.acquire(daily)
        probe.answered()
        budget.observe(daily, limit=1_000, remaining=700, permit=probe)
        assert budget.remaining(daily) == 700
        time.sleep(5)
        twin.acquire(daily)

    @pytest.mark.parametrize(("resets_in", "again_in"), [(100, DAY - 1_000), (None, 900)])
    def test_a_day_used_up_long_after_the_last_word_of_it_has_no_request_too_many(
        self, time: VirtualTime, budget: SharedBudget, holder: str, resets_in: float | None, again_in: float
    ) -> None:
        daily = QuotaPolicy(holder, "daily", 20, DAY)
        budget.observe(daily, limit=20, remaining=20, resets_in=resets_in)
        time.sleep(1_100)
        for _ in range(20):
            budget.acquire(daily)
        with pytest.raises(QuotaExhausted) as caught:
            budget.acquire(daily)
        assert caught.value.resets_in == pytest.approx(again_in, abs=2)

    def test_a_daily_count_follows_the_vendor_both_ways(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        daily = QuotaPolicy(holder, "daily", 1_000, DAY)
        for left in (400, 700):
            time.sleep(1)
            permit = budget.acquire(daily)
            time.sleep(0.1)
            permit.answered()
            budget.observe(daily, limit=1_000, remaining=left, permit=permit)
            assert budget.remaining(daily) == left

    def test_answers_out_of_order_book_no_use_that_nobody_made(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        burst, daily = QuotaPolicy(holder, "burst", 100, 10.0), QuotaPolicy(holder, "daily", 1_000, DAY)
        permits = []
        for _ in range(20):
            permits.append(budget.acquire(daily, burst))
            time.sleep(0.01)
        for number in reversed(range(20)):  # the last one is answered first; each tells what it found on arrival
            time.sleep(0.01)
            permits[number].answered()
            budget.observe(burst, limit=100, remaining=100 - number - 1, permit=permits[number])
            budget.observe(daily, limit=1_000, remaining=1_000 - number - 1, permit=permits[number])
        assert (budget.remaining(burst), budget.remaining(daily)) == (80, 980)

    def test_a_late_answer_books_nothing_that_left_the_window(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 50, 10.0)
        first = [budget.acquire(burst) for _ in range(49)]
        for permit in first:
            permit.answered()
        time.sleep(9.0)
        late = budget.acquire(burst)  # all fifty are in the window when the vendor counts this one
        time.sleep(1.5)
        late.answered()
        budget.observe(burst, limit=50, remaining=0, permit=late)
        assert budget.remaining(burst) == 49

    def test_requests_of_other_apps_slow_us_down(self, time: VirtualTime, budget: SharedBudget, holder: str) -> None:
        burst = QuotaPolicy(holder, "burst", 100, 10.0)
        permit = budget.acquire(burst)
        time.sleep(0.1)
        permit.answered()
        budget.observe(burst, limit=100, remaining=30, permit=permit)
        assert budget.remaining(burst) == 30
        begun = time.clock()
        for _ in range(30):
            budget.acquire(burst)
        assert time.clock() == begun
        budget.acquire(burst)
        assert time.clock() > begun + 9.5

    @pytest.mark.parametrize("told", [100, 110, 190, 250])
    def test_the_vendors_limit_is_taken_over(
        self, time: VirtualTime, budget: SharedBudget, twin: SharedBudget, holder: str, told: int
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 190, 10.0)
        permit = budget.acquire(burst)
        permit.answered()
        budget.observe(burst, limit=told, remaining=told - 1, permit=permit)
        begun = time.clock()
        for _ in range(told - 1):
            budget.acquire(burst)
        assert time.clock() == begun
        twin.acquire(burst)
        assert time.clock() > begun + 9

    def test_a_refusal_holds_everybody_back_and_starts_them_slowly(
        self, time: VirtualTime, budget: SharedBudget, twin: SharedBudget, holder: str
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 100, 10.0)
        for each in (budget, twin):
            each.acquire(burst)
        budget.pause(burst, 10.0)
        budget.pause(burst, 1.0)  # never shortens a longer pause
        refused_at, left = time.clock(), []

        def send(which: SharedBudget) -> None:
            for _ in range(20):
                permit = which.acquire(burst)
                left.append(time.clock() - refused_at)
                time.sleep(0.1)
                permit.answered()

        time.run(*[with_argument(send, one) for one in (budget, twin) for _ in range(8)])
        assert sum(1 for moment in left if moment < 10.0) <= 9  # what the twin had in hand
        assert sum(1 for moment in left if 0.3 < moment < 10.0) == 0
        assert 20 <= sum(1 for moment in left if 10.0 <= moment < 11.0) <= 28
        assert 45 <= sum(1 for moment in left if 10.0 <= moment < 20.0) <= 51
        assert 95 <= sum(1 for moment in left if 40.0 <= moment < 50.0) <= 100

    def test_a_pause_also_stops_who_is_about_to_send(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        """A permit that was booked ahead of its moment is void when a refusal comes before that."""
        burst = QuotaPolicy(holder, "burst", 1, 10.0)
        begun = time.clock()
        budget.acquire(burst).answered()
        left: list[float] = []

        def send() -> None:
            budget.acquire(burst)
            left.append(time.clock() - begun)

        def refuse() -> None:
            time.sleep(9.99)
            budget.pause(burst, 5.0)

        time.run(send, refuse)
        assert left == [pytest.approx(14.99, abs=0.1)]

    def test_a_pause_is_beyond_patience_when_it_is_long(self, shelf: Shelf, time: VirtualTime, holder: str) -> None:
        burst = QuotaPolicy(holder, "burst", 100, 10.0)
        waiting = SharedBudget(shelf, clock=time.clock, sleep=time.sleep, patience=17.0)
        waiting.pause(burst, 18.0)
        with pytest.raises(QuotaExhausted) as caught:
            waiting.acquire(burst)
        assert caught.value.resets_in == pytest.approx(18.0)

    def test_a_slow_client_keeps_nothing_from_others(
        self, time: VirtualTime, budget: SharedBudget, twin: SharedBudget, holder: str
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 190, 10.0)
        for _ in range(120):
            budget.acquire(burst)
            time.sleep(0.07)
        left = twin.remaining(burst)
        assert left is not None
        assert 60 <= left <= 70

    def test_nothing_is_known_of_a_quota_before_its_first_use(self, budget: SharedBudget, holder: str) -> None:
        daily = QuotaPolicy(holder, "daily", 100, DAY)
        assert budget.remaining(daily) is None
        budget.observe(daily, limit=50, remaining=7)
        assert budget.remaining(daily) == 7

    def test_holders_and_quotas_do_not_mix(self, time: VirtualTime, budget: SharedBudget, holder: str) -> None:
        begun = time.clock()
        for policy in ((holder, "burst"), (f"other {holder}", "burst"), (holder, "search")):
            for _ in range(10):
                budget.acquire(QuotaPolicy(*policy, 10, 10.0))
        assert time.clock() == begun

    def test_a_request_dearer_than_the_limit_takes_a_whole_window(
        self, time: VirtualTime, budget: SharedBudget, holder: str
    ) -> None:
        burst = QuotaPolicy(holder, "burst", 4, 10.0)
        begun = time.clock()
        budget.acquire(burst, cost=9)
        budget.acquire(burst)
        assert time.clock() >= begun + 10.0
