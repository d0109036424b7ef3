"""What the store knows of the records that Keepwell makes, tasks and entries, as the steps of a write note it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from mapping.tasks import ACCOUNT_FIELD, TASK_KEY
from store import alert_tasks, timeline_entries
from store.plans import PlanRecord
from sync.owned import Owned

if TYPE_CHECKING:
    from sync.session import Session

_BOOKS = {"task": alert_tasks, "entry": timeline_entries}


def needed(owned: Owned) -> frozenset[str]:
    """The properties without which a record of an object is not made: of a task its key and what it is about."""
    if owned.makes == "entry":
        return frozenset(owned.properties)
    names = (TASK_KEY.name, ACCOUNT_FIELD) if owned.makes == "task" else ()
    return frozenset(owned.by_field[name] for name in names if name in owned.by_field)


def made_before(c: Connection, ws: str, owned: Owned, records: Iterable[PlanRecord]) -> frozenset[str]:
    """The keys of those records that were made already, though a plan makes them."""
    return were_made(c, ws, owned, [record.record_id for record in records])


def were_made(c: Connection, ws: str, owned: Owned, keys: Iterable[str]) -> frozenset[str]:
    """Those of `keys` whose record was made, as far as its answer came or it was found."""
    if owned.makes is None:
        return frozenset()
    found: Mapping[str, alert_tasks.AlertTask | timeline_entries.TimelineEntry]
    found = _BOOKS[owned.makes].by_key(c, ws, owned.connection, keys)
    return frozenset(key for key, one in found.items() if one.made_at is not None)


def note_made(c: Connection, session: Session, owned: Owned, made: Mapping[str, str | None]) -> None:
    """Enter by key that records are there, with the CRM's own ids, as far as they are of a kind that is made."""
    if owned.makes is not None and made:
        now = session.deps.clock.now()
        _BOOKS[owned.makes].note_made(c, session.ws, owned.connection, made, run_id=session.run_id, now=now)
