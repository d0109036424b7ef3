"""Who and what was forgotten: kept as digests, read by whoever stores what a CRM says."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from mapping.forgotten import Entry, Forgotten
from store.sql import upsert
from store.tables import forgotten

_F = forgotten.c


def known(c: Connection, ws: str) -> Forgotten:
    """Return everything that was forgotten; a workspace that forgot nothing yet gets a salt, which `add` keeps."""
    rows = c.execute(select(_F.kind, _F.digest, _F.words, _F.salt).where(_F.workspace == ws)).all()
    salt = rows[0].salt if rows else secrets.token_hex(32)
    return Forgotten(salt, frozenset(Entry(row.kind, row.digest, row.words) for row in rows))


def add(c: Connection, ws: str, salt: str, entries: Iterable[Entry], now: datetime) -> None:
    """Keep entries that were made with `salt`; one that is there already keeps its date."""
    rows = [
        {"workspace": ws, "kind": one.kind, "digest": one.digest, "words": one.words, "salt": salt, "made_at": now}
        for one in entries
    ]
    if rows:
        c.execute(upsert(c, forgotten, ["words"]), rows)
