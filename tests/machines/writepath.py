"""The write path against a CRM in memory, in virtual time: whatever happens meanwhile, the invariants hold.

The numbers in the messages are those of `docs/reliability.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count, pairwise

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select

from connectors.base import Change
from connectors.errors import ConnectorError
from store import audit, failures, leases, resolutions, writes
from store.errors import LeaseHeld, LeaseLost
from store.resolutions import Resolution, Verdict
from store.sql import its
from store.tables import audit as audit_table
from store.tables import audit_head, failure, intent, lease, ledger, raw_record, raw_seq, resolution
from sync import faults
from sync.errors import Interrupted
from sync.session import Session, lease_key
from tests.machines.kit import BEGIN, WS, Killed, World, session_of
from tests.machines.trials import KEYS, RECORDS, TRIALS, Event, Key, Script, Trial
from tests.machines.writer import SCORE, SEGMENT, STAMPED, TOO_LATE, Door, Fate, Run
from tests.sim.crm import Effect, ModelCrm, Posted

# Made once: SQLAlchemy takes longer to build a query than to carry it out.
_WRITTEN = select(ledger.c.record_id, ledger.c.property, ledger.c.written, ledger.c.written_at)
_TOKENS = select(intent.c.token, intent.c.batch).where(intent.c.token.is_not(None)).order_by(intent.c.id)
_BATCHES = select(audit_table.c.batch).where(audit_table.c.kind == "intent")
_CLAIMED = select(ledger).where(ledger.c.is_current, ledger.c.property != STAMPED)
_SENT = select(intent).where(intent.c.state == "sent", its(intent.c.run_id))


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
        self.ours: set[int] = set()  # effects of people that count as ours because a run found what it wanted
        self.given: set[int] = set()  # effects of people that they gave away
        self.accepted: dict[Key, str | None] = {}
        self.heard: set[int] = set()  # requests of whose outcome a run wrote down what it heard
        self.checked = 0
        self.held: dict[Key, str] = {}
        self.beating: list[Run] = []

    @initialize()
    def begin(self) -> None:
        for _ in RECORDS:
            self.crm.create("companies", {})

    def _decide(self, key: Key, verdict: Verdict) -> None:
        seen = self.crm.objects["companies"][key[0]].values.get(key[1])
        with self.store.write() as c:
            resolutions.decide(c, WS, [Resolution("crm", "companies", *key, verdict, seen, self.clock.now())])
        self.accepted.pop(key, None)
        if verdict == "accept":
            self.accepted[key] = seen

    @rule(trial=TRIALS)
    def run(self, trial: Trial) -> None:
        """The only rule: Hypothesis leaves some of several out, and a history without runs shows nothing."""
        for key, value in trial.edits.items():
            self._edit(key, value)
        self.clock.sleep(trial.wait)
        for key in [key for key, reason in self.held.items() if reason and trial.amends]:
            self._decide(key, "reclaim")
        for key, verdict in trial.verdicts.items():
            self._decide(key, verdict)
        if trial.amends:
            self._retry()
        self.wants.update(trial.news)
        self._run(trial.script, list(trial.fates))

    def _retry(self) -> None:
        with self.store.write() as c:
            failures.make_due(c, WS, self.clock.now())

    def _edit(self, key: Key, value: str | None) -> None:
        record = self.crm.objects["companies"][key[0]]
        if not record.gone and record.values.get(key[1]) != value:
            self.crm.edit("companies", record, {key[1]: value})

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
            if name == "apply.settled" and run.door.last is not None:
                self.heard.add(run.door.last)
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
            self._edit(key, value)
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
        if point not in ("plan.finished", "crm.read", "apply.guard_read", "settle.read_back"):
            return
        changes = [change for key in KEYS if (change := self.crm.last_change(*key)) is not None]
        if all(one.actor.startswith("api:") for one in changes):
            return  # nobody else set anything that still stands
        with self.store.read() as c:
            decided = resolutions.of_records(c, WS, "crm", "companies", RECORDS)
            doubts = writes.open_intents(c, WS, "crm", states=("in_doubt",))
        lost = {(one.record_id, one.property): one.want for one in doubts} if point == "settle.read_back" else {}
        given_away = {key: one.seen for key, one in decided.items() if one.verdict == "reclaim"}
        for effect in changes:
            key = (effect.id, effect.property)
            right = effect.new == run.wants.get(key) and self.accepted.get(key, "?") != effect.new
            right = right or lost.get(key, "?") == effect.new
            if right:
                self.ours.add(effect.seq)
            if given_away.get(key, "?") == effect.new:
                self.given.add(effect.seq)

    def _posting(self, session: Session, batch: Sequence[Change], fate: Fate) -> None:
        """A request is about to leave."""
        timing, door = session.deps.timing, session.deps.connectors["crm"]
        assert isinstance(door, Door)
        age = self.clock.monotonic() - door.looked_when
        assert age <= timing.send_within, "(3) the guard read was old when its request left"
        with self.store.read() as c:
            holder = leases.holder(c, WS, lease_key("crm"))
            sent = c.execute(_SENT, {"its_run_id": session.run_id}).all()
            batches = set(c.execute(_BATCHES).scalars())
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
        adopted = self._adoptions()
        last: dict[Key, Effect] = {}
        mine: dict[Key, Effect] = {}
        valued: dict[Key, str | None] = {}  # what counts as ours
        for effect in self.crm.journal:
            key = (effect.id, effect.property)
            if effect.action != "set":
                continue
            before = last.get(key)
            if effect.seq >= self.checked and effect.actor.startswith("api:") and key not in self.strayed:
                self._may_replace(effect, before, mine.get(key), valued.get(key))
            last[key] = effect
            if effect.actor.startswith("api:"):
                mine[key] = effect
            if effect.actor.startswith("api:") or effect.seq in adopted:
                valued[key] = effect.new
        self.checked = len(self.crm.journal)

    def _adoptions(self) -> set[int]:
        """Effects of people that a run took for ours before it or another one wrote again: a right value may also have
        come after the run looked."""
        found: set[int] = set()
        if not self.ours:
            return found
        with self.store.read() as c:
            rows = c.execute(_WRITTEN).all()
        until: dict[Key, float] = {}
        for effect in reversed(self.crm.journal):
            key = (effect.id, effect.property)
            if effect.actor.startswith("api:"):
                until[key] = effect.time
            elif effect.seq in self.ours and any(
                (row.record_id, row.property, row.written) == (*key, effect.new)
                and effect.time <= (row.written_at - BEGIN).total_seconds() < until.get(key, float("inf"))
                for row in rows
            ):
                found.add(effect.seq)
        return found

    def _may_replace(self, effect: Effect, before: Effect | None, mine: Effect | None, valued: str | None) -> None:
        """Judge what one of our effects replaced; `mine` is our last one before it, `valued` what counts as ours."""
        looked_at = self.crm.posted[effect.request].read_at
        if before is None or before.seq >= looked_at:
            return  # it came after the guard read, which nobody can see
        assert before.new != effect.new, f"(2) {effect} sets what is there already"
        if before.actor != "user" or before.seq in self.ours | self.given:  # given away, or right when it was seen
            return
        if mine is not None and mine.request not in self.heard and before.new == mine.old:
            return  # a read-back cannot tell a request that was lost from one whose effect somebody took back
        assert before.new == valued, f"(3) {effect} replaces what a person set: {before}"

    @invariant()
    def the_store_is_sound(self) -> None:
        with self.store.read() as c:
            rows = c.execute(_TOKENS).all()
            batches = c.execute(_BATCHES).scalars().all()
            claimed = c.execute(_CLAIMED).all()
        assert all(one.token <= two.token for one, two in pairwise(rows)), "(9) a token that was replaced did something"
        assert {row.batch for row in rows} == set(batches), "(10) audit and outbox differ"
        assert len(batches) == len(set(batches))
        been = {(one.id, one.property, one.new) for one in self.crm.journal}
        for row in claimed:
            was_there = row.written is None or (row.record_id, row.property, row.written) in been
            assert was_there, f"(1) the ledger claims what was never there: {row}"

    def teardown(self) -> None:
        """Nothing goes wrong any more: all that is wanted gets there, or it is said why not; then nothing happens."""
        faults.arm(None)
        self.clock.sleep(1_000.0)
        self._retry()
        self._run((), [])
        self.what_people_set_stays()
        self.clock.sleep(60.0)
        self._run((), [])
        sent = len(self.requests)
        self.clock.sleep(60.0)
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
