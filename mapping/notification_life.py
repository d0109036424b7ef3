"""The life of one message to one receiver: waiting, being sent, sent, or given up where everybody can see it.

A message is entered before it is sent and marked afterwards, so a process that dies in between leaves it `sending`.
Whether it arrived is not known then, nor when an answer got lost. Where the receiver tells a repeated message by its
key it is sent again like any other; elsewhere once and no more: rather twice than never, but never without end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

State = Literal["waiting", "sending", "sent", "given_up"]
STATES: tuple[State, ...] = ("waiting", "sending", "sent", "given_up")
ATTEMPTS = 8
"""So often is a message tried: with the pauses below for about a day."""
RESENDS = 1
"""So often is a message sent again that may have arrived, to a receiver that cannot tell."""
SILENCE = timedelta(seconds=120)
"""A message that is `sending` for longer has lost its sender: far longer than one may take."""
_FIRST, _FACTOR, _LONGEST = timedelta(minutes=5), 4, timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it; `remark` is what it had to say all the same."""

    remark: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """The receiver surely does not have it and may take it later: after `wait` seconds where it says so."""

    reason: str
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will never take this message."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The message left, and no answer came: it may have arrived."""

    reason: str


Outcome = Delivered | Later | Refused | Lost


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far one message is; instants are UTC. `lost` counts the attempts of which nobody knows the end."""

    state: State
    next_at: datetime
    attempts: int = 0
    lost: int = 0
    claimed_at: datetime | None = None
    settled_at: datetime | None = None
    error: str | None = None

    def due(self, at: datetime) -> bool:
        """Whether it may be sent at `at`."""
        return self.state == "waiting" and self.next_at <= at

    def silent(self, at: datetime) -> bool:
        """Whether whoever was sending it is gone."""
        return self.state == "sending" and self.claimed_at is not None and self.claimed_at + SILENCE <= at


def claim(life: Delivery, at: datetime) -> Delivery:
    """It is being sent from `at` on; raises ValueError unless it waits."""
    if life.state != "waiting":
        raise ValueError(f"a message that is {life.state} cannot be sent")
    return replace(life, state="sending", attempts=life.attempts + 1, claimed_at=at)


def settle(life: Delivery, outcome: Outcome, at: datetime, *, repeatable: bool) -> Delivery:
    """What became of it; `repeatable` receivers recognise a message that they have. ValueError unless it was sent."""
    if life.state != "sending":
        raise ValueError(f"a message that is {life.state} has no outcome")
    if isinstance(outcome, Delivered):
        return replace(life, state="sent", settled_at=at, error=outcome.remark or None)
    if isinstance(outcome, Refused):
        return replace(life, state="given_up", settled_at=at, error=outcome.reason)
    lost = life.lost + isinstance(outcome, Lost)
    if life.attempts >= ATTEMPTS or (lost > RESENDS and not repeatable):
        return replace(life, state="given_up", settled_at=at, lost=lost, error=outcome.reason)
    pause = pause_after(life.attempts)
    if isinstance(outcome, Later) and outcome.wait is not None:
        pause = timedelta(seconds=outcome.wait)
    return replace(life, state="waiting", next_at=at + pause, lost=lost, error=outcome.reason)


def again(life: Delivery, at: datetime) -> Delivery:
    """A person wants it to be tried from the beginning; raises ValueError unless it was given up."""
    if life.state != "given_up":
        raise ValueError(f"a message that is {life.state} was not given up")
    return replace(life, state="waiting", next_at=at, attempts=0, lost=0, settled_at=None)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: five minutes, then four times as long each time, six hours at most."""
    longer: int = _FACTOR ** min(attempts - 1, ATTEMPTS)
    return min(_FIRST * longer, _LONGEST)
