"""The write path against a CRM in memory, in virtual time: whatever happens meanwhile, the invariants hold.

The numbers in the messages are those of `docs/reliability.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count, pairwise

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select

from connectors.base import Change
from connectors.errors import ConnectorError
from store import audit, failures, leases, resolutions
from store.errors import LeaseHeld, LeaseLost
from store.resolutions import Resolution
from store.tables import audit as audit_table
from store.tables import audit_head, failure, intent, lease, ledger, raw_record, raw_seq, resolution
from sync import faults
from sync.errors import Interrupted
from sync.session import Session, lease_key
from tests.machines.kit import WS, Killed, World, session_of
from tests.machines.writer import DONE, FATES, SCORE, SEGMENT, TOO_LATE, Door, Fate, Run
from tests.sim.crm import Effect, ModelCrm, Posted

Key = tuple[str, str]
RECORDS = ("c1001", "c1002", "c1003")
KEYS: tuple[Key, ...] = tuple((record, name) for record in RECORDS for name in (SCORE, SEGMENT))
VALUES = (None, "1", "2", "3")
POINTS = (
    "settle.recovered", "settle.waited", "settle.read_back", "settle.decided", "plan.finished", "apply.begun",
    "apply.guard_read", "apply.claimed", "apply.sent", "apply.settled", "apply.forgotten", "crm.read", "crm.write",
    "crm.written",
)  # fmt: skip
"""Between two of these no other process can see what a run does; the last three are the CRM's own."""
EVENTS = st.one_of(
    st.just(("die", 0.0, KEYS[0], None)),
    st.tuples(st.just("pause"), st.sampled_from([1.0, 5.0, 100.0, 300.0]), st.just(KEYS[0]), st.none()),
    st.tuples(st.just("edit"), st.just(0.0), st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.just(("other run", 0.0, KEYS[0], None)),
    st.tuples(st.just("delete"), st.just(0.0), st.sampled_from(KEYS), st.none()),
)
Event = tuple[str, float, Key, str | None]
SCRIPT = st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 2), EVENTS), max_size=3)
Script = Sequence[tuple[str, int, Event]]


