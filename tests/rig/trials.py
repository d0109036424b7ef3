"""One trial: a run is killed, perhaps its recovery too; then another run must bring everything to rest, as if nothing
had happened. What is judged afterwards is judged by the checker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import requests
from sqlalchemy import update
from sqlalchemy.engine import make_url

from store.tables import lease, quota
from sync.deps import Timing
from tests.rig.books import engine_at, is_made, read_books
from tests.rig.checker import Violation, judge
from tests.rig.crm import SECRETS
from tests.rig.doomed import TIMING, Left, Order, RunClock, World
from tests.rig.edges import Kill
from tests.rig.evidence import Evidence, Idle, value_of
from tests.rig.scenarios import Scenario, Stage
from tests.rig.stages import Ground
from tests.rig.stores import StoreName, TrialStore
from tests.rig.truth import Truth, truth_of
from tests.rig.watched import LATE, Vendor

Values = Mapping[tuple[str, str], str | None]
STAMPS = ("cs_scored_at", "CS_Scored_At__c", "CS_Scored_At__gc")
UNBROKEN = 7
"""Number under which a state that differs from an unbroken run's is reported: a run is resumable."""
RUNS_TO_REST = 3
_CALM = 10.0
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: written as `hubspot/sqlite/changed@apply.sent#1+22`, a kill after the other."""

    vendor: Vendor
    store: StoreName
    scenario: str
    kills: tuple[Kill, ...] = ()
    idle: bool = True

    @classmethod
    def parse(cls, text: str) -> Trial:
        """Read the written form; raises ValueError."""
        place, _, kills = text.partition("@")
        vendor, store, scenario = place.split("/", 2)
        if vendor not in get_args(Vendor) or store not in get_args(StoreName):
            raise ValueError(f"{text!r} names no CRM or no store")
        return cls(vendor, store, scenario, tuple(Kill.parse(one) for one in kills.split("+") if one))  # type: ignore[arg-type]

    def without_idle(self) -> Trial:
        """The same without the run at the end that has nothing to do."""
        return replace(self, idle=False)

    def __str__(self) -> str:
        kills = "+".join(map(str, self.kills))
        return f"{self.vendor}/{self.store}/{self.scenario}" + (f"@{kills}" if kills else "")


@dataclass(slots=True)
class Outcome:
    """How a trial ended: where processes were killed, what did not hold, how long it took."""

    trial: Trial
    places: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Unbroken:
    """A scenario when nobody is killed: the edges of its run, and the values at rest in the CRM and in the ledger."""

    edges: tuple[str, ...]
    values: Values
    ledger: Values


class Bench:
    """One vendor's ground with one store: makes trials, one after the other."""

    def __init__(self, ground: Ground, name: StoreName, store: TrialStore) -> None:
        self.ground, self.name, self.store = ground, name, store
        self._unbroken: dict[str, Unbroken] = {}

    def unbroken(self, scenario: Scenario) -> Unbroken:
        """What a scenario comes to without a kill; raises AssertionError where even that does not hold."""
        if scenario.name not in self._unbroken:
            with self.play(scenario) as play:
                left = play.run(log=True)
                play.come_to_rest(left)
                found = play.check(quiet=True)
                assert not found, "\n".join([f"{self.name} {scenario.name}, nobody killed:", *map(str, found)])
                self._unbroken[scenario.name] = Unbroken(left.edges, play.values(), play.ledger())
        return self._unbroken[scenario.name]

    def carry_out(self, trial: Trial) -> Outcome:
        """Kill, check, recover, check; a run that hangs or breaks is a finding as well."""
        outcome, began = Outcome(trial), time.perf_counter()
        try:
            self._carry_out(trial, outcome)
        except Exception as error:  # noqa: BLE001 - one trial that breaks must not end the others
            outcome.violations.append(Violation(14, f"{type(error).__name__}: {error}"))
        outcome.seconds = time.perf_counter() - began
        return outcome

    def _carry_out(self, trial: Trial, outcome: Outcome) -> None:
        scenario = self.ground.scenario(trial.scenario)
        measure = self.unbroken(self.ground.scenario(scenario.baseline()) if scenario.healed else scenario)
        with self.play(scenario) as play:
            left: Left | None = None
            for kill in trial.kills:
                left = play.run(kill=kill)
                if not left.killed:
                    break
                outcome.places.append(left.where)
                outcome.violations += play.check(quiet=False)
            play.come_to_rest(left if left is not None and not left.killed else None)
            outcome.violations += play.check(quiet=True)
            outcome.violations += play.compare(measure)
            if trial.idle:
                if any(one.do == "merge" for one in scenario.mischief):
                    play.run(verb="sync")  # what the record has become is news to an apply or undo
                outcome.violations += play.idle()

    @contextmanager
    def play(
        self, scenario: Scenario, clock: Callable[[float], RunClock] | None = None, timing: Timing = TIMING
    ) -> Iterator[Play]:
        """A scenario from its beginning; `clock` makes another clock for the runs than the rig's, from its shift."""
        stage = self.ground.stages[scenario.stage]
        self.ground.clock.stand_at(stage.at)
        self.store.reset(stage.store)
        server = stage.crm.fork(scenario.mischief)
        try:
            shown = clock(self.ground.clock.shift) if clock is not None else self.ground.clock
            yield Play(self.ground, stage, scenario, self.store, shown, timing)
        finally:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)
            self.ground.clock.leave()


