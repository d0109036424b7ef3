"""The world of a simulation: two CRMs, people, a store, and three workers that run Keepwell by the hour."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from config.fieldmaps import load_field_maps
from config.frameworks import load_framework_file
from config.settings import Settings
from connectors.base import Stream
from connectors.budget import SharedBudget
from mapping.framework import Framework
from mapping.outputs import output_fields, override_fields
from store import Store, open_store
from store.budgets import QuotaShelf
from store.database import connect
from sync import faults
from sync.assemble import stream_maps
from sync.deps import Deps, RunOptions, Timing
from sync.engine import run_apply, run_plan, run_sync, run_undo
from sync.faults import POINTS
from sync.report import RunReport
from tests.sim.connector import MANNERS, ModelConnector
from tests.sim.crm import ModelCrm
from tests.sim.judge import TIMING, Judge
from tests.sim.people import HOUR, MINUTE, People
from tests.sim.process import BEGIN, Fate, Process, SimClock, watch_fault_points
from tests.sim.weather import Weather
from tests.virtual import VirtualTime

WORKERS = 3
INTERVAL = HOUR
QUIET_INTERVALS = 2
LAST_TROUBLE = 12 * HOUR
"""So long before the faults stop no day's quota is used up any more: a quota that is gone is no fault that can stop."""
WRITING = tuple(one for one in POINTS if one.startswith(("apply.", "settle.", "verify.")))
RECLAIMED = ("health_score", "health_reasons", "segment")
STREAMS = {"hubspot": ("companies",), "salesforce": ("accounts", "cases")}


@dataclass(slots=True)
class Figures:
    """What a simulation came to."""

    seed: int
    days: float
    runs: int = 0
    calls: int = 0
    share: float = 0.0
    kills: int = 0
    pauses: int = 0
    effects: int = 0
    edits: int = 0
    digest: str = ""
    endings: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def simulate(
    seed: int, days: float, folder: Path, *, timing: Timing = TIMING, points: Sequence[str] = WRITING
) -> Figures:
    """Live through `days` with everything that goes wrong, then through quiet hours in which all has to be settled.

    `timing` is the engine's; it is judged by the usual one, whatever that says. `points` are the fault points at which
    processes die or stand still most often.
    """
    return World(seed, days, folder, timing, points).live()


