"""Alerts: what was raised about which account, who answered it when, and why it was resolved.

Runs and people write different columns of a row, so that neither can overwrite the other: a run never touches an
acknowledgement, and `state` is set only by what moves it on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from mapping.alert_life import Life, State
from store.many import insert_many
from store.sql import CHUNK, member, numbered
from store.tables import account_link, alert
from store.tables.results import ALERT_STANDS

STATES: tuple[State, ...] = ("open", "acknowledged", "resolved")
OWNER = "owner "
"""Before the key of an owner this is the id of the account of an alert that is about the owner and about no account."""
STANDING: tuple[State, ...] = ("open", "acknowledged")

Person = tuple[str, str]
"""(connection, id) of somebody in a CRM's list of users."""

_A = alert.c
# Worded as its index is, or SQLite leaves that alone.
_STANDS: ColumnElement[bool] = literal_column(f"({ALERT_STANDS})")
_LIFE = tuple(_A[item.name] for item in fields(Life))


@dataclass(frozen=True, slots=True)
class Tracked:
    """An alert as runs follow it."""

    id: int
    account_id: str
    alert: str
    life: Life


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert to raise: `owner` is the framework's role, `person` who that was for the account when it was raised."""

    account_id: str
    alert: str
    label: str
    because: str
    owner: str
    person: Person | None
    sla_hours: int | None
    life: Life


