"""Prepares what trials start from: CRMs in memory, and SQLite stores that know them, each made by real runs."""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from config.frameworks import load_framework_file
from mapping.framework import Framework
from mapping.outputs import output_fields, override_fields
from mapping.records import FieldSpec
from sandbox.gainsight.state import GainsightState
from tests.rig.books import read_books
from tests.rig.clock import SharedClock
from tests.rig.crm import DAY, Crm
from tests.rig.doomed import MODULES, Left, Order, RunClock, World
from tests.rig.scenarios import SEGMENT, USAGE, Scenario, Stage, StageName, mixed, named
from tests.rig.tenant import add_fields
from tests.rig.truth import BESIDE, state_of, truth_of
from tests.rig.watched import Vendor

NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC) + timedelta(days=8)
"""When trials are: nothing in the portfolio was changed later, as in a CRM nothing is."""
NEIGHBOUR = "neighbour"
WORST_USE = "0.3"
"""Logins a week with which nobody keeps his score."""


@dataclass(frozen=True)
class Ground:
    """Everything prepared for one vendor; `framework` and the modules of a run are loaded, so that forks are warm."""

    vendor: Vendor
    clock: SharedClock
    framework: Framework
    stages: Mapping[StageName, Stage]
    specs: Mapping[str, FieldSpec]
    segment: str

    @cached_property
    def records(self) -> list[str]:
        """Ids of the records that carry accounts."""
        return self.stages["fresh"].crm.records()

    def scenario(self, name: str) -> Scenario:
        """A scenario by its name; raises KeyError."""
        if name.startswith("mix:"):
            return mixed(self.vendor, self.records, int(name.removeprefix("mix:")))
        return self.scenarios[name]

    @cached_property
    def scenarios(self) -> Mapping[str, Scenario]:
        """The named scenarios."""
        return named(self.vendor, self.records, self.segment)

    def goes_idle(self, name: str) -> bool:
        """Whether a run after the scenario has nothing to do; one after an undo writes what was computed since."""
        return self.scenario(name).verb != "undo"

    def world(self, stage: Stage, store: str, clock: RunClock) -> World:
        """Where runs on a stage take place."""
        return world_of(stage.crm, store, self.framework, clock)


def world_of(crm: Crm, store: str, framework: Framework, clock: RunClock) -> World:
    """Where runs take place that connect one CRM."""
    guards = dict.fromkeys(("max_changes", "max_band_drops", "max_shrink"), "100%")  # so few are a crowd to a share
    settings: dict[str, Any] = {
        "store": store,
        "connections": {crm.vendor: crm.connection()},
        "policy": {"guards": guards},
    }
    return World(settings, clock, framework)


def prepare(vendor: Vendor, folder: Path, clock: SharedClock) -> Ground:
    """Make the stages of a vendor; takes a few seconds and leaves no thread behind."""
    framework = _framework()
    fresh = _Preparation(Crm(vendor, clock), folder / f"{vendor}-fresh.db", framework)
    names = fresh.provisioned()
    plan = fresh.run("plan")["plan"]["plan_id"]
    changed = _Preparation(Crm(vendor, clock), folder / f"{vendor}-changed.db", framework)
    changed.provisioned()
    wrote = changed.run("sync")["run_id"]
    segment = _first_value(changed.crm, SEGMENT[vendor])
    use, as_of = USAGE[vendor]
    for record in changed.crm.records()[:-2]:
        changed.crm.edit(record, {use: WORST_USE, as_of: NOON.date().isoformat()})
    clock.stand_at(NOON + timedelta(minutes=10))
    again = changed.run("plan")["plan"]["plan_id"]
    specs = {spec.name: spec for spec in output_fields(framework)}
    stages: dict[StageName, Stage] = {
        "first": Stage(fresh.crm, None, NOON + timedelta(minutes=20)),
        "fresh": fresh.stage(plan=plan),
        "changed": changed.stage(plan=again, wrote=wrote),
    }
    return Ground(vendor, clock, framework, stages, {name: specs[field] for name, field in names.items()}, segment)


def _framework() -> Framework:
    """The shipped framework, loaded by a process that ends: loading it starts threads, which no fork survives."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        data = pickle.dumps(load_framework_file("cradle_to_grave"))
        while data:
            data = data[os.write(writer, data) :]
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found: Framework = pickle.load(pipe)  # noqa: S301 - from our own child
    os.waitpid(child, 0)
    return found


def _first_value(crm: Crm, name: str) -> str:
    """A value that some record has in a property."""
    truth = truth_of(state_of(crm.state), connection=crm.vendor, specs={})
    return next(str(one.new) for one in truth.journal if one.property == name and one.new)


@dataclass(frozen=True)
class _Preparation:
    """A CRM and a store while they are made ready; every run is a process of its own, and this one serves it."""

    crm: Crm
    file: Path
    framework: Framework

    def provisioned(self) -> dict[str, str]:
        """Create the properties, let a neighbour read too; returns property → field."""
        self.crm.clock.stand_at(NOON)
        stamps = [at for stream in state_of(self.crm.state)["modified"].values() for at in stream.values()]
        assert max(stamps) < NOON.timestamp(), "a record of the portfolio was changed in the future"
        if isinstance(self.crm.state, GainsightState):
            on = BESIDE if self.crm.vendor == "gainsight_beside" else "Company"
            add_fields(self.crm.state, (*output_fields(self.framework), *override_fields()), on)
        self.run("fields")
        self.run("pull", NEIGHBOUR)
        found: dict[str, str] = self.run("properties")["properties"][self.crm.vendor]
        return found

    def run(self, verb: str, workspace: str = "default") -> Mapping[str, Any]:
        """Carry out a verb; raises AssertionError unless it comes to its end."""
        world = world_of(self.crm, f"sqlite:///{self.file}", self.framework, self.crm.clock)
        child, reader = world.start(Order(verb, workspace=workspace, log=True))
        ended = os.pidfd_open(child)
        try:
            self.crm.serve_until(ended)
        finally:
            os.close(ended)
        left: Left = world.wait(child, reader)
        assert left.report.get("status") == "complete", left.output.decode()
        for name in left.report[MODULES]:  # so that no later run has to import anything
            with suppress(ImportError):  # what is no module of its own
                importlib.import_module(name)
        return left.report

    def stage(self, **others: str) -> Stage:
        """What was made, as it is now."""
        assert not Path(f"{self.file}-wal").exists(), "the prepared store has a log that a copy would lack"
        foreign = read_books(f"sqlite:///{self.file}").foreign
        return Stage(self.crm, self.file, NOON + timedelta(minutes=20), foreign=foreign, **others)