class World:
    """Everything that there is."""

    def __init__(self, seed: int, days: float, folder: Path, timing: Timing, points: Sequence[str]) -> None:
        self.timing = timing
        self.points = points
        self.dice = Random(seed)
        self.time = VirtualTime(start=BEGIN)
        self.clock = SimClock(self.time)
        self.end = BEGIN + days * 86_400.0
        self.figures = Figures(seed, days)
        self.weather = Weather(self.dice, self.time.clock)
        self.met: Counter[str] = Counter()
        self.settings = _settings(f"sqlite:///{folder}/keepwell.db")
        self.framework = _framework()
        self.specs = (*output_fields(self.framework), *override_fields())
        self.maps = load_field_maps(self.settings)
        self.crms = {name: ModelCrm(name, self.time.clock, STREAMS[name]) for name in self.settings.connections}
        owned = tuple(f"cs_{spec.name}" for spec in self.specs if spec.writable)
        self.people = People(self.crms, owned, self.dice, self.time.clock)
        self._names = 0
        open_store(self.settings.store, create=True).close()
        self._engine = connect(make_url(self.settings.store))  # one for all: a new one knows no statement yet
        event.listen(self._engine, "begin", _of_the_living, insert=True)
        self.store = Store(self._engine, "default", now=self.clock.now)
        self.judge = Judge(self.store, self.crms, self.specs, frozenset(RECLAIMED), self.time.clock)

    def live(self) -> Figures:
        """Live to the end; the figures tell what happened."""
        self.people.settle_in()
        watch_fault_points(self._somebody_is_quicker)
        try:
            self.time.run(*(self._worker(number) for number in range(WORKERS)), self._everybody_else, within=86_400.0)
            self._at_last()
        finally:
            faults.arm(None)
            self.store.close()
        return self._told()

    def _worker(self, number: int) -> Callable[[], None]:
        def work() -> None:
            last = int((self.end - BEGIN) / INTERVAL) + QUIET_INTERVALS
            for slot in range(last):
                mine = slot % WORKERS == number
                quiet = BEGIN + slot * INTERVAL >= self.end
                late = self.dice.uniform(0, 120) if mine else self.dice.uniform(0, 300)
                begin = BEGIN + slot * INTERVAL + late
                if (mine or (not quiet and self.dice.random() < 0.15)) and self.time.clock() <= begin:
                    self.time.sleep(begin - self.time.clock())
                    self._one_run()

        return work

    def _everybody_else(self) -> None:
        """People, until they go home; then the weather clears too."""
        trouble = BEGIN + 6 * HOUR
        while self.time.clock() < self.end:
            self.time.sleep(self.dice.expovariate(1 / (6 * MINUTE)))
            self.people.act()
            if trouble < self.time.clock() < self.end - LAST_TROUBLE:
                self.people.trouble()
                trouble = self.time.clock() + self.dice.expovariate(1 / (4 * HOUR))
        self.people.go_home()
        self.weather.calm = True

    def _somebody_is_quicker(self, name: str) -> None:
        """Just there a person edits, where it matters most: between two steps of a write."""
        if self.time.clock() < self.end and name.startswith(("apply.", "settle.")) and self.dice.random() < 0.04:
            self.people.edit_ours(self.crms[self.dice.choice(sorted(self.crms))])

    def _one_run(self) -> None:
        """A run of some kind; one that was killed may be started again at once."""
        kind = self.dice.random()
        if self.time.clock() >= self.end or kind < 0.82:
            killed = self._process(run_sync)
            if killed and self.dice.random() < 0.5:
                self.time.sleep(self.dice.uniform(1, 10 * MINUTE))
                self._process(run_sync)
        elif kind < 0.86:
            self._process(lambda deps: run_sync(deps, RunOptions(full=True)))
        elif kind < 0.97:
            plans: list[str] = []
            self._process(lambda deps: _planned(deps, plans))
            self.time.sleep(self.dice.uniform(1, 5 * MINUTE))
            if plans:
                self._process(lambda deps: run_apply(deps, plans[0]))
        else:
            wrote = self.judge.last_writer
            self._process(lambda deps: run_undo(deps, wrote) if wrote else run_sync(deps))

    def _process(self, verb: Callable[[Deps], RunReport]) -> bool:
        """One process from its start to its end; whether it was killed."""
        self._names += 1
        process = Process(self.time, self.dice, f"process {self._names}", self._fate(), self.met)
        self.figures.runs += 1
        report: RunReport | None = None
        with self._deps(process) as deps, process.running():
            try:
                report = verb(deps)
            except Exception:  # noqa: BLE001 - a run that raises is a violation like any other
                self.judge.violated(0, traceback.format_exc())
        self.figures.endings[report.status if report is not None else "killed"] += 1
        self.judge.run_ended(report)
        return process.dead

    def _fate(self) -> Fate | None:
        if self.time.clock() >= self.end:
            return None
        drawn, at, point = self.dice.random(), self.dice.randrange(1, 70), None
        if self.dice.random() < 0.7:
            at, point = self.dice.choice((1, 1, 2)), self.dice.choice(self.points)
        if drawn < 0.18:
            return Fate("killed", at, point=point)
        if drawn < 0.40:
            seconds = self.dice.choice((self.dice.uniform(1, 100), self.dice.uniform(100, 900)))
            return Fate("paused", at, seconds, point)
        return Fate("stopped", at, point=point) if drawn < 0.44 else None

    @contextmanager
    def _deps(self, process: Process) -> Iterator[Deps]:
        store = Store(self._engine.execution_options(process=process), "default", now=self.clock.now)
        budget = SharedBudget(QuotaShelf(store), clock=self.time.clock, sleep=process.sleep)
        ids: list[str] = []
        yield Deps(
            settings=self.settings,
            store=store,
            connectors={name: self._connector(crm, process, budget, ids) for name, crm in self.crms.items()},
            budget=budget,
            field_maps=self.maps,
            framework=self.framework,
            specs=self.specs,
            clock=self.clock,
            sleep=process.sleep,
            new_id=lambda: self._new_id(ids),
            timing=self.timing,
            stop=process.stop,
            pool=process.pool,
            every=process.every,
        )
        if not process.dead:
            budget.close()

    def _new_id(self, ids: list[str]) -> str:
        """Ids of runs and batches; the first one of a process is its run's."""
        self._names += 1
        ids.append(f"{self._names:08d}")
        return ids[-1]

    def _connector(self, crm: ModelCrm, process: Process, budget: SharedBudget, ids: list[str]) -> ModelConnector:
        maps = stream_maps(self.maps[crm.name], {f"cs_{spec.name}": spec.name for spec in self.specs})
        every = MANNERS[crm.name].full_every
        streams = [
            Stream(name, maps[name].entity, properties=maps[name].properties, full_every=every)
            for name in STREAMS[crm.name]
        ]
        return ModelConnector(
            crm,
            process,
            lambda: ids[0],
            streams,
            self.specs,
            budget=budget,
            weather=self.weather,
            dice=self.dice,
            leaves=self.judge.request_leaves,
        )

    def _at_last(self) -> None:
        """After the quiet intervals everything is decided; after a full read one more run finds nothing to do."""
        self.judge.everything_is_settled()
        self._process(lambda deps: run_sync(deps, RunOptions(full=True)))
        before = sum(len(crm.posted) for crm in self.crms.values())
        self._process(run_sync)
        self.judge.nothing_was_sent(before)
        self.judge.close()

    def _told(self) -> Figures:
        told = self.figures
        told.calls, told.share, told.faults = self.weather.requests, self.weather.share, self.weather.kinds
        told.kills, told.pauses, told.edits = self.met["killed"], self.met["paused"], self.people.edits
        told.effects = sum(one.actor.startswith("api:") for crm in self.crms.values() for one in crm.journal)
        told.digest = "-".join(crm.digest() for _, crm in sorted(self.crms.items()))
        told.violations = self.judge.violations
        return told


def _of_the_living(connection: Connection) -> None:
    """Whoever is dead begins no transaction."""
    process: Process | None = connection.get_execution_options().get("process")
    if process is not None:
        process.alive()


def _planned(deps: Deps, plans: list[str]) -> RunReport:
    report = run_plan(deps)
    if report.plan is not None and report.plan.plan_id:
        plans.append(report.plan.plan_id)
    return report


@cache
def _framework() -> Framework:
    return load_framework_file("cradle_to_grave")


def _settings(store: str) -> Settings:
    everything = {"max_changes": "100%", "max_band_drops": "100%", "max_shrink": "100%"}
    data: dict[str, Any] = {
        "store": store,
        "connections": {
            "hubspot": {"type": "hubspot", "access_token": "not-used"},
            "salesforce": {
                "type": "salesforce",
                "auth": {"flow": "token", "access_token": "not-used", "instance_url": "https://acme.my.salesforce.com"},
            },
        },
        "policy": {"guards": everything, "human_edits_by_field": dict.fromkeys(RECLAIMED, "reclaim")},
    }
    data["policy"]["first_write"] = "allow"  # the addresses are real ones, and nobody is there to be asked
    return Settings(**data)
