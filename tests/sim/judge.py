"""Judges the world from outside: the CRMs' journals against outbox, ledger, audit and runs; it asks the engine nothing.

The numbers are those of the invariants that hold whatever happens (docs/reliability.md). A run is judged once nothing
of it is under way any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select

from mapping.canonical import canonical
from mapping.records import FieldSpec
from store import Store, audit, leases
from store.intents import OPEN
from store.sql import its
from store.tables import audit as audit_table
from store.tables import intent, ledger, raw_record, run
from sync.deps import Timing
from sync.report import RunReport
from tests.sim.crm import Effect, ModelCrm

TIMING = Timing()
"""What the engine promises."""
MOST_SHOWN = 20
WS = "default"
# Made once: SQLAlchemy takes longer to build a query than to carry it out. All indexes begin with the workspace:
# without it each run that is judged would read everything that was ever written.
_LAST_RUNS = select(run.c.id).where(run.c.workspace == WS).order_by(run.c.id.desc()).limit(20)
_STATUS = select(run.c.status).where(run.c.workspace == WS, its(run.c.id))
_INTENTS = select(intent).where(intent.c.workspace == WS, its(intent.c.run_id)).order_by(intent.c.id)
_AUDITED = select(audit_table).where(audit_table.c.workspace == WS, its(audit_table.c.run_id))
LANDED = ("confirmed", "conflict", "gone", "sent", "in_doubt", "stuck")
"""States of an intent whose request may have had its effect."""
Key = tuple[str, str]
"""(record id, property)"""


@dataclass(slots=True)
class History:
    """The journal of one CRM, read further as it grows: effects by run, and everything about one property in order."""

    crm: ModelCrm
    read: int = 0
    by_run: defaultdict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))
    by_key: defaultdict[Key, list[Effect]] = field(default_factory=lambda: defaultdict(list))

    def read_on(self) -> None:
        """Take in what happened since."""
        self.crm.catch_up()
        for effect in self.crm.journal[self.read :]:
            if effect.action == "set" and effect.object == self.crm.accounts:
                self.by_key[effect.id, effect.property].append(effect)
                if effect.actor.startswith("api:"):
                    self.by_run[effect.actor[4:]].append(effect)
        self.read = len(self.crm.journal)

    def before(self, effect: Effect) -> Effect | None:
        """Who set the property before."""
        earlier = [one for one in self.by_key[effect.id, effect.property] if one.seq < effect.seq]
        return earlier[-1] if earlier else None

    def after(self, effect: Effect) -> list[Effect]:
        """Who set the property later."""
        return [one for one in self.by_key[effect.id, effect.property] if one.seq > effect.seq]


class Judge:
    """Collects violations, each with the number of its invariant."""

    def __init__(
        self,
        store: Store,
        crms: Mapping[str, ModelCrm],
        specs: Iterable[FieldSpec],
        reclaimed: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        self.violations: list[str] = []
        self.last_writer: str | None = None
        self.residual = 0
        self._store = store
        self._specs = {f"cs_{spec.name}": spec for spec in specs}
        self._reclaimed = {f"cs_{name}" for name in reclaimed}
        self._histories = {name: History(crm) for name, crm in crms.items()}
        self._clock = clock
        self._unjudged: dict[str, None] = {}

    def violated(self, number: int, what: str) -> None:
        """Note a violation."""
        if len(self.violations) < MOST_SHOWN:
            moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
            self.violations.append(f"({number}) at {moment}: {what}")

    def request_leaves(self, crm: ModelCrm, run_id: str) -> None:
        """One writer (9): whoever sends has the lease, for as long as the request may take."""
        with self._store.read() as c:
            holder = leases.holder(c, WS, f"connection:{crm.name}")
        if holder is None or holder.owner != run_id:
            self.violated(9, f"run {run_id} writes to {crm.name}, whose lease has {holder}")
        elif holder.expires_in < TIMING.deadline:
            self.violated(9, f"run {run_id} writes to {crm.name} with {holder.expires_in:.0f} s of its lease left")

    def run_ended(self, report: RunReport | None) -> None:
        """Judge this run, and those before it of which something was under way."""
        if report is not None:
            self._explained(report)
            if report.status in ("complete", "partial") and report.buckets().confirmed:
                self.last_writer = report.run_id
        with self._store.read() as c:
            known = c.execute(_LAST_RUNS).scalars().all()
        for one in reversed(known):
            if report is None or one <= report.run_id:
                self._unjudged.setdefault(one, None)
        self._judge_what_is_over()

    def everything_is_settled(self) -> None:
        """Liveness (14): the faults are over for a while, so nothing is under way, in doubt or unexplained."""
        for history in self._histories.values():
            if not history.crm.quiet:
                self.violated(14, f"{history.crm.name}: a request is still on its way")
        with self._store.read() as c:
            opened = c.execute(select(intent).where(intent.c.state.in_(OPEN))).all()
            last = c.execute(select(run.c.status, run.c.reason).order_by(run.c.id.desc()).limit(1)).one()
        for one in opened:
            self.violated(14, f"an intent is still {one.state}: {one}")
        if last.status not in ("complete", "partial"):
            self.violated(14, f"the last run ended {last.status}: {last.reason}")

    def nothing_was_sent(self, before: int) -> None:
        """Idle means idle (20)."""
        sent = sum(len(history.crm.posted) for history in self._histories.values()) - before
        if sent:
            self.violated(20, f"a run with nothing to do sent {sent} requests")

    def close(self) -> None:
        """Everything that can only be judged at the end."""
        self._judge_what_is_over()
        for one in self._unjudged:
            self.violated(14, f"run {one} never came to its end")
        for history in self._histories.values():
            for one, effects in history.by_run.items():
                self.violated(9, f"run {one} was over, and then came {effects}")
        with self._store.read() as c:
            for problem in audit.verify_chain(c, WS):
                self.violated(10, f"audit chain: {problem}")
            for status, one in c.execute(select(run.c.status, run.c.id).where(run.c.status == "running")):
                self.violated(12, f"run {one} is {status} for ever")
            tokens: defaultdict[str, int] = defaultdict(int)
            rows = select(intent.c.connection, intent.c.token, intent.c.id).where(intent.c.token.is_not(None))
            for connection, token, number in c.execute(rows.order_by(intent.c.id)):
                if token < tokens[connection]:
                    self.violated(9, f"intent {number} of {connection} has token {token} after {tokens[connection]}")
                tokens[connection] = max(tokens[connection], token)
        for name, history in self._histories.items():
            self._nothing_is_lost(name, history)
            self._the_copy_is_exact(name, history.crm)
            if history.crm.over_limit:
                self.violated(13, f"{name} counted {history.crm.over_limit} requests above its limit")

    def _explained(self, report: RunReport) -> None:
        """Every run explained (12): each planned change is in one bucket, and no end is better than the worst row."""
        total = report.buckets()
        if total.settled() != total.planned:
            self.violated(12, f"run {report.run_id}: {total}")
        bad = total.rejected + total.conflict + total.pending + total.in_doubt
        if report.status == "complete" and bad:
            self.violated(12, f"run {report.run_id} is complete with {total}")
        if report.status != "complete" and not report.reason:
            self.violated(12, f"run {report.run_id} ended {report.status} without a reason")

    def _judge_what_is_over(self) -> None:
        for history in self._histories.values():
            history.read_on()
        waiting = {one.run_id for history in self._histories.values() for one in history.crm.under_way()}
        for one in [one for one in self._unjudged if one not in waiting]:
            with self._store.read() as c:
                state = c.execute(_STATUS, {"its_id": one}).scalar_one()
                intents = c.execute(_INTENTS, {"its_run_id": one}).all()
                audited = c.execute(_AUDITED, {"its_run_id": one}).all()
            if state == "running" or any(row.state in OPEN for row in intents):
                continue
            del self._unjudged[one]
            self._outcomes(one, intents, audited)
            for name, history in self._histories.items():
                mine = [row for row in intents if row.connection == name]
                self._effects(history, history.by_run.pop(one, []), mine, audited)

    def _outcomes(self, run_id: str, intents: Sequence[Row[Any]], audited: Sequence[Row[Any]]) -> None:
        """Audit first (10): what was sent has one entry before it, and it is over."""
        batches = [row.batch for row in audited if row.kind == "intent"]
        if len(batches) != len(set(batches)):
            self.violated(10, f"run {run_id}: one batch has several entries")
        for row in intents:
            if (row.sent_at is not None) != (row.batch in batches):
                self.violated(10, f"sent without an entry, or the other way round: {row}")

    def _effects(
        self, history: History, effects: Sequence[Effect], intents: Sequence[Row[Any]], audited: Sequence[Row[Any]]
    ) -> None:
        caused: defaultdict[tuple[Key, str | None], list[Row[Any]]] = defaultdict(list)
        for row in intents:
            if row.sent_at is not None:
                caused[(row.record_id, row.property), row.want].append(row)
        at = {row.batch: row.at for row in audited if row.kind == "intent"}
        for effect in effects:
            if effect.property not in self._specs or not self._specs[effect.property].writable:
                self.violated(3, f"a field of the people was written: {effect}")
                continue
            rows = caused[(effect.id, effect.property), self._canonical(effect.property, effect.new)]
            row = next((one for one in rows if self._explains(history, one, effect)), None)
            if row is None:
                self.violated(2, f"an effect that no request explains, or twice the same: {effect}; {rows}")
                continue
            rows.remove(row)
            if at[row.batch].timestamp() > effect.time:
                self.violated(10, f"an effect before its entry: {effect}")
            self._people_win(history, effect, row)
        for key, rows in caused.items():
            for row in rows:
                if row.state == "confirmed" and not self._was_there(history, key, row):
                    self.violated(1, f"confirmed, but nothing happened: {row}")

    def _explains(self, history: History, row: Row[Any], effect: Effect) -> bool:
        if row.sent_at.timestamp() > effect.time:
            return False
        # What a stranger replaced before it was read back looks as if it had never arrived.
        replaced = any(not one.actor.startswith("api:") for one in history.after(effect))
        return row.state in LANDED or (row.state in ("pending", "superseded") and replaced)

    def _was_there(self, history: History, key: tuple[Key, str | None], row: Row[Any]) -> bool:
        """Whether the property had the value at some moment since the request: somebody else may have set it."""
        changes = history.by_key[key[0]]
        since = row.sent_at.timestamp()
        values = [one for one in changes if one.time >= since]
        earlier = [one for one in changes if one.time < since]
        first = earlier[-1].new if earlier else None
        return any(self._canonical(key[0][1], value) == key[1] for value in [first, *(one.new for one in values)])

    def _people_win(self, history: History, effect: Effect, row: Row[Any]) -> None:
        """Human wins (3): nobody's value is replaced that he set before we looked, unless it was ours to replace."""
        before = history.before(effect)
        posted = history.crm.posted[effect.request]
        if posted.left - posted.read_at > TIMING.send_within:
            self.violated(3, f"{posted.left - posted.read_at:.1f} s between looking and sending: {effect}")
        if before is None or before.actor != "user":
            return
        if before.time > posted.read_at:
            self.residual += 1
            return
        value = self._canonical(effect.property, before.new)
        known = self._known_as_ours(history, row, effect, value)
        reclaims = effect.property in self._reclaimed and row.base == value
        if not (known or reclaims):
            self.violated(3, f"a person's value was replaced: {before} by {effect}; {row}")

    def _known_as_ours(self, history: History, row: Row[Any], effect: Effect, value: str | None) -> bool:
        """Whether the ledger had the value as ours: written or adopted, there or at a record that was merged into it.

        An empty property where we never wrote is free.
        """
        _l = ledger.c
        ids = [row.record_id, *history.crm.objects[history.crm.accounts][row.record_id].merged_from]
        here = (_l.workspace == WS) & (_l.connection == row.connection) & (_l.object == row.object)
        here &= _l.record_id.in_(ids) & (_l.property == row.property)
        with self._store.read() as c:
            rows = c.execute(select(_l.written, _l.written_at).where(here)).all()
        earlier = [one for one in rows if one.written_at.timestamp() <= effect.time and one.written == value]
        return bool(earlier) or (value is None and row.base is None)

    def _nothing_is_lost(self, name: str, history: History) -> None:
        """No lost update (1): what the ledger says last is there, unless somebody else came after."""
        live = {one.id: one for one in history.crm.live()}
        with self._store.read() as c:
            rows = c.execute(select(ledger).where(ledger.c.connection == name, ledger.c.is_current)).all()
        for row in rows:
            record = live.get(row.record_id)
            if record is None:
                continue
            there = self._canonical(row.property, record.values.get(row.property))
            changes = history.by_key[row.record_id, row.property]
            ours = not changes or changes[-1].actor.startswith("api:")
            if there != row.written and ours:
                self.violated(1, f"{name} shows {there!r} where the ledger says {row.written!r}: {row}")

    def _the_copy_is_exact(self, name: str, crm: ModelCrm) -> None:
        """Exact pull (5): what the store holds at the end is what the CRM has."""
        for kind in crm.objects:
            there = {one.id: one for one in crm.live(kind)}
            here = (raw_record.c.connection == name) & (raw_record.c.stream == kind)
            with self._store.read() as c:
                alive = here & ~raw_record.c.gone & ~raw_record.c.archived
                rows = {row.id: row.payload for row in c.execute(select(raw_record).where(alive))}
            if rows.keys() != there.keys():
                self.violated(5, f"{name} {kind}: the store and the CRM differ in {sorted(rows.keys() ^ there.keys())}")
            for one in rows.keys() & there.keys():
                for prop, value in there[one].values.items():
                    if _text(rows[one].get(prop)) != _text(value):
                        self.violated(5, f"{name} {kind} {one} {prop}: {rows[one].get(prop)!r}, not {value!r}")

    def _canonical(self, name: str, value: str | None) -> str | None:
        return canonical(self._specs[name], value)


def _text(value: object) -> str:
    """Numbers come in several spellings."""
    try:
        return repr(float(str(value)))
    except ValueError:
        return str(value)
