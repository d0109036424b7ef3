"""The outbox of notifications: what has to be told to which channel, and how far each message is.

A row is entered before anything is sent and says so before each attempt. The life of a message is decided by
`mapping.notification_life`; here it is only kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, literal_column, select, update

from mapping.notification_life import STATES, Delivery, State
from store.errors import StateConflict
from store.sql import insert_into, member, numbered
from store.tables import notification
from store.tables.delivery import NOT_SETTLED

_N = notification.c
# Worded as its index is, or SQLite leaves that alone.
_OPEN: ColumnElement[bool] = literal_column(f"({NOT_SETTLED})")


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell a channel: a change of an alert, or (`alert_id` 0) of how runs end; `about` is the run then."""

    channel: str
    change: str
    alert_id: int = 0
    about: str = ""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of the outbox; those with the same `message` go out together."""

    id: int
    channel: str
    alert_id: int
    about: str
    change: str
    critical: bool
    message: str | None
    noted_at: datetime
    life: Delivery


_OWN = tuple(_N[item.name] for item in fields(Notice) if item.name != "life")
_LIFE = tuple(_N[item.name] for item in fields(Delivery))
_UNIQUE = ("workspace", "alert_id", "about", "channel", "change")


def note(c: Connection, ws: str, news: Iterable[News], now: datetime) -> int:
    """Enter what has to be told; returns how much of it was not entered before."""
    fresh = {"workspace": ws, "state": "waiting", "noted_at": now, "next_at": now, "attempts": 0, "lost": 0}
    rows = [fresh | {item.name: getattr(one, item.name) for item in fields(News)} for one in news]
    insert = insert_into(c, notification).on_conflict_do_nothing(index_elements=_UNIQUE).returning(_N.id)
    return len(c.execute(insert, rows).all()) if rows else 0


def noted(c: Connection, ws: str, alert_ids: Iterable[int]) -> dict[tuple[str, int], set[str]]:
    """Return (channel, alert) → the changes that were entered."""
    query = select(_N.channel, _N.alert_id, _N.change).where(_N.workspace == ws, member(_N.alert_id, alert_ids))
    found: dict[tuple[str, int], set[str]] = {}
    for channel, alert_id, change in c.execute(query):
        found.setdefault((channel, alert_id), set()).add(change)
    return found


def last_about_runs(c: Connection, ws: str, channel: str) -> Notice | None:
    """Return what was last entered for a channel about runs."""
    here = and_(_N.workspace == ws, _N.channel == channel, _N.alert_id == 0)
    return next(iter(_select(c, here, newest=True, limit=1)), None)


def unsettled(c: Connection, ws: str) -> list[Notice]:
    """Return everything that waits or is being sent, in the order in which it was entered."""
    return _select(c, and_(_N.workspace == ws, _OPEN))


def claim(c: Connection, ws: str, message: str, ids: Sequence[int], now: datetime) -> None:
    """Say that these rows are sent now as one message; raises StateConflict when another process has any of them."""
    here = and_(numbered(notification), _N.state == "waiting")
    values = {"state": "sending", "message": message, "attempts": _N.attempts + 1, "claimed_at": now}
    statement = update(notification).where(here).values(values)
    if c.execute(statement, {"its_workspace": ws, "ids": list(ids)}).rowcount != len(ids):
        raise StateConflict("Another process sends these notifications.")


def move(c: Connection, ws: str, was: State, rows: Iterable[tuple[int, Delivery]]) -> None:
    """Enter the new lives of rows, as far as they still are what they were."""
    names = [item.name for item in fields(Delivery)]
    many = [{"its_id": number, **{f"new_{name}": getattr(life, name) for name in names}} for number, life in rows]
    if many:
        here = and_(_N.workspace == ws, _N.id == bindparam("its_id"), _N.state == was)
        c.execute(update(notification).where(here).values({name: bindparam(f"new_{name}") for name in names}), many)


def listed(c: Connection, ws: str, states: Sequence[State] = STATES, *, limit: int | None = None) -> list[Notice]:
    """Return rows in some states, the newest first."""
    return _select(c, and_(_N.workspace == ws, _N.state.in_(states)), newest=True, limit=limit)


def counts(c: Connection, ws: str) -> dict[State, int]:
    """Return how many rows are in each state."""
    query = select(_N.state, func.count()).where(_N.workspace == ws).group_by(_N.state)
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in c.execute(query)}


def _select(
    c: Connection, here: ColumnElement[bool], *, newest: bool = False, limit: int | None = None
) -> list[Notice]:
    query = select(*_OWN, *_LIFE).where(here).order_by(_N.id.desc() if newest else _N.id).limit(limit)
    return [_notice(row) for row in c.execute(query)]


def _notice(row: Row[Any]) -> Notice:
    own = {column.name: value for column, value in zip(_OWN, row, strict=False)}
    return Notice(**own, life=Delivery(*row[len(_OWN) :]))
