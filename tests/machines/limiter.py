"""Several processes and one vendor that counts: never one request too many, none too few for good."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connectors.budget import AHEAD, GOOD_FOR, LONGEST_WAIT, MemoryShelf, Permit, QuotaPolicy, SharedBudget, Shelf
from connectors.errors import QuotaExhausted
from store.budgets import QuotaShelf
from store.tables import quota
from store.types import from_micros
from tests.machines.kit import World
from tests.virtual import VirtualTime

BURST = QuotaPolicy("app:1", "burst", 40, 10.0)
SEARCH = QuotaPolicy("app:1", "search", 20, 1.0)
DAY = QuotaPolicy("portal:1", "daily", 60, 3_600.0)
"""Large enough for permits to be drawn ahead, of which one hand has at most a tenth of a quota. The day is short: what
makes a quota long is that the vendor's count stands and that it ends at an hour."""
KINDS = ((BURST,), (DAY, BURST), (DAY, BURST, SEARCH))
PROCESSES = 3
TICK = 2e-6
"""Shelves count in microseconds."""


@dataclass(slots=True, eq=False)
class Sent:
    """A request under way: when it left and when the vendor counts it."""

    permit: Permit
    policies: tuple[QuotaPolicy, ...]
    by: SharedBudget
    left: float
    arrives: float


@dataclass(frozen=True, slots=True)
class Pause:
    """A refusal: who met it, when, and until when nobody may send."""

    by: SharedBudget
    at: float
    until: float


