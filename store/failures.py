"""Values that a CRM refused: why, how often, since when, and when the next attempt is due.

A row stays until the value gets there, is not wanted any more, or its record is gone. Only the outbox enters rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, tuple_, update

from store.intents import Intent, Settlement
from store.sql import member, upsert
from store.tables import failure

FIRST_PAUSE = timedelta(minutes=30)
LONGEST_PAUSE = timedelta(days=1)
"""A refused value waits half an hour, then twice as long each time, a day at most: what refuses it is seldom brief."""

Key = tuple[str, str, str, str]
"""(connection, object, record id, property)"""
Place = tuple[str, str]
"""(record id, property)"""

_F = failure.c
_KEY = (_F.connection, _F.object, _F.record_id, _F.property)


@dataclass(frozen=True, slots=True)
class Failure:
    """A value that the CRM refused; `attempts` counts how often in a row, `due_at` is when it is tried again."""

    connection: str
    object: str
    record_id: str
    field: str
    property: str
    want: str | None
    reason: str
    code: str
    run_id: str
    first_at: datetime
    last_at: datetime
    attempts: int
    due_at: datetime

    def key(self) -> Key:
        """The (record, property) that it is about."""
        return (self.connection, self.object, self.record_id, self.property)


_COLUMNS = tuple(_F[item.name] for item in fields(Failure))


def note(c: Connection, ws: str, refused: Sequence[tuple[Intent, Settlement]], now: datetime) -> None:
    """Enter values that were just refused; the same value refused again waits longer, another one begins anew."""
    if not refused:
        return
    standing = _among(c, ws, [intent for intent, _ in refused])
    rows = []
    for intent, settlement in refused:
        before = standing.get(intent.key())
        if before is not None and before.want != intent.want:
            before = None
        attempts = before.attempts + 1 if before is not None else 1
        rows.append(
            {
                "workspace": ws,
                "connection": intent.connection,
                "object": intent.object,
                "record_id": intent.record_id,
                "field": intent.field,
                "property": intent.property,
                "want": intent.want,
                "reason": settlement.reason,
                "code": settlement.code,
                "run_id": intent.run_id,
                "first_at": before.first_at if before is not None else now,
                "last_at": now,
                "attempts": attempts,
                "due_at": now + pause(attempts),
            }
        )
    c.execute(upsert(c, failure), rows)


def pause(attempts: int) -> timedelta:
    """How long a value is left alone after so many refusals in a row."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 16)), LONGEST_PAUSE)


def forget(c: Connection, ws: str, intents: Sequence[Intent]) -> None:
    """Remove the failures of these (record, property): the value is there now, or its record is not."""
    drop(c, ws, [one.key() for one in intents])


def drop(c: Connection, ws: str, keys: Iterable[Key]) -> None:
    """Remove failures by (connection, object, record id, property)."""
    for connection, object_name, names, ids in _groups(keys):
        here = _object(ws, connection, object_name)
        c.execute(delete(failure).where(here, member(c, _F.property, names), member(c, _F.record_id, ids)))


def of_records(c: Connection, ws: str, connection: str, object_name: str, ids: Iterable[str]) -> dict[Place, Failure]:
    """Return (record id, property) → what stands against it."""
    here = _object(ws, connection, object_name) & member(c, _F.record_id, ids)
    return {(one.record_id, one.property): one for one in _select(c, here)}


def listed(c: Connection, ws: str, *, after: Key = ("", "", "", ""), limit: int = 1_000) -> list[Failure]:
    """Return failures by (connection, object, record id, property), after `after`."""
    return _select(c, and_(_F.workspace == ws, tuple_(*_KEY) > tuple_(*after)), limit)


def count(c: Connection, ws: str) -> int:
    """Return how many values stand refused."""
    return c.execute(select(func.count()).select_from(failure).where(_F.workspace == ws)).scalar_one()


def make_due(c: Connection, ws: str, now: datetime, keys: Iterable[Key] | None = None) -> int:
    """Let failures (None: all) be tried again by the next run; returns how many there are."""
    if keys is None:
        return c.execute(update(failure).where(_F.workspace == ws).values(due_at=now)).rowcount
    changed = 0
    for connection, object_name, names, ids in _groups(keys):
        here = _object(ws, connection, object_name)
        here = and_(here, member(c, _F.property, names), member(c, _F.record_id, ids))
        changed += c.execute(update(failure).where(here).values(due_at=now)).rowcount
    return changed


def _groups(keys: Iterable[Key]) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """`keys` as products of properties and record ids, a few for the usual batch of like records."""
    names: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for connection, object_name, record_id, name in keys:
        names[connection, object_name, record_id].add(name)
    alike: defaultdict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (connection, object_name, record_id), found in names.items():
        alike[connection, object_name, tuple(sorted(found))].append(record_id)
    for (connection, object_name, listed_names), ids in alike.items():
        yield connection, object_name, list(listed_names), ids


def _among(c: Connection, ws: str, intents: Sequence[Intent]) -> dict[Key, Failure]:
    found: dict[Key, Failure] = {}
    for connection, object_name, names, ids in _groups(one.key() for one in intents):
        here = _object(ws, connection, object_name)
        rows = _select(c, and_(here, member(c, _F.property, names), member(c, _F.record_id, ids)))
        found |= {one.key(): one for one in rows}
    return found


def _select(c: Connection, here: ColumnElement[bool], limit: int | None = None) -> list[Failure]:
    return [Failure(*row) for row in c.execute(select(*_COLUMNS).where(here).order_by(*_KEY).limit(limit))]


def _object(ws: str, connection: str, object_name: str) -> ColumnElement[bool]:
    return and_(_F.workspace == ws, _F.connection == connection, _F.object == object_name)
