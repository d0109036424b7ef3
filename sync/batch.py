"""One batch on its way to a CRM: guard read, claim, one attempt, outcomes; each step in its own transaction.

The order is what makes a crash harmless: the intents and their audit row are durable before the request starts, so
whatever happens then is found in doubt and read back, never sent again blindly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from sqlalchemy import Connection

from connectors.base import Change, Connector, Outcome
from connectors.budget import leaving_by
from connectors.errors import ConnectorError, CredentialsError, NotInTime, QuotaExhausted
from mapping.records import STAMP_FIELD, Ref
from store import audit, forgotten, leases, ledger, resolutions, writes
from store.intents import Intent, NewIntent, Settlement
from store.plans import PlanRecord
from store.resolutions import Resolution
from sync import taskbook
from sync.adopt import adopt
from sync.decide import Written, compare_before_write
from sync.deps import Deps
from sync.errors import Interrupted
from sync.faults import fp
from sync.owned import Owned
from sync.report import Bucket
from sync.session import Session
from sync.written import lay_over

GUARD_READS = 3
Key = tuple[str, str]
"""(record id, property)"""


@dataclass(slots=True)
class BatchResult:
    """Buckets of one batch; `again` are records worth a second attempt in this run; `stopped` ends the connection."""

    buckets: dict[Key, Bucket] = field(default_factory=dict)
    again: list[PlanRecord] = field(default_factory=list)
    records_written: int = 0
    stopped: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the guard read showed: canonical values by (record id, property), and records that are not there.

    `ids` are the CRM's own ids of records that are addressed by their keys; a missing one with an id was deleted.
    """

    values: Mapping[Key, str | None]
    missing: frozenset[str]
    ids: Mapping[str, str | None] = field(default_factory=dict)


def properties_of(records: Sequence[PlanRecord]) -> tuple[str, ...]:
    """Every property that some change of a batch concerns, in a stable order."""
    return tuple(dict.fromkeys(change["property"] for record in records for change in record.changes))


def read_current(
    deps: Deps, connector: Connector, owned: Owned, ids: Sequence[str], properties: Sequence[str]
) -> Guarded:
    """Read values as the CRM has them now, in batches of what one read takes; who was forgotten stays so in them."""
    values: dict[Key, str | None] = {}
    answered: set[str] = set()
    missing: set[str] = set()
    own: dict[str, str | None] = {}
    records = owned.records(connector)
    size = records.capabilities.read_batch
    with deps.store.read() as c:
        known = forgotten.known(c, deps.workspace)
    for start in range(0, len(ids), size):
        refs = [Ref(connector.name, owned.object_name, one) for one in ids[start : start + size]]
        for seen in records.read_values(refs, properties):
            answered.add(seen.ref.id)
            own[seen.ref.id] = seen.record_id
            if seen.missing:
                missing.add(seen.ref.id)
                continue
            there = ((name, owned.canonical(name, seen.values.get(name))) for name in properties)
            values |= {(seen.ref.id, name): known.value(value) for name, value in there}
    return Guarded(values, frozenset(missing | (set(ids) - answered)), own)


