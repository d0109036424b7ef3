"""One run while it is under way: who it is, what it was given, what it has counted, which leases it holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from mapping.frames import AsOf
from store import leases
from store.leases import Lease
from sync.because import Sentences
from sync.deps import Deps, RunOptions
from sync.errors import InvariantError
from sync.events import ChunkDone, Noted, Room, RoomEntered, RoomLeft
from sync.report import RunReport


@dataclass(slots=True)
class Session:
    """State of a run that its rooms share.

    `lost` is set when the heartbeat could not renew a lease; `renewed_at` is the monotonic moment before which the
    leases were renewed last; `opening` are the API calls that it took to open each connection; `entered` is the room
    that the run is in, with the monotonic moment since when; `decided_at` is when the last decision about who is who
    was made or taken back that the run goes by; `sent` is the monotonic moment at which each batch went out;
    `sentences` say the framework's rules in words.
    """

    deps: Deps
    options: RunOptions
    run_id: str
    at: AsOf
    report: RunReport
    held: dict[str, Lease] = field(default_factory=dict)
    lost: threading.Event = field(default_factory=threading.Event)
    renewed_at: float = 0.0
    opening: dict[str, int] = field(default_factory=dict)
    entered: tuple[Room, float] | None = None
    decided_at: datetime | None = None
    sent: dict[str, float] = field(default_factory=dict)
    sentences: Sentences = field(init=False)

    def __post_init__(self) -> None:
        self.sentences = Sentences(self.deps.framework)

    @property
    def ws(self) -> str:
        return self.deps.workspace

    def lease(self, connection: str) -> Lease:
        """The lease of a connection; rooms that change anything of it check it in their transaction."""
        try:
            return self.held[connection]
        except KeyError:
            raise InvariantError(f"This run works on {connection} without holding its lease.") from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction of a room that concerns all connections: it is rolled back unless all leases hold."""
        with self.deps.store.write() as c:
            for _, lease in sorted(self.held.items()):
                leases.check(c, lease)
            yield c

    def time_to_send(self) -> bool:
        """Whether a request that starts now must be over before the lease can go to somebody else."""
        return self.last_to_send() > self.deps.clock.monotonic() and not self.lost.is_set()

    def last_to_send(self) -> float:
        """The monotonic moment until which that is so, as far as the lease was renewed up to now."""
        timing = self.deps.timing
        return self.renewed_at + timing.lease_ttl - timing.deadline

    def enter(self, room: Room, total: int | None = None) -> None:
        """Tell the observers that the next room begins, and stop here when asked to."""
        self.deps.stop.check()
        self.leave()
        self.entered = (room, self.deps.clock.monotonic())
        self.deps.observer(RoomEntered(room, total))

    def leave(self) -> None:
        """Note how long the room that the run is in took; a run leaves its last one before it is reported."""
        if self.entered is not None:
            room, since = self.entered
            spent = self.report.seconds
            seconds = self.deps.clock.monotonic() - since
            spent[room] = spent.get(room, 0.0) + seconds
            self.entered = None
            self.deps.observer(RoomLeft(room, seconds))

    def progress(self, room: Room, done: int, total: int | None = None) -> None:
        """Tell the observers how far a room is."""
        self.deps.observer(ChunkDone(room, done, total))

    def note(self, message: str, connection: str | None = None) -> None:
        """Keep a line for the report and tell the observers."""
        self.report.notes.append(message)
        self.deps.observer(Noted(message, connection))


def lease_key(connection: str) -> str:
    """Key of a connection's lease; one run at a time pulls from it or writes to it."""
    return f"connection:{connection}"


def asking_key(connection: str) -> str:
    """Key of the lease that a run holds while it waits for a backfill to give the connection away."""
    return f"next:{connection}"
