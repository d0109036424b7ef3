"""What the machines share: a store that is emptied between histories, virtual time, runs that die."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Delete, Table, delete

from config.frameworks import load_framework_file
from config.settings import Settings
from connectors.budget import MemoryBudget
from mapping.frames import AsOf
from mapping.framework import Framework
from store import Store, address
from store.database import connect, upgrade
from sync import faults
from sync.deps import Deps, RunOptions
from sync.report import RunReport
from sync.session import Session
from tests.flow.databases import fresh_schemas

Dialect = Literal["sqlite", "postgresql"]
WS = "default"
BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory: what is tested is no disk


@dataclass(slots=True)
class VirtualClock:
    """A clock that a machine moves; `sleep` moves it too."""

    moment: datetime = BEGIN

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - BEGIN).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class World:
    """A store and the clock that everybody on it shares."""

    store: Store
    clock: VirtualClock

    def emptied(self, *tables: Table) -> World:
        """The world at its beginning: making a new store takes longer than most histories."""
        self.clock.moment = BEGIN
        with self.store.write() as c:
            for table in tables:
                c.execute(_emptying(table))
        return self


@cache
def _emptying(table: Table) -> Delete:
    return delete(table)


@contextmanager
def world(dialect: Dialect) -> Iterator[World]:
    """A world for all histories of a machine; raises `psycopg.OperationalError` where there is no server."""
    if dialect == "postgresql":
        with fresh_schemas() as make:
            yield from _opened(make())
        return
    with tempfile.TemporaryDirectory(prefix="keepwell-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield from _opened(f"sqlite:///{folder}/keepwell.db")


def _opened(url: str) -> Iterator[World]:
    upgrade(url)
    clock = VirtualClock()
    store = Store(connect(address.parse(url)), WS, now=clock.now)
    try:
        yield World(store, clock)
    finally:
        store.close()


class KeptThreads(Executor):
    """A pool for run after run: starting threads takes longer than what they do here.

    Whoever uses it waits for what it has handed in, as the engine does, before it leaves.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="kept")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._threads.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """The next run uses it too."""


class Killed(BaseException):
    """The process ends here: nothing may catch it, and whatever was not committed is gone."""


@contextmanager
def dying_at(point: str | None, nth: int = 1) -> Iterator[None]:
    """Raise `Killed` where the `nth` passing of a fault point happens in the block; None lets everything pass."""
    passed = count(1)

    def die(name: str) -> None:
        if name == point and next(passed) == nth:
            raise Killed(name)

    faults.arm(die)
    try:
        yield
    finally:
        faults.arm(None)


@cache
def settings() -> Settings:
    """Settings of a workspace with one connection, which is never opened."""
    return Settings(connections={"crm": {"type": "hubspot", "access_token": "none"}})


def session_of(world: World, connector: Any, run: str, **others: Any) -> Session:
    """A run as its rooms see it, in virtual time."""
    clock = world.clock
    deps = Deps(
        settings=settings(),
        store=world.store,
        connectors={connector.name: connector},
        budget=MemoryBudget(clock, clock.sleep),
        field_maps={},
        framework=_framework(),
        specs=(),
        clock=clock,
        **{"sleep": clock.sleep, **others},
    )
    return Session(
        deps, RunOptions(), run, AsOf(clock.now()), RunReport(run, "sync", "2026-11-20", "2026-11-20T12:00:00Z")
    )


@cache
def _framework() -> Framework:
    return load_framework_file(settings().framework)
