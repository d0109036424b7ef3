"""What a pull has to know about a stream before it reads: its mode, where to begin, what it was read with last time.

A mark `pull:<connection>:<stream>` in the store keeps the fingerprint of the properties that were asked for. When
it differs, old rows lack the new properties, so the stream is read whole.
"""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from connectors.base import Stream
from store import cursors, epochs, marks, raw
from store.epochs import Epoch
from sync.session import Session

Mode = Literal["full", "increment"]
LINK_SWEEP = timedelta(hours=24)
"""Associations change without moving their records' stamps, so all of them are read again after this time, unless
the connector says otherwise."""


class Halted(Exception):
    """Another stream of this connection failed; this one stopped at a page, which is kept."""


def go_on(session: Session, halt: threading.Event) -> None:
    """Return between two pages; raises `Interrupted` when the run was asked to stop and `Halted` when `halt` is set."""
    session.deps.stop.check()
    if halt.is_set():
        raise Halted


@dataclass(frozen=True, slots=True)
class Work:
    """One stream's epoch, opened or resumed; `resumed` when an earlier run began it."""

    stream: Stream
    epoch: Epoch
    resumed: bool


def fingerprint(stream: Stream) -> str:
    """Identity of what is asked of a stream."""
    text = "\n".join([stream.name, stream.entity, stream.kind, stream.ids_from or "", *sorted(stream.properties)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def carry_mark(connection: str, stream: str) -> str:
    """Name of the mark that keeps what a window of a stream left for the next one."""
    return f"carry:{connection}:{stream}"


def _mark(connection: str, stream: str) -> str:
    return f"pull:{connection}:{stream}"


def begin(c: Connection, ws: str, connection: str, stream: Stream, *, full: bool, now: datetime) -> Work:
    """Open the epoch of a stream, or go on with the one that an earlier run left open.

    An open epoch is only resumed when it asks for the same properties, and an increment never in place of a full.
    """
    asked = fingerprint(stream)
    same = marks.mark(c, ws, _mark(connection, stream.name)) == asked
    mode, since = _mode(c, ws, connection, stream, full=full or not same, now=now)
    left = next((e for e in epochs.open_epochs(c, ws) if (e.connection, e.stream) == (connection, stream.name)), None)
    if left is not None and same and left.position is not None and (left.mode == "full" or mode == "increment"):
        return Work(stream, left, resumed=True)
    marks.set_mark(c, ws, _mark(connection, stream.name), asked)
    if stream.kind == "links":
        marks.set_mark(c, ws, _opened(connection, stream.name), raw.last_seq(c, ws, connection, stream.ids_from or ""))
    epoch = epochs.open_epoch(c, ws, connection, stream.name, mode, since=since, now=now)
    if not same:
        cursors.forget(c, ws, connection, stream.name)
    return Work(stream, epoch, resumed=False)


def _mode(
    c: Connection, ws: str, connection: str, stream: Stream, *, full: bool, now: datetime
) -> tuple[Mode, datetime | None]:
    if stream.kind == "reference" or full or _full_is_due(c, ws, connection, stream, now):
        return "full", None
    if stream.kind == "links":
        return "increment", None
    cursor = cursors.cursor(c, ws, connection, stream.name)
    return ("full", None) if cursor is None else ("increment", cursor.at)


def _full_is_due(c: Connection, ws: str, connection: str, stream: Stream, now: datetime) -> bool:
    """Whether the last full read is too long ago for what no increment shows; a stream never read whole is due."""
    every = stream.full_every or (LINK_SWEEP if stream.kind == "links" else None)
    if every is None:
        return False
    last = epochs.latest_sealed(c, ws, connection, stream.name, mode="full")
    # A daily schedule comes round a little early or late; it should not have to wait for the day after.
    return last is None or last.started_at + every * 0.95 <= now


def link_seq(c: Connection, ws: str, connection: str, stream: Stream) -> int:
    """Sequence number of the parent stream up to which links were read."""
    value = marks.mark(c, ws, f"links:{connection}:{stream.name}")
    return int(str(value)) if value is not None else 0


def set_link_seq(c: Connection, ws: str, connection: str, stream: Stream, seq: int) -> None:
    """Remember that links were read for all records up to `seq`."""
    marks.set_mark(c, ws, f"links:{connection}:{stream.name}", seq)


def link_chunks(c: Connection, ws: str, connection: str, work: Work, size: int) -> list[tuple[str, list[str]]]:
    """The ids whose links have to be read, in chunks, each with the position that holds once it is stored.

    A resumed epoch goes on behind its position, but first reads again what is before it and changed since it began.
    """
    wanted = sorted(_link_owners(c, ws, connection, work))
    done = work.epoch.position if work.resumed else None
    if done is None:
        return [(chunk[-1], chunk) for chunk in _sliced(wanted, size)]
    opened = int(str(marks.mark(c, ws, _opened(connection, work.stream.name)) or 0))
    missed = sorted(one for one in _changed(c, ws, connection, work, opened) if one <= done)
    rest = wanted[bisect_right(wanted, done) :]
    return [(done, chunk) for chunk in _sliced(missed, size)] + [(chunk[-1], chunk) for chunk in _sliced(rest, size)]


def _link_owners(c: Connection, ws: str, connection: str, work: Work) -> Iterator[str]:
    """All live ids in a full epoch, else those that changed since links were read."""
    if work.epoch.mode == "full":
        return raw.iter_ids(c, ws, connection, work.stream.ids_from or "")
    return _changed(c, ws, connection, work, link_seq(c, ws, connection, work.stream))


def _changed(c: Connection, ws: str, connection: str, work: Work, since_seq: int) -> Iterator[str]:
    for row in raw.iter_changed(c, ws, connection, work.stream.ids_from or "", since_seq):
        if not (row.archived or row.gone):
            yield row.id


def _sliced(ids: list[str], size: int) -> list[list[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _opened(connection: str, stream: str) -> str:
    """Mark of the parent stream's sequence number when the open epoch of a links stream began."""
    return f"links-opened:{connection}:{stream}"
