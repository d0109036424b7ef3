"""The plan of the tasks that stand for alerts: what is made, what follows its alert, what is left to its people.

A task is made once. What somebody changed in it stays; who closed or deleted it has the last word. A CRM is asked only
about tasks of which there is something new to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from mapping.alert_life import Life
from mapping.tasks import (
    ACCOUNT_FIELD,
    DONE,
    FOLLOWED,
    OWNER_FIELD,
    STATUS_FIELD,
    TASK_KEY,
    followed_values,
    task_key,
    task_values,
)
from store import alert_tasks, failures, frames, identity, ledger, plans, resolutions
from store.alert_tasks import AlertTask, Ended, TaskAlert
from store.failures import Failure
from store.identity import AccountLink
from store.ledger import LedgerRow
from store.plans import PlanRecord
from store.resolutions import Resolution
from sync.batch import Guarded, read_current
from sync.decide import Known, RecordDecision, Refusal, Resolved, Wanted, decide_record
from sync.errors import InvariantError
from sync.faults import fp
from sync.owned import Owned
from sync.picture import in_doubt, written_of
from sync.session import Session

PAGE = 500
_NEW = "alert {id}: {because}"
_ANSWERED, _RESOLVED, _LATE = "the alert was answered", "the alert was resolved ({why})", "nobody answered in time"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows of the tasks of one page, by key and property."""

    written: Mapping[tuple[str, str], LedgerRow]
    doubts: frozenset[tuple[str, str]]
    failures: Mapping[tuple[str, str], Failure]
    resolved: Mapping[tuple[str, str], Resolution]


@dataclass(slots=True)
class _Page:
    """What a page of alerts comes to."""

    records: list[PlanRecord] = field(default_factory=list)
    wanted: list[AlertTask] = field(default_factory=list)
    ended: dict[int, Ended] = field(default_factory=dict)
    over: list[Failure] = field(default_factory=list)


def plan_tasks(
    session: Session, owned: Owned, key: int, selected: frozenset[str] | None, choose: Callable[[str], bool]
) -> Iterator[PlanRecord]:
    """Put what a connection's tasks come to into the draft `key`, and yield it.

    `selected` narrows it to some accounts; `choose` says of an account whether it may change as well.
    """
    planner = _Planner(session, owned)
    after, left = 0, 0
    while True:
        with session.deps.store.read() as c:
            page = alert_tasks.due(c, session.ws, owned.connection, planner.names, after=after, limit=PAGE)
        if not page:
            break
        after = page[-1].id
        found = planner.take([one for one in page if selected is None or one.account_id in selected])
        found.records = [one for one in found.records if not one.changes or choose(one.account_id)]
        left += sum(1 for how in found.ended.values() if how != "closed")
        with session.write() as c:
            alert_tasks.want(c, session.ws, found.wanted)
            alert_tasks.end(c, session.ws, owned.connection, found.ended, session.deps.clock.now())
            failures.drop(c, session.ws, [one.key() for one in found.over])
            plans.add_records(c, session.ws, key, found.records)
        fp("plan.chunk_stored")
        yield from found.records
        session.deps.stop.check()
    if left:
        name = owned.connection
        session.note(f"{name}: {left} tasks of alerts were closed or deleted by somebody and are left alone", name)


