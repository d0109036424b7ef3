"""Facts that a run tells its observers while it works, in the past tense; observers never change the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Room = Literal["pull", "normalise", "evaluate", "plan", "guard", "apply", "verify", "report"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began."""

    run_id: str
    command: str


@dataclass(frozen=True, slots=True)
class RoomEntered:
    """The run went on to its next room; `total` is the number of steps where it is known."""

    room: Room
    total: int | None = None


@dataclass(frozen=True, slots=True)
class PageStored:
    """A page of a stream is in the store; `total` counts the rows of this stream in this run."""

    connection: str
    stream: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class BackfillMoved:
    """A page of a backfill is in the store: `rows` of about `expected` since it began.

    `done` (0 to 1) and `seconds_left` are taken from `basis`, the rows or the share of the time range; None is unknown.
    """

    connection: str
    stream: str
    rows: int
    expected: int | None
    done: float | None
    seconds_left: float | None
    basis: Literal["rows", "time"]


@dataclass(frozen=True, slots=True)
class StreamSealed:
    """A stream was read to its proven end."""

    connection: str
    stream: str
    mode: str
    total: int


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """A room finished `done` of its `total` units (accounts, rows)."""

    room: Room
    done: int
    total: int | None = None


@dataclass(frozen=True, slots=True)
class BatchSettled:
    """A batch of writes has its outcomes; counts are changes of this connection so far."""

    connection: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth a line: a stream that is not connected, a grace period, a resumed pull."""

    message: str
    connection: str | None = None


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended with this status."""

    run_id: str
    status: str
    reason: str | None


Event = (
    RunStarted
    | RoomEntered
    | PageStored
    | BackfillMoved
    | StreamSealed
    | ChunkDone
    | BatchSettled
    | Noted
    | RunFinished
)
Observer = Callable[[Event], None]
