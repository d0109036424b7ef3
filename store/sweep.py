"""Cleaning everything that the store holds of people who were forgotten: one look at each text of each table.

Tables and columns are told by what is left out, so that whatever is added to the store is looked at as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl
from sqlalchemy import Column, Connection, Table, and_, delete, select, update

from mapping.forgotten import PEOPLE, Forgotten
from store import marks
from store.raw import DOUBTED, content_hash
from store.tables import (
    ENTITY_TABLES,
    evaluation_block,
    intent,
    mark,
    metadata,
    plan,
    plan_record,
    raw_link,
    raw_record,
)
from store.types import Json, PackedFrame, PackedJson, Words, dump_bytes

LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "audit": "counts, ids of records and codes; its hashes prove that nobody changed it",
        "audit_head": "the end of that chain",
        "backfill": "how far the work is",
        "cursor": "how far the work is",
        "epoch": "how far the work is",
        "forgotten": "the digests themselves",
        "lease": "who works, by the id of the run",
        "pin": "which CRM account a connection leads to",
        "quota": "what is used of the quotas",
        "raw_alias": "ids of records that were merged",
        "raw_seq": "counters",
    }
)
"""Tables without text of people, and what they hold."""
CODES = frozenset(
    {
        "workspace", "connection", "stream", "object", "kind", "how", "state", "command", "status", "version", "hash",
        "checksum", "model_version", "framework", "run_id", "last_run_id", "plan_id", "batch", "code", "undoes",
        "verdict", "property", "field", "field_name", "values_hash", "band", "stage", "alert", "level", "touch",
        "channel", "change", "message", "key",
    }
)  # fmt: skip
"""Columns that hold words of ours and of a CRM's schema, or ids of runs; in a table of entities, the first three."""
_WHOSE = frozenset({"workspace", "connection", "stream"})
_ENTITIES = frozenset(table.name for table in ENTITY_TABLES.values())
AT_ONCE = 500
FORGOTTEN = "forgotten"
"""`code` of an intent of which a value was cleaned: the digest in the audit stands for what was there before."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where ids of people stand: streams (connection, stream) of a CRM's users; properties that hold a contact's id."""

    users: Collection[tuple[str, str]] = ()
    contacts: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)


def sweep(
    c: Connection, ws: str, known: Forgotten, places: Places, *, tables: Collection[str] | None = None
) -> Counter[str]:
    """Clean every text of the workspace, or only of some tables; returns table → number of rows that changed.

    A plan that was not carried out yet goes as a whole when a record of it changes: it would not be what its id says.
    Raises `StoreCorrupt` where a value cannot be read.
    """
    found: Counter[str] = Counter()
    for table in metadata.sorted_tables:
        if table.name in LEFT_OUT or (tables is not None and table.name not in tables):
            continue
        changed = list(_changed(c, ws, table, known, places))
        if changed:
            found[table.name] = len(changed)
        _drop_plans(c, ws, table, changed)
        for key, values in changed:
            _replace(c, table, key, values)
    return found


Change = tuple[tuple[Any, ...], dict[str, Any]]
"""The key of a row, and the columns that become something else."""


def texts(table: Table) -> list[Column[Any]]:
    """The columns of a table in which there may be text of people."""
    codes = _WHOSE if table.name in _ENTITIES else CODES
    formed = (one for one in table.columns if isinstance(one.type, Words | Json | PackedJson | PackedFrame))
    return [one for one in formed if one.name not in codes]


def undecided(c: Connection, ws: str, known: Forgotten) -> int:
    """Return how many values are on their way to a CRM that would have to be cleaned."""
    columns = texts(intent)
    here = and_(intent.c.workspace == ws, intent.c.state.in_(("sent", "in_doubt")))
    rows = c.execute(select(*columns).where(here)).all()
    return sum(1 for row in rows if any(known.value(value) != value for value in row))


def _changed(c: Connection, ws: str, table: Table, known: Forgotten, places: Places) -> Iterator[Change]:
    columns = texts(table)
    if not columns:
        return
    keys = list(table.primary_key)
    beside = [one for one in table.columns if one.name in ("connection", "stream", "kind", "hash")]
    wanted = list({one.name: one for one in (*keys, *beside, *columns)}.values())
    query = select(*wanted).where(table.c.workspace == ws)
    at_once = 10 if table is evaluation_block else AT_ONCE
    clean = _cleaner(table, known, places)
    for row in c.execute(query, execution_options={"yield_per": at_once}).mappings():
        before = {one.name: row[one.name] for one in columns}
        values = {name: value for name, value in clean(row, before).items() if not _same(value, before[name])}
        if values:
            yield tuple(row[one.name] for one in keys), values | _sealed(ws, table, row, values)


Named = Callable[[Mapping[Any, Any], dict[str, Any], Forgotten, Places], dict[str, Any]]
Cleaner = Callable[[Mapping[Any, Any], dict[str, Any]], dict[str, Any]]


