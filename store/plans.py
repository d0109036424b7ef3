"""Plans: built in chunks, frozen under an id made from their content, read back in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, tuple_, update

from store.errors import StateConflict, StoreCorrupt
from store.sql import upsert
from store.tables import plan, plan_record
from store.types import dump_json, to_micros

NARROWED, UNDOES = "narrowed", "undoes"
"""In a plan's inputs: it is about some accounts only; it undoes this run."""
MADE = "/made"
"""Beside the connections' names in a plan's counts: when and from what it was made."""

State = Literal["draft", "ready", "applied", "refused", "stale"]
Kind = Literal["update", "create"]
"""Whether the record is there, or is made; `record_id` is then the key by which both sides know it."""

_KEY = (plan_record.c.connection, plan_record.c.object, plan_record.c.record_id)
_HELD = (plan_record.c.account_id, plan_record.c.changes, plan_record.c.held, plan_record.c.kind)


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What a plan was made from; `inputs` names the sealed epochs and whatever else decided it."""

    run_id: str
    made_at: datetime
    as_of: datetime
    framework: str
    model_version: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A stored plan; `id` is None while it is a draft."""

    key: int
    id: str | None
    header: PlanHeader
    state: State
    cost: dict[str, Any]
    counts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What a plan does to one CRM record.

    One that it makes has no id yet, and stands under its key. `changes` are dicts of field, property, before, after,
    because; `held` of field, property, seen, last_written, want, reason.
    """

    connection: str
    object: str
    record_id: str
    account_id: str
    changes: tuple[dict[str, Any], ...] = ()
    held: tuple[dict[str, Any], ...] = ()
    kind: Kind = "update"


def create(c: Connection, ws: str, header: PlanHeader) -> int:
    """Begin a draft and return its key."""
    values = {
        "workspace": ws,
        "run_id": header.run_id,
        "state": "draft",
        "made_at": header.made_at,
        "as_of": header.as_of,
        "framework": header.framework,
        "model_version": header.model_version,
        "inputs": header.inputs,
        "cost": {},
        "counts": {},
    }
    key: int = c.execute(insert(plan).values(values).returning(plan.c.key)).scalar_one()
    return key


def add_records(c: Connection, ws: str, key: int, records: Sequence[PlanRecord]) -> None:
    """Add records to a draft; a record given twice keeps what was given last."""
    if not records:
        return
    _draft(c, ws, key)
    rows = [
        {
            "plan_key": key,
            "workspace": ws,
            "connection": record.connection,
            "object": record.object,
            "record_id": record.record_id,
            "account_id": record.account_id,
            "changes": list(record.changes),
            "held": list(record.held),
            "kind": record.kind,
        }
        for record in records
    ]
    c.execute(upsert(c, plan_record), rows)


def finish(c: Connection, ws: str, key: int, *, cost: Mapping[str, Any], counts: Mapping[str, Any]) -> str:
    """Freeze a draft and return its id; a plan with the same content that is there already, and whole, is kept
    instead."""
    draft = _draft(c, ws, key)
    plan_id = content_id(draft.header, _records(c, ws, key, None, _KEY_START, 500))
    standing = c.execute(select(plan.c.key).where(plan.c.workspace == ws, plan.c.id == plan_id)).scalar_one_or_none()
    if standing is not None and _is_whole(c, ws, plan_id):
        discard(c, ws, key)
        return plan_id
    if standing is not None:
        _remove(c, ws, standing)
    values = {"id": plan_id, "state": "ready", "cost": dict(cost), "counts": dict(counts)}
    c.execute(update(plan).where(plan.c.workspace == ws, plan.c.key == key).values(values))
    return plan_id


def verify(c: Connection, ws: str, plan_id: str) -> None:
    """Raise StoreCorrupt when the plan is not what its id was made from."""
    if not _is_whole(c, ws, plan_id):
        hint = "Make it anew with `keepwell plan`; nothing was written."
        raise StoreCorrupt(f"Plan {plan_id} does not match its id: a row of it was damaged.", hint)


def _is_whole(c: Connection, ws: str, plan_id: str) -> bool:
    try:
        found = get(c, ws, plan_id)
        return found is not None and plan_id == content_id(
            found.header, _records(c, ws, found.key, None, _KEY_START, 500)
        )
    except StoreCorrupt:
        return False


def discard(c: Connection, ws: str, key: int) -> None:
    """Remove a draft with its records."""
    _draft(c, ws, key)
    _remove(c, ws, key)


def _remove(c: Connection, ws: str, key: int) -> None:
    c.execute(delete(plan_record).where(plan_record.c.workspace == ws, plan_record.c.plan_key == key))
    c.execute(delete(plan).where(plan.c.workspace == ws, plan.c.key == key))


def discard_drafts(c: Connection, ws: str) -> int:
    """Remove every draft, with its records, and return how many there were.

    For a run that just took the leases: whoever began these is dead, and nobody else would ever clear them away.
    """
    keys = c.execute(select(plan.c.key).where(plan.c.workspace == ws, plan.c.id.is_(None))).scalars().all()
    for key in keys:
        discard(c, ws, key)
    return len(keys)


def content_id(header: PlanHeader, records: Iterable[PlanRecord]) -> str:
    """Return the id of a plan: 32 hexadecimal digits of its header, run apart, and its records in key order."""
    moments = [to_micros(header.made_at), to_micros(header.as_of)]
    content = hashlib.blake2b(digest_size=16)
    content.update(dump_json([1, *moments, header.framework, header.model_version, header.inputs]).encode())
    for record in records:
        key = (record.connection, record.object, record.record_id, record.account_id)
        # What only updates has the id that it had before anything could be made.
        kind = [] if record.kind == "update" else [record.kind]
        content.update(b"\n" + dump_json([*key, record.changes, record.held, *kind]).encode())
    return content.hexdigest()


def get(c: Connection, ws: str, plan_id: str) -> Plan | None:
    """Return a finished plan by its id."""
    return _one(c, and_(plan.c.workspace == ws, plan.c.id == plan_id))


def latest(c: Connection, ws: str) -> Plan | None:
    """Return the plan that was finished last."""
    return _one(c, and_(plan.c.workspace == ws, plan.c.id.is_not(None)))


def set_state(c: Connection, ws: str, plan_id: str, state: State) -> None:
    """Note what became of a plan; raises StateConflict when there is no such plan."""
    if not c.execute(update(plan).where(plan.c.workspace == ws, plan.c.id == plan_id).values(state=state)).rowcount:
        raise StateConflict(f"There is no plan {plan_id}.", "List plans with `keepwell runs list`.")


def iter_records(
    c: Connection,
    ws: str,
    plan_id: str,
    *,
    connection: str | None = None,
    object_name: str | None = None,
    after: tuple[str, str, str] | None = None,
    chunk: int = 500,
) -> Iterator[PlanRecord]:
    """Yield a plan's records by (connection, object, record id) after `after`, reading `chunk` at a time."""
    found = get(c, ws, plan_id)
    if found is not None:
        yield from _records(c, ws, found.key, connection, after or _KEY_START, chunk, object_name=object_name)


