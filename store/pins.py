"""Pins: which CRM account a connection belongs to, so that wrong credentials cannot mix two companies' data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from store.errors import PinMismatch
from store.sql import upsert
from store.tables import pin as pins


@dataclass(frozen=True, slots=True)
class Pin:
    """The CRM account (portal id, organisation id) that a connection had when it was first used."""

    connection: str
    identity: str
    pinned_at: datetime


def get(c: Connection, ws: str, connection: str) -> Pin | None:
    """Return the pin of a connection, None before its first use."""
    row = c.execute(select(pins).where(pins.c.workspace == ws, pins.c.connection == connection)).one_or_none()
    return None if row is None else Pin(row.connection, row.identity, row.pinned_at)


def verify(c: Connection, ws: str, connection: str, identity: str, now: datetime) -> Pin:
    """Return the connection's pin, setting it the first time; raises PinMismatch when `identity` is another one."""
    standing = get(c, ws, connection)
    if standing is None:
        return repin(c, ws, connection, identity, now)
    if standing.identity != identity:
        message = f"The connection {connection} leads to {identity}, but its data came from {standing.identity}."
        raise PinMismatch(message, "Check the credentials, or use another workspace for the other account.")
    return standing


def repin(c: Connection, ws: str, connection: str, identity: str, now: datetime) -> Pin:
    """Bind the connection to `identity`, whatever it was bound to."""
    c.execute(upsert(c, pins), {"workspace": ws, "connection": connection, "identity": identity, "pinned_at": now})
    return Pin(connection, identity, now)
