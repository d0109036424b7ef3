"""A request that has to leave by a moment leaves by then or not at all, however long its quota lets it wait."""

from __future__ import annotations

import pytest

from connectors.base import Change
from connectors.budget import MemoryBudget, MemoryShelf, QuotaPolicy, SharedBudget, leaving_by
from connectors.errors import NotInTime, QuotaExhausted
from connectors.http import Answer
from connectors.hubspot.transport import Request
from mapping.records import Ref
from tests.unit.connectors.hubspot_kit import answer, definitions, opened, refusal
from tests.unit.connectors.kit import FakeClock
from tests.virtual import VirtualTime

BURST = QuotaPolicy("app", "burst", 1, 10.0)


def test_it_waits_no_longer_than_it_may_and_costs_nothing_then() -> None:
    clock = FakeClock()
    budget = MemoryBudget(clock, clock.sleep)
    budget.acquire(BURST).answered()
    begun = clock.monotonic()
    with leaving_by(begun + 2.0), pytest.raises(NotInTime) as caught:
        budget.acquire(BURST)
    assert not caught.value.sent
    assert clock.monotonic() == begun, "it is known at once that it will be too late"
    with leaving_by(begun + 11.0):
        budget.acquire(BURST)
    assert begun < clock.monotonic() < begun + 11.0
    budget.acquire(BURST)
    assert clock.monotonic() > begun + 20.0, "outside of the block it waits as long as ever"


def test_who_stands_still_while_it_waits_sends_nothing_afterwards() -> None:
    time = VirtualTime()

    def sleep(seconds: float) -> None:
        time.sleep(seconds + 300.0)

    budget = SharedBudget(MemoryShelf(time.clock), clock=time.clock, sleep=sleep)
    budget.acquire(BURST).answered()
    with leaving_by(time.clock() + 15.0), pytest.raises(NotInTime):
        budget.acquire(BURST)


def test_a_quota_that_is_used_up_for_long_ends_the_run_as_ever() -> None:
    clock = FakeClock()
    budget = MemoryBudget(clock, clock.sleep)
    day = QuotaPolicy("portal", "daily", 10, 86_400.0)
    budget.observe(day, remaining=0, resets_in=3_600.0)
    with leaving_by(clock.monotonic() + 2.0), pytest.raises(QuotaExhausted):
        budget.acquire(day)


def test_hubspot_says_of_each_row_that_it_was_not_sent() -> None:
    sent: list[Request] = []

    def portal(request: Request) -> Answer:
        if request.method == "GET":
            return answer(definitions("cs_health_score"))
        sent.append(request)
        return refusal(429, "RATE_LIMITS", policyName="TEN_SECONDLY_ROLLING")

    connector, _script, clock = opened(portal)
    batch = [Change(Ref("crm", "companies", str(number)), {"cs_health_score": "80"}) for number in range(2)]
    assert {one.kind for one in connector.write(batch)} == {"pending"}
    assert len(sent) == 1
    with leaving_by(clock.monotonic() + 2.0):  # the 429 pauses the quota for longer
        assert {one.kind for one in connector.write(batch)} == {"pending"}
    assert len(sent) == 1
