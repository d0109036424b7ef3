"""What the store knows of the tasks that stand for alerts, as the steps of a write note it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from mapping.tasks import ACCOUNT_FIELD, TASK_KEY
from store import alert_tasks
from store.plans import PlanRecord
from sync.owned import Owned

if TYPE_CHECKING:
    from sync.session import Session


def is_tasks(owned: Owned) -> bool:
    """Whether an object's records are tasks: no stream reads them."""
    return not owned.stream


def needed(owned: Owned) -> frozenset[str]:
    """The properties without which a record of an object is not made: a task's key, and what it is about."""
    names = (TASK_KEY.name, ACCOUNT_FIELD) if is_tasks(owned) else ()
    return frozenset(owned.by_field[name] for name in names if name in owned.by_field)


def made_before(c: Connection, ws: str, owned: Owned, records: Iterable[PlanRecord]) -> frozenset[str]:
    """The keys of those records that were made already, though a plan makes them."""
    if not is_tasks(owned):
        return frozenset()
    return were_made(c, ws, owned, [record.record_id for record in records])


def were_made(c: Connection, ws: str, owned: Owned, keys: Iterable[str]) -> frozenset[str]:
    """Those of `keys` whose record was made, as far as its answer came or it was found."""
    found = alert_tasks.by_key(c, ws, owned.connection, keys)
    return frozenset(key for key, task in found.items() if task.made_at is not None)


def note_made(c: Connection, session: Session, owned: Owned, made: Mapping[str, str | None]) -> None:
    """Enter by key that records are there, with the CRM's own ids, as far as they are tasks."""
    if is_tasks(owned) and made:
        now = session.deps.clock.now()
        alert_tasks.note_made(c, session.ws, owned.connection, made, run_id=session.run_id, now=now)
