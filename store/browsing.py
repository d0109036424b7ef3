"""Runs, plans and what could not be read, a page at a time, for people who look through them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Connection, Select, String, and_, case, cast, func, or_, select, tuple_

from store import runs
from store.plans import Plan, PlanRecord, plan_of
from store.runs import Run
from store.sql import member
from store.tables import ENTITY_TABLES, account_link, epoch, plan, plan_record, quarantine, run
from store.types import dump_json

_E, _P, _Q, _R = epoch.c, plan_record.c, quarantine.c, run.c
_KEY = (_P.connection, _P.object, _P.record_id)
Place = tuple[str, str, str]
"""(connection, object, record id) of a planned record."""
Part = Literal["changes", "held"]


def last_ended(c: Connection, ws: str) -> str | None:
    """The id of the run that ended last: whatever was worked out since then still holds."""
    query = select(_R.id).where(_R.workspace == ws, _R.finished_at.is_not(None))
    return c.execute(query.order_by(_R.finished_at.desc(), _R.id.desc()).limit(1)).scalar_one_or_none()


def runs_before(
    c: Connection,
    ws: str,
    before: str | None,
    limit: int,
    *,
    statuses: Collection[str] = (),
    commands: Collection[str] = (),
) -> list[Run]:
    """Runs that began before another one, newest first; of some statuses and commands if given."""
    here = _R.workspace == ws
    first = runs.get(c, ws, before) if before is not None else None
    if first is not None:
        at_once = and_(_R.started_at == first.started_at, _R.id < first.id)
        here &= or_(_R.started_at < first.started_at, at_once)
    if statuses:
        here &= _R.status.in_(sorted(statuses))
    if commands:
        here &= _R.command.in_(sorted(commands))
    query = select(*(_R[name] for name in Run.__dataclass_fields__)).where(here)
    return [Run(*row) for row in c.execute(query.order_by(_R.started_at.desc(), _R.id.desc()).limit(limit))]


def finished_plans(c: Connection, ws: str, limit: int) -> list[Plan]:
    """Plans that can be looked at, the one made last first."""
    query = select(plan).where(plan.c.workspace == ws, plan.c.id.is_not(None)).order_by(plan.c.key.desc()).limit(limit)
    return [plan_of(row) for row in c.execute(query)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of a plan are looked at; what is None does not narrow.

    `part` wants records with a change, or with a held value; `accounts` are ids.
    """

    connection: str | None = None
    property: str | None = None
    part: Part | None = None
    accounts: Sequence[str] | None = None


def plan_records(c: Connection, ws: str, key: int, wanted: Wanted, after: Place | None, limit: int) -> list[PlanRecord]:
    """Records of a plan after a place, by (connection, object, record id).

    A property is looked for in the documents as text: the caller leaves the other properties of a record out.
    """
    here: ColumnElement[bool] = and_(_P.workspace == ws, _P.plan_key == key)
    if after is not None:
        here &= _after(_KEY, after)
    if wanted.connection is not None:
        here &= _P.connection == wanted.connection
    if wanted.accounts is not None:
        here &= member(_P.account_id, wanted.accounts)
    parts: Sequence[Part] = ("changes", "held") if wanted.part is None else (wanted.part,)
    here &= or_(*(_has(c, part, wanted.property) for part in parts))
    query = select(*_KEY, _P.account_id, _P.changes, _P.held).where(here).order_by(*_KEY).limit(limit)
    return [PlanRecord(*row[:4], tuple(row.changes), tuple(row.held)) for row in c.execute(query)]


def _after(columns: Sequence[Column[Any]], place: Sequence[str]) -> ColumnElement[bool]:
    """Whether a row comes after a place; the place is stored as the columns store theirs, whatever is in it."""
    return tuple_(*columns) > tuple_(*place, types=[column.type for column in columns])


def _has(c: Connection, part: Part, name: str | None) -> ColumnElement[bool]:
    text = cast(_P[part], String)
    return text != "[]" if name is None else _inside(c, f'"property":{dump_json(name)}', text)


