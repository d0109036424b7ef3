"""Reading back what was confirmed: everything on a property's first run, later a sample of the records.

A 2xx answer is not proof: a CRM may ignore a value, or a workflow may change it at once. What differs is drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from connectors.base import Connector
from connectors.budget import urgent
from store import ledger, marks
from store.ledger import LedgerRow
from store.plans import Plan
from sync import planbook
from sync.batch import read_current
from sync.faults import fp
from sync.owned import Owned
from sync.proof import Sample, mark_of, proven_properties
from sync.session import Session

CHUNK = 500
NAMED = 3
"""So many differing values are named in the report's notes."""


def verify_writes(session: Session, connector: Connector, owned: Owned, plan: Plan) -> None:
    """Compare what this run confirmed with the CRM; fills `report.drift` and marks the ledger."""
    with session.deps.store.read() as c:
        proven = proven_properties(c, session.ws, connector.name)
    seen: set[str] = set()
    due = _due(session, owned, plan, proven)
    # As many records as one call reads: a sample of a large plan would else cost a call for each of its chunks.
    while records := list(islice(due, owned.records(connector).capabilities.read_batch)):
        session.deps.stop.check()
        rows = [row for record in records for row in record]
        seen.update(row.property for row in rows)
        fp("verify.begun")
        _compare(session, connector, owned, rows)
    if seen - proven:
        with session.write() as c:
            marks.set_mark(c, session.ws, mark_of(connector.name), sorted(seen | proven))
        fp("verify.proven")


def _due(session: Session, owned: Owned, plan: Plan, proven: frozenset[str]) -> Iterator[list[LedgerRow]]:
    """Records to read back, as their ledger rows."""
    sample = Sample(plan.header.as_of.date())
    for records in _written_records(session, owned, plan):
        for rows in records:
            if sample.takes(rows[0].record_id, (row.property for row in rows), proven):
                yield rows


def _written_records(session: Session, owned: Owned, plan: Plan) -> Iterator[list[list[LedgerRow]]]:
    """Ledger rows that this run wrote, a list a record, in chunks of records of the plan."""
    planned = planbook.records(session.deps.store, plan, owned.connection)
    while chunk := list(islice(planned, CHUNK)):
        ids = [record.record_id for record in chunk if record.changes]
        by_record: dict[str, list[LedgerRow]] = {}
        with session.deps.store.read() as c:
            for row in ledger.ledger_for(c, session.ws, owned.connection, owned.object_name, ids).values():
                if row.run_id == session.run_id and row.property in owned.specs:
                    by_record.setdefault(row.record_id, []).append(row)
        yield list(by_record.values())


def _compare(session: Session, connector: Connector, owned: Owned, due: Sequence[LedgerRow]) -> None:
    ids = list(dict.fromkeys(one.record_id for one in due))
    names = tuple(dict.fromkeys(one.property for one in due))
    with urgent():
        current = read_current(session.deps, connector, owned, ids, names)
    fp("verify.read_back")
    equal: list[int] = []
    for one in due:
        if one.record_id in current.missing:
            continue
        there = current.values[one.record_id, one.property]
        if there == one.written:
            equal.append(one.id)
            continue
        session.report.drift += 1
        if session.report.drift <= NAMED:
            session.note(
                f"{connector.name}: {owned.object_name} {one.record_id} shows {there!r} in {one.property} right after "
                f"{one.written!r} was written; a workflow, a person or a read-only rule changed it.",
                connector.name,
            )
    with session.write() as c:
        ledger.mark_verified(c, session.ws, equal, session.deps.clock.now())
    fp("verify.recorded")