@dataclass
class Play:
    """A scenario while it is played."""

    ground: Ground
    stage: Stage
    scenario: Scenario
    store: TrialStore
    clock: RunClock
    timing: Timing = TIMING
    output: bytes = b""

    @property
    def world(self) -> World:
        return self.ground.world(self.stage, self.store.url, self.clock)

    def run(self, kill: Kill | None = None, *, verb: str | None = None, log: bool = False, expire: bool = True) -> Left:
        """A run of the scenario, or of another verb; whoever ran before is dead and, with `expire`, its lease over."""
        if expire:
            self._let_time_pass()
        argument = self.scenario.argument(self.stage) if verb is None else ""
        left = self.world.run(Order(verb or self.scenario.verb, argument, kill=kill, log=log, timing=self.timing))
        self.output += left.output
        assert left.killed or left.report, f"a run broke: {left.output.decode(errors='replace')[-3000:]}"
        self.store.settle()
        return left

    def come_to_rest(self, last: Left | None) -> None:
        """Run again until nothing is to be done; raises AssertionError when that never comes."""
        if self.scenario.healed:
            self._ask("heal")
        for _ in range(RUNS_TO_REST):
            if last is not None and _at_rest(last.report) and not self.scenario.healed:
                return
            last = self.run()
            if _at_rest(last.report):
                return
        raise AssertionError(f"{RUNS_TO_REST} runs did not bring it to rest: {last.report if last else None}")

    def check(self, *, quiet: bool, idle: Idle | None = None) -> list[Violation]:
        """Let the checker judge the moment; when all is quiet, after everything late has happened."""
        if quiet:
            self._wait_for_what_is_late()
        truth = self._truth()
        return judge(
            Evidence(
                truths=[truth],
                books=read_books(self.store.url, whole=quiet),
                quiet=quiet,
                strict=True,
                one_clock=True,
                foreign=self.stage.foreign,
                secrets=[secret.encode() for secret in SECRETS.values()],
                writings={"what the runs printed and reported": self.output},
                idle=idle,
            )
        )

    def compare(self, measure: Unbroken) -> list[Violation]:
        """What differs from an unbroken run, where nobody else had a hand."""
        touched: set[tuple[str, str]] = set()
        if self.scenario.healed:
            merged = {(str(one.new), "") for one in self._truth().journal if one.action == "merge"}
            touched = self.scenario.touched() | merged
        found: list[Violation] = []
        for what, here, there in (
            ("the CRM", self.values(), measure.values),
            ("the ledger", self.ledger(), measure.ledger),
        ):
            for place in sorted(here.keys() | there.keys()):
                if {place, (place[0], "")} & touched or here.get(place) == there.get(place):
                    continue
                finding = f"{what} has {here.get(place)!r} in {' '.join(place)}, unbroken {there.get(place)!r}"
                found.append(Violation(UNBROKEN, finding))
        return found

    def idle(self) -> list[Violation]:
        """One more run, which has nothing to do."""
        before = self._truth()
        left = self.run(verb="sync")
        after = self._truth()
        ours = [one for one in after.journal[len(before.journal) :] if one.ours]
        writes = len(after.asked or ()) - len(before.asked or ())
        planned = 0 if self.scenario.verb == "undo" else int(left.report["plan"]["changes"])
        return self.check(quiet=True, idle=Idle(len(ours), writes, planned))

    def values(self) -> Values:
        """What the CRM shows by (record, property), stamps left out."""
        truth = self._truth()
        found = {(one.id, str(one.property)): value_of(truth, one, one.new) for one in truth.sets()}
        return {place: value for place, value in found.items() if place[1] not in STAMPS and value is not None}

    def ledger(self) -> Values:
        """What the ledger says by (record, property), stamps left out."""
        standing = read_books(self.store.url).ledger(self.ground.vendor, self._truth().object)
        return {place: row["written"] for place, row in standing.items() if place[1] not in STAMPS}

    def _truth(self) -> Truth:
        """The CRM once it has done everything that was asked of it."""
        until = time.monotonic() + _CALM
        while (data := self._ask("truth"))["under_way"]:
            assert time.monotonic() < until, "the CRM is still at work on a request"
            time.sleep(0.001)
        return truth_of(data, connection=self.ground.vendor, specs=self.ground.specs)

    def _wait_for_what_is_late(self) -> None:
        if self._ask("truth")["late"]:
            self.ground.clock.sleep(LATE + 1)
        assert not self._ask("truth")["late"], "a late request never had its effect"

    def _ask(self, what: str) -> dict[str, Any]:
        answer = requests.get(f"{self.stage.crm.url}/_rig/{what}", timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def _let_time_pass(self) -> None:
        """As if a dead run's lease and a pause that a CRM asked for were over: both go by the database's own clock."""
        place = make_url(self.store.url)
        if place.get_backend_name() == "sqlite" and not Path(str(place.database)).exists():
            return
        with engine_at(self.store.url).begin() as connection:
            if is_made(connection):
                mine = lease.c.workspace == "default"
                connection.execute(update(lease).where(mine).values(expires_at=_LONG_AGO))
                connection.execute(update(quota).values(blocked_until=None))


def _at_rest(report: Mapping[str, Any]) -> bool:
    """Whether a run came to its end and left nothing that the next one could go on with."""
    reason = str(report.get("reason"))
    if "was applied already" in reason or "nothing to undo" in reason:
        return True
    buckets = report.get("apply") or {}
    left = int(buckets.get("pending", 0)) + int(buckets.get("in_doubt", 0))
    return report.get("status") in ("complete", "partial") and not left