def _inside(c: Connection, text: str, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a text has another one in it; several times as fast as LIKE with everything that it would escape."""
    found = func.strpos if c.dialect.name == "postgresql" else func.instr
    return found(column, text) > 0


def accounts_called(c: Connection, ws: str, text: str, limit: int = 500) -> list[str]:
    """Ids of accounts whose id or CRM id is `text`, or whose name or domain has it in it, whatever the case."""
    e, link = ENTITY_TABLES["account"].c, account_link.c
    named = or_(*(_inside(c, text.lower(), func.lower(column)) for column in (e.name, e.domain)))
    joined = and_(link.workspace == e.workspace, link.connection == e.connection, link.crm_id == e.id)
    by_name = select(link.account_id).join_from(ENTITY_TABLES["account"], account_link, joined)
    by_name = by_name.where(e.workspace == ws, named).distinct().order_by(link.account_id).limit(limit)
    exact = select(link.account_id).where(link.workspace == ws, or_(link.account_id == text, link.crm_id == text))
    return sorted({*c.execute(by_name).scalars(), *c.execute(exact).scalars()})


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record, or a field of it, that waits for a version that can be read."""

    connection: str
    stream: str
    id: str
    field: str
    reason: str
    value: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int


_UNREADABLE = (_Q.connection, _Q.stream, _Q.id, _Q.field_name)


def unreadable(
    c: Connection, ws: str, after: tuple[str, str, str, str] | None, limit: int, reason: str | None = None
) -> list[Unreadable]:
    """What is in quarantine after a place, by (connection, stream, id, field); of one reason if given."""
    here = _Q.workspace == ws
    if after is not None:
        here &= _after(_UNREADABLE, after)
    if reason is not None:
        here &= _Q.reason == reason
    rest = (_Q.reason, _Q.value, _Q.first_seen_at, _Q.last_seen_at, _Q.times)
    query: Select[Any] = select(*_UNREADABLE, *rest).where(here).order_by(*_UNREADABLE).limit(limit)
    return [Unreadable(*row) for row in c.execute(query)]


def unreadable_by_reason(c: Connection, ws: str, limit: int) -> list[tuple[str, str, str, int]]:
    """Connection, stream, reason and how many records, most of them first."""
    number = func.count(_Q.id.distinct())
    query = select(_Q.connection, _Q.stream, _Q.reason, number).where(_Q.workspace == ws)
    grouped = query.group_by(_Q.connection, _Q.stream, _Q.reason)
    ordered = grouped.order_by(number.desc(), _Q.connection, _Q.stream, _Q.reason).limit(limit)
    return [(row[0], row[1], row[2], row[3]) for row in c.execute(ordered)]


@dataclass(frozen=True, slots=True)
class StreamState:
    """How far the reading of a stream is: when it was proven complete last, and what is under way."""

    connection: str
    stream: str
    mode: str
    sealed_at: datetime | None
    rows: int
    open_since: datetime | None


def streams(c: Connection, ws: str) -> list[StreamState]:
    """Every stream that was ever read, by connection and name."""
    of_state = {state: func.max(case((_E.state == state, _E.id))) for state in ("sealed", "open")}
    newest = (
        select(_E.connection, _E.stream, of_state["sealed"].label("sealed"), of_state["open"].label("open"))
        .where(_E.workspace == ws)
        .group_by(_E.connection, _E.stream)
        .subquery()
    )
    sealed, begun = epoch.alias("sealed_epoch"), epoch.alias("open_epoch")
    query = (
        select(newest.c.connection, newest.c.stream, func.coalesce(sealed.c.mode, begun.c.mode, ""), sealed.c.ended_at,
               func.coalesce(sealed.c.rows, 0), begun.c.started_at)
        .join_from(newest, sealed, sealed.c.id == newest.c.sealed, isouter=True)
        .join(begun, begun.c.id == newest.c.open, isouter=True)
        .order_by(newest.c.connection, newest.c.stream)
    )  # fmt: skip
    return [StreamState(*row) for row in c.execute(query)]