class BatchWriter:
    """Writes batches of one plan to one connection."""

    def __init__(self, session: Session, connector: Connector, owned: Owned, plan_id: str, model_version: str) -> None:
        self._session = session
        self._connector = connector
        self._records = owned.records(connector)
        self._owned = owned
        self._plan_id = plan_id
        self._model_version = model_version

    def write(self, records: Sequence[PlanRecord]) -> BatchResult:
        """Take a batch of at most `write_batch` records through guard read, claim, request and outcomes."""
        result = BatchResult()
        for _attempt in range(GUARD_READS):
            fp("apply.begun")
            read_at = self._session.deps.clock.monotonic()
            try:
                ids = [record.record_id for record in records]
                guarded = read_current(self._session.deps, self._connector, self._owned, ids, properties_of(records))
            except ConnectorError as error:
                return self._not_sent(records, result, error)
            fp("apply.guard_read")
            claimed = self._claim(records, guarded, result, read_at)
            if claimed is not None:
                self._send(records, claimed, result, read_at)
                return result
        return self._not_sent(records, result, None)

    def _not_sent(
        self, records: Sequence[PlanRecord], result: BatchResult, error: ConnectorError | None
    ) -> BatchResult:
        """Nothing was claimed: every change of the batch stays pending."""
        result.buckets = {(r.record_id, change["property"]): "pending" for r in records for change in r.changes}
        result.again = list(records)
        result.stopped = error
        return result

    def _claim(
        self, records: Sequence[PlanRecord], guarded: Guarded, result: BatchResult, read_at: float
    ) -> list[Intent] | None:
        """Commit intents and the audit row; None when the guard read got too old while waiting for the store."""
        session, deps = self._session, self._session.deps
        lease = session.lease(self._connector.name)
        ids = [record.record_id for record in records]
        with deps.store.write() as c:
            leases.check(c, lease)
            if deps.clock.monotonic() - read_at > deps.timing.guard_age:
                return None
            known = ledger.ledger_for(c, session.ws, self._connector.name, self._owned.object_name, ids)
            made = taskbook.made_before(c, session.ws, self._owned, records)
            readings = {
                key: self._reading(change, guarded, key, known, new=record.kind == "create", made=key[0] in made)
                for record in records
                for change in record.changes
                for key in [(record.record_id, str(change["property"]))]
            }
            decided = resolutions.of_records(c, session.ws, self._connector.name, self._owned.object_name, ids)
            _respect(decided, guarded, readings)
            _settle_stamps(records, readings)
            claimed = self._book(c, records, guarded, readings, result=result, token=lease.token)
        fp("apply.claimed")
        return claimed

    def _reading(
        self,
        change: Mapping[str, object],
        guarded: Guarded,
        key: Key,
        known: Mapping[Key, ledger.LedgerRow],
        *,
        new: bool,
        made: bool,
    ) -> _Reading:
        if key[0] in guarded.missing:
            return "send" if new and not made and not guarded.ids.get(key[0]) else "gone"
        row = known.get(key)
        before, after = change["before"], change["after"]
        if new:  # there already: this plan only makes it, and what it holds by now is its people's
            return "unchanged" if guarded.values[key] == after else "conflict"
        return compare_before_write(
            guarded.values[key],
            None if before is None else str(before),
            None if after is None else str(after),
            None if row is None else Written(row.written),
        )

    def _book(
        self,
        c: Connection,
        records: Sequence[PlanRecord],
        guarded: Guarded,
        readings: Mapping[Key, _Reading],
        *,
        result: BatchResult,
        token: int,
    ) -> list[Intent]:
        session, deps = self._session, self._session.deps
        now = deps.clock.now()
        rows = {
            NewIntent(
                connection=record.connection,
                object=record.object,
                record_id=record.record_id,
                field=change["field"],
                property=change["property"],
                base=change["before"],
                want=change["after"],
                because=change["because"],
                undoes=change.get("undoes"),
            ): _found(readings[key], guarded.values.get(key))
            for record in records
            for change in record.changes
            for key in [(record.record_id, change["property"])]
        }
        claim = writes.Claim(deps.new_id(), token, now, now + timedelta(seconds=deps.timing.deadline))
        booked = writes.book(
            c,
            session.ws,
            plan_id=self._plan_id,
            run_id=session.run_id,
            model_version=self._model_version,
            rows=rows,
            claim=claim,
        )
        for blocked in booked.blocked:
            result.buckets[(blocked.record_id, blocked.property)] = "in_doubt"
        for intent in booked.intents:
            key = (intent.record_id, intent.property)
            reading = readings[key]
            if reading != "send":
                result.buckets[key] = "conflict" if reading == "accepted" else reading
        # A time stamp that stays behind is `unchanged` too, but it is not what the CRM shows.
        adopt(c, session.ws, [one for one in booked.intents if one.state == "unchanged" and one.seen == one.want], now)
        known = {record.record_id: guarded.ids.get(record.record_id) for record in records}
        taskbook.note_made(c, session, self._owned, {key: one for key, one in known.items() if one})
        claimed = [one for one in booked.intents if one.state == "sent"]
        if claimed:
            self._audit(c, "intent", claim.batch, claimed, {})
        return claimed

    def _send(self, records: Sequence[PlanRecord], claimed: list[Intent], result: BatchResult, read_at: float) -> None:
        if not claimed:
            return
        changes: dict[str, dict[str, str | None]] = {}
        for intent in claimed:
            changes.setdefault(intent.record_id, {})[intent.property] = intent.want
        new = {record.record_id for record in records if record.kind == "create"}
        batch = [
            Change(Ref(self._connector.name, self._owned.object_name, one), values, new=one in new)
            for one, values in changes.items()
        ]
        if not self._session.time_to_send():
            hint = "Nothing was sent after that; run again to go on."
            raise Interrupted("This run stood still for so long that its lease may go to another one.", hint=hint)
        latest = min(read_at + self._session.deps.timing.send_within, self._session.last_to_send())
        self._session.sent[claimed[0].batch or ""] = self._session.deps.clock.monotonic()
        outcomes, error = self._attempt(batch, latest)
        fp("apply.sent")
        self._settle(records, claimed, outcomes, result, error)
        result.stopped = error if not isinstance(error, NotInTime) else None

    def _attempt(self, batch: Sequence[Change], latest: float) -> tuple[dict[str, Outcome], ConnectorError | None]:
        """One request, which leaves by `latest` or not at all: what was looked at must not be old by then, nor the
        lease over. An error becomes outcomes: surely not done → pending, else in doubt."""
        try:
            if self._session.deps.clock.monotonic() > latest:
                raise NotInTime("Nothing was sent: the run stood still after it had looked.")
            with leaving_by(latest):
                outcomes = {outcome.ref.id: outcome for outcome in self._records.write(batch)}
            return outcomes, None
        except (CredentialsError, QuotaExhausted) as error:
            return _all(batch, "pending", error), error
        except ConnectorError as error:
            return _all(batch, "in_doubt" if error.sent else "pending", error), error

    def _settle(
        self,
        records: Sequence[PlanRecord],
        claimed: Sequence[Intent],
        outcomes: Mapping[str, Outcome],
        result: BatchResult,
        error: ConnectorError | None,
    ) -> None:
        session = self._session
        settlements: list[Settlement] = []
        retry: dict[str, set[str]] = {}
        written: dict[str, dict[str, str | None]] = {}
        values, sent = _values(claimed), {(one.record_id, one.property) for one in claimed}
        needed = taskbook.needed(self._owned)
        for intent in claimed:
            outcome = outcomes.get(intent.record_id) or _unanswered(intent)
            if (intent.record_id, outcome.property) not in sent or outcome.property in needed:
                # A rule may show its error at a field that is none of ours; the rest is nothing without some of ours.
                outcome = replace(outcome, property=None)
            state = _state_of(intent, outcome, values.get(intent.record_id, frozenset()))
            along = intent.field == STAMP_FIELD and outcome.property != intent.property
            settlements.append(Settlement(intent.id, state, reason=outcome.reason, code=outcome.code, along=along))
            result.buckets[(intent.record_id, intent.property)] = state
            if state == "confirmed":
                written.setdefault(intent.record_id, {})[intent.property] = intent.want
            if state == "pending" and not isinstance(error, CredentialsError | QuotaExhausted):
                retry.setdefault(intent.record_id, set()).add(intent.property)
        with session.deps.store.write() as c:
            leases.check(c, session.lease(self._connector.name))
            now = session.deps.clock.now()
            writes.settle(c, session.ws, settlements, now, claimed)
            lay_over(c, session.ws, self._connector.name, self._owned.stream, written)
            ids = {one: outcomes[one].record_id for one in written}
            taskbook.note_made(c, session, self._owned, ids)
            detail = {one.ref.id: [one.kind, one.code] for one in outcomes.values() if one.kind != "confirmed"}
            self._audit(c, "outcome", claimed[0].batch or "", claimed, detail)
        fp("apply.settled")
        result.records_written += len(written)
        result.again = [_only(record, retry[record.record_id]) for record in records if record.record_id in retry]

    def _audit(
        self,
        c: Connection,
        kind: Literal["intent", "outcome"],
        batch: str,
        claimed: Sequence[Intent],
        detail: Mapping[str, object],
    ) -> None:
        lines = "\n".join(f"{one.record_id}\t{one.property}\t{one.want}" for one in claimed)
        audit.append(
            c,
            self._session.ws,
            kind=kind,
            batch=batch,
            run_id=self._session.run_id,
            connection=self._connector.name,
            object_name=self._owned.object_name,
            count=len(claimed),
            digest=hashlib.sha256(lines.encode()).hexdigest(),
            detail={"plan_id": self._plan_id, **detail},
            now=self._session.deps.clock.now(),
        )


