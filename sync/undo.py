"""Undoing a run: a plan that puts back the values that were there before it, except where anything happened since.

A task that it made for an alert is closed. The plan is made from the ledger and from what the CRM shows now, and is
carried out like any other one; so it can be undone too. Each value that stays as it is stands in the plan as held, with
the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby, islice
from types import MappingProxyType
from typing import Any, Literal

from mapping.entries import SUBJECT
from mapping.records import STAMP_FIELD
from mapping.tasks import DONE, STATUS_FIELD, TASK_KEY
from store import Store, alert_tasks, decisions, identity, ledger, plans, raw, runs, timeline_entries
from store.ledger import LedgerRow
from store.plans import UNDOES, PlanRecord
from sync.batch import Guarded, read_current
from sync.decide import HeldValue, PlannedChange
from sync.errors import UsageError
from sync.explain import find_account
from sync.faults import fp
from sync.guards import PlanFigures
from sync.owned import Makes, Owned
from sync.picture import in_doubt
from sync.planbook import FIGURES, PROPERTIES, Provenance, draft_header, freeze, stamp_of
from sync.proof import Forecast, proven_properties
from sync.report import ConnectionPlan, PlanSummary, UndoLine
from sync.session import Session

_WHICH = "`keepwell runs list` shows how many values each run wrote."
ROWS = 2_000
"""Ledger rows read at a time."""
Skip = Literal["written_again", "changed_since", "gone", "no_property", "in_doubt", "told"]
"""Why a value of the run stays: a later run wrote it, somebody changed it, its record or its property is not there, the
answer to a write of it was lost, or it is an entry on a timeline, which people were told by."""

_Verdict = tuple[LedgerRow, Skip | None]


def build_undo(session: Session, owned: Mapping[str, Owned], run_id: str) -> PlanSummary:
    """Make and store the plan that undoes `run_id`; fills the report's line about it.

    `session.options.select` narrows it to one account. Raises `UsageError` when there is no such run or account, or
    when the run wrote nothing.
    """
    ws = session.ws
    _require_writer(session, run_id)
    select = session.options.select
    chosen = frozenset({find_account(session.deps, select)}) if select is not None else None
    framework = session.deps.framework
    header = draft_header(session.at, framework.name, framework.version, ws)
    header = replace(header, inputs={**header.inputs, UNDOES: run_id})
    with session.write() as c:
        key = plans.create(c, ws, header)
        decided_at = decisions.last_change(c, ws)
    fp("plan.begun")
    parts = [_Part(session, one, run_id, key) for one in owned.values()]
    for part in parts:
        for place in owned[part.name].places():
            of_place = (rows for rows in _written(session, run_id, part.name) if rows[0].object == place.object_name)
            records = (rows for rows in of_place if part.is_of(chosen, rows))
            size = place.records(session.deps.connectors[part.name]).capabilities.read_batch
            while chunk := list(islice(records, size)):
                part.take(place, chunk)
                session.deps.stop.check()
        part.plan.cost = part.cost()
    counts: dict[str, Any] = {part.name: asdict(part.plan) for part in parts}
    counts[PROPERTIES] = {part.name: sorted(part.properties) for part in parts}
    counts[FIGURES] = {part.name: asdict(part.figures()) for part in parts}
    made = Provenance(session.run_id, session.deps.clock.now(), stamp_of(session.at), {}, decided_at)
    with session.write() as c:
        plan_id = freeze(c, ws, key, cost={part.name: part.plan.cost for part in parts}, counts=counts, made=made)
    fp("plan.finished")
    skipped = sum((part.skipped for part in parts), Counter[str]())
    session.report.undo = UndoLine(run_id, sum(part.plan.changes for part in parts), dict(sorted(skipped.items())))
    return PlanSummary(plan_id, {part.name: part.plan for part in parts})


class _Part:
    """One connection's part of the plan."""

    def __init__(self, session: Session, owned: Owned, run_id: str, key: int) -> None:
        self.name = owned.connection
        self.plan = ConnectionPlan()
        self.properties: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self._session, self._owned, self._run_id, self._key = session, owned, run_id, key
        self._records: Counter[str] = Counter()
        self._connector = session.deps.connectors[owned.connection]
        with session.deps.store.read() as c:
            links = identity.links(c, session.ws)
            self._live = raw.count_live(c, session.ws, owned.connection, owned.stream)
            proven = proven_properties(c, session.ws, owned.connection)
            made = {
                **alert_tasks.accounts_of(c, session.ws, owned.connection),
                **timeline_entries.accounts_of(c, session.ws, owned.connection),
            }
        self._read_back = {one.object_name: Forecast(session.at.date, proven) for one in owned.places()}
        self._accounts = {one.crm_id: one.account_id for one in links if one.connection == owned.connection} | made

    def is_of(self, chosen: frozenset[str] | None, rows: Sequence[LedgerRow]) -> bool:
        """Whether a record belongs to one of the `chosen` accounts."""
        return chosen is None or self._accounts.get(rows[0].record_id) in chosen

    def take(self, owned: Owned, chunk: Sequence[Sequence[LedgerRow]]) -> None:
        """Plan for records that the run wrote, each with its ledger rows."""
        session = self._session
        ids = [rows[0].record_id for rows in chunk]
        properties = [name for name in owned.properties if any(row.property == name for rows in chunk for row in rows)]
        current = read_current(session.deps, self._connector, owned, ids, properties)
        with session.deps.store.read() as c:
            standing = ledger.ledger_for(c, session.ws, owned.connection, owned.object_name, ids)
            doubts = in_doubt(c, session.ws, owned, ids)
        records = []
        for rows in chunk:
            verdicts = [(row, self._reason_to_skip(owned, row, standing, doubts, current)) for row in rows]
            verdicts = _BY_KIND[owned.makes](owned, verdicts)
            if verdicts:
                records.append(self._record(verdicts, current))
        with session.write() as c:
            plans.add_records(c, session.ws, self._key, records)
        fp("plan.chunk_stored")

    def cost(self) -> int:
        """API calls that carrying it out takes."""
        accounts, number = self._owned.object_name, self._changed_tasks()
        cost = 0
        if self._records[accounts]:
            cost = self._connector.write_cost(self._records[accounts], self._read_back[accounts].records)
        tasks, place = self._connector.tasks(), self._owned.tasks
        if tasks is not None and place is not None and number:
            cost += tasks.write_cost(0, number, self._read_back[place.object_name].records)
        return cost

    def figures(self) -> PlanFigures:
        """What the guards look at."""
        accounts = self._records[self._owned.object_name]
        return PlanFigures(self.name, self._live, accounts, accounts, tasks=self._changed_tasks())

    def _changed_tasks(self) -> int:
        return self.plan.records - self._records[self._owned.object_name]

    def _reason_to_skip(
        self,
        owned: Owned,
        row: LedgerRow,
        standing: Mapping[tuple[str, str], LedgerRow],
        doubts: frozenset[tuple[str, str]],
        current: Guarded,
    ) -> Skip | None:
        place = (row.record_id, row.property)
        if row.property not in owned.specs:
            return "no_property"
        if row.record_id in current.missing:
            return "gone"
        if place in doubts:
            return "in_doubt"
        if place not in standing or standing[place].id != row.id:
            return "written_again"
        return None if current.values[place] == row.written else "changed_since"

    def _record(self, verdicts: Sequence[tuple[LedgerRow, Skip | None]], current: Guarded) -> PlanRecord:
        first = verdicts[0][0]
        changes = [self._change(row) for row, reason in verdicts if reason is None]
        held = [
            asdict(
                HeldValue(
                    row.field,
                    row.property,
                    current.values.get((row.record_id, row.property)),
                    row.written,
                    row.before,
                    reason,
                )
            )
            for row, reason in verdicts
            if reason is not None
        ]
        self.skipped.update(reason for _, reason in verdicts if reason is not None)
        if changes:
            names = [str(change["property"]) for change in changes]
            self.plan.records += 1
            self.plan.changes += len(changes)
            self.properties.update(names)
            self._records[first.object] += 1
            self._read_back[first.object].add(first.record_id, names)
        account = self._accounts.get(first.record_id, "")
        return PlanRecord(self.name, first.object, first.record_id, account, tuple(changes), tuple(held))

    def _change(self, row: LedgerRow) -> dict[str, Any]:
        """The value before the run. What undoes an undo computes nothing new, so only the first is marked as one."""
        change = PlannedChange(row.field, row.property, row.written, row.before, f"undo of run {self._run_id}")
        return asdict(change) | ({"undoes": self._run_id} if row.undoes is None else {})


