"""The plan of the tasks that stand for alerts: what is made, what follows its alert, what is left to its people.

A task is made once. What somebody changed in it stays; who closed or deleted it has the last word. A CRM is asked only
about tasks of which there is something new to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

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
from store import alert_tasks, failures, frames, plans
from store.alert_tasks import AlertTask, Ended, TaskAlert
from store.failures import Failure
from store.identity import AccountLink
from store.plans import PlanRecord
from sync.batch import Guarded, read_current
from sync.errors import InvariantError
from sync.faults import fp
from sync.making import KnownRecords, Maker
from sync.owned import Owned
from sync.session import Session

PAGE = 500
_NEW = "alert {id}: {because}"
_ANSWERED, _RESOLVED, _LATE = "the alert was answered", "the alert was resolved ({why})", "nobody answered in time"


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


class _Planner(Maker):
    """Plans the tasks of one connection."""

    def __init__(self, session: Session, owned: Owned) -> None:
        super().__init__(session, owned)
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
        links = self.links({one.account_id for one in page})
        known = self.known([self._key(one) for one in page])
        new = [one for one in page if not _is_made(one) and one.account_id in links]
        accounts = self._accounts({one.account_id for one in new})
        for one in new:
            self._make(one, links[one.account_id], accounts.get(one.account_id, (None, None)), known, found)
        self._follow([one for one in page if _is_made(one)], known, found)
        return found

    def _make(
        self,
        one: TaskAlert,
        link: AccountLink,
        account: tuple[str | None, str | None],
        known: KnownRecords,
        found: _Page,
    ) -> None:
        """One alert's task, unless an earlier attempt is in doubt or was refused a short time ago.

        It is of the person who has to answer, as far as this CRM knows him, else of the account's CSM.
        """
        key, because = self._key(one), _NEW.format(id=one.id, because=one.because)
        name, csm = account
        owner = (one.owner_ref if one.owner_connection == link.connection else csm) or self._tasks.fallback_owner()
        values = {
            **task_values(
                one.life,
                label=one.label,
                because=one.because,
                meaning=self._meanings.get(one.alert, ""),
                account=name or link.crm_id,
                zone=self._session.deps.settings.timezone,
                whole_days=self._tasks.whole_days,
                always_due=self._tasks.always_due,
            ),
            ACCOUNT_FIELD: link.crm_id,
            OWNER_FIELD: owner if self._tasks.settings.owner == "alert" else None,
            TASK_KEY.name: key,
        }
        decision = self.new(key, values, because, known, TASK_KEY.name)
        if decision.changes or decision.held:
            found.records.append(self.record(one.account_id, key, decision, new=True))
            found.wanted.append(AlertTask(self._owned.connection, one.id, self._owned.object_name, key))

    def _follow(self, page: Sequence[TaskAlert], known: KnownRecords, found: _Page) -> None:
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
        current = read_current(self._session.deps, self._connector, self._owned, keys, properties)
        for one in due:
            ended = self._ended(one, current, known)
            if ended is not None:
                found.ended[one.id] = ended
                continue
            seen = {name: current.values[self._key(one), name] for name in properties}
            decision = self.decided(self._key(one), news[one.id], _reasons(one.life), seen, known)
            if decision.changes or decision.held:
                found.records.append(self.record(one.account_id, self._key(one), decision, new=False))

    def _news(self, one: TaskAlert, known: KnownRecords) -> dict[str, str | None]:
        """What the alert says that was not written yet; the rest of the task is its people's."""
        found: dict[str, str | None] = {}
        for name, value in followed_values(one.life).items():
            row = known.written.get((self._key(one), self._owned.by_field[name]))
            if row is None or row.written != value:
                found[name] = value
        return found

    def _ended(self, one: TaskAlert, current: Guarded, known: KnownRecords) -> Ended | None:
        key, status = self._key(one), self._owned.by_field[STATUS_FIELD]
        if key in current.missing:
            return "removed"
        row = known.written.get((key, status))
        theirs = row is None or row.written != DONE
        return "closed_by_somebody" if current.values[key, status] == DONE and theirs else None

    def _accounts(self, account_ids: set[str]) -> dict[str, tuple[str | None, str | None]]:
        """Account → its name and its CSM as the connection itself has them, so that the task reads like its record."""
        if not account_ids:
            return {}
        ws, name = self._session.ws, self._owned.connection
        links = self.links(account_ids)
        with self._session.deps.store.read() as c:
            fields = ("name", "csm_ref")
            rows = frames.frame(c, ws, "account", account_ids=sorted(account_ids), connection=name, fields=fields)
        known = {one: (called, csm) for one, called, csm in rows.select("id", "name", "csm_ref").iter_rows()}
        return {account_id: known[one.crm_id] for account_id, one in links.items() if one.crm_id in known}

    def _key(self, one: TaskAlert) -> str:
        if one.task is not None:
            return one.task.key
        return task_key(self._session.ws, one.id, one.alert, one.account_id, one.life.raised_at)


def _is_made(one: TaskAlert) -> bool:
    return one.task is not None and one.task.made_at is not None


def _reasons(life: Life) -> dict[str, str]:
    status = _ANSWERED if life.resolved_at is None else _RESOLVED.format(why=life.why)
    return {name: status if name == STATUS_FIELD else _LATE for name in FOLLOWED}