def _cleaner(table: Table, known: Forgotten, places: Places) -> Cleaner:
    special: dict[str, Named] = {raw_record.name: _raw, raw_link.name: _link}
    special |= {ENTITY_TABLES[one].name: _person for one in ("attendance", "survey")}
    special[ENTITY_TABLES["owner"].name] = _owner
    ids = special.get(table.name)

    def clean(row: Mapping[Any, Any], values: dict[str, Any]) -> dict[str, Any]:
        named = ids(row, values, known, places) if ids is not None else values
        return {name: _cleaned(value, known) for name, value in named.items()}

    return clean


def _cleaned(value: Any, known: Forgotten) -> Any:
    if not isinstance(value, pl.DataFrame):
        return known.value(value)
    columns = []
    for column in value.iter_columns():
        if column.dtype == pl.String:
            instead = {one: new for one in column.unique().drop_nulls() if (new := known.text(one)) != one}
            columns.append(column.replace(instead) if instead else column)
        else:
            columns.append(column)
    return pl.DataFrame(columns)


def _same(one: Any, other: Any) -> bool:
    return one.equals(other) if isinstance(one, pl.DataFrame) else bool(one == other)


def _raw(row: Mapping[Any, Any], values: dict[str, Any], known: Forgotten, places: Places) -> dict[str, Any]:
    where = (row["connection"], row["stream"])
    payload: Mapping[str, Any] = values["payload"]
    if where in places.users:
        payload = known.user(payload)
    return values | {"payload": with_contacts(known, where, payload, places)}


def with_contacts(
    known: Forgotten, where: tuple[str, str], payload: Mapping[str, Any], places: Places
) -> Mapping[str, Any]:
    """The properties of a record of `where` with pseudonyms for the ids of forgotten contacts."""
    names = [one for one in places.contacts.get(where, ()) if isinstance(payload.get(one), str)]
    return {**payload, **{one: known.contact(where[0], payload[one]) for one in names}} if names else payload


def _link(row: Mapping[Any, Any], values: dict[str, Any], known: Forgotten, _places: Places) -> dict[str, Any]:
    if not row["kind"].endswith(PEOPLE):
        return values
    return values | {"to_id": known.contact(row["connection"], row["to_id"])}


def _person(row: Mapping[Any, Any], values: dict[str, Any], known: Forgotten, _places: Places) -> dict[str, Any]:
    person = values["contact_ref"]
    if person is None or (instead := known.contact(row["connection"], person)) == person:
        return values
    found = values | {"contact_ref": instead}
    if "meeting_ref" in values:  # its id is made of the two
        found["id"] = f"{values['meeting_ref']}:{instead}"
    return found


def _owner(_row: Mapping[Any, Any], values: dict[str, Any], known: Forgotten, _places: Places) -> dict[str, Any]:
    return values | dict(known.user({"name": values["name"], "email": values["email"]}))


def _sealed(ws: str, table: Table, row: Mapping[Any, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What goes along with a change so that the row is sound."""
    if table is raw_record and "payload" in values and row["hash"] != DOUBTED:
        return {"hash": content_hash(dump_bytes(values["payload"]))}
    if table is mark:
        name = values.get("name", row["name"])
        return {"checksum": marks.checksum(ws, name, values.get("value", row["value"]))}
    if table is intent:
        return {"code": FORGOTTEN}
    return {}


def _drop_plans(c: Connection, ws: str, table: Table, changed: Sequence[Change]) -> None:
    if table not in (plan, plan_record):
        return
    place = [one.name for one in table.primary_key].index("key" if table is plan else "plan_key")
    keys = sorted({key[place] for key, _ in changed})
    drop_unapplied(c, ws, keys)


def drop_unapplied(c: Connection, ws: str, keys: Sequence[int]) -> None:
    """Remove those of the plans that were not carried out, with their records."""
    here = and_(plan.c.workspace == ws, plan.c.key.in_(keys), plan.c.state != "applied")
    doomed = c.execute(select(plan.c.key).where(here)).scalars().all()
    c.execute(delete(plan_record).where(plan_record.c.workspace == ws, plan_record.c.plan_key.in_(doomed)))
    c.execute(delete(plan).where(plan.c.workspace == ws, plan.c.key.in_(doomed)))


def _replace(c: Connection, table: Table, key: tuple[Any, ...], values: Mapping[str, Any]) -> None:
    """Change a row; where its key changes and a row has the new one already, that one stands for both."""
    columns = list(table.primary_key)
    here = and_(*(column == part for column, part in zip(columns, key, strict=True)))
    moved = [values.get(column.name, part) for column, part in zip(columns, key, strict=True)]
    if moved != list(key):
        there = and_(*(column == part for column, part in zip(columns, moved, strict=True)))
        if c.execute(select(columns[0]).where(there)).first() is not None:
            c.execute(delete(table).where(here))
            return
    c.execute(update(table).where(here).values(**values))