def _closed(owned: Owned, verdicts: list[_Verdict]) -> list[_Verdict]:
    """What undoes the making of a task is closing it, unless anything of it was touched since: deleting would lose it.

    Of a task that the run only changed, the values go back like any others.
    """
    status = owned.by_field[STATUS_FIELD]
    if all(row.field != TASK_KEY.name for row, _ in verdicts):
        return verdicts
    reasons = [reason for _, reason in verdicts if reason is not None]
    return [
        (replace(row, before=DONE), reasons[0] if reasons else None)
        for row, _ in verdicts
        if row.property == status and row.written != DONE
    ]


def latest_writer(store: Store) -> str:
    """The id of the last run that wrote a value, an undo included; raises `UsageError` when there is none."""
    with store.read() as c:
        found = runs.that_wrote(c, store.workspace, 1)
    if not found:
        raise UsageError("No run has written anything yet, so there is nothing to undo.", hint=_WHICH)
    return found[0].id


def _require_writer(session: Session, run_id: str) -> None:
    with session.deps.store.read() as c:
        run = runs.get(c, session.ws, run_id)
        wrote = ledger.of_run(c, session.ws, run_id, limit=1)
    if run is None:
        raise UsageError(f"There is no run {run_id!r}.", hint="`keepwell runs list` shows which there are.")
    if not wrote:
        raise UsageError(
            f"Run {run_id} ({run.command}, {run.status}) wrote nothing, so there is nothing to undo.",
            hint=_WHICH,
        )


