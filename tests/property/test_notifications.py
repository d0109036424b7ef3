"""Alerts, receivers and processes in any order: each change is told, and no oftener than promised."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connectors.clock import Clock
from connectors.http import Deadline
from mapping.notification_life import ATTEMPTS, Delivered, Later, Lost, Outcome, Refused
from notify.news import Message
from notify.settings import Channel
from tests.flow.outbox import Town, town

CHANGES = ("opened", "escalated", "acknowledged", "resolved")


class Killed(BaseException):
    """Stands for a process that ends on the spot."""


@dataclass
class Receiver:
    """A receiver of which the test says what it does next; it cannot tell a repeated message."""

    repeatable = False
    pace = 0.0
    next: str = "takes"
    arrived: Counter[tuple[int, str]] = field(default_factory=Counter)
    doubtful: set[tuple[int, str]] = field(default_factory=set)

    def send(self, message: Message, deadline: Deadline) -> Outcome:  # noqa: ARG002
        found = [(int(item.data["alert_id"]), item.change) for item in message.items]
        if self.next == "fails":
            return Later("answered 500")
        if self.next == "refuses":
            return Refused("answered 400")
        self.arrived.update(found)
        if self.next == "takes":
            return Delivered()
        self.doubtful.update(found)
        if self.next == "kills":
            raise Killed
        return Lost("no answer")


class Telling(RuleBasedStateMachine):
    """One channel, and a book of what really happened to each alert."""

    place: Town

    @initialize()
    def begin(self) -> None:
        it = self.place
        it.settings = it.settings.model_copy(update={"workspace": uuid4().hex})
        it.tell(senders=self._sender)
        self.there = Receiver()
        self.happened: dict[int, list[str]] = {}

    def _sender(self, _channel: Channel, _clock: Clock) -> Receiver:
        return self.there

    def _some(self, pick: int, change: str) -> int | None:
        """An alert that this may happen to now."""
        may = [
            number
            for number, done in self.happened.items()
            if change not in done and "resolved" not in done and not (change == "escalated" and "acknowledged" in done)
        ]
        return may[pick % len(may)] if may else None

    @rule()
    def opens(self) -> None:
        number = self.place.opened(f"a{len(self.happened)}")
        self.happened[number] = ["opened"]

    @precondition(lambda self: self.happened)
    @rule(pick=st.integers(0, 9), change=st.sampled_from(CHANGES[1:]))
    def changes(self, pick: int, change: str) -> None:
        number = self._some(pick, change)
        if number is not None:
            getattr(self.place, change)(number)
            self.happened[number].append(change)

    @rule(
        hours=st.sampled_from([0.0, 0.2, 7.0]),
        does=st.sampled_from(["takes", "takes", "fails", "loses", "refuses", "kills"]),
    )
    def tells(self, hours: float, does: str) -> None:
        self.there.next = does
        try:
            self.place.tell(hours=hours, senders=self._sender, spawn=lambda work: work())
        except Killed:
            assert does == "kills"

    @invariant()
    def nothing_is_told_that_did_not_happen_nor_too_often(self) -> None:
        for (number, change), times in getattr(self, "there", Receiver()).arrived.items():
            assert change in self.happened[number]
            assert times <= (2 if (number, change) in self.there.doubtful else 1)

    def teardown(self) -> None:
        if not hasattr(self, "there"):
            return
        self.there.next = "takes"
        for _ in range(ATTEMPTS):
            self.place.tell(hours=7, senders=self._sender, spawn=lambda work: work())
        over = {(one.alert_id, one.change) for one in self.place.notices() if one.life.state == "given_up"}
        for number, done in self.happened.items():
            for change in done:
                assert (number, change) in over or self.there.arrived[number, change], (number, change)
        assert {state for _, state in self.place.states()} <= {"sent", "given_up"}


def test_each_change_is_told_and_no_oftener_than_promised() -> None:
    with TemporaryDirectory() as folder, town(Path(folder)) as it:
        Telling.place = it
        run_state_machine_as_test(Telling, settings=settings(max_examples=10, stateful_step_count=12))
