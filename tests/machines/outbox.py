"""The outbox with ledger, failures and decisions, against a model that knows the allowed steps and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import func, select

from store import failures, ledger, resolutions, writes
from store.errors import StateConflict
from store.intents import Intent, IntentState, NewIntent, Settlement
from store.resolutions import Resolution
from store.tables import failure, intent, resolution
from store.tables import ledger as ledger_table
from sync.adopt import adopt
from tests.machines.kit import BEGIN, WS, World

Key = tuple[str, str]
"""(record id, property)"""
KEYS: tuple[Key, ...] = tuple((record, name) for record in ("1", "2") for name in ("cs_score", "cs_band"))
VALUES = (None, "1", "2")
OPEN = ("pending", "sent", "in_doubt")
STEPS: Mapping[str, frozenset[str]] = {
    "sent": frozenset({"confirmed", "rejected", "gone", "conflict", "pending", "in_doubt"}),
    # Whatever waits was sent once, so a value that is found there is ours.
    "pending": frozenset({"confirmed", "rejected", "gone", "conflict", "held", "stuck", "superseded"}),
    "in_doubt": frozenset({"confirmed", "gone", "conflict", "pending", "stuck"}),
}
"""The diagram of `store.writes` for intents that were sent: from an open state to the next; final ones have none."""
TARGETS: tuple[IntentState, ...] = (
    "pending", "sent", "in_doubt", "confirmed", "unchanged", "rejected", "gone", "conflict", "held", "stuck",
    "superseded",
)  # fmt: skip
Found = Literal["sent", "unchanged", "conflict", "gone"]
FOUND: tuple[Found, ...] = ("sent", "sent", "sent", "unchanged", "conflict", "gone")

Wanted = Mapping[Key, tuple[str | None, Found]]
WANTED = st.dictionaries(st.sampled_from(KEYS), st.tuples(st.sampled_from(VALUES), st.sampled_from(FOUND)), min_size=1)

_INTENTS = select(intent).order_by(intent.c.id)
_ENTRIES = select(func.count()).select_from(ledger_table)


@dataclass(slots=True)
class Row:
    """An intent as the model has it."""

    key: Key
    want: str | None
    seen: str | None
    state: str
    seq: int
    attempt: int
    run: str


class OutboxMachine(RuleBasedStateMachine):
    """Books, settles, recovers, supersedes and reads back; the store must show what the model shows after each step."""

    TABLES = (intent, ledger_table, failure, resolution)

    def __init__(self, world: World) -> None:
        super().__init__()
        self.store = world.emptied(*self.TABLES).store
        self.now = BEGIN
        self.run = 1
        self.rows: dict[int, Row] = {}
        self.copies: dict[int, Intent] = {}  # as they were when they were booked
        self.written: dict[Key, tuple[str | None, str | None, bool]] = {}  # before, written, read back
        self.entries = 0
        self.refused: dict[Key, tuple[str | None, int]] = {}  # want, attempts
        self.decided: dict[Key, tuple[str, str | None]] = {}
        self.over: dict[int, tuple[Any, ...]] = {}

    def open_row(self, key: Key) -> Row | None:
        return next((row for row in self.rows.values() if row.key == key and row.state in OPEN), None)

    @rule()
    def another_run(self) -> None:
        self.run += 1
        self.now += timedelta(minutes=10)

    @rule(wanted=WANTED)
    def book(self, wanted: Wanted) -> None:
        """A guard read was done; what it showed decides the state in which each value enters."""
        news = {
            key: NewIntent("crm", "companies", key[0], "field", key[1], "0", want, "why")
            for key, (want, _) in wanted.items()
        }
        found = {
            key: writes.Found(state, want if state == "unchanged" else "0") for key, (want, state) in wanted.items()
        }
        claim = writes.Claim(f"b{self.run}", 1, self.now, self.now + timedelta(minutes=1))
        with self.store.write() as c:
            booked = writes.book(
                c,
                WS,
                plan_id="plan",
                run_id=f"run{self.run}",
                model_version="m",
                rows={news[key]: found[key] for key in wanted},
                claim=claim,
            )
            adopt(c, WS, [one for one in booked.intents if one.state == "unchanged"], self.now)
        blocked = {key for key in wanted if (row := self.open_row(key)) is not None and row.state != "pending"}
        assert {(one.record_id, one.property) for one in booked.blocked} == blocked
        made = {(one.record_id, one.property): one for one in booked.intents}
        assert made.keys() == wanted.keys() - blocked
        for key, one in made.items():
            self._booked(key, one, wanted[key], found[key].seen)

    def _booked(self, key: Key, one: Intent, wanted: tuple[str | None, Found], seen: str | None) -> None:
        want, state = wanted
        attempt, waiting = 0, self.open_row(key)
        if waiting is not None:
            waiting.state = "superseded"
            attempt = waiting.attempt if waiting.want == want else 0
        seq = 1 + max((row.seq for row in self.rows.values() if row.key == key), default=0)
        self.rows[one.id] = Row(key, want, seen, state, seq, attempt, one.run_id)
        self.copies[one.id] = one
        if state == "unchanged":
            self._enter(key, want, want, read_back=True)

    def _enter(self, key: Key, before: str | None, written: str | None, *, read_back: bool) -> None:
        self.written[key] = (before, written, read_back)
        self.entries += 1
        self.refused.pop(key, None)
        self.decided.pop(key, None)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), by_hand=st.booleans(), read_back=st.booleans())
    def settle(self, data: st.DataObject, by_hand: bool, read_back: bool) -> None:
        """Any steps of any intents, also forbidden ones, also by a process that knows them only from long ago."""
        # Open ones twice as often: what is over only refuses.
        usual = [one for one, row in self.rows.items() if row.state in OPEN] or list(self.rows)
        ids = data.draw(
            st.lists(st.sampled_from(usual) | st.sampled_from(list(self.rows)), min_size=1, max_size=3, unique=True)
        )
        targets = {one: data.draw(st.sampled_from(TARGETS)) for one in ids}
        self._settle(targets, by_hand=by_hand, read_back=read_back)

    @rule(
        wanted=WANTED,
        first=st.sampled_from(sorted(STEPS["sent"])),
        then=st.sampled_from(TARGETS),
        drop=st.booleans(),
        run=st.booleans(),
        again=st.booleans(),
    )
    def life(self, wanted: Wanted, first: IntentState, then: IntentState, drop: bool, run: bool, again: bool) -> None:
        """From the claim to an end and to the next plan; what the other rules do at random seldom comes so far."""
        self.book(wanted)
        self._settle({one: first for one, row in self.rows.items() if row.state == "sent"})
        self._settle({one: then for one, row in self.rows.items() if row.state in ("pending", "in_doubt")})
        if drop:
            self.drop_waiting()
        if run:
            self.another_run()
        if again:
            self.book(wanted)

    def _settle(self, targets: Mapping[int, IntentState], *, by_hand: bool = False, read_back: bool = False) -> None:
        known = [self.copies[one] for one in targets] if by_hand else None
        settlements = [Settlement(one, target, "why", "CODE", read_back) for one, target in targets.items()]
        steps = {one: self._leads_to(one, target, by_hand=by_hand) for one, target in targets.items()}
        try:
            with self.store.write() as c:
                writes.settle(c, WS, settlements, self.now, known)
        except StateConflict:
            assert None in steps.values(), "a step that the diagram allows was refused"
            return
        assert None not in steps.values(), "a step that the diagram does not have was taken"
        for one, state in steps.items():
            assert state is not None
            self._settled(self.rows[one], state, read_back=read_back)

    def _leads_to(self, one: int, target: str, *, by_hand: bool) -> str | None:
        now, then = self.rows[one].state, self.copies[one].state
        if target == "unchanged" and (then == "sent" or (not by_hand and self.copies[one].sent_at is not None)):
            target = "confirmed"
        allowed = target in STEPS.get(now, ())
        if by_hand:
            # A process goes by what it knew, and by what the row turns out to be when it is changed.
            allowed = allowed and target in STEPS.get(then, ())
        return target if allowed else None

    def _settled(self, row: Row, state: str, *, read_back: bool) -> None:
        if state == "pending" and row.state == "in_doubt":
            row.attempt += 1
        row.state = state
        if state == "confirmed":
            self._enter(row.key, row.seen, row.want, read_back=read_back)
        elif state in ("rejected", "stuck"):
            want, attempts = self.refused.get(row.key, (row.want, 0))
            self.refused[row.key] = (row.want, attempts + 1 if want == row.want else 1)
        elif state == "gone":
            self.refused.pop(row.key, None)

    @rule()
    def recover(self) -> None:
        """A run begins: whoever sent something is dead."""
        with self.store.write() as c:
            found = writes.recover(c, WS, "crm", self.now)
        on_the_way = [row for row in self.rows.values() if row.state == "sent"]
        assert found == len(on_the_way)
        for row in on_the_way:
            row.state = "in_doubt"

    @rule()
    def drop_waiting(self) -> None:
        with self.store.write() as c:
            dropped = writes.drop_waiting(c, WS, "crm", except_run=f"run{self.run}", now=self.now)
        waiting = [row for row in self.rows.values() if row.state == "pending" and row.run != f"run{self.run}"]
        assert dropped == len(waiting)
        for row in waiting:
            row.state = "superseded"

    @rule(key=st.sampled_from(KEYS), verdict=st.sampled_from(["accept", "reclaim"]), seen=st.sampled_from(VALUES))
    def decide(self, key: Key, verdict: Literal["accept", "reclaim"], seen: str | None) -> None:
        with self.store.write() as c:
            resolutions.decide(c, WS, [Resolution("crm", "companies", *key, verdict, seen, self.now)])
        self.decided[key] = (verdict, seen)

    @rule(key=st.sampled_from(KEYS))
    def nobody_wants_it_any_more(self, key: Key) -> None:
        with self.store.write() as c:
            failures.drop(c, WS, [("crm", "companies", *key)])
        self.refused.pop(key, None)

    @rule()
    def try_refused_ones_now(self) -> None:
        with self.store.write() as c:
            assert failures.make_due(c, WS, self.now) == len(self.refused)

    @rule(key=st.sampled_from(KEYS))
    def read_back(self, key: Key) -> None:
        with self.store.write() as c:
            row = ledger.ledger_for(c, WS, "crm", "companies", [key[0]]).get(key)
            assert (row is None) == (key not in self.written)
            ledger.mark_verified(c, WS, [row.id] if row is not None else [], self.now)
        if row is not None:
            self.written[key] = (*self.written[key][:2], True)

    @invariant()
    def intents_are_those_of_the_model(self) -> None:
        with self.store.read() as c:
            found = c.execute(_INTENTS).all()
        shown = {
            one.id: Row((one.record_id, one.property), one.want, one.seen, one.state, one.seq, one.attempt, one.run_id)
            for one in found
        }
        assert shown == self.rows
        opened = [row.key for row in shown.values() if row.state in OPEN]
        assert len(opened) == len(set(opened)), "two open intents of one value"
        for one in found:
            if one.state not in OPEN:
                assert self.over.setdefault(one.id, tuple(one)) == tuple(one), "what was over has changed"

    @invariant()
    def the_ledger_has_what_was_confirmed_last(self) -> None:
        with self.store.read() as c:
            found = ledger.ledger_for(c, WS, "crm", "companies", ["1", "2"])
            entries = c.execute(_ENTRIES).scalar_one()
        shown = {key: (row.before, row.written, row.verified_at is not None) for key, row in found.items()}
        assert shown == self.written
        assert entries == self.entries, "an entry was lost, or made twice"

    @invariant()
    def failures_and_decisions_are_those_of_the_model(self) -> None:
        with self.store.read() as c:
            refused = failures.of_records(c, WS, "crm", "companies", ["1", "2"])
            decided = resolutions.of_records(c, WS, "crm", "companies", ["1", "2"])
        assert {key: (one.want, one.attempts) for key, one in refused.items()} == self.refused
        assert {key: (one.verdict, one.seen) for key, one in decided.items()} == self.decided