def _written(session: Session, run_id: str, connection: str) -> Iterator[list[LedgerRow]]:
    """What the run changed through a connection, a list a record; of a property written twice the last row."""
    for _, rows in groupby(_ledger_rows(session, run_id, connection), key=lambda row: (row.object, row.record_id)):
        last = {row.property: row for row in rows}
        changed = [row for row in last.values() if row.before != row.written]  # what was adopted was not changed
        if changed:
            yield changed


def _ledger_rows(session: Session, run_id: str, connection: str) -> Iterator[LedgerRow]:
    after: ledger.Place = (connection, "", "", "", 0)
    while True:
        with session.deps.store.read() as c:
            found = ledger.of_run(c, session.ws, run_id, after=after, limit=ROWS)
        for row in found:
            if row.connection != connection:
                return
            yield row
        if len(found) < ROWS:
            return
        after = found[-1].place()


def _told(_owned: Owned, verdicts: list[_Verdict]) -> list[_Verdict]:
    """An entry on a timeline stays: its people were told, and what they wrote below it would go with it.

    One value speaks for all of them.
    """
    return [(row, reason or "told") for row, reason in verdicts if row.field == SUBJECT]


def _stamp_along(_owned: Owned, verdicts: list[_Verdict]) -> list[_Verdict]:
    """The time stamp goes back only along with another value; where none does, it shares the others' fate."""
    others = [reason for row, reason in verdicts if row.field != STAMP_FIELD]
    if not others or None in others:
        return verdicts
    return [(row, reason or others[0]) for row, reason in verdicts]


_BY_KIND: Mapping[Makes | None, Callable[[Owned, list[_Verdict]], list[_Verdict]]] = MappingProxyType(
    {None: _stamp_along, "task": _closed, "entry": _told}
)
"""What undoing comes to for the values of a record, by what the record is."""
