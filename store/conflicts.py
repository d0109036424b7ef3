"""Values that somebody else set and that a person has to decide about, as the last plans and writes found them.

The last plan of a whole run shows all of them. Plans of some accounts that were made after it, and values that turned
out to be changed just before they were to be written, are newer news about their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Text, and_, select, type_coerce

from mapping.records import STAMP_FIELD
from store import identity, ledger, resolutions
from store.identity import AccountLink
from store.plans import MADE, NARROWED, UNDOES
from store.resolutions import Resolution
from store.sql import member
from store.tables import intent, plan, plan_record
from store.types import dump_json

MEANWHILE, RECLAIMED = "changed_meanwhile", "reclaimed"
"""The reasons of a value that was changed between its plan and its writing, and of one that a plan replaces."""
DECIDABLE = frozenset({"human_edit", "not_ours", "undone", "accepted", MEANWHILE, RECLAIMED})
"""Reasons that a person can decide about; what is in doubt the next run decides by reading it back."""

Place = tuple[str, str, str, str]
"""(connection, object, record id, property)"""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A value that Keepwell leaves alone: `seen` is there, `last_written` was written last, `want` was computed.

    `reason` is why it was held, `told` what the CRM said of the last change, `verdict` what was decided about the
    value that was seen.
    """

    connection: str
    object: str
    record_id: str
    account_id: str
    field: str
    property: str
    seen: str | None
    last_written: str | None
    want: str | None
    reason: str
    found_at: datetime
    told: Mapping[str, Any] | None = None
    verdict: Literal["accept", "reclaim"] | None = None
    decided_at: datetime | None = None

    def place(self) -> Place:
        """Where the value is."""
        return (self.connection, self.object, self.record_id, self.property)


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that stands, by place, and the whole plan that it goes back to (None: there is none yet)."""

    conflicts: tuple[Conflict, ...]
    plan_id: str | None
    planned_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Planned:
    key: int
    id: str
    made_at: datetime
    narrowed: bool
    connections: frozenset[str]


def standing(c: Connection, ws: str) -> Found:
    """Return what waits for a decision or got one, as far as Keepwell has not written there since."""
    planned = _plans(c, ws)
    whole = planned[0] if planned and not planned[0].narrowed else None
    by_record = {record: held for one in planned for record, held in _records(c, ws, one)}
    found = {one.place(): one for held in by_record.values() for one in held}
    connections = frozenset().union(*(one.connections for one in planned))
    since = whole.made_at if whole is not None else None
    found.update((one.place(), one) for one in _meanwhile(c, ws, connections, since))
    found.update((one.place(), one) for one in _about_to_be_written(c, ws, planned) if one.place() not in found)
    rest = _decided(c, ws, _not_written_since(c, ws, found))
    conflicts = tuple(rest[place] for place in sorted(rest))
    return Found(conflicts, planned[-1].id if planned else None, planned[-1].made_at if planned else None)


def _plans(c: Connection, ws: str) -> list[_Planned]:
    """The last plan of a whole run and the narrowed ones after it, oldest first."""
    columns = (plan.c.key, plan.c.id, plan.c.inputs, plan.c.counts)
    here = and_(plan.c.workspace == ws, plan.c.id.is_not(None))
    found: list[_Planned] = []
    for key, plan_id, inputs, counts in c.execute(select(*columns).where(here).order_by(plan.c.key.desc())):
        if UNDOES in inputs:
            continue
        made_at = datetime.fromisoformat(counts[MADE]["made_at"])
        connections = frozenset(name for name in counts if not name.startswith("/"))
        found.append(_Planned(key, plan_id, made_at, NARROWED in inputs, connections))
        if not found[-1].narrowed:
            break
    return found[::-1]


def _records(c: Connection, ws: str, one: _Planned) -> Iterator[tuple[tuple[str, str, str], list[Conflict]]]:
    """What a plan holds, record by record; of a narrowed one also the records of which it holds nothing any more."""
    r = plan_record.c
    here = and_(r.workspace == ws, r.plan_key == one.key)
    if not one.narrowed:
        here &= type_coerce(r.held, Text) != dump_json([])
    columns = (r.connection, r.object, r.record_id, r.account_id, r.held)
    for *record, account_id, held in c.execute(select(*columns).where(here)):
        place: tuple[str, str, str] = tuple(record)
        yield (
            place,
            [
                Conflict(
                    *place,
                    account_id,
                    value["field"],
                    value["property"],
                    value["seen"],
                    value["last_written"],
                    value["want"],
                    value["reason"],
                    one.made_at,
                    value.get("told"),
                )
                for value in held
                if value["reason"] != "refused"
            ],
        )


def _meanwhile(c: Connection, ws: str, connections: frozenset[str], since: datetime | None) -> list[Conflict]:
    """Values that a guard read found changed, oldest first; the time stamp shares the fate of the others."""
    i = intent.c
    here = and_(i.workspace == ws, member(i.connection, connections), i.state == "conflict", i.field != STAMP_FIELD)
    if since is not None:
        here &= i.changed_at >= since
    columns = (i.connection, i.object, i.record_id, i.field, i.property, i.seen, i.want, i.changed_at)
    rows = c.execute(select(*columns).where(here).order_by(i.id)).all()
    accounts: dict[tuple[str, str], dict[str, AccountLink]] = {}
    for one in {row[:2] for row in rows}:
        accounts[one] = identity.of_records(c, ws, *one, {row.record_id for row in rows if row[:2] == one})
    return [
        Conflict(
            row.connection,
            row.object,
            row.record_id,
            accounts[row[:2]][row.record_id].account_id,
            row.field,
            row.property,
            row.seen,
            None,
            row.want,
            MEANWHILE,
            row.changed_at,
        )
        for row in rows
        if row.record_id in accounts[row[:2]]
    ]


def _about_to_be_written(c: Connection, ws: str, planned: Sequence[_Planned]) -> Iterator[Conflict]:
    """Reclaimed values that a plan replaces but no run has written yet: a person may think better of it."""
    made = {(one.connection, one.object, one.record_id, one.property): one for one in resolutions.reclaimed(c, ws)}
    r = plan_record.c
    for one in planned if made else ():
        columns = (r.connection, r.object, r.record_id, r.account_id, r.changes)
        here = and_(r.workspace == ws, r.plan_key == one.key, member(r.record_id, {place[2] for place in made}))
        for connection, object_name, record_id, account_id, changes in c.execute(select(*columns).where(here)):
            for change in changes:
                decided = made.get((connection, object_name, record_id, change["property"]))
                if decided is not None and decided.seen == change["before"]:
                    yield Conflict(
                        connection,
                        object_name,
                        record_id,
                        account_id,
                        change["field"],
                        change["property"],
                        change["before"],
                        None,
                        change["after"],
                        RECLAIMED,
                        one.made_at,
                    )


def _not_written_since(c: Connection, ws: str, found: Mapping[Place, Conflict]) -> dict[Place, Conflict]:
    """What no later write of ours settled, each with what was written last."""
    rest: dict[Place, Conflict] = {}
    for (connection, object_name), ids in _objects(found).items():
        rows = ledger.ledger_for(c, ws, connection, object_name, ids)
        for place, one in found.items():
            if place[:2] == (connection, object_name):
                row = rows.get((one.record_id, one.property))
                if row is None:
                    rest[place] = one
                elif row.written_at <= one.found_at:
                    rest[place] = replace(one, last_written=row.written)
    return rest


def _decided(c: Connection, ws: str, found: Mapping[Place, Conflict]) -> dict[Place, Conflict]:
    decided: dict[Place, Conflict] = {}
    for (connection, object_name), ids in _objects(found).items():
        made = resolutions.of_records(c, ws, connection, object_name, ids)
        for place, one in found.items():
            if place[:2] == (connection, object_name):
                decided[place] = _with(one, made.get((one.record_id, one.property)))
    return decided


def _with(one: Conflict, made: Resolution | None) -> Conflict:
    if made is None or made.seen != one.seen:
        return one
    return replace(one, verdict=made.verdict, decided_at=made.made_at)


def _objects(found: Mapping[Place, Conflict]) -> dict[tuple[str, str], set[str]]:
    grouped: dict[tuple[str, str], set[str]] = {}
    for connection, object_name, record_id, _ in found:
        grouped.setdefault((connection, object_name), set()).add(record_id)
    return grouped
