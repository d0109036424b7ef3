"""The one retry layer: reads are tried again, writes never are."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from connectors.errors import BadAnswer, RetryLater

T = TypeVar("T")

READ_ATTEMPTS = 3
THROTTLE_ATTEMPTS = 6
BASE_DELAY = 0.5
LONGEST_DELAY = 30.0
LONGEST_ASKED = 60.0
"""Seconds that a vendor may ask us to wait inside one call; a longer request for patience goes to the caller."""


class Throttled(RetryLater):
    """The vendor refused a request for its rate, so it was surely not carried out."""

    def __init__(self, message: str, *, wait: float | None = None, hint: str = "") -> None:
        super().__init__(message, wait=wait, hint=hint, sent=False)


class RetryBudget:
    """Retries that a connection may spend in one run, so that a failing CRM is not hammered.

    A retry after a fault costs 14, after throttling 5; each success gives 1 back.
    """

    def __init__(self, capacity: int = 500) -> None:
        self._capacity = capacity
        self._left = capacity
        self._lock = Lock()

    def take(self, cost: int) -> bool:
        """Spend `cost`; False when it is not there."""
        with self._lock:
            if self._left < cost:
                return False
            self._left -= cost
            return True

    def succeeded(self) -> None:
        """Give one unit back after a request that worked."""
        with self._lock:
            self._left = min(self._capacity, self._left + 1)


class Retrier:
    """Runs a read until it works, at most three times, with full jitter and the vendor's own waiting time.

    Throttled attempts are counted apart: they were never carried out. An answer that is not the vendor's API
    (HTML, truncated JSON) counts as a fault of the moment too, and is raised when it comes again and again.
    """

    def __init__(
        self,
        sleep: Callable[[float], None],
        *,
        budget: RetryBudget | None = None,
        jitter: Callable[[float], float] | None = None,
        on_retry: Callable[[], None] | None = None,
    ) -> None:
        self._sleep = sleep
        self._budget = budget or RetryBudget()
        self._jitter = jitter or (lambda most: random.uniform(0, most))
        self._on_retry = on_retry or (lambda: None)

    def read(self, call: Callable[[], T]) -> T:
        """The result of `call`, which must have no effect when repeated; raises what its last attempt raised."""
        attempts = _Attempts()
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, (RetryLater, BadAnswer))),
            stop=lambda state: not self._may_go_on(attempts, state),
            wait=lambda state: self._delay(attempts, state),
            sleep=self._sleep,
            before_sleep=lambda _state: self._on_retry(),
            reraise=True,
        )
        result = retrying(call)
        self._budget.succeeded()
        return result

    def _may_go_on(self, attempts: _Attempts, state: RetryCallState) -> bool:
        error = _error(state)
        if isinstance(error, RetryLater) and (error.wait or 0.0) > LONGEST_ASKED:
            return False
        if isinstance(error, Throttled):
            attempts.throttled += 1
            return attempts.throttled < THROTTLE_ATTEMPTS and self._budget.take(5)
        attempts.failed += 1
        return attempts.failed < READ_ATTEMPTS and self._budget.take(14)

    def _delay(self, attempts: _Attempts, state: RetryCallState) -> float:
        error = _error(state)
        asked = error.wait if isinstance(error, RetryLater) else None
        if asked is not None:
            return asked
        return self._jitter(min(LONGEST_DELAY, BASE_DELAY * 2.0 ** (attempts.failed + attempts.throttled)))


class _Attempts:
    """How often one call failed, and how often it was throttled."""

    def __init__(self) -> None:
        self.failed = 0
        self.throttled = 0


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
