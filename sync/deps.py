"""What a run is given: settings, store, connectors, clock, sleep, ids, observer; the engine chooses none of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from uuid import uuid4

from config.limits import Limit
from config.settings import Settings
from connectors.base import Connector
from connectors.budget import Budget
from connectors.clock import Clock, SystemClock
from mapping.fieldmap import FieldMap
from mapping.framework import Framework
from mapping.rates import Rates
from mapping.records import FieldSpec
from store import Store
from store.errors import StoreError
from store.plans import Plan
from sync.beside import Every, Pool, every, threads
from sync.events import Observer
from sync.observers import silent
from sync.stop import Stop


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of the write path, in seconds.

    `deadline` is the total time of one write request, `grace` how long a row whose answer was lost is left alone
    before it is read back: twice the deadline, because the CRM may still apply a request that we gave up. `guard_age`
    is how old a guard read may be when its batch is claimed, `send_within` how old when the request leaves.
    """

    deadline: float = 60.0
    grace: float = 120.0
    lease_ttl: float = 180.0
    heartbeat: float = 30.0
    guard_age: float = 2.0
    send_within: float = 10.0
    patience: float = 60.0
    poll: float = 0.5


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a user asked of one run.

    `as_of` evaluates for the end of that day in the tenant's time zone; `select` and `limit` narrow what is planned,
    never what is read; limits given here replace the policy's, `during_freeze` writes although it has a freeze, and
    `yes` agrees to the first write to a CRM.
    """

    full: bool = False
    as_of: date | None = None
    select: str | None = None
    limit: int | None = None
    max_changes: Limit | None = None
    max_band_drops: Limit | None = None
    max_shrink: float | None = None
    accept_model_change: bool = False
    during_freeze: bool = False
    yes: bool = False


AskFirst = Callable[["Deps", Plan, Mapping[str, str]], bool]
"""Shows a person what a plan writes to connections (name → account) where nothing was written yet: do they agree?"""


def new_run_id() -> str:
    """A run id that sorts by time and never repeats."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + uuid4().hex[:8]


@contextmanager
def _no_signals(_stop: Stop) -> Iterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything outside that a run touches; built by `sync.assemble`, or by a test.

    `specs` are the properties of all connections together, `own_specs` those of a connection that has not all of them.
    `ask_first` is None where nobody can be asked.
    """

    settings: Settings
    store: Store
    connectors: Mapping[str, Connector]
    budget: Budget
    field_maps: Mapping[str, FieldMap]
    framework: Framework
    specs: tuple[FieldSpec, ...]
    own_specs: Mapping[str, tuple[FieldSpec, ...]] = field(default_factory=dict)
    rates: Rates | None = None
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    new_id: Callable[[], str] = new_run_id
    observer: Observer = silent
    timing: Timing = field(default_factory=Timing)
    stop: Stop = field(default_factory=Stop)
    signals: Callable[[Stop], AbstractContextManager[None]] = _no_signals
    pool: Pool = threads
    every: Every = every
    version: str = "0"
    ask_first: AskFirst | None = None

    @property
    def workspace(self) -> str:
        return self.settings.workspace

    def specs_of(self, connection: str) -> tuple[FieldSpec, ...]:
        """The properties that Keepwell has in one CRM."""
        return self.own_specs.get(connection, self.specs)

    def close(self) -> None:
        """Close every connector and the store."""
        for connector in self.connectors.values():
            connector.close()
        with suppress(StoreError):  # what was taken ahead counts as used then, until the CRM says what is left
            self.budget.close()
        self.store.close()
