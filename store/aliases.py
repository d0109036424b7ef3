"""Ids that were merged away: who lives on in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select

from mapping.records import RawRecord
from store.raw import mark_gone
from store.sql import member, upsert
from store.tables import raw_alias


def merges_of(records: Iterable[RawRecord]) -> dict[str, str]:
    """Return old id → survivor, as far as `records` tell."""
    merges: dict[str, str] = {}
    for record in records:
        merges.update((old, record.id) for old in record.merged_from if old != record.id)
        if record.merged_into and record.merged_into != record.id:
            merges[record.id] = record.merged_into
    return merges


def apply_merges(c: Connection, ws: str, connection: str, stream: str, merges: Mapping[str, str], now: datetime) -> int:
    """Remember `merges` (old id → survivor) and mark the old rows gone; returns how many aliases are new or changed.

    Chains are kept flat: every old id leads to the record that lives on, whatever the order in which merges are seen.
    """
    if not merges:
        return 0
    here = _stream(ws, connection, stream)
    old, survivor = raw_alias.c.old_id, raw_alias.c.survivor
    onward = dict(merges)
    # Aliases that end at a record merged now, and aliases that begin at a survivor of now, join the chain. Asked one
    # by one: SQLite would read all aliases of the stream for the two conditions in one query.
    joined = (member(survivor, merges), member(old, [*merges, *merges.values()]))
    stored = {row.old_id: row.survivor for one in joined for row in c.execute(select(old, survivor).where(here, one))}
    for old_id, target in stored.items():
        onward.setdefault(old_id, target)
    flat = {old_id: _end(onward, old_id) for old_id in onward}
    rows = [
        {
            "workspace": ws,
            "connection": connection,
            "stream": stream,
            "old_id": old_id,
            "survivor": target,
            "merged_at": now,
        }
        for old_id, target in flat.items()
        if target != old_id and stored.get(old_id) != target
    ]
    if rows:
        c.execute(upsert(c, raw_alias), rows)
    mark_gone(c, ws, connection, stream, [row["old_id"] for row in rows if isinstance(row["old_id"], str)], now)
    return len(rows)


def survivors(c: Connection, ws: str, connection: str, stream: str, ids: Iterable[str]) -> dict[str, str]:
    """Return old id → survivor for those of `ids` that were merged away."""
    here = _stream(ws, connection, stream) & member(raw_alias.c.old_id, ids)
    rows = c.execute(select(raw_alias.c.old_id, raw_alias.c.survivor).where(here)).all()
    return {row.old_id: row.survivor for row in rows}


def _stream(ws: str, connection: str, stream: str) -> ColumnElement[bool]:
    return and_(raw_alias.c.workspace == ws, raw_alias.c.connection == connection, raw_alias.c.stream == stream)


def _end(onward: Mapping[str, str], start: str) -> str:
    """Follow the chain from `start`; a circle, which no CRM should report, ends where it closes."""
    seen = {start}
    place = start
    while place in onward and onward[place] not in seen:
        place = onward[place]
        seen.add(place)
    return place
