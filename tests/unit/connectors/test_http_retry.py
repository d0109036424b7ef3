from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import BadAnswer, ConnectorError, CredentialsError, RetryLater
from connectors.retry import READ_ATTEMPTS, THROTTLE_ATTEMPTS, Retrier, RetryBudget, Throttled
from tests.unit.connectors.kit import FakeClock


def failing(*errors: ConnectorError) -> tuple[Callable[[], str], list[int]]:
    todo, calls = list(errors), [0]

    def call() -> str:
        calls[0] += 1
        if todo:
            raise todo.pop(0)
        return "done"

    return call, calls


def retrier(clock: FakeClock, **options: object) -> Retrier:
    return Retrier(clock.sleep, jitter=lambda most: most, **options)  # type: ignore[arg-type]


def test_a_read_is_tried_three_times_with_growing_delays():
    clock = FakeClock()
    call, calls = failing(RetryLater("a"), BadAnswer("b"))
    assert retrier(clock).read(call) == "done"
    assert calls == [READ_ATTEMPTS]
    assert clock.slept == [0.5, 1.0]


def test_the_last_failure_is_raised_as_it_was():
    call, calls = failing(*[RetryLater(f"failure {number}") for number in range(5)])
    with pytest.raises(RetryLater, match="failure 2"):
        retrier(FakeClock()).read(call)
    assert calls == [3]


def test_the_vendors_waiting_time_is_honoured():
    clock = FakeClock()
    call, _calls = failing(RetryLater("a", wait=7))
    retrier(clock).read(call)
    assert clock.slept == [7]


def test_a_long_waiting_time_goes_to_the_caller_at_once():
    clock = FakeClock()
    call, calls = failing(RetryLater("moving", wait=3600))
    with pytest.raises(RetryLater, match="moving"):
        retrier(clock).read(call)
    assert (calls, clock.slept) == ([1], [])


def test_throttling_does_not_use_up_the_attempts_for_faults():
    call, calls = failing(Throttled("t", wait=0), Throttled("t", wait=0), Throttled("t", wait=0), RetryLater("a"))
    assert retrier(FakeClock()).read(call) == "done"
    assert calls == [5]


def test_throttling_for_ever_ends():
    call, calls = failing(*[Throttled("t", wait=0)] * 50)
    with pytest.raises(Throttled):
        retrier(FakeClock()).read(call)
    assert calls == [THROTTLE_ATTEMPTS]


def test_other_failures_are_not_retried():
    call, calls = failing(CredentialsError("no"))
    with pytest.raises(CredentialsError):
        retrier(FakeClock()).read(call)
    assert calls == [1]


def test_an_empty_retry_budget_stops_retrying_until_calls_succeed_again():
    budget = RetryBudget(capacity=14)
    engine = retrier(FakeClock(), budget=budget)
    assert engine.read(failing(RetryLater("a"))[0]) == "done"
    call, calls = failing(RetryLater("a"))
    with pytest.raises(RetryLater):
        engine.read(call)
    assert calls == [1]
    for _ in range(14):
        engine.read(failing()[0])
    assert engine.read(failing(RetryLater("a"))[0]) == "done"


def test_each_retry_is_reported():
    seen: list[int] = []
    engine = retrier(FakeClock(), on_retry=lambda: seen.append(1))
    engine.read(failing(RetryLater("a"), RetryLater("b"))[0])
    assert len(seen) == 2
