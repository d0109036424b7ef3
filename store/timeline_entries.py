"""Entries on the timelines of customers whose health fell: one a fall and connection, made once and never changed.

`made_at` is set together with the ledger's rows of the request that made it; before that nobody knows whether it is
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, and_, delete, exists, select

from store.intents import OPEN
from store.made import enter_made, enter_wanted
from store.sql import member
from store.tables import intent, timeline_entry

_T = timeline_entry.c


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """The entry about a fall of an account; `as_of` is the evaluation that saw it, `record_id` the CRM's own id."""

    connection: str
    key: str
    account_id: str
    object: str
    as_of: datetime
    record_id: str | None = None
    run_id: str | None = None
    made_at: datetime | None = None


_COLUMNS = tuple(_T[item.name] for item in fields(TimelineEntry))


def want(c: Connection, ws: str, rows: Iterable[TimelineEntry]) -> None:
    """Enter entries that a plan makes, before anything is sent; those that are there stay as they are."""
    enter_wanted(c, timeline_entry, ws, rows)


def by_key(c: Connection, ws: str, connection: str, keys: Iterable[str]) -> dict[str, TimelineEntry]:
    """Return entries by their keys."""
    here = and_(_T.workspace == ws, _T.connection == connection, member(_T.key, keys))
    return {row.key: TimelineEntry(*row) for row in c.execute(select(*_COLUMNS).where(here))}


def unmade(c: Connection, ws: str, connection: str) -> list[str]:
    """Return the keys of entries that were not made, and of which nothing is under way."""
    sent = and_(
        intent.c.workspace == _T.workspace,
        intent.c.connection == _T.connection,
        intent.c.object == _T.object,
        intent.c.record_id == _T.key,
        intent.c.state.in_(sorted(OPEN)),
    )
    here = and_(_T.workspace == ws, _T.connection == connection, _T.made_at.is_(None), ~exists().where(sent))
    return list(c.execute(select(_T.key).where(here).order_by(_T.key)).scalars())


def forget(c: Connection, ws: str, connection: str, keys: Iterable[str]) -> None:
    """Remove entries that were not made and that no plan wants any more."""
    here = and_(_T.workspace == ws, _T.connection == connection, _T.made_at.is_(None), member(_T.key, keys))
    c.execute(delete(timeline_entry).where(here))


def accounts_of(c: Connection, ws: str, connection: str) -> dict[str, str]:
    """Return key → account of the entries that were made in a connection."""
    here = and_(_T.workspace == ws, _T.connection == connection, _T.made_at.is_not(None))
    return {row.key: row.account_id for row in c.execute(select(_T.key, _T.account_id).where(here))}


def note_made(
    c: Connection, ws: str, connection: str, made: Mapping[str, str | None], *, run_id: str, now: datetime
) -> None:
    """Enter by key that entries are there, and under which id of the CRM; commit it with the ledger's rows."""
    enter_made(c, timeline_entry, ws, connection, made, run_id=run_id, now=now)
