"""Small facts that one run leaves for the next: how far normalising got, which field map it used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from store.errors import StoreCorrupt
from store.sql import digest, upsert
from store.tables import mark as marks

EVALUATED_LAST = "evaluated:last"
"""Name of the mark with the moment as of which all accounts were evaluated last."""


def mark(c: Connection, ws: str, name: str) -> Any:
    """Return what was left under `name`, None when nothing was; raises StoreCorrupt when the row was damaged."""
    query = select(marks.c.value, marks.c.checksum).where(marks.c.workspace == ws, marks.c.name == name)
    try:
        found = c.execute(query).one_or_none()
    except StoreCorrupt as error:
        raise _damaged(name, "cannot be read") from error
    if found is None:
        return None
    if found.checksum != checksum(ws, name, found.value):
        raise _damaged(name, "does not match its checksum")
    return found.value


def set_mark(c: Connection, ws: str, name: str, value: object) -> None:
    """Leave a JSON value under `name`."""
    row = {"workspace": ws, "name": name, "value": value, "checksum": checksum(ws, name, value)}
    c.execute(upsert(c, marks), row)


def checksum(ws: str, name: str, value: object) -> str:
    """Return what seals a mark."""
    return digest(1, ws, name, value)


def _damaged(name: str, what: str) -> StoreCorrupt:
    return StoreCorrupt(f"The mark {name} {what}.", "Read everything from the start: `keepwell pull --full`.")
