"""The ledger: every value that we wrote, what was there before, and why; the last row of a property stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, tuple_, update

from store import failures, resolutions
from store.intents import Intent
from store.sql import its, member, numbered
from store.tables import ledger

_L = ledger.c


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A value written: `before` is what the guard read saw (canonical), `verified_at` when it was last read back.

    `undoes` is the run whose value was taken back by it.
    """

    id: int
    connection: str
    object: str
    record_id: str
    field: str
    property: str
    before: str | None
    written: str | None
    run_id: str
    plan_id: str
    model_version: str
    because: str
    written_at: datetime
    verified_at: datetime | None
    undoes: str | None

    def place(self) -> Place:
        """Where it stands among the rows of its run."""
        return (self.connection, self.object, self.record_id, self.property, self.id)


Place = tuple[str, str, str, str, int]
"""(connection, object, record id, property, id)"""
_COLUMNS = tuple(_L[item.name] for item in fields(LedgerRow))
_PLACE = (_L.connection, _L.object, _L.record_id, _L.property, _L.id)
_STANDING_OF = select(*_COLUMNS).where(
    its(_L.workspace, _L.connection, _L.object), _L.is_current, member(_L.record_id, name="record_ids")
)
_CHANGE = update(ledger).where(numbered(ledger))
_STANDING = select(_L.id, _L.connection, _L.object, _L.record_id, _L.property).where(
    its(_L.workspace),
    _L.is_current,
    member(_L.record_id, name="record_ids"),
    member(_L.connection, name="connections"),
    member(_L.object, name="objects"),
)


def record(c: Connection, ws: str, intents: Sequence[Intent], verified: Set[int], now: datetime) -> None:
    """Enter confirmed intents; only the outbox does this. `verified` are the ids whose value was read back.

    What was refused or decided before about these properties is settled with that.
    """
    if not intents:
        return
    keys = {(item.connection, item.object, item.record_id, item.property) for item in intents}
    standing = [row.id for row in _standing(c, ws, intents) if row.key in keys]
    if standing:
        c.execute(_CHANGE, {"its_workspace": ws, "ids": standing, "is_current": False})
    rows = [
        {
            "workspace": ws,
            "connection": item.connection,
            "object": item.object,
            "record_id": item.record_id,
            "field": item.field,
            "property": item.property,
            "before": item.seen,
            "written": item.want,
            "run_id": item.run_id,
            "plan_id": item.plan_id,
            "model_version": item.model_version,
            "because": item.because,
            "written_at": item.sent_at or now,
            "verified_at": now if item.id in verified else None,
            "is_current": True,
            "undoes": item.undoes,
        }
        for item in intents
    ]
    c.execute(insert(ledger), rows)
    failures.forget(c, ws, intents)
    resolutions.forget(c, ws, intents)


def ledger_for(
    c: Connection, ws: str, connection: str, object_name: str, ids: Iterable[str]
) -> dict[tuple[str, str], LedgerRow]:
    """Return (record id, property) → the last value that we wrote there."""
    given = {"its_workspace": ws, "its_connection": connection, "its_object": object_name, "record_ids": ids}
    rows = (LedgerRow(*row) for row in c.execute(_STANDING_OF, given))
    return {(row.record_id, row.property): row for row in rows}


def of_run(
    c: Connection, ws: str, run_id: str, *, after: Place = ("", "", "", "", 0), limit: int = 1_000
) -> list[LedgerRow]:
    """Return what a run wrote after a place, by (connection, object, record id, property, id)."""
    here = and_(_L.workspace == ws, _L.run_id == run_id, tuple_(*_PLACE) > tuple_(*after))
    return [LedgerRow(*row) for row in c.execute(select(*_COLUMNS).where(here).order_by(*_PLACE).limit(limit))]


def standing(
    c: Connection, ws: str, connection: str, object_name: str, *, after: tuple[str, str] = ("", ""), limit: int = 1_000
) -> list[LedgerRow]:
    """Return the last value of every property that we wrote, after a (record id, property), in that order."""
    key = (_L.record_id, _L.property)
    here = _object(ws, connection, object_name) & _L.is_current & (tuple_(*key) > tuple_(*after))
    return [LedgerRow(*row) for row in c.execute(select(*_COLUMNS).where(here).order_by(*key).limit(limit))]


def count_standing(c: Connection, ws: str, connection: str, object_name: str) -> int:
    """Return of how many properties we know what we wrote last."""
    here = _object(ws, connection, object_name) & _L.is_current
    return c.execute(select(func.count()).select_from(ledger).where(here)).scalar_one()


def wrote_any(c: Connection, ws: str, connection: str) -> bool:
    """Whether we ever wrote anything through a connection; a value that was found right already is none that we wrote.

    A value that was found has the same before as after.
    """
    here = and_(_L.workspace == ws, _L.connection == connection, _L.is_current, _L.before.is_distinct_from(_L.written))
    return c.execute(select(_L.id).where(here).limit(1)).first() is not None


def mark_verified(c: Connection, ws: str, row_ids: Iterable[int], now: datetime) -> int:
    """Note that the values of these ledger rows were read back as written; returns how many rows there were."""
    return c.execute(_CHANGE, {"its_workspace": ws, "ids": row_ids, "verified_at": now}).rowcount


@dataclass(frozen=True, slots=True)
class _Standing:
    id: int
    key: tuple[str, str, str, str]


def _standing(c: Connection, ws: str, intents: Sequence[Intent]) -> Iterator[_Standing]:
    given = {
        "its_workspace": ws,
        "record_ids": {item.record_id for item in intents},
        "connections": {item.connection for item in intents},
        "objects": {item.object for item in intents},
    }
    for row in c.execute(_STANDING, given):
        yield _Standing(row.id, (row.connection, row.object, row.record_id, row.property))


def _object(ws: str, connection: str, object_name: str) -> ColumnElement[bool]:
    return and_(_L.workspace == ws, _L.connection == connection, _L.object == object_name)
