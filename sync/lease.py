"""Holding the leases of a run: acquired together, renewed by a heartbeat, given back at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from store import leases
from store.errors import LeaseHeld, StoreError
from store.leases import Lease
from sync.errors import Busy
from sync.session import Session, lease_key

MISSED_BEATS = 2


@contextmanager
def holding(session: Session, connections: Iterable[str]) -> Iterator[None]:
    """Hold the leases of `connections` for the block; raises `Busy` when another run holds one of them.

    When the heartbeat fails twice in a row the run is asked to stop: its lease may expire, and then somebody else
    may write.
    """
    session.renewed_at = session.deps.clock.monotonic()
    try:
        for name in sorted(connections):
            session.held[name] = _acquire(session, name)
        done = threading.Event()
        beat = threading.Thread(target=_beat, args=(session, done), name="lease-heartbeat", daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join(timeout=5)
    finally:
        for lease in session.held.values():
            leases.release(session.deps.store, lease)
        session.held.clear()


def _acquire(session: Session, connection: str) -> Lease:
    ttl = session.deps.timing.lease_ttl
    try:
        return leases.acquire(session.deps.store, session.ws, lease_key(connection), session.run_id, ttl)
    except LeaseHeld as held:
        raise Busy(
            f"{connection} is in use by run {held.owner}; its lease ends in {held.expires_in:.0f} s unless it goes on.",
            hint="Wait for that run to end and try again; a run that died gives way by itself.",
        ) from held


def _beat(session: Session, done: threading.Event) -> None:
    missed = 0
    while not done.wait(session.deps.timing.heartbeat):
        try:
            before = session.deps.clock.monotonic()
            for lease in list(session.held.values()):
                leases.renew(session.deps.store, lease)
            session.renewed_at = before
            missed = 0
        except StoreError as error:
            missed += 1
            if missed >= MISSED_BEATS:
                session.lost.set()
                session.deps.stop.ask(f"The lease of this run could not be renewed: {error.message}")
                return
