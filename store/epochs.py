"""Epochs: one pull of one stream, resumable page by page, usable only once its completeness is proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, update

from store import cursors
from store.errors import StateConflict, StoreCorrupt
from store.sql import digest, its, refresh_figures
from store.tables import epoch, raw_link, raw_record

_ONE = select(epoch).where(its(epoch.c.id))
_CHANGE = update(epoch).where(its(epoch.c.id))
_OPEN = select(epoch).where(its(epoch.c.workspace), epoch.c.state == "open").order_by(epoch.c.id)

Mode = Literal["full", "increment"]
State = Literal["open", "sealed", "abandoned"]

_FIGURES_AFTER_PAGES = frozenset({10, 100, 1_000, 10_000})


@dataclass(frozen=True, slots=True)
class Epoch:
    """A pull: where it stands (`position`), what it proved (`proof`), and the next window's start (`high_water`)."""

    id: int
    workspace: str
    connection: str
    stream: str
    mode: Mode
    state: State
    since: datetime | None
    position: str | None
    high_water: datetime | None
    rows: int
    pages: int
    started_at: datetime
    ended_at: datetime | None
    proof: dict[str, Any] | None

    @property
    def sealed_at(self) -> datetime | None:
        """When completeness was proven, None while it is not."""
        return self.ended_at if self.state == "sealed" else None


def open_epoch(
    c: Connection, ws: str, connection: str, stream: str, mode: Mode, *, since: datetime | None, now: datetime
) -> Epoch:
    """Begin a new epoch and abandon the one that was open."""
    for standing in open_epochs(c, ws):
        if (standing.connection, standing.stream) == (connection, stream):
            abandon(c, standing.id, reason="begun anew", now=now)
    begun = Epoch(0, ws, connection, stream, mode, "open", since, None, None, 0, 0, now, None, None)
    values = {
        "workspace": ws,
        "connection": connection,
        "stream": stream,
        "mode": mode,
        "state": "open",
        "since": since,
        "rows": 0,
        "pages": 0,
        "started_at": now,
        "checksum": _checksum(begun, None, None),
    }
    return get(c, c.execute(insert(epoch).values(values).returning(epoch.c.id)).scalar_one())


def advance(c: Connection, epoch_id: int, *, position: str | None, high_water: datetime | None, rows: int) -> None:
    """Note that a page of `rows` is stored; call it in the page's transaction. The high-water mark never falls."""
    standing = _open(c, epoch_id)
    marks = [moment for moment in (standing.high_water, high_water) if moment is not None]
    highest = max(marks, default=None)
    values: dict[str, Any] = {
        "position": position,
        "high_water": highest,
        "rows": standing.rows + rows,
        "pages": standing.pages + 1,
        "checksum": _checksum(standing, position, highest),
    }
    c.execute(_CHANGE, {"its_id": epoch_id} | values)
    if standing.pages + 1 in _FIGURES_AFTER_PAGES:
        refresh_figures(c, raw_record, raw_link)


def seal(c: Connection, epoch_id: int, *, proof: Mapping[str, object], cursor: datetime | None, now: datetime) -> Epoch:
    """Declare the epoch complete with its proof and move the stream's cursor (None leaves it where it is)."""
    standing = _open(c, epoch_id)
    c.execute(_CHANGE, {"its_id": epoch_id, "state": "sealed", "proof": dict(proof), "ended_at": now})
    if cursor is not None:
        cursors.move(c, standing.workspace, standing.connection, standing.stream, cursor, epoch_id, now)
    return get(c, epoch_id)


def abandon(c: Connection, epoch_id: int, *, reason: str, now: datetime) -> None:
    """Give an open epoch up; nothing is ever computed from it."""
    _open(c, epoch_id)
    c.execute(_CHANGE, {"its_id": epoch_id, "state": "abandoned", "proof": {"abandoned": reason}, "ended_at": now})


def get(c: Connection, epoch_id: int) -> Epoch:
    """Return an epoch by id; raises StateConflict when there is none."""
    found = c.execute(_ONE, {"its_id": epoch_id}).one_or_none()
    if found is None:
        raise StateConflict(f"There is no epoch {epoch_id}.", "Pull again.")
    return _epoch(found)


def latest_sealed(c: Connection, ws: str, connection: str, stream: str, mode: Mode | None = None) -> Epoch | None:
    """Return the last complete epoch of a stream, of `mode` if given."""
    here = _stream(ws, connection, stream) & (epoch.c.state == "sealed")
    if mode is not None:
        here &= epoch.c.mode == mode
    found = c.execute(select(epoch).where(here).order_by(epoch.c.id.desc()).limit(1)).one_or_none()
    return None if found is None else _epoch(found)


def open_epochs(c: Connection, ws: str) -> list[Epoch]:
    """Return the workspace's unfinished pulls."""
    return [_epoch(row) for row in c.execute(_OPEN, {"its_workspace": ws})]


def _stream(ws: str, connection: str, stream: str) -> ColumnElement[bool]:
    return and_(epoch.c.workspace == ws, epoch.c.connection == connection, epoch.c.stream == stream)


def _open(c: Connection, epoch_id: int) -> Epoch:
    standing = get(c, epoch_id)
    if standing.state != "open":
        raise StateConflict(f"Epoch {epoch_id} of {standing.stream} is {standing.state} already.", "Pull again.")
    return standing


def _checksum(standing: Epoch, position: str | None, high_water: datetime | None) -> str:
    key = (standing.workspace, standing.connection, standing.stream, standing.mode)
    moments = [None if moment is None else moment.isoformat() for moment in (standing.since, high_water)]
    return digest(1, *key, position, *moments)


def _epoch(row: Row[Any]) -> Epoch:
    values = row._asdict()
    checksum = values.pop("checksum")
    found = Epoch(**values)
    if checksum != _checksum(found, found.position, found.high_water):
        raise StoreCorrupt(
            f"The position of epoch {found.id} ({found.connection} {found.stream}) does not match its checksum.",
            "Read it from the start: `keepwell pull --full`.",
        )
    return found