_Reading = Literal["unchanged", "send", "conflict", "accepted", "gone"]


def _respect(decided: Mapping[Key, Resolution], guarded: Guarded, readings: dict[Key, _Reading]) -> None:
    """Leave alone what a person accepted after the plan was made: the decision is newer than the plan."""
    for key, one in decided.items():
        if one.verdict == "accept" and readings.get(key) == "send" and one.seen == guarded.values.get(key):
            readings[key] = "accepted"


def _settle_stamps(records: Sequence[PlanRecord], readings: dict[Key, _Reading]) -> None:
    """A time stamp goes only along with another change; where none is sent any more it shares the others' fate."""
    for record in records:
        stamps = [(record.record_id, c["property"]) for c in record.changes if c["field"] == STAMP_FIELD]
        others = [readings[record.record_id, c["property"]] for c in record.changes if c["field"] != STAMP_FIELD]
        for key in stamps:
            if readings[key] == "send" and others and "send" not in others:
                readings[key] = "conflict" if "conflict" in others else others[0]


def _found(reading: _Reading, seen: str | None) -> writes.Found:
    if reading == "send":
        return writes.Found("sent", seen)
    if reading == "unchanged":
        return writes.Found("unchanged", seen, "the CRM has this value already")
    if reading == "gone":
        return writes.Found("gone", None, "the record is not in the CRM any more")
    if reading == "accepted":
        return writes.Found("conflict", seen, "a person accepted the value that is there after the plan was made")
    shown = "nothing" if seen is None else repr(seen)
    return writes.Found("conflict", seen, f"somebody changed it since the plan was made: it has {shown} now")


