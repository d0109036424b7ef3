"""What a pull from the start puts right: state that says how far the work is and cannot be believed any more."""

from __future__ import annotations

from sqlalchemy import Connection, and_, delete, select, update

from store import cursors, epochs, marks
from store.errors import StoreCorrupt
from store.tables import cursor, epoch, mark, quota


def forget_damaged(c: Connection, ws: str) -> list[str]:
    """Remove the workspace's damaged cursors, marks and epochs, and damaged quotas; returns what was wrong, a sentence
    each.

    Only for a run that reads everything again: what is removed here is made anew by it, and never silently.
    """
    return [*_cursors(c, ws), *_epochs(c, ws), *_marks(c, ws), *_quotas(c)]


def _cursors(c: Connection, ws: str) -> list[str]:
    found = []
    for connection, stream in c.execute(select(cursor.c.connection, cursor.c.stream).where(cursor.c.workspace == ws)):
        try:
            cursors.cursor(c, ws, connection, stream)
        except StoreCorrupt as error:
            cursors.forget(c, ws, connection, stream)
            found.append(error.message)
    return found


def _epochs(c: Connection, ws: str) -> list[str]:
    found = []
    here = and_(epoch.c.workspace == ws, epoch.c.state.in_(["open", "sealed"]))
    for key in c.execute(select(epoch.c.id).where(here).order_by(epoch.c.id)).scalars().all():
        try:
            epochs.get(c, key)
        except StoreCorrupt as error:
            given_up = {"state": "abandoned", "proof": {"abandoned": "damaged"}}
            c.execute(update(epoch).where(epoch.c.id == key).values(given_up))
            found.append(error.message)
    return found


def _marks(c: Connection, ws: str) -> list[str]:
    found = []
    for name in c.execute(select(mark.c.name).where(mark.c.workspace == ws).order_by(mark.c.name)).scalars().all():
        try:
            marks.mark(c, ws, name)
        except StoreCorrupt as error:
            c.execute(delete(mark).where(mark.c.workspace == ws, mark.c.name == name))
            found.append(error.message)
    return found


def _quotas(c: Connection) -> list[str]:
    """They belong to no workspace; what was used up, the CRM's next answer tells."""
    found = []
    for holder, name in c.execute(select(quota.c.holder, quota.c.name)).all():
        here = and_(quota.c.holder == holder, quota.c.name == name)
        try:
            c.execute(select(quota).where(here)).one()
        except StoreCorrupt:
            c.execute(delete(quota).where(here))
            found.append(f"The quota {name} of {holder} could not be read.")
    return found
