"""Backfills: ranges of streams that are read again, each with how far it is, resumable at every page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, update

from store.errors import StoreCorrupt
from store.sql import digest, member
from store.tables import backfill

State = Literal["reading", "read", "done", "dropped"]
UNFINISHED: tuple[State, ...] = ("reading", "read")
_B = backfill.c


@dataclass(frozen=True, slots=True)
class Job:
    """A range [since, until) of one stream; everything from `reached` on is read.

    `window_since` and `position` say where the window below `reached` stands, `window_rows` what it brought so far.
    `asked_until` is the end that the user named, None for "up to now". `expected` is about how many rows the CRM said
    the range has. `read` jobs still have to be evaluated.
    """

    id: int
    workspace: str
    connection: str
    stream: str
    state: State
    since: datetime
    until: datetime
    asked_until: datetime | None
    reached: datetime
    window_since: datetime | None
    position: str | None
    window_rows: int
    windows: int
    pages: int
    rows: int
    expected: int | None
    started_at: datetime
    ended_at: datetime | None


def begin(
    c: Connection,
    ws: str,
    connection: str,
    stream: str,
    *,
    since: datetime,
    until: datetime,
    asked_until: datetime | None,
    expected: int | None,
    now: datetime,
) -> Job:
    """Note that a range is to be read."""
    fresh = Job(
        0, ws, connection, stream, "reading", since, until, asked_until, until, None, None, 0, 0, 0, 0, expected, now,
        None,
    )  # fmt: skip
    added = c.execute(insert(backfill).values(_values(fresh)).returning(_B.id)).scalar_one()
    return get(c, added)


def get(c: Connection, job_id: int) -> Job:
    """A job by its id; raises StoreCorrupt when its row was damaged."""
    return _job(c.execute(select(backfill).where(_B.id == job_id)).one())


def unfinished(
    c: Connection, ws: str, connection: str, stream: str, *, since: datetime, asked_until: datetime | None
) -> Job | None:
    """The job of this range that has not come to its end, the latest one; raises StoreCorrupt for a damaged row."""
    here = and_(_range(ws, connection, stream, since, asked_until), _B.state.in_(UNFINISHED))
    found = c.execute(select(backfill).where(here).order_by(_B.id.desc()).limit(1)).one_or_none()
    return None if found is None else _job(found)


def drop(
    c: Connection,
    ws: str,
    connection: str,
    stream: str,
    *,
    since: datetime,
    asked_until: datetime | None,
    now: datetime,
) -> None:
    """Give up the unfinished jobs of this range, damaged ones as well."""
    here = and_(_range(ws, connection, stream, since, asked_until), _B.state.in_(UNFINISHED))
    c.execute(update(backfill).where(here).values(state="dropped", ended_at=now))


def save(c: Connection, job: Job) -> None:
    """Store where a job stands; call it in the transaction of the page that took it there."""
    c.execute(update(backfill).where(_B.id == job.id).values(_values(job)))


def finish(c: Connection, ws: str, ids: Iterable[int], now: datetime) -> None:
    """Note that what these jobs read was evaluated."""
    here = and_(_B.workspace == ws, member(_B.id, ids))
    c.execute(update(backfill).where(here).values(state="done", ended_at=now))


def damaged(c: Connection) -> list[str]:
    """What is wrong with jobs that are not finished, a sentence each."""
    findings = []
    for row in c.execute(select(backfill).where(_B.state.in_(UNFINISHED)).order_by(_B.id)):
        try:
            _job(row)
        except StoreCorrupt as error:
            findings.append(str(error))
    return findings


def _range(ws: str, connection: str, stream: str, since: datetime, asked_until: datetime | None) -> ColumnElement[bool]:
    until = _B.asked_until.is_(None) if asked_until is None else _B.asked_until == asked_until
    return and_(_B.workspace == ws, _B.connection == connection, _B.stream == stream, _B.since == since, until)


def _values(job: Job) -> dict[str, object]:
    values = {name: getattr(job, name) for name in Job.__dataclass_fields__ if name != "id"}
    return values | {"checksum": _checksum(job)}


def _checksum(job: Job) -> str:
    key = (job.workspace, job.connection, job.stream, job.position, job.rows)
    moments = (job.since, job.until, job.reached, job.window_since)
    return digest(1, *key, *(None if moment is None else moment.isoformat() for moment in moments))


def _job(row: Row[Any]) -> Job:
    values = row._asdict()
    checksum = values.pop("checksum")
    found = Job(**values)
    if checksum != _checksum(found):
        raise StoreCorrupt(
            f"The position of the backfill of {found.connection} {found.stream} since {found.since.isoformat()} does "
            "not match its checksum.",
            "Begin it anew: the same `keepwell backfill` with `--restart`.",
        )
    return found
