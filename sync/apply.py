"""Room 7: carry out a plan, connection by connection in parallel, batch by batch, every change into one bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from connectors.base import Connector
from connectors.errors import ConnectorError, CredentialsError, QuotaExhausted
from store import leases, writes
from store.plans import Kind, Plan, PlanRecord
from sync import planbook
from sync.batch import BatchResult, BatchWriter
from sync.checks import check_freeze
from sync.errors import Interrupted
from sync.events import BatchSettled
from sync.faults import fp
from sync.owned import Owned
from sync.report import Buckets
from sync.session import Session
from sync.settle import settle_doubts

FAILING_BATCHES = 3
"""After so many batches in a row without an answer the connection is left alone until the next run."""
MOST_AGAIN = 20
"""Batches that wait for their second attempt at most; more of them are tried again at once, to keep memory flat."""

KINDS: tuple[Kind, ...] = ("create", "update")

T = TypeVar("T")


def apply_plan(session: Session, plan: Plan, owned: Mapping[str, Owned]) -> None:
    """Write a plan that passed the guards; fills the report's buckets.

    A failure of one connection does not stop the others. Raises what stopped a connection early: `Interrupted`,
    `CredentialsError`, `QuotaExhausted` or another `ConnectorError`; what was not sent is then pending.
    """
    names = list(session.deps.connectors)
    for name in names:
        session.report.apply[name] = Buckets(planned=_planned(plan, name))
    with session.deps.pool(max(1, len(names)), "apply") as pool:
        appliers = {name: _Applier(session, session.deps.connectors[name], owned[name], plan) for name in names}
        futures = {name: pool.submit(applier.run) for name, applier in appliers.items()}
        failures = [error for future in futures.values() if (error := future.exception()) is not None]
    for buckets in session.report.apply.values():
        buckets.pending += buckets.planned - buckets.settled()
    session.report.check_buckets()
    for kind in (BaseException, CredentialsError, QuotaExhausted, ConnectorError, Interrupted):
        for error in failures:
            if isinstance(error, kind) and (kind is not BaseException or not _expected(error)):
                raise error


def _expected(error: BaseException) -> bool:
    return isinstance(error, ConnectorError | Interrupted)


def _planned(plan: Plan, connection: str) -> int:
    return int(plan.counts.get(connection, {}).get("changes", 0))


class _Applier:
    """One connection's share of a plan."""

    def __init__(self, session: Session, connector: Connector, owned: Owned, plan: Plan) -> None:
        self._session = session
        self._connector = connector
        self._plan = plan
        self._owned = owned
        self._buckets: Buckets = session.report.apply[connector.name]
        self._failing = 0
        self._written = 0

    def run(self) -> None:
        """Every batch once, then once more what surely was not done, then what is in doubt."""
        try:
            for place in self._owned.places():
                self._write(place)
            self._decide_doubts()
            self._forget_what_nobody_wants()
        finally:
            self._session.report.records_written[self._connector.name] = self._written

    def _write(self, place: Owned) -> None:
        """The records of one object: those that are made before those that change."""
        plan = self._plan
        writer = BatchWriter(self._session, self._connector, place, plan.id or "", plan.header.model_version)
        size = place.records(self._connector).capabilities.write_batch
        for kind in KINDS if place.makes else KINDS[-1:]:
            again: list[PlanRecord] = []
            for batch in _chunks(self._records(place, kind), size):
                again += self._one(writer, batch)
                if len(again) >= MOST_AGAIN * size:
                    self._once_more(writer, again, size)
                    again = []
            self._once_more(writer, again, size)

    def _once_more(self, writer: BatchWriter, records: list[PlanRecord], size: int) -> None:
        for batch in _chunks(iter(records), size):
            self._one(writer, batch)

    def _forget_what_nobody_wants(self) -> None:
        """Values that an earlier run could not send and that no plan asks for any more."""
        session, name = self._session, self._connector.name
        with session.deps.store.write() as c:
            leases.check(c, session.lease(name))
            writes.drop_waiting(c, session.ws, name, except_run=session.run_id, now=session.deps.clock.now())
        fp("apply.forgotten")

    def _records(self, place: Owned, kind: Kind) -> Iterator[PlanRecord]:
        found = planbook.records(
            self._session.deps.store, self._plan, self._connector.name, object_name=place.object_name
        )
        return (record for record in found if record.changes and record.kind == kind)

    def _one(self, writer: BatchWriter, batch: Sequence[PlanRecord]) -> list[PlanRecord]:
        self._session.deps.stop.check()
        check_freeze(self._session, hint="Nothing was written after that; run again when it is over.")
        result = writer.write(batch)
        self._count(result)
        if result.stopped is None:
            self._failing = 0
        elif isinstance(result.stopped, CredentialsError | QuotaExhausted):
            raise result.stopped
        else:
            self._session.note(
                f"{self._connector.name}: a batch was not finished: {result.stopped}", self._connector.name
            )
            self._failing += 1
            if self._failing >= FAILING_BATCHES:
                self._decide_doubts()
                raise result.stopped
        return result.again

    def _count(self, result: BatchResult) -> None:
        for bucket in result.buckets.values():
            if bucket != "pending":  # pending is what is left at the end: a second attempt may still come
                self._buckets.count(bucket)
        self._written += result.records_written
        done = BatchSettled(self._connector.name, self._buckets.settled(), self._buckets.planned)
        self._session.deps.observer(done)

    def _decide_doubts(self) -> None:
        """Read back what is in doubt after the grace period and move it to the bucket it belongs to."""
        if not self._buckets.in_doubt:
            return
        for decided in settle_doubts(self._session, self._connector, self._owned):
            if decided.run_id == self._session.run_id:
                self._buckets.move("in_doubt", decided.bucket)


def _chunks(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(rows, size)):
        yield chunk
