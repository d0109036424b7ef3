"""Values that a CRM refused: why, how often, since when, and when the next attempt is due.

A row stays until the value gets there, is not wanted any more, is held for a person, or its record is gone. Only the
outbox enters rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, or_, select, tuple_, update

from store.intents import Intent, Settlement
from store.sql import its, member, upsert
from store.tables import account_link, alert, alert_task, failure, timeline_entry

FIRST_PAUSE = timedelta(minutes=30)
LONGEST_PAUSE = timedelta(days=1)
"""A refused value waits half an hour, then twice as long each time, a day at most: what refuses it is seldom brief."""

Key = tuple[str, str, str, str]
"""(connection, object, record id, property)"""
Record = tuple[str, str, str]
"""(connection, object, record id)"""
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
_OF_RECORDS = (
    select(*_COLUMNS)
    .where(its(_F.workspace, _F.connection, _F.object), member(_F.record_id, name="record_ids"))
    .order_by(*_KEY)
)


def note(c: Connection, ws: str, refused: Sequence[tuple[Intent, Settlement]], now: datetime) -> None:
    """Enter values that were just refused; the same value refused again waits longer, another one begins anew."""
    if not refused:
        return
    standing = _standing(c, ws, [intent.key() for intent, _ in refused])
    noted = [_noted(intent, settlement, standing.get(intent.key()), now) for intent, settlement in refused]
    c.execute(upsert(c, failure), [{"workspace": ws, **asdict(one)} for one in noted])


def _noted(intent: Intent, settlement: Settlement, before: Failure | None, now: datetime) -> Failure:
    again = before if before is not None and before.want == intent.want else None
    attempts = again.attempts + 1 if again is not None else 1
    return Failure(
        connection=intent.connection,
        object=intent.object,
        record_id=intent.record_id,
        field=intent.field,
        property=intent.property,
        want=intent.want,
        reason=settlement.reason,
        code=settlement.code,
        run_id=intent.run_id,
        first_at=again.first_at if again is not None else now,
        last_at=now,
        attempts=attempts,
        due_at=now + pause(attempts),
    )


def pause(attempts: int) -> timedelta:
    """How long a value is left alone after so many refusals in a row."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 16)), LONGEST_PAUSE)


def forget(c: Connection, ws: str, intents: Sequence[Intent]) -> None:
    """Remove the failures of these (record, property): the value is there now, or its record is not."""
    drop(c, ws, [one.key() for one in intents])


def drop(c: Connection, ws: str, keys: Iterable[Key]) -> None:
    """Remove failures by (connection, object, record id, property)."""
    there = list(_standing(c, ws, keys))  # of a batch's values hardly any was ever refused
    if there:
        here = and_(*(column == bindparam(f"its_{column.name}") for column in _KEY))
        names = [f"its_{column.name}" for column in _KEY]
        given = [dict(zip(names, key, strict=True)) for key in there]
        c.execute(delete(failure).where(_F.workspace == ws, here), given)


def drop_unlinked(c: Connection, ws: str) -> int:
    """Remove the failures of records that belong to no account any more: deleted ones, or of a CRM that was left out.

    A task belongs to its alert, as long as it is to be made or followed; an entry on a timeline to its account, as long
    as it is to be made. Returns how many there were.
    """
    t, a, e = alert_task.c, alert.c, timeline_entry.c
    told = and_(e.workspace == _F.workspace, e.connection == _F.connection, e.key == _F.record_id, e.made_at.is_(None))
    tasked = and_(
        t.workspace == _F.workspace,
        t.connection == _F.connection,
        t.key == _F.record_id,
        t.ended.is_(None),
        a.workspace == t.workspace,
        a.id == t.alert_id,
        or_(t.made_at.is_not(None), a.resolved_at.is_(None)),
    )
    linked = and_(
        account_link.c.workspace == _F.workspace,
        account_link.c.connection == _F.connection,
        account_link.c.object == _F.object,
        account_link.c.crm_id == _F.record_id,
    )
    return c.execute(
        delete(failure).where(
            _F.workspace == ws, ~exists().where(linked), ~exists().where(tasked), ~exists().where(told)
        )
    ).rowcount


def of_records(c: Connection, ws: str, connection: str, object_name: str, ids: Iterable[str]) -> dict[Place, Failure]:
    """Return (record id, property) → what stands against it."""
    given = {"its_workspace": ws, "its_connection": connection, "its_object": object_name, "record_ids": ids}
    found = (Failure(*row) for row in c.execute(_OF_RECORDS, given))
    return {(one.record_id, one.property): one for one in found}


def listed(
    c: Connection, ws: str, *, after: Key = ("", "", "", ""), limit: int = 1_000, run_id: str | None = None
) -> list[Failure]:
    """Return failures by (connection, object, record id, property), after `after`; those of one run if given."""
    here = and_(_F.workspace == ws, tuple_(*_KEY) > tuple_(*after))
    return _select(c, here if run_id is None else and_(here, _F.run_id == run_id), limit)


def count(c: Connection, ws: str) -> int:
    """Return how many values stand refused."""
    return c.execute(select(func.count()).select_from(failure).where(_F.workspace == ws)).scalar_one()


def make_due(c: Connection, ws: str, now: datetime, records: Iterable[Record] | None = None) -> int:
    """Let the failures of some records (None: all) be tried again by the next run; returns how many there are."""
    if records is None:
        return c.execute(update(failure).where(_F.workspace == ws).values(due_at=now)).rowcount
    changed = 0
    for (connection, object_name), ids in _by_object(records).items():
        here = _object(ws, connection, object_name) & member(_F.record_id, ids)
        changed += c.execute(update(failure).where(here).values(due_at=now)).rowcount
    return changed


def _standing(c: Connection, ws: str, keys: Iterable[Key]) -> dict[Key, Failure]:
    wanted = set(keys)
    found: dict[Key, Failure] = {}
    for (connection, object_name), ids in _by_object(key[:3] for key in wanted).items():
        rows = of_records(c, ws, connection, object_name, ids).values()
        found |= {one.key(): one for one in rows if one.key() in wanted}
    return found


def _by_object(records: Iterable[Record]) -> dict[tuple[str, str], set[str]]:
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for connection, object_name, record_id in records:
        found[connection, object_name].add(record_id)
    return found


def _select(c: Connection, here: ColumnElement[bool], limit: int | None = None) -> list[Failure]:
    return [Failure(*row) for row in c.execute(select(*_COLUMNS).where(here).order_by(*_KEY).limit(limit))]


def _object(ws: str, connection: str, object_name: str) -> ColumnElement[bool]:
    return and_(_F.workspace == ws, _F.connection == connection, _F.object == object_name)
