"""How much there is of what an operator watches: runs, accounts, alerts, values that are not where they should be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, func, select, text

from mapping.notification_life import STATES
from store import conflicts
from store.runs import GOOD, Run, get
from store.tables import alert, evaluation, failure, intent, notification, quarantine, run
from store.tables.delivery import NOT_SETTLED
from store.tables.results import ALERT_STANDS

Counts = Mapping[tuple[str, ...], int]
"""What is counted, by the values of the columns that it is grouped by."""


def runs(c: Connection, ws: str) -> Counts:
    """(command, status) → runs that ended."""
    return _counted(c, _per(run.c.command, run.c.status).where(run.c.workspace == ws, run.c.finished_at.is_not(None)))


def newest_runs(c: Connection, ws: str) -> list[Run]:
    """Of each command the run that began last among those that ended."""
    return _newest(c, ws, run.c.finished_at.is_not(None))


def newest_good_runs(c: Connection, ws: str) -> list[Run]:
    """Of each command the run that began last among those that came to their end, complete or partial."""
    return _newest(c, ws, run.c.status.in_(GOOD))


def bands(c: Connection, ws: str) -> Counts:
    """(band,) → accounts whose last evaluation says so."""
    here = and_(evaluation.c.workspace == ws, evaluation.c.is_current)
    return _counted(c, _per(evaluation.c.band).where(here))


def standing_alerts(c: Connection, ws: str) -> Counts:
    """(alert, state) → alerts that are open or acknowledged."""
    return _counted(c, _per(alert.c.alert, alert.c.state).where(alert.c.workspace == ws, text(ALERT_STANDS)))


def overdue_alerts(c: Connection, ws: str, now: datetime) -> Counts:
    """(alert,) → open alerts that nobody answered in time."""
    late = and_(alert.c.workspace == ws, alert.c.state == "open", alert.c.due_at < now)
    return _counted(c, _per(alert.c.alert).where(late))


def failures(c: Connection, ws: str) -> Counts:
    """(connection,) → values that a CRM refuses."""
    return _counted(c, _per(failure.c.connection).where(failure.c.workspace == ws))


def in_doubt(c: Connection, ws: str) -> Counts:
    """(connection,) → values that were sent and whose answer was lost."""
    here = and_(intent.c.workspace == ws, intent.c.state == "in_doubt")
    return _counted(c, _per(intent.c.connection).where(here))


def undecided(c: Connection, ws: str) -> Counts:
    """(connection,) → values of somebody else that wait for a person's decision."""
    found: dict[tuple[str, ...], int] = {}
    for one in conflicts.standing(c, ws).conflicts:
        if one.verdict is None and one.reason in conflicts.DECIDABLE:
            found[(one.connection,)] = found.get((one.connection,), 0) + 1
    return found


def notices(c: Connection, ws: str) -> Counts:
    """(channel, state) → messages to people in that state; of each channel every state, also those without any."""
    found = _counted(c, _per(notification.c.channel, notification.c.state).where(notification.c.workspace == ws))
    return {(channel, state): 0 for channel, _ in found for state in STATES} | dict(found)


def oldest_notices(c: Connection, ws: str) -> Mapping[tuple[str, ...], datetime]:
    """(channel,) → when the oldest message was entered that is not settled; a channel with none is left out."""
    n = notification.c
    query = select(n.channel, func.min(n.noted_at)).where(n.workspace == ws, text(NOT_SETTLED))
    return {(channel,): noted_at for channel, noted_at in c.execute(query.group_by(n.channel).order_by(n.channel))}


def quarantined(c: Connection, ws: str) -> Counts:
    """(connection, stream) → values that could not be read."""
    here = quarantine.c.workspace == ws
    return _counted(c, _per(quarantine.c.connection, quarantine.c.stream).where(here))


def _per(*columns: Column[Any]) -> Select[Any]:
    return select(*columns, func.count()).group_by(*columns).order_by(*columns)


def _counted(c: Connection, query: Select[Any]) -> Counts:
    return {tuple(row[:-1]): row[-1] for row in c.execute(query)}


def _newest(c: Connection, ws: str, here: ColumnElement[bool]) -> list[Run]:
    r = run.c
    begun = select(r.command, func.max(r.started_at).label("at")).where(r.workspace == ws, here).group_by(r.command)
    newest = begun.subquery()
    same = and_(r.command == newest.c.command, r.started_at == newest.c.at)
    query = select(r.command, func.max(r.id)).join_from(run, newest, same).where(r.workspace == ws, here)
    ids = [run_id for _, run_id in c.execute(query.group_by(r.command).order_by(r.command))]
    return [found for run_id in ids if (found := get(c, ws, run_id)) is not None]
