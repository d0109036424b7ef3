"""Single cases of the write path that bugs were planted for and that no history has to come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, select

from store import Store, leases
from store.errors import LeaseLost
from store.tables import intent
from sync import faults
from sync.errors import Interrupted
from sync.lease import MISSED_BEATS, holding
from sync.session import Session, lease_key
from tests.flow.rig import rig
from tests.machines.kit import WS, World, session_of, world
from tests.machines.writer import SCORE, SEGMENT, STAMPED, Door, Fate, Run
from tests.sim.crm import ModelCrm, Record

Heartless = tuple[World, Session, list[Callable[[], bool]]]
LOST = Fate("lost on its way there", None, heard=False)
UNTOLD = Fate("nobody is told of", 0.0)


@dataclass
class Case:
    """One record in a CRM, and runs that write a score to it."""

    world: World
    crm: ModelCrm
    record: Record

    def run(self, score: str | None, *fates: Fate, segment: str | None = None, both: Record | None = None) -> Run:
        """Write them to the record, the score to another one too if one is given."""
        door = Door(self.crm, list(fates), lambda *_: None, lambda _: None)
        session = session_of(self.world, door, f"run{len(self.crm.posted)}-{score}", sleep=self.world.clock.sleep)
        door.session = session
        wants = {(self.record.id, SCORE): score, (self.record.id, SEGMENT): segment}
        run = Run(session, door, wants | ({} if both is None else {(both.id, SCORE): score}))
        run.take()
        try:
            run.go()
        finally:
            run.give_back()
        return run

    def states(self, name: str = SCORE) -> list[str]:
        with self.world.store.read() as c:
            query = select(intent.c.state).where(intent.c.property == name).order_by(intent.c.id)
            return list(c.execute(query).scalars())

    def states_by_record(self) -> dict[str, str]:
        """Of the score alone."""
        with self.world.store.read() as c:
            query = select(intent.c.record_id, intent.c.state).where(intent.c.property == SCORE)
            return {row.record_id: row.state for row in c.execute(query)}


@pytest.fixture
def case() -> Iterator[Case]:
    with world("sqlite") as made:
        crm = ModelCrm("crm", made.clock.monotonic, ["companies"])
        yield Case(made, crm, crm.create("companies", {}))


@pytest.fixture
def heartless() -> Iterator[Heartless]:
    """A run and its heart, which beats when somebody lets it."""
    beats: list[Callable[[], bool]] = []

    def every(_seconds: float, act: Callable[[], bool]) -> AbstractContextManager[None]:
        beats.append(act)
        return nullcontext()

    with world("sqlite") as made:
        door = Door(ModelCrm("crm", made.clock.monotonic, ["companies"]), [], lambda *_: None, lambda _: None)
        yield made, session_of(made, door, "run1", every=every), beats


@contextmanager
def at(point: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something whenever a fault point is passed."""
    faults.arm(lambda name: act() if name == point else None)  # type: ignore[arg-type, func-returns-value]
    try:
        yield
    finally:
        faults.arm(None)


def test_a_row_that_the_answer_leaves_out_is_in_doubt(case: Case) -> None:
    seen: list[list[str]] = []
    with at("apply.settled", lambda: seen.append(case.states())):
        case.run("1", UNTOLD)
    assert seen == [["in_doubt"]]
    assert case.states() == ["confirmed"], "the read-back found it"


def test_a_request_without_an_answer_is_in_doubt(case: Case) -> None:
    seen: list[list[str]] = []
    with at("apply.settled", lambda: seen.append(case.states())):
        case.run("1", LOST)
    assert seen[0] == ["in_doubt"]


def test_each_record_gets_its_own_outcome(case: Case) -> None:
    """Answers name the records in another order than the request."""
    second = case.crm.create("companies", {})
    case.run("1", Fate("one record refused", 0.0), both=second)
    assert case.record.values.get(SCORE) is None
    assert case.states_by_record() == {case.record.id: "rejected", second.id: "confirmed"}


def test_a_stamp_does_not_go_alone_when_all_else_is_there(case: Case) -> None:
    """A person sets the very value that was planned; only the time of scoring would be left to write."""
    with at("apply.begun", lambda: case.crm.edit("companies", case.record, {SCORE: "1"})):
        case.run("1")
    assert case.crm.posted == []
    assert (case.states(), case.states(STAMPED)) == (["unchanged"], ["unchanged"])


def test_a_record_that_went_while_its_answer_was_lost_is_gone(case: Case) -> None:
    with at("settle.waited", lambda: case.crm.delete("companies", case.record)):
        case.run("1", LOST)
    assert case.states() == ["gone"]
    assert len(case.crm.posted) == 1


def test_a_lost_request_is_given_up_after_five_attempts(case: Case) -> None:
    for _ in range(5):
        case.run("1", LOST)
    assert case.states()[-1] == "stuck"
    case.run("1")
    assert len(case.crm.posted) == 5, "it is listed with the failures and waits its time"


def test_what_somebody_set_while_the_answer_was_lost_stays(case: Case) -> None:
    with at("settle.waited", lambda: case.crm.edit("companies", case.record, {SCORE: "7"})):
        case.run("1", LOST)
    case.run("1")
    assert case.states() == ["conflict"]
    assert case.record.values[SCORE] == "7"


def test_a_value_that_the_crm_alters_is_drift(tmp_path: Path) -> None:
    """Everything is read back on a property's first run, so a workflow that changes one value is seen."""
    with rig(tmp_path, accounts=6) as made:
        company = made.some_company("name")
        altered = {"cs_health_score": "1"}
        with at("verify.begun", lambda: made.person("edit", object="companies", id=company, properties=altered)):
            report = made.sync()
    assert report.drift == 1
    assert report.status == "partial"


def test_a_run_that_cannot_renew_its_lease_stops(heartless: Heartless) -> None:
    made, session, beats = heartless
    with holding(session, ["crm"]):
        assert beats[0](), "a first beat"
        made.clock.sleep(200.0)
        leases.acquire(made.store, WS, lease_key("crm"), "successor", 60.0)
        answers = [beats[0]() for _ in range(MISSED_BEATS)]
        assert answers == [True] * (MISSED_BEATS - 1) + [False]
        assert session.lost.is_set()
        assert not session.time_to_send()
        with pytest.raises(Interrupted, match="could not be renewed"):
            session.deps.stop.check()
        with pytest.raises(LeaseLost), session.write():
            pass


def test_a_beat_counts_from_its_begin(heartless: Heartless) -> None:
    """The store may have answered late: how long it took is not part of what the lease is good for."""
    made, session, beats = heartless
    with holding(session, ["crm"]):
        made.clock.sleep(30.0)
        asked = made.clock.monotonic()
        session.deps = replace(session.deps, store=cast("Store", Slow(made)))
        assert beats[0]()
        assert made.clock.monotonic() == asked + 10.0
        assert session.renewed_at == asked
        session.deps = replace(session.deps, store=made.store)


@dataclass
class Slow:
    """A store whose transactions take ten seconds to begin."""

    made: World

    def write(self) -> AbstractContextManager[Connection]:
        self.made.clock.sleep(10.0)
        return self.made.store.write()


def test_an_outcome_is_not_recorded_once_somebody_else_has_the_lease(case: Case) -> None:
    """The run stood still after its request for longer than its lease; what became of the request is the next one's."""

    def usurp() -> None:
        case.world.clock.sleep(200.0)
        leases.acquire(case.world.store, WS, lease_key("crm"), "successor", 60.0)

    with at("apply.sent", usurp), pytest.raises(LeaseLost):
        case.run("1")
    assert case.states() == ["sent"]