class LimiterMachine(RuleBasedStateMachine):
    """Processes that send, are refused, end or die, on the shelf that they share.

    The vendor counts a short quota in a rolling window and a day from its first second to its last. Each request
    arrives some time after it left, and each answer tells what the vendor counted up to then.
    """

    TABLES = (quota,)

    def __init__(self, world: World) -> None:
        super().__init__()
        self.time = VirtualTime(start=10 * DAY.window)
        shelf = QuotaShelf(
            world.emptied(*self.TABLES).store, now=lambda _c: from_micros(math.floor(self.time.clock() * 1e6))
        )
        self.shelf: Shelf = shelf
        self._begin()

    def _begin(self) -> None:
        self.processes = [self._process() for _ in range(PROCESSES)]
        self.arrivals: dict[str, list[float]] = {policy.name: [] for policy in (BURST, SEARCH, DAY)}
        self.judged = dict.fromkeys(self.arrivals, 0)
        self.under_way: list[Sent] = []
        self.last = 0.0
        self.pauses: dict[str, Pause] = {}
        self.lost = 0  # permits of a day that dead processes held
        self.told = False  # whether an answer told of the day

    def _process(self) -> SharedBudget:
        return SharedBudget(self.shelf, clock=self.time.clock, sleep=self.time.sleep)

    @rule(
        process=st.integers(0, PROCESSES - 1),
        policies=st.sampled_from(KINDS),
        way=st.sampled_from([0.0, 0.3, 1.0]),
        times=st.sampled_from([1, 2, 5, 12, 24, 48]),
    )
    def send(self, process: int, policies: tuple[QuotaPolicy, ...], way: float, times: int) -> None:
        budget = self.processes[process]
        for _ in range(times):
            asked = self.time.clock()
            try:
                permit = budget.acquire(*policies)
            except QuotaExhausted:
                self._has_to_be_exhausted(policies)
                return
            now = self.time.clock()
            assert now - asked <= LONGEST_WAIT + 1.0, "kept waiting for longer than is patient"
            self._nobody_sends_into_a_pause(budget, policies, now)
            # Nobody overtakes: for a day's count that is the best guess, and the budget's.
            arrives = max(now + way * SEARCH.grace, self.last)
            one, self.last = Sent(permit, policies, budget, now, arrives), arrives
            for policy in policies:
                self.arrivals[policy.name].append(arrives)
            self.under_way.append(one)

    def _nobody_sends_into_a_pause(self, budget: SharedBudget, policies: tuple[QuotaPolicy, ...], now: float) -> None:
        for policy in policies:
            pause = self.pauses.get(policy.name)
            if pause is None or now >= pause.until - TICK:
                continue
            assert budget is not pause.by, "whoever was refused went on"
            assert now <= pause.at + AHEAD + GOOD_FOR + TICK, "sent although all are to wait"

    def _has_to_be_exhausted(self, policies: tuple[QuotaPolicy, ...]) -> None:
        now = self.time.clock()
        if any(
            p.until - now > LONGEST_WAIT for name, p in self.pauses.items() if name in {one.name for one in policies}
        ):
            return
        assert DAY in policies, "a short quota frees itself soon enough"
        held = sum(one._booked[DAY.key] - one._sent[DAY.key] for one in self.processes)
        if self.told:
            return  # the vendor's number and ours overlap by what was under way; the next answer clears that up
        day = self.arrivals[DAY.name]
        used = len(day) - bisect_right(day, now - DAY.window)
        assert used + held + self.lost >= DAY.limit, "refused while there was something left"

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 50), told=st.booleans())
    def answer(self, which: int, told: bool) -> None:
        one = self.under_way.pop(which % len(self.under_way))
        self.time.sleep(max(0.0, one.arrives - self.time.clock()))
        one.permit.answered()
        self.told |= told and DAY in one.policies
        for policy in one.policies if told else ():
            left = policy.limit - self._counted(policy, one.arrives)
            resets = self._end_of_day(one.arrives) - self.time.clock() if policy is DAY else None
            if resets is not None and resets <= 0:
                continue  # the answer of a day that is over
            one.by.observe(policy, limit=policy.limit, remaining=max(0, left), resets_in=resets, permit=one.permit)

    @rule(
        process=st.integers(0, PROCESSES - 1),
        policy=st.sampled_from([BURST, SEARCH]),
        seconds=st.sampled_from([1, 10, 200]),
    )
    def refused(self, process: int, policy: QuotaPolicy, seconds: int) -> None:
        """Another app took the rest, and the vendor said so in full flow, when permits were drawn ahead."""
        kind = next(one for one in KINDS if policy in one)
        self.send(process, kind, 0.0, 2)
        budget, now = self.processes[process], self.time.clock()
        budget.pause(policy, float(seconds))
        before = self.pauses.get(policy.name)
        if before is None or before.until < now + seconds:
            self.pauses[policy.name] = Pause(budget, now, now + seconds)
        self.send(process, kind, 0.0, 1)

    @rule(process=st.integers(0, PROCESSES - 1))
    def end(self, process: int) -> None:
        """A process gives back what it holds."""
        self.processes[process].close()
        self.processes[process] = self._process()

    @rule(process=st.integers(0, PROCESSES - 1))
    def die(self, process: int) -> None:
        """A process gives nothing back and hears no answer any more."""
        dead = self.processes[process]
        self.lost += dead._booked[DAY.key] - dead._sent[DAY.key]
        self.under_way = [one for one in self.under_way if one.by is not dead]
        self.processes[process] = self._process()

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.0, 4.0, 11.0, 60.0, 1_500.0]))
    def time_passes(self, seconds: float) -> None:
        self.time.sleep(seconds)

    @invariant()
    def the_vendor_never_counts_more_than_its_limit(self) -> None:
        for policy in (BURST, SEARCH, DAY):
            arrivals = self.arrivals[policy.name]
            # Nobody overtakes, so what arrives changes no count of a moment before it.
            for moment in arrivals[self.judged[policy.name] :]:
                assert self._counted(policy, moment) <= policy.limit, f"{policy.name}: too many at {moment}"
            self.judged[policy.name] = len(arrivals)

    def teardown(self) -> None:
        """Whatever happened, after a day everything is there again, at once and for everybody."""
        for one in self.processes:
            one.close()
        self.time.sleep(2 * DAY.window)
        fresh, begun = self._process(), self.time.clock()
        for _ in range(BURST.limit):
            fresh.acquire(DAY, BURST)
        assert self.time.clock() == begun, "permits got lost"
        assert fresh.remaining(BURST) == 0
        assert fresh.remaining(DAY) == DAY.limit - BURST.limit

    def _counted(self, policy: QuotaPolicy, moment: float) -> int:
        """Requests that count against a limit at a moment, as the vendor sees it."""
        since = moment - policy.window
        if policy.long:
            since = self._end_of_day(moment) - policy.window - 1e-6
        arrivals = self.arrivals[policy.name]
        return bisect_right(arrivals, moment) - bisect_right(arrivals, since)

    @staticmethod
    def _end_of_day(moment: float) -> float:
        return (math.floor(moment / DAY.window) + 1) * DAY.window


class OneProcessMachine(LimiterMachine):
    """The same on the shelf in memory, where the budgets are threads of one process that share it."""

    TABLES = ()

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.shelf = MemoryShelf(self.time.clock)
        self._begin()
