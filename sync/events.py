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
class RoomLeft:
    """The run is done with a room, or ended in it, after so many seconds."""

    room: Room
    seconds: float


@dataclass(frozen=True, slots=True)
class CallMade:
    """A request to a CRM is over: answered with `status`, or failed with an `error` of this class.

    `operation` is its path without ids and without the query. Told by whichever thread made the call.
    """

    connection: str
    method: str
    operation: str
    status: int | None
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PageStored:
    """A page of a stream is in the store; `total` counts the rows of this stream in this run.

    `expected` is about how many it will be: of a full read, as many as the store has; None is unknown.
    """

    connection: str
    stream: str
    rows: int
    total: int
    expected: int | None = None


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
class NewsTold:
    """People were told of alerts and runs: how much was noted anew, sent and given up, and how much waits now."""

    noted: int
    sent: int
    given_up: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended with this status, and is in the store."""

    run_id: str
    status: str
    reason: str | None
    reason_code: str | None = None
    exit_code: int = 0
    seconds: float = 0.0
    hint: str | None = None


Event = (
    RunStarted
    | RoomEntered
    | RoomLeft
    | CallMade
    | PageStored
    | BackfillMoved
    | StreamSealed
    | ChunkDone
    | BatchSettled
    | Noted
    | NewsTold
    | RunFinished
)
Observer = Callable[[Event], None]