_KEY_START = ("", "", "")


def _records(
    c: Connection,
    ws: str,
    key: int,
    connection: str | None,
    after: tuple[str, str, str],
    chunk: int,
    *,
    object_name: str | None = None,
) -> Iterator[PlanRecord]:
    here: ColumnElement[bool] = and_(plan_record.c.workspace == ws, plan_record.c.plan_key == key)
    if connection is not None:
        here &= plan_record.c.connection == connection
    if object_name is not None:
        here &= plan_record.c.object == object_name
    while True:
        query = select(*_KEY, *_HELD).where(here, tuple_(*_KEY) > tuple_(*after)).order_by(*_KEY).limit(chunk)
        rows = c.execute(query).all()
        for row in rows:
            yield PlanRecord(*row[:4], tuple(row.changes), tuple(row.held), row.kind)
        if len(rows) < chunk:
            return
        after = tuple(rows[-1][:3])


def _draft(c: Connection, ws: str, key: int) -> Plan:
    found = _one(c, and_(plan.c.workspace == ws, plan.c.key == key))
    if found is None or found.state != "draft":
        raise StateConflict(f"Plan {key} is not a draft.", "A finished plan never changes: make a new one.")
    return found


def _one(c: Connection, here: ColumnElement[bool]) -> Plan | None:
    found = c.execute(select(plan).where(here).order_by(plan.c.key.desc()).limit(1)).one_or_none()
    return None if found is None else plan_of(found)


def plan_of(row: Row[Any]) -> Plan:
    """A stored plan from a row of its table."""
    header = PlanHeader(row.run_id, row.made_at, row.as_of, row.framework, row.model_version, row.inputs)
    return Plan(row.key, row.id, header, row.state, row.cost, row.counts)
