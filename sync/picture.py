"""What one CRM shows and what we wrote there, for the accounts of one chunk: the ground on which a plan decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from mapping.records import STAMP_FIELD
from store import failures, ledger, raw, resolutions, writes
from store.failures import Failure, Place
from store.identity import AccountLink
from store.ledger import LedgerRow
from store.sql import its, member
from store.tables import raw_alias
from sync.batch import read_current
from sync.because import Reasons
from sync.decide import (
    Known,
    RecordDecision,
    Refusal,
    Resolved,
    Told,
    Undone,
    Wanted,
    Written,
    decide_record,
)
from sync.errors import InvariantError
from sync.owned import Owned
from sync.planbook import STAMP
from sync.session import Session
from sync.written import lay_over

INDEX_LAG = timedelta(hours=1)
"""A search index may show a record as it was before a write this recent; then the record itself is asked."""
PAGE = 1_000
_A = raw_alias.c
_ABSORBED = select(_A.old_id, _A.survivor).where(
    its(_A.workspace, _A.connection, _A.stream), member(_A.survivor, name="survivors")
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One connection's records of a chunk.

    Raw payloads, what we wrote and when, what is in doubt, what people decided, what the CRM refused, and what it told
    about the last changes of values.
    """

    owned: Owned
    payloads: Mapping[str, Mapping[str, object]]
    ledger: Mapping[str, Mapping[str, Written]]
    doubts: frozenset[Place]
    resolved: Mapping[Place, Resolved]
    failures: Mapping[str, Mapping[str, Failure]]
    written_at: Mapping[str, datetime]
    told: Mapping[Place, Told] = field(default_factory=dict)

    @classmethod
    def read(cls, c: Connection, ws: str, owned: Owned, links: Iterable[AccountLink]) -> Picture:
        """Read the picture out of the store."""
        ids = [link.crm_id for link in links if link.connection == owned.connection and link.writable]
        written: dict[str, dict[str, Written]] = {}
        latest: dict[str, datetime] = {}
        for (record_id, name), row in ledger.ledger_for(c, ws, owned.connection, owned.object_name, ids).items():
            written.setdefault(record_id, {})[name] = written_of(row)
            latest[record_id] = max(row.written_at, latest.get(record_id, row.written_at))
        payloads = raw.payloads(c, ws, owned.connection, owned.stream, ids)
        where = (c, ws, owned.connection, owned.object_name, ids)
        decided = {place: Resolved(one.verdict, one.seen) for place, one in resolutions.of_records(*where).items()}
        doubts = in_doubt(c, ws, owned, ids)
        refused: dict[str, dict[str, Failure]] = {}
        for (record_id, name), failure in failures.of_records(*where).items():
            refused.setdefault(record_id, {})[name] = failure
        picture = cls(owned, payloads, written, doubts, decided, refused, latest)
        return picture.with_inheritance(c, ws, ids)

    def with_inheritance(self, c: Connection, ws: str, ids: Sequence[str]) -> Picture:
        """The picture after merges: a value that a survivor took over from a record we wrote to is ours."""
        absorbed = aliases_of(c, ws, self.owned.connection, self.owned.stream, ids)
        if not absorbed:
            return self
        found = ledger.ledger_for(c, ws, self.owned.connection, self.owned.object_name, list(absorbed))
        inherited: dict[str, dict[str, Written]] = {one: dict(known) for one, known in self.ledger.items()}
        for (old_id, name), row in found.items():
            survivor = absorbed[old_id]
            known = inherited.setdefault(survivor, {})
            ours = name in self.owned.specs and name not in self.ledger.get(survivor, {})
            if ours and self.seen_one(survivor, name) == row.written:
                known[name] = written_of(row)
        return replace(self, ledger=inherited)

    def writable(self, link: AccountLink) -> bool:
        """Whether the record is unambiguous and there."""
        return link.writable and link.crm_id in self.payloads

    def seen_one(self, record_id: str, name: str) -> str | None:
        """Canonical value of one property as the CRM shows it."""
        return self.owned.canonical(name, self.payloads.get(record_id, {}).get(name))

    def seen(self, record_id: str) -> dict[str, str | None]:
        """Canonical values of all owned properties as the CRM shows them."""
        return {name: self.seen_one(record_id, name) for name in self.owned.properties}

    def written(self, record_id: str) -> Mapping[str, Written]:
        """What we wrote last, by property."""
        return self.ledger.get(record_id, {})

    def decide(self, session: Session, link: AccountLink, values: Mapping[str, object] | None) -> RecordDecision:
        """Decide about one record; an account that was not evaluated, or whose record may not be written, has none."""
        if values is None or not self.writable(link):
            return RecordDecision()
        outputs = values.get("values")
        if not isinstance(outputs, Mapping):
            raise InvariantError("An evaluation in the store has no values.", hint="Run `keepwell sync --full`.")
        reasons = Reasons(values, session.sentences)
        policy = session.deps.settings.policy
        wanted = [
            Wanted(
                name,
                prop,
                STAMP if name == STAMP_FIELD else outputs.get(name),
                reasons.of(name),
                policy.human_edits_of(name),
            )
            for name, prop in self.owned.by_field.items()
        ]
        return decide_record(wanted, self.seen(link.crm_id), self._known(link.crm_id, session.deps.clock.now()))

    def recovered(self, record_id: str, decision: RecordDecision) -> list[Failure]:
        """Failures of a record that are over: what was refused got there, is not wanted any more, or is held."""
        tried = {(change.property, change.after) for change in decision.changes}
        tried |= {(held.property, held.want) for held in decision.held if held.reason in ("refused", "in_doubt")}
        return [one for one in self.failures.get(record_id, {}).values() if (one.property, one.want) not in tried]

    def _known(self, record_id: str, now: datetime) -> dict[str, Known]:
        written = self.written(record_id)
        return {
            name: Known(
                written.get(name),
                (record_id, name) in self.doubts,
                self.resolved.get((record_id, name)),
                self._refusal(record_id, name, now),
                self.told.get((record_id, name)),
            )
            for name in self.owned.properties
        }

    def _refusal(self, record_id: str, name: str, now: datetime) -> Refusal | None:
        found = self.failures.get(record_id, {}).get(name)
        return Refusal(found.want) if found is not None and found.due_at > now else None

    def doubtful(self, now: datetime) -> list[str]:
        """Records written a short time ago that do not show what was written."""
        return [
            record_id
            for record_id, moment in self.written_at.items()
            if record_id in self.payloads and now - moment < INDEX_LAG and self._differs(record_id)
        ]

    def _differs(self, record_id: str) -> bool:
        there = self.owned.specs
        return any(
            name in there and self.seen_one(record_id, name) != last.value
            for name, last in self.written(record_id).items()
        )


