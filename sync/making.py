"""What the plans of all records have in common that Keepwell makes in a CRM: what is known of them, what is decided.

Such a record is made once, under a key of its own; what somebody changed in it stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from store import failures, identity, ledger, resolutions
from store.failures import Failure
from store.identity import AccountLink
from store.ledger import LedgerRow
from store.plans import PlanRecord
from store.resolutions import Resolution
from sync.decide import Known, RecordDecision, Refusal, Resolved, Wanted, decide_record
from sync.owned import Owned
from sync.picture import in_doubt, written_of
from sync.session import Session


@dataclass(frozen=True, slots=True)
class KnownRecords:
    """What the store knows of some records, by key and property."""

    written: Mapping[tuple[str, str], LedgerRow]
    doubts: frozenset[tuple[str, str]]
    failures: Mapping[tuple[str, str], Failure]
    resolved: Mapping[tuple[str, str], Resolution]


class Maker:
    """Plans the records of one object that Keepwell makes."""

    def __init__(self, session: Session, owned: Owned) -> None:
        self._session = session
        self._owned = owned

    def links(self, account_ids: set[str]) -> dict[str, AccountLink]:
        """Account → its record in this connection, as far as it has one that may be written."""
        with self._session.deps.store.read() as c:
            found = identity.links(c, self._session.ws, account_ids)
        return {one.account_id: one for one in found if one.connection == self._owned.connection and one.writable}

    def known(self, keys: Sequence[str]) -> KnownRecords:
        """What the store knows of the records behind `keys`."""
        ws, owned = self._session.ws, self._owned
        with self._session.deps.store.read() as c:
            where = (c, ws, owned.connection, owned.object_name, keys)
            return KnownRecords(
                ledger.ledger_for(*where),
                in_doubt(c, ws, owned, keys),
                failures.of_records(*where),
                resolutions.of_records(*where),
            )

    def decided(
        self,
        key: str,
        values: Mapping[str, str | None],
        because: Mapping[str, str],
        seen: Mapping[str, str | None],
        known: KnownRecords,
    ) -> RecordDecision:
        """A person's edit is never overwritten, whatever the policy says of account fields."""
        names = [name for name in self._owned.by_field if name in values]
        wanted = [Wanted(name, self._owned.by_field[name], values[name], because[name]) for name in names]
        properties = {one.property for one in wanted}
        seen = {name: seen.get(name) for name in properties}
        return decide_record(wanted, seen, {name: self._of((key, name), known) for name in properties})

    def new(
        self, key: str, values: Mapping[str, str | None], because: str, known: KnownRecords, needed: str
    ) -> RecordDecision:
        """The same of a record that is not there yet: nothing goes without the field `needed`, which is its key."""
        decision = self.decided(key, values, dict.fromkeys(values, because), {}, known)
        if any(change.field == needed for change in decision.changes):
            return decision
        return RecordDecision(held=decision.held)

    def record(self, account_id: str, key: str, decision: RecordDecision, *, new: bool) -> PlanRecord:
        """A decision as a plan has it."""
        return PlanRecord(
            connection=self._owned.connection,
            object=self._owned.object_name,
            record_id=key,
            account_id=account_id,
            changes=tuple(asdict(change) for change in decision.changes),
            held=tuple(asdict(held) for held in decision.held),
            kind="create" if new else "update",
        )

    def _of(self, place: tuple[str, str], known: KnownRecords) -> Known:
        row, refused, decided = known.written.get(place), known.failures.get(place), known.resolved.get(place)
        waits = refused is not None and refused.due_at > self._session.deps.clock.now()
        return Known(
            written_of(row) if row is not None else None,
            place in known.doubts,
            Resolved(decided.verdict, decided.seen) if decided is not None else None,
            Refusal(refused.want) if refused is not None and waits else None,
        )
