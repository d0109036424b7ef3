"""Small facts that one run leaves for the next: how far normalising got, which field map it used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from store.sql import upsert
from store.tables import mark as marks


def mark(c: Connection, ws: str, name: str) -> Any:
    """Return what was left under `name`, None when nothing was."""
    return c.execute(select(marks.c.value).where(marks.c.workspace == ws, marks.c.name == name)).scalar_one_or_none()


def set_mark(c: Connection, ws: str, name: str, value: object) -> None:
    """Leave a JSON value under `name`."""
    c.execute(upsert(c, marks), {"workspace": ws, "name": name, "value": value})