class _Planner:
    """Plans the tasks of one connection."""

    def __init__(self, session: Session, owned: Owned) -> None:
        self._session = session
        self._owned = owned
        self._connector = session.deps.connectors[owned.connection]
        tasks = self._connector.tasks()
        if tasks is None:
            raise InvariantError(f"{owned.connection} has no tasks.", hint="Run again.")
        self._tasks = tasks
        self.names = tasks.settings.names
        self._meanings = {rule.id: rule.meaning for rule in session.deps.framework.spec.alerts}

    def take(self, page: Sequence[TaskAlert]) -> _Page:
        """Decide about a page of alerts."""
        found = _Page()
        store, ws, name = self._session.deps.store, self._session.ws, self._owned.connection
        with store.read() as c:
            links = {one.account_id: one for one in identity.links(c, ws, {one.account_id for one in page})
                     if one.connection == name and one.writable}  # fmt: skip
            known = self._known([self._key(one) for one in page])
        new = [one for one in page if not _is_made(one) and one.account_id in links]
        accounts = self._accounts({one.account_id for one in new})
        for one in new:
            self._make(one, links[one.account_id], accounts.get(one.account_id, (None, None)), known, found)
        self._follow([one for one in page if _is_made(one)], known, found)
        return found

    def _make(
        self, one: TaskAlert, link: AccountLink, account: tuple[str | None, str | None], known: _Known, found: _Page
    ) -> None:
        """One alert's task, unless an earlier attempt is in doubt or was refused a short time ago.

        It is of the person who has to answer, as far as this CRM knows him, else of the account's CSM.
        """
        key, because = self._key(one), _NEW.format(id=one.id, because=one.because)
        name, csm = account
        owner = one.owner_ref if one.owner_connection == link.connection else csm
        values = {
            **task_values(
                one.life,
                label=one.label,
                because=one.because,
                meaning=self._meanings.get(one.alert, ""),
                account=name or link.crm_id,
                zone=self._session.deps.settings.timezone,
                whole_days=self._tasks.whole_days,
            ),
            ACCOUNT_FIELD: link.crm_id,
            OWNER_FIELD: owner if self._tasks.settings.owner == "alert" else None,
            TASK_KEY.name: key,
        }
        decision = self._decided(key, values, dict.fromkeys(values, because), {}, known)
        if not any(change.field == TASK_KEY.name for change in decision.changes):
            decision = RecordDecision(held=decision.held)
        if decision.changes or decision.held:
            found.records.append(self._record(one, key, decision, new=True))
            found.wanted.append(AlertTask(self._owned.connection, one.id, self._owned.object_name, key))

    def _follow(self, page: Sequence[TaskAlert], known: _Known, found: _Page) -> None:
        """Tasks that are there: those that have something new to say are looked at.

        What the CRM refused when it was made, such as an owner who left, is not tried again.
        """
        followed = {self._owned.by_field[name] for name in FOLLOWED}
        there = {self._key(one) for one in page}
        found.over += [one for (key, name), one in known.failures.items() if key in there and name not in followed]
        news: dict[int, dict[str, str | None]] = {}
        for one in page:
            status = known.written.get((self._key(one), self._owned.by_field[STATUS_FIELD]))
            if status is not None and status.written == DONE:
                if one.life.resolved_at is not None:
                    found.ended[one.id] = "closed"
                continue  # undoing a run closed it: so it stays, unless that is undone in its turn
            news[one.id] = self._news(one, known)
        due = [one for one in page if news.get(one.id)]
        if not due:
            return
        keys, properties = [self._key(one) for one in due], [self._owned.by_field[name] for name in FOLLOWED]
        current = read_current(self._connector, self._owned, keys, properties)
        for one in due:
            ended = self._ended(one, current, known)
            if ended is not None:
                found.ended[one.id] = ended
                continue
            seen = {name: current.values[self._key(one), name] for name in properties}
            decision = self._decided(self._key(one), news[one.id], _reasons(one.life), seen, known)
            if decision.changes or decision.held:
                found.records.append(self._record(one, self._key(one), decision, new=False))

    def _news(self, one: TaskAlert, known: _Known) -> dict[str, str | None]:
        """What the alert says that was not written yet; the rest of the task is its people's."""
        found: dict[str, str | None] = {}
        for name, value in followed_values(one.life).items():
            row = known.written.get((self._key(one), self._owned.by_field[name]))
            if row is None or row.written != value:
                found[name] = value
        return found

    def _ended(self, one: TaskAlert, current: Guarded, known: _Known) -> Ended | None:
        key, status = self._key(one), self._owned.by_field[STATUS_FIELD]
        if key in current.missing:
            return "removed"
        row = known.written.get((key, status))
        theirs = row is None or row.written != DONE
        return "closed_by_somebody" if current.values[key, status] == DONE and theirs else None

    def _decided(
        self,
        key: str,
        values: Mapping[str, str | None],
        because: Mapping[str, str],
        seen: Mapping[str, str | None],
        known: _Known,
    ) -> RecordDecision:
        """A person's edit is never overwritten, whatever the policy says of account fields."""
        names = [name for name in self._owned.by_field if name in values]
        wanted = [Wanted(name, self._owned.by_field[name], values[name], because[name]) for name in names]
        properties = {one.property for one in wanted}
        seen = {name: seen.get(name) for name in properties}
        return decide_record(wanted, seen, {name: self._of((key, name), known) for name in properties})

    def _of(self, place: tuple[str, str], known: _Known) -> Known:
        row, refused, decided = known.written.get(place), known.failures.get(place), known.resolved.get(place)
        waits = refused is not None and refused.due_at > self._session.deps.clock.now()
        return Known(
            written_of(row) if row is not None else None,
            place in known.doubts,
            Resolved(decided.verdict, decided.seen) if decided is not None else None,
            Refusal(refused.want) if refused is not None and waits else None,
        )

    def _record(self, one: TaskAlert, key: str, decision: RecordDecision, *, new: bool) -> PlanRecord:
        return PlanRecord(
            connection=self._owned.connection,
            object=self._owned.object_name,
            record_id=key,
            account_id=one.account_id,
            changes=tuple(asdict(change) for change in decision.changes),
            held=tuple(asdict(held) for held in decision.held),
            kind="create" if new else "update",
        )

    def _known(self, keys: Sequence[str]) -> _Known:
        ws, owned = self._session.ws, self._owned
        with self._session.deps.store.read() as c:
            where = (c, ws, owned.connection, owned.object_name, keys)
            return _Known(
                ledger.ledger_for(*where),
                in_doubt(c, ws, owned, keys),
                failures.of_records(*where),
                resolutions.of_records(*where),
            )

    def _accounts(self, account_ids: set[str]) -> dict[str, tuple[str | None, str | None]]:
        """Account → its name and its CSM as the connection itself has them, so that the task reads like its record."""
        if not account_ids:
            return {}
        ws, name = self._session.ws, self._owned.connection
        with self._session.deps.store.read() as c:
            links = [one for one in identity.links(c, ws, account_ids) if one.connection == name and one.writable]
            fields = ("name", "csm_ref")
            rows = frames.frame(c, ws, "account", account_ids=sorted(account_ids), connection=name, fields=fields)
        known = {one: (called, csm) for one, called, csm in rows.select("id", "name", "csm_ref").iter_rows()}
        return {one.account_id: known[one.crm_id] for one in links if one.crm_id in known}

    def _key(self, one: TaskAlert) -> str:
        if one.task is not None:
            return one.task.key
        return task_key(self._session.ws, one.id, one.alert, one.account_id, one.life.raised_at)


def _is_made(one: TaskAlert) -> bool:
    return one.task is not None and one.task.made_at is not None


def _reasons(life: Life) -> dict[str, str]:
    status = _ANSWERED if life.resolved_at is None else _RESOLVED.format(why=life.why)
    return {name: status if name == STATUS_FIELD else _LATE for name in FOLLOWED}