def looked_at_again(session: Session, picture: Picture) -> Picture:
    """The picture with doubtful records read from the CRM itself: an edit by a person, or only a slow index?"""
    ids = picture.doubtful(session.deps.clock.now())
    if not ids:
        return picture
    owned = picture.owned
    current = read_current(session.deps, session.deps.connectors[owned.connection], owned, ids, owned.properties)
    fresh: dict[str, dict[str, str | None]] = {}
    for (record_id, name), value in current.values.items():
        fresh.setdefault(record_id, {})[name] = value
    with session.write() as c:
        lay_over(c, session.ws, owned.connection, owned.stream, fresh)
    payloads = {one: {**payload, **fresh.get(one, {})} for one, payload in picture.payloads.items()}
    return replace(picture, payloads=payloads)


def aliases_of(c: Connection, ws: str, connection: str, stream: str, ids: Sequence[str]) -> dict[str, str]:
    """Old id → survivor, of the records that `ids` absorbed."""
    given = {"its_workspace": ws, "its_connection": connection, "its_stream": stream, "survivors": ids}
    return {row.old_id: row.survivor for row in c.execute(_ABSORBED, given)}


def written_of(row: LedgerRow) -> Written:
    """What a ledger row says about its property."""
    return Written(row.written, Undone(row.before) if row.undoes is not None else None)


def in_doubt(c: Connection, ws: str, owned: Owned, ids: Sequence[str]) -> frozenset[Place]:
    """(record id, property) among `ids` whose last write is under way or without an answer."""
    wanted = set(ids)
    doubts: set[Place] = set()
    after = 0
    while True:
        page = writes.open_intents(c, ws, owned.connection, states=("sent", "in_doubt"), after=after, limit=PAGE)
        doubts.update((one.record_id, one.property) for one in page if one.record_id in wanted)
        if len(page) < PAGE:
            return frozenset(doubts)
        after = page[-1].id
