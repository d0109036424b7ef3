"""Tasks that stand for alerts in a CRM: one an alert and connection, from the plan that wants it to its end.

`made_at` is set together with the ledger's rows of the request that made it; before that nobody knows whether it is
there. Once `ended`, a task is never looked at again: Keepwell closed it, or somebody else closed or deleted it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, or_, select, update

from mapping.alert_life import Life
from store.alerts import of_owner
from store.made import enter_made, enter_wanted
from store.sql import CHUNK, member, pages
from store.tables import alert, alert_task

Ended = Literal["closed", "closed_by_somebody", "removed"]
_A, _T = alert.c, alert_task.c


@dataclass(frozen=True, slots=True)
class AlertTask:
    """The task of an alert in one connection; `record_id` is the CRM's own id, once it told it."""

    connection: str
    alert_id: int
    object: str
    key: str
    record_id: str | None = None
    run_id: str | None = None
    made_at: datetime | None = None
    ended: Ended | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskAlert:
    """An alert as its task needs it; `task` is None as long as no plan wanted one."""

    id: int
    account_id: str
    alert: str
    label: str
    because: str
    owner_connection: str | None
    owner_ref: str | None
    life: Life
    task: AlertTask | None


_ALERT = tuple(_A[name] for name in ("id", "account_id", "alert", "label", "because", "owner_connection", "owner_ref"))
_LIFE = tuple(_A[item.name] for item in fields(Life))
_TASK = tuple(_T[item.name] for item in fields(AlertTask))


def due(
    c: Connection, ws: str, connection: str, names: Sequence[str] | None, *, after: int = 0, limit: int = 500
) -> list[TaskAlert]:
    """Return, by number after `after`, alerts whose task is to be made or followed.

    To be made are those of standing alerts called one of `names` (None: whatever they are called) about an account; to
    be followed is each that was made and has not ended, whatever became of its alert.
    """
    joined = and_(_T.workspace == _A.workspace, _T.connection == connection, _T.alert_id == _A.id)
    wanted = and_(_A.resolved_at.is_(None), ~of_owner())
    if names is not None:
        wanted &= _A.alert.in_(sorted(names))
    here = and_(_A.workspace == ws, _A.id > after, _T.ended.is_(None), or_(_T.made_at.is_not(None), wanted))
    query = select(*_ALERT, *_LIFE, *_TASK).select_from(alert.outerjoin(alert_task, joined))
    return [_row(row) for row in c.execute(query.where(here).order_by(_A.id).limit(limit))]


def want(c: Connection, ws: str, rows: Iterable[AlertTask]) -> None:
    """Enter tasks that a plan makes, before anything is sent; those that are there stay as they are."""
    enter_wanted(c, alert_task, ws, rows)


def by_key(c: Connection, ws: str, connection: str, keys: Iterable[str]) -> dict[str, AlertTask]:
    """Return tasks by their keys."""
    here = and_(_T.workspace == ws, _T.connection == connection, member(_T.key, keys))
    return {row.key: AlertTask(*row) for row in c.execute(select(*_TASK).where(here))}


def of_alerts(c: Connection, ws: str, alert_ids: Iterable[int]) -> dict[int, list[AlertTask]]:
    """Return alert → its tasks that were made, by connection."""
    found: dict[int, list[AlertTask]] = {}
    for ids in pages(sorted(alert_ids), CHUNK):
        here = and_(_T.workspace == ws, _T.alert_id.in_(ids), _T.made_at.is_not(None))
        for row in c.execute(select(*_TASK).where(here).order_by(_T.alert_id, _T.connection)):
            found.setdefault(row.alert_id, []).append(AlertTask(*row))
    return found


def accounts_of(c: Connection, ws: str, connection: str) -> dict[str, str]:
    """Return key → account of the tasks that were made in a connection."""
    joined = and_(_A.workspace == _T.workspace, _A.id == _T.alert_id)
    here = and_(_T.workspace == ws, _T.connection == connection, _T.made_at.is_not(None))
    query = select(_T.key, _A.account_id).select_from(alert_task.join(alert, joined))
    return {row.key: row.account_id for row in c.execute(query.where(here))}


def note_made(
    c: Connection, ws: str, connection: str, made: Mapping[str, str | None], *, run_id: str, now: datetime
) -> None:
    """Enter by key that tasks are there, and under which id of the CRM; commit it with the ledger's rows."""
    enter_made(c, alert_task, ws, connection, made, run_id=run_id, now=now)


def end(c: Connection, ws: str, connection: str, ended: Mapping[int, Ended], now: datetime) -> None:
    """Enter by alert how tasks ended."""
    for how in sorted(set(ended.values())):
        ids = [one for one, its in ended.items() if its == how]
        here = and_(_T.workspace == ws, _T.connection == connection, _T.alert_id.in_(ids), _T.ended.is_(None))
        c.execute(update(alert_task).where(here).values(ended=how, ended_at=now))


def _row(row: Row[Any]) -> TaskAlert:
    own, life = len(_ALERT), len(_LIFE)
    task = row[own + life :]
    made = AlertTask(*task) if task[0] is not None else None
    named = dict(zip((column.name for column in _ALERT), row, strict=False))
    return TaskAlert(**named, life=Life(*row[own : own + life]), task=made)
