"""Turns: how a backfill and the schedule share the connections of a workspace.

A backfill works while nobody else does. A run that comes asks it for the connections (`sync.lease`); the backfill
notices at its next page, gives them back, waits until the run is over and goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from store import leases
from sync.deadruns import close_dead_runs
from sync.errors import Busy, GaveWay
from sync.lease import holding
from sync.session import Session, asking_key, lease_key
from sync.stop import Stop


@contextmanager
def working(session: Session) -> Iterator[None]:
    """Hold all connections for the block, after tidying up behind runs that died; raises `Busy`."""
    with holding(session, session.deps.connectors):
        close_dead_runs(session)
        yield


class Turn(Stop):
    """The stop of a backfill, which also ends its turn when a run asks: looked at wherever a run could be stopped."""

    def __init__(self, outer: Stop, asking: Callable[[], str | None]) -> None:
        self._outer = outer
        self._asking = asking

    @property
    def asked(self) -> bool:
        """Whether the whole backfill is to stop."""
        return self._outer.asked

    def ask(self, reason: str) -> None:
        """Ask the whole backfill to stop."""
        self._outer.ask(reason)

    def check(self) -> None:
        """Raise `Interrupted` when the backfill is to stop, `GaveWay` when only its turn is over."""
        self._outer.check()
        run = self._asking()
        if run is not None:
            raise GaveWay(f"Run {run} asked for the connections.", hint="The backfill goes on after it.")


def in_turns(session: Session, work: Callable[[], None]) -> None:
    """Do `work` to its end, under the leases of all connections and beginning again after each run that came between.

    `work` therefore looks first what is done already. Raises whatever it raises, and `Interrupted`.
    """
    outer = session.deps.stop
    session.deps = replace(session.deps, stop=Turn(outer, lambda: _holder(session, asking_key)))
    while True:
        _wait(session, outer)
        try:
            with working(session):
                work()
        except GaveWay as gave:
            session.note(f"{gave.message} {gave.hint}")
        except Busy:
            continue  # somebody was quicker
        else:
            return


def _wait(session: Session, outer: Stop) -> None:
    """Until nobody works on a connection, nor waits for one."""
    told = False
    while (run := _holder(session, asking_key, lease_key)) is not None:
        outer.check()
        if not told:
            session.note(f"waiting for run {run} to end")
            told = True
        session.deps.sleep(session.deps.timing.poll)


def _holder(session: Session, *keys: Callable[[str], str]) -> str | None:
    """The run that holds one of the leases that `keys` makes of the connections."""
    names: Sequence[str] = list(session.deps.connectors)
    with session.deps.store.read() as c:
        held = (leases.holder(c, session.ws, key(name)) for name in names for key in keys)
        return next((one.owner for one in held if one is not None and one.owner != session.run_id), None)
