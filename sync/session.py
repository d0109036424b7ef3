"""One run while it is under way: who it is, what it was given, what it has counted, which leases it holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from mapping.frames import AsOf
from store.leases import Lease
from sync.deps import Deps, RunOptions
from sync.errors import InvariantError
from sync.events import ChunkDone, Noted, Room, RoomEntered
from sync.report import RunReport


@dataclass(slots=True)
class Session:
    """State of a run that its rooms share; `lost` is set when the heartbeat could not renew a lease."""

    deps: Deps
    options: RunOptions
    run_id: str
    at: AsOf
    report: RunReport
    leases: dict[str, Lease] = field(default_factory=dict)
    lost: threading.Event = field(default_factory=threading.Event)

    @property
    def ws(self) -> str:
        return self.deps.workspace

    def lease(self, connection: str) -> Lease:
        """The lease of a connection; rooms that change anything of it check it in their transaction."""
        try:
            return self.leases[connection]
        except KeyError:
            raise InvariantError(f"This run works on {connection} without holding its lease.") from None

    def enter(self, room: Room, total: int | None = None) -> None:
        """Tell the observers that the next room begins, and stop here when asked to."""
        self.deps.stop.check()
        self.deps.observer(RoomEntered(room, total))

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