def _values(claimed: Sequence[Intent]) -> dict[str, frozenset[str]]:
    """Record id → the properties that go to it, without its time stamp."""
    found: dict[str, set[str]] = {}
    for intent in claimed:
        if intent.field != STAMP_FIELD:
            found.setdefault(intent.record_id, set()).add(intent.property)
    return {record_id: frozenset(names) for record_id, names in found.items()}


def _state_of(
    intent: Intent, outcome: Outcome, values: frozenset[str]
) -> Literal["confirmed", "rejected", "gone", "pending", "in_doubt"]:
    """A refusal that names one property is that property's; the record's other `values` get another attempt.

    So does its time stamp, unless it would go alone then.
    """
    if outcome.kind != "rejected" or outcome.property in (None, intent.property):
        return outcome.kind
    goes_alone = intent.field == STAMP_FIELD and values <= {outcome.property}
    return "rejected" if goes_alone else "pending"


def _unanswered(intent: Intent) -> Outcome:
    ref = Ref(intent.connection, intent.object, intent.record_id)
    return Outcome(ref, "in_doubt", reason="the CRM's answer does not mention this record")


def _all(batch: Sequence[Change], kind: Literal["pending", "in_doubt"], error: ConnectorError) -> dict[str, Outcome]:
    return {change.ref.id: Outcome(change.ref, kind, reason=error.message) for change in batch}


def _only(record: PlanRecord, properties: set[str]) -> PlanRecord:
    changes = tuple(change for change in record.changes if change["property"] in properties)
    return replace(record, changes=changes, held=())
