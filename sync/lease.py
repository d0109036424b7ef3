"""Holding the leases of a run: acquired together, renewed by a heartbeat, given back at the end.

A run that finds a connection in the hands of a backfill asks for it and waits a while; two runs, or two backfills,
never wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from store import leases, runs
from store.errors import LeaseHeld, StoreError
from store.leases import Lease
from sync.errors import Busy
from sync.faults import fp
from sync.session import Session, asking_key, lease_key

MISSED_BEATS = 2
BACKFILL = "backfill"
"""Command of the runs that step aside, and key of the lease that such a run holds from its begin to its end."""


@contextmanager
def holding(session: Session, connections: Iterable[str]) -> Iterator[None]:
    """Hold the leases of `connections` for the block; raises `Busy` when another run holds one of them.

    When the heartbeat fails twice in a row the run is asked to stop: its lease may expire, and then somebody else
    may write.
    """
    with _holding(session, {name: lease_key(name) for name in sorted(connections)}):
        yield


@contextmanager
def being_the_backfill(session: Session) -> Iterator[None]:
    """Be the workspace's only backfill for the block, whoever works on its connections; raises `Busy`."""
    with _holding(session, {"/backfill": BACKFILL}):  # no connection can have this name
        yield


@contextmanager
def _holding(session: Session, keys: Mapping[str, str]) -> Iterator[None]:
    outermost = not session.held
    if outermost:
        session.renewed_at = session.deps.clock.monotonic()
    taken: list[str] = []
    try:
        for name, key in keys.items():
            session.held[name] = _acquire(session, name, key)
            fp("lease.taken")
            taken.append(name)
        with _beating(session) if outermost else nullcontext():
            yield
    finally:
        for name in taken:
            _release(session, session.held.pop(name))
            fp("lease.released")


def _release(session: Session, lease: Lease) -> None:
    """Give a lease back; how the run ends does not depend on it, because a lease ends by itself."""
    try:
        leases.release(session.deps.store, lease)
    except StoreError as error:
        session.note(f"A lease could not be given back and ends by itself in {lease.ttl_s:.0f} s: {error.message}")


def _beating(session: Session) -> AbstractContextManager[None]:
    return session.deps.every(session.deps.timing.heartbeat, _heart(session))


def _acquire(session: Session, name: str, key: str) -> Lease:
    try:
        return _take(session, key)
    except LeaseHeld as held:
        if not _steps_aside(session, held.owner):
            raise _busy(name, held) from held
    return _asked_for(session, name, key)


def _take(session: Session, key: str) -> Lease:
    return leases.acquire(session.deps.store, session.ws, key, session.run_id, session.deps.timing.lease_ttl)


def _steps_aside(session: Session, owner: str) -> bool:
    """Whether the holder is a backfill and we are none."""
    with session.deps.store.read() as c:
        run = runs.get(c, session.ws, owner)
    return run is not None and run.command == BACKFILL != session.report.command


def _asked_for(session: Session, connection: str, key: str) -> Lease:
    """Ask the backfill for the connection and wait; raises `Busy` when it does not come, or another run waits already.

    Asking is a lease too, so whoever dies while it waits is forgotten by itself.
    """
    deps = session.deps
    try:
        asked = leases.acquire(
            deps.store, session.ws, asking_key(connection), session.run_id, deps.timing.patience + 4 * deps.timing.poll
        )
    except LeaseHeld as held:
        raise _busy(connection, held) from held
    session.note(f"{connection}: a backfill is at work and steps aside", connection)
    until = deps.clock.monotonic() + deps.timing.patience
    try:
        while True:
            try:
                return _take(session, key)
            except LeaseHeld as held:
                if deps.clock.monotonic() >= until:
                    raise _busy(connection, held) from held
            deps.stop.check()
            deps.sleep(deps.timing.poll)
    finally:
        leases.release(deps.store, asked)


def _busy(name: str, held: LeaseHeld) -> Busy:
    what = f"{name} is in use by" if not name.startswith("/") else "Another backfill is at work:"
    return Busy(
        f"{what} run {held.owner}; its lease ends in {held.expires_in:.0f} s unless it goes on.",
        hint="Wait for that run to end and try again; a run that died gives way by itself.",
    )


def _heart(session: Session) -> Callable[[], bool]:
    """What renews the leases at each beat; False once the run has to end because it could not."""
    missed = 0

    def beat() -> bool:
        nonlocal missed
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
        return missed < MISSED_BEATS

    return beat