@dataclass(frozen=True, slots=True)
class Moved:
    """What a run found out about an alert that stood; `touch` names the meeting or call that answered it just now."""

    id: int
    life: Life
    touch: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert with everything that is known of it."""

    id: int
    account_id: str
    alert: str
    label: str
    because: str
    owner: str
    owner_connection: str | None
    owner_ref: str | None
    run_id: str
    last_run_id: str
    sla_hours: int | None
    touch: str | None
    acknowledged_by: str | None
    note: str | None
    life: Life

    @property
    def person(self) -> Person | None:
        """Who had to answer when it was raised, as far as a CRM says."""
        if self.owner_connection is None or self.owner_ref is None:
            return None
        return self.owner_connection, self.owner_ref


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are listed; what is None does not narrow. `overdue_at`: unanswered when their time was up."""

    states: Collection[State] = STANDING
    account_id: str | None = None
    owner: str | None = None
    people: Collection[Person] = ()
    overdue_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An alert and its answer, for the KPIs: `sla` is in hours, `answered_at` the first touch or acknowledgement."""

    account_id: str
    alert: str
    raised_at: datetime
    answered_at: datetime | None
    resolved_at: datetime | None
    sla: int | None


_COLUMNS = tuple(_A[item.name] for item in fields(Alert) if item.name != "life")


def followed(c: Connection, ws: str, account_ids: Iterable[str], *, since: datetime) -> list[Tracked]:
    """Return, oldest first, the alerts of some accounts that stand, and those that were resolved after `since`."""
    return _tracked(c, _of(ws, account_ids), since)


def followed_owners(c: Connection, ws: str, *, since: datetime) -> list[Tracked]:
    """Return the same of alerts that are about owners."""
    return _tracked(c, and_(_A.workspace == ws, of_owner()), since)


def _tracked(c: Connection, whose: ColumnElement[bool], since: datetime) -> list[Tracked]:
    here = and_(whose, or_(_STANDS, _A.resolved_at > since))
    rows = c.execute(select(_A.id, _A.account_id, _A.alert, *_LIFE).where(here)).all()
    found = [Tracked(row[0], row[1], row[2], Life(*row[3:])) for row in rows]
    return sorted(found, key=lambda one: (one.life.raised_at, one.id))


def add(c: Connection, ws: str, run_id: str, rows: Sequence[NewAlert]) -> None:
    """Raise alerts."""
    same = {"workspace": ws, "run_id": run_id, "last_run_id": run_id}
    names = ("account_id", "alert", "label", "because", "owner", "sla_hours")
    people = [row.person or (None, None) for row in rows]
    columns: dict[str, Sequence[object]] = {name: [getattr(row, name) for row in rows] for name in names}
    columns |= {"owner_connection": [one for one, _ in people], "owner_ref": [ref for _, ref in people]}
    columns |= {item.name: [getattr(row.life, item.name) for row in rows] for item in fields(Life)}
    insert_many(c, alert, same, {**columns, "state": [row.life.state for row in rows]})


def move(c: Connection, ws: str, run_id: str, rows: Iterable[Moved]) -> None:
    """Enter what a run found out; acknowledgements, which people enter meanwhile, stay as they are."""
    groups: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for row in rows:
        values = _found_out(run_id, row)
        given = {_given(name): value for name, value in values.items()}
        groups.setdefault(tuple(values), []).append({"its_id": row.id, **given})
    for names, many in groups.items():
        here = and_(_A.workspace == ws, _A.id == bindparam("its_id"), _STANDS)
        c.execute(update(alert).where(here).values({name: bindparam(_given(name)) for name in names}), many)


def _found_out(run_id: str, row: Moved) -> dict[str, object]:
    life = row.life
    values: dict[str, object] = {"last_run_id": run_id}
    values |= {name: getattr(life, name) for name in ("judged_at", "misses", "level", "escalated_at")}
    if row.touch is not None:
        values |= {"touched_at": life.touched_at, "touch": row.touch, "state": "acknowledged"}
    if life.resolved_at is not None:
        values |= {"resolved_at": life.resolved_at, "why": life.why, "state": "resolved"}
    return values


def _given(name: str) -> str:
    return f"new_{name}"


def changed(c: Connection, ws: str, since: datetime) -> list[Alert]:
    """Return, in order of raising, the alerts of which a run or a person may have entered anything after `since`."""
    older = _A.raised_at <= since
    stand = and_(older, _STANDS, or_(_A.judged_at > since, _A.acknowledged_at > since))
    found: dict[int, Alert] = {}
    # One at a time: each has its own index.
    for here in (_A.raised_at > since, and_(older, _A.resolved_at > since), stand):
        found |= {row.id: _alert(row) for row in c.execute(_whole().where(_A.workspace == ws, here))}
    return sorted(found.values(), key=lambda one: (one.life.raised_at, one.id))


def of_ids(c: Connection, ws: str, ids: Iterable[int]) -> dict[int, Alert]:
    """Return alerts by their numbers."""
    rows = c.execute(_whole().where(numbered(alert)), {"its_workspace": ws, "ids": list(ids)})
    return {row.id: _alert(row) for row in rows}


def resolve_gone(c: Connection, ws: str, run_id: str, at: datetime) -> int:
    """Resolve the alerts of accounts that are in no CRM any more; returns how many there were."""
    gone = and_(_A.workspace == ws, _STANDS, _A.judged_at < at, _of_nobody())
    if c.execute(select(_A.id).where(gone).limit(1)).first() is None:
        return 0
    values = {"state": "resolved", "why": "gone", "resolved_at": at, "judged_at": at, "last_run_id": run_id}
    return c.execute(update(alert).where(gone).values(values)).rowcount


def acknowledge(c: Connection, ws: str, alert_id: int, *, by: str, note: str | None, at: datetime) -> bool:
    """Enter that a person takes an alert up; False when it does not stand, or a person did so before."""
    here = and_(_A.workspace == ws, _A.id == alert_id, _STANDS, _A.acknowledged_at.is_(None))
    values = {"state": "acknowledged", "acknowledged_at": at, "acknowledged_by": by, "note": note}
    return c.execute(update(alert).where(here).values(values)).rowcount == 1


def get(c: Connection, ws: str, alert_id: int) -> Alert | None:
    """Return an alert by its number."""
    found = c.execute(_whole().where(_A.workspace == ws, _A.id == alert_id)).first()
    return None if found is None else _alert(found)


def listed(c: Connection, ws: str, wanted: Wanted, *, limit: int) -> list[Alert]:
    """Return alerts, those that are due first at the head; without a deadline they come last, oldest first."""
    order = (_A.due_at.is_(None), _A.due_at, _A.raised_at, _A.id)
    return [_alert(row) for row in c.execute(_whole().where(_wanted(ws, wanted)).order_by(*order).limit(limit))]


def count(c: Connection, ws: str, wanted: Wanted | None = None) -> int:
    """Return how many there are, by default of those that stand."""
    return c.execute(select(func.count()).select_from(alert).where(_wanted(ws, wanted or Wanted()))).scalar_one()


def kinds(c: Connection, ws: str, now: datetime) -> list[tuple[str, str, int, int]]:
    """Return kind, label, how many stand and how many of these nobody answered in time, the most frequent first."""
    late = case((and_(_A.state == "open", _A.due_at <= now), 1), else_=0)
    number = func.count()
    query = (
        select(_A.alert, func.max(_A.label), number, func.sum(late))
        .where(_A.workspace == ws, _STANDS)
        .group_by(_A.alert)
        .order_by(number.desc(), _A.alert)
    )
    return [(name, label, count, overdue) for name, label, count, overdue in c.execute(query)]


def standing_on(c: Connection, ws: str, account_ids: Iterable[str]) -> dict[str, int]:
    """Return account id → how many alerts stand on it, of some accounts; one without any is left out."""
    query = select(_A.account_id, func.count()).where(_of(ws, account_ids), _STANDS).group_by(_A.account_id)
    return dict(c.execute(query).all())


def standing_at(c: Connection, ws: str, account_id: str, at: datetime) -> list[Alert]:
    """Return the alerts of an account that stood at a moment, oldest first."""
    then = and_(_A.raised_at <= at, or_(_A.resolved_at.is_(None), _A.resolved_at > at))
    rows = c.execute(_whole().where(_of(ws, [account_id]), then).order_by(_A.raised_at, _A.id))
    return [_alert(row) for row in rows]


def raised(
    c: Connection, ws: str, since: datetime, until: datetime, account_ids: Iterable[str] | None = None
) -> Iterator[Response]:
    """Yield the alerts raised from `since` on and before `until`, in order of raising; of some accounts if given."""
    columns = (_A.account_id, _A.alert, _A.sla_hours, *_LIFE)
    ours = _A.workspace == ws if account_ids is None else _of(ws, account_ids)
    here = and_(ours, _A.raised_at >= since, _A.raised_at < until)
    query = select(*columns).where(here).order_by(_A.raised_at, _A.id)
    with c.execute(query.execution_options(yield_per=CHUNK)) as rows:
        for account_id, name, sla, *life in rows:
            one = Life(*life)
            yield Response(account_id, name, one.raised_at, one.answered_at, one.resolved_at, sla)


def vanished(c: Connection, ws: str, since: datetime, until: datetime) -> list[str]:
    """Return, in order, the accounts that are in no CRM any more and had an alert raised in this time (as `raised`)."""
    here = and_(_A.workspace == ws, _A.raised_at >= since, _A.raised_at < until, _of_nobody())
    return list(c.execute(select(_A.account_id).where(here).distinct().order_by(_A.account_id)).scalars())


def _of_nobody() -> ColumnElement[bool]:
    """Whether an alert is about an account, which has no record any more."""
    linked = and_(account_link.c.workspace == _A.workspace, account_link.c.account_id == _A.account_id)
    return and_(~exists().where(linked), ~of_owner())


def of_owner() -> ColumnElement[bool]:
    """Whether an alert is about an owner and about no account.

    In the order of bytes, which both stores have, everything that begins so lies between the two.
    """
    return and_(_A.account_id >= OWNER, _A.account_id < OWNER[:-1] + chr(ord(OWNER[-1]) + 1))


def _of(ws: str, account_ids: Iterable[str]) -> ColumnElement[bool]:
    return and_(_A.workspace == ws, member(_A.account_id, account_ids))


def _wanted(ws: str, wanted: Wanted) -> ColumnElement[bool]:
    here = _A.workspace == ws
    if set(wanted.states) <= set(STANDING):
        here &= _STANDS
    if len(set(wanted.states)) < len(STATES):
        here &= _A.state.in_(sorted(wanted.states))
    if wanted.account_id is not None:
        here &= _A.account_id == wanted.account_id
    if wanted.owner is not None:
        theirs = (and_(_A.owner_connection == one, _A.owner_ref == ref) for one, ref in wanted.people)
        here &= or_(_A.owner == wanted.owner, *theirs)
    if wanted.overdue_at is not None:
        here &= and_(_A.state == "open", _A.due_at <= wanted.overdue_at)
    return here


def _whole() -> Select[Any]:
    return select(*_COLUMNS, *_LIFE)


def _alert(row: Row[Any]) -> Alert:
    own = {column.name: value for column, value in zip(_COLUMNS, row, strict=False)}
    return Alert(**own, life=Life(*row[len(_COLUMNS) :]))
