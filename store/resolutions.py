"""What people decided about held values: the CRM's value stands (`accept`), or Keepwell's replaces it (`reclaim`).

A decision is about the value that was there when it was made. When the CRM shows another one it says nothing, and once
Keepwell wrote the property it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, and_, delete, func, select

from store.intents import Intent
from store.sql import its, member, upsert
from store.tables import resolution

Verdict = Literal["accept", "reclaim"]

_R = resolution.c


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's decision about one property; `seen` is the canonical value that it is about."""

    connection: str
    object: str
    record_id: str
    property: str
    verdict: Verdict
    seen: str | None
    made_at: datetime


_COLUMNS = (_R.connection, _R.object, _R.record_id, _R.property, _R.verdict, _R.seen, _R.made_at)
_OBJECT = its(_R.workspace, _R.connection, _R.object)
_OF_RECORDS = select(*_COLUMNS).where(_OBJECT, member(_R.record_id, name="record_ids"))
_FORGET = delete(resolution).where(_OBJECT, its(_R.record_id, _R.property))


def decide(c: Connection, ws: str, resolutions: Sequence[Resolution]) -> None:
    """Enter decisions; the newest of a property counts."""
    rows = [
        {
            "workspace": ws,
            "connection": one.connection,
            "object": one.object,
            "record_id": one.record_id,
            "property": one.property,
            "verdict": one.verdict,
            "seen": one.seen,
            "made_at": one.made_at,
        }
        for one in resolutions
    ]
    if rows:
        c.execute(upsert(c, resolution), rows)


def of_records(
    c: Connection, ws: str, connection: str, object_name: str, ids: Iterable[str]
) -> dict[tuple[str, str], Resolution]:
    """Return (record id, property) → what was decided."""
    given = _object(ws, connection, object_name) | {"record_ids": ids}
    found = (Resolution(*row) for row in c.execute(_OF_RECORDS, given))
    return {(one.record_id, one.property): one for one in found}


def newest(c: Connection, ws: str) -> tuple[int, datetime | None]:
    """Return how many decisions there are and when the last one was made: both stay as long as nobody decides."""
    row = c.execute(select(func.count(), func.max(_R.made_at)).where(_R.workspace == ws)).one()
    return row[0], row[1]


def reclaimed(c: Connection, ws: str) -> list[Resolution]:
    """Return every value that the next run may replace; there are never many of them for long."""
    here = and_(_R.workspace == ws, _R.verdict == "reclaim")
    return [Resolution(*row) for row in c.execute(select(*_COLUMNS).where(here))]


def forget(c: Connection, ws: str, intents: Sequence[Intent]) -> None:
    """Remove the decisions about properties that Keepwell wrote: what a person does after that is news."""
    for connection, object_name in {(one.connection, one.object) for one in intents}:
        keys = {
            (one.record_id, one.property)
            for one in intents
            if (one.connection, one.object) == (connection, object_name)
        }
        made = of_records(c, ws, connection, object_name, {record_id for record_id, _ in keys})
        for record_id, name in keys & made.keys():
            place = {"its_record_id": record_id, "its_property": name}
            c.execute(_FORGET, _object(ws, connection, object_name) | place)


def _object(ws: str, connection: str, object_name: str) -> dict[str, object]:
    return {"its_workspace": ws, "its_connection": connection, "its_object": object_name}