class WritePathMachine(RuleBasedStateMachine):
    """Values change, people edit, requests get lost or come late, processes die, stand still and meet each other."""

    TABLES = (intent, ledger, failure, resolution, audit_table, audit_head, lease, raw_record, raw_seq)

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world.emptied(*self.TABLES)
        self.store, self.clock = world.store, world.clock
        self.crm = ModelCrm("crm", self.clock.monotonic, ["companies"])
        self.wants: dict[Key, str | None] = {}
        self.runs = 0
        self.ids = map("b{}".format, count(1)).__next__
        self.requests: list[Posted] = []
        self.strayed: set[Key] = set()  # written by a request that came after its grace
        self.ours: set[int] = set()  # effects of people that count as ours: adopted, or reclaimed by a decision
        self.accepted: dict[Key, str | None] = {}
        self.checked = 0
        self.held: dict[Key, str] = {}
        self.beating: list[Run] = []

    @initialize()
    def begin(self) -> None:
        for _ in RECORDS:
            self.crm.create("companies", {})

    @rule(key=st.sampled_from(KEYS), value=st.sampled_from(VALUES))
    def another_value_is_computed(self, key: Key, value: str | None) -> None:
        self.wants[key] = value

    @rule(key=st.sampled_from(KEYS), value=st.sampled_from(VALUES))
    def a_person_edits(self, key: Key, value: str | None) -> None:
        record = self.crm.objects["companies"][key[0]]
        if not record.gone and record.values.get(key[1]) != value:
            self.crm.edit("companies", record, {key[1]: value})

    @rule(seconds=st.sampled_from([3.0, 70.0, 130.0, 600.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @rule(key=st.sampled_from(KEYS), reclaim=st.booleans())
    def a_person_decides(self, key: Key, reclaim: bool) -> None:
        """About the value that is there now; `accept` lets it stand."""
        seen = self.crm.objects["companies"][key[0]].values.get(key[1])
        verdict = "reclaim" if reclaim else "accept"
        with self.store.write() as c:
            resolutions.decide(c, WS, [Resolution("crm", "companies", *key, verdict, seen, self.clock.now())])  # type: ignore[arg-type]
        if not reclaim:
            self.accepted[key] = seen
            return
        self.accepted.pop(key, None)

    @rule()
    def refused_values_are_tried_again(self) -> None:
        with self.store.write() as c:
            failures.make_due(c, WS, self.clock.now())

    @rule(script=SCRIPT, fates=st.lists(st.sampled_from(FATES), max_size=3))
    def run(self, script: Script, fates: list[Fate]) -> None:
        self._run(script, list(fates))

    @rule(fates=st.lists(st.sampled_from([DONE, TOO_LATE]), min_size=1, max_size=2))
    def run_with_a_request_that_comes_after_its_grace(self, fates: list[Fate]) -> None:
        self._run((), list(fates))

    def _run(self, script: Script, fates: list[Fate]) -> None:
        self.runs += 1
        door = Door(self.crm, fates, self._posting, self.requests.append)
        session = session_of(self.world, door, f"run{self.runs}", sleep=self._slept, new_id=self.ids)
        door.session = session
        run = Run(session, door, dict(self.wants))
        try:
            run.take()
        except LeaseHeld:
            return
        self.beating.append(run)
        try:
            with self._acting(run, script), suppress(Interrupted, LeaseLost, ConnectorError):
                run.go()
        except Killed:
            self.beating.remove(run)
            return
        self.beating.remove(run)
        run.give_back()
        self.held.update(dict.fromkeys(KEYS, "") | run.held)

    def _slept(self, seconds: float) -> None:
        """Time passes for whoever is awake; their hearts beat meanwhile."""
        while seconds > 0:
            nap = min(seconds, 30.0)
            self.clock.sleep(nap)
            seconds -= nap
            for run in self.beating[-1:]:
                if self.clock.monotonic() - run.session.renewed_at >= run.session.deps.timing.heartbeat:
                    run.beat()

    @contextmanager
    def _acting(self, run: Run, script: Script) -> Iterator[None]:
        """Let events happen where the script says; whoever a run meets comes through while it stands still."""
        passed: dict[str, int] = {}

        def act(name: str) -> None:
            passed[name] = passed.get(name, 0) + 1
            self._adopted(run, name)
            if name == "apply.claimed":
                age = self.clock.monotonic() - run.door.looked_when
                assert age <= run.session.deps.timing.guard_age, "(3) the guard read was old when its batch was claimed"
            for point, nth, event in script:
                if (point, nth) == (name, passed[name]):
                    self._happens(event)

        before = faults._hook
        faults.arm(act)
        try:
            yield
        finally:
            faults.arm(before)

    def _happens(self, event: Event) -> None:
        what, seconds, key, value = event
        if what == "die":
            raise Killed
        if what == "pause":
            self.clock.sleep(seconds)
        elif what == "edit":
            self.a_person_edits(key, value)
        elif what == "delete":
            record = self.crm.objects["companies"][key[0]]
            if not record.gone:
                self.crm.delete("companies", record)
        else:
            hook = faults._hook
            self._run((), [])
            faults.arm(hook)

    def _adopted(self, run: Run, point: str) -> None:
        """What counts as ours from then on, whoever set it: a value that is right already when a run looks, or that a
        person gave away."""
        if point not in ("plan.finished", "crm.read", "apply.guard_read"):
            return
        with self.store.read() as c:
            decided = resolutions.of_records(c, WS, "crm", "companies", RECORDS)
        given_away = {key: one.seen for key, one in decided.items() if one.verdict == "reclaim"}
        for key in KEYS:
            effect = self.crm.last_change(*key)
            if effect is None:
                continue
            right = effect.new == run.wants.get(key) and self.accepted.get(key, "?") != effect.new
            if right or given_away.get(key, "?") == effect.new:
                self.ours.add(effect.seq)

    def _posting(self, session: Session, batch: Sequence[Change], fate: Fate) -> None:
        """A request is about to leave."""
        timing, door = session.deps.timing, session.deps.connectors["crm"]
        assert isinstance(door, Door)
        age = self.clock.monotonic() - door.looked_when
        assert age <= timing.send_within, "(3) the guard read was old when its request left"
        with self.store.read() as c:
            holder = leases.holder(c, WS, lease_key("crm"))
            sent = c.execute(select(intent).where(intent.c.state == "sent", intent.c.run_id == session.run_id)).all()
            batches = {row.batch for row in c.execute(select(audit_table).where(audit_table.c.kind == "intent"))}
        assert holder is not None, "(9) a request left without a lease"
        assert holder.token == session.held["crm"].token, "(9) a request left although somebody else has the lease"
        assert holder.expires_in >= timing.deadline, "(9) a request left that the lease may not last for"
        booked = {(row.record_id, row.property): row for row in sent}
        under_way = [one for one in self.crm.under_way() if one.due is not None]
        for change in batch:
            for name, want in change.values.items():
                key = (change.ref.id, name)
                assert key in booked, f"(10) {key} was sent and is not in the outbox"
                assert booked[key].want == want, f"(10) {key} was sent with another value than the one in the outbox"
                assert booked[key].batch in batches, f"(10) {key} was sent before its audit row"
                assert key in self.strayed or not any(key in _keys(one.changes) for one in under_way), (
                    f"(2) {key} was sent again while an earlier request may still arrive"
                )
                if fate is TOO_LATE:
                    self.strayed.add(key)

    @invariant()
    def what_people_set_stays(self) -> None:
        self.crm.catch_up()
        last: dict[Key, Effect] = {}
        mine: dict[Key, str | None] = {}
        for effect in self.crm.journal:
            key = (effect.id, effect.property)
            if effect.action != "set":
                continue
            before = last.get(key)
            if effect.seq >= self.checked and effect.actor.startswith("api:") and key not in self.strayed:
                self._may_replace(effect, before, mine.get(key), written=key in mine)
            last[key] = effect
            if effect.actor.startswith("api:"):
                mine[key] = effect.new
        self.checked = len(self.crm.journal)

    def _may_replace(self, effect: Effect, before: Effect | None, mine: str | None, *, written: bool) -> None:
        looked_at = self.crm.posted[effect.request].read_at
        if before is None or before.seq >= looked_at:
            return  # it came after the guard read, which nobody can see
        assert before.new != effect.new, f"(2) {effect} sets what is there already"
        if before.actor != "user" or before.seq in self.ours:
            return
        assert before.new == (mine if written else None), f"(3) {effect} replaces what a person set: {before}"

    @invariant()
    def the_store_is_sound(self) -> None:
        with self.store.read() as c:
            rows = c.execute(
                select(intent.c.token, intent.c.batch).where(intent.c.token.is_not(None)).order_by(intent.c.id)
            ).all()
            batches = c.execute(select(audit_table.c.batch).where(audit_table.c.kind == "intent")).scalars().all()
        assert all(one.token <= two.token for one, two in pairwise(rows)), "(9) a token that was replaced did something"
        assert {row.batch for row in rows} == set(batches), "(10) audit and outbox differ"
        assert len(batches) == len(set(batches))

    def teardown(self) -> None:
        """Nothing goes wrong any more: all that is wanted gets there, or it is said why not; then nothing happens."""
        faults.arm(None)
        self.clock.sleep(1_000.0)
        self.refused_values_are_tried_again()
        self._run((), [])
        self.what_people_set_stays()
        self._run((), [])
        sent = len(self.requests)
        self._run((), [])
        assert len(self.requests) == sent, "(20) a run without news wrote something"
        with self.store.read() as c:
            opened = c.execute(
                select(func.count()).where(intent.c.state.in_(["pending", "sent", "in_doubt"]))
            ).scalar_one()
            written = {
                (r.record_id, r.property): r.written for r in c.execute(select(ledger).where(ledger.c.is_current))
            }
            assert audit.verify_chain(c, WS) == []
        assert opened == 0, "(1) something is left open"
        for record in self.crm.live():
            for name in (SCORE, SEGMENT):
                self._got_there((record.id, name), record.values.get(name), written)

    def _got_there(self, key: Key, there: str | None, written: dict[Key, str | None]) -> None:
        reason = self.held.get(key)
        if not reason:
            assert there == self.wants.get(key), f"(1) {key} is {there}, not {self.wants.get(key)}, and nobody says why"
            theirs = self.accepted.get(key, "?") == there
            assert theirs or written.get(key) == there, f"(1) the ledger does not have what is there: {key}"
            return
        effect = self.crm.last_change(*key)
        explained = reason in ("accepted", "refused") or key in self.strayed
        assert explained or (effect is not None and effect.actor == "user"), f"(1) {key} is held ({reason}) for nobody"


def _keys(changes: Sequence[Change]) -> set[Key]:
    return {(one.ref.id, name) for one in changes for name in one.values}
