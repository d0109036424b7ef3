"""Associations between records of one connection, kept as the set that was last read for each record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, select, tuple_, update

from mapping.records import Link
from store.many import upsert_many
from store.sql import CHUNK, member
from store.tables import raw_link
from store.types import clean_text

_COLUMNS = (raw_link.c.kind, raw_link.c.from_id, raw_link.c.to_id, raw_link.c.is_primary, raw_link.c.label)


def upsert_links(
    c: Connection,
    ws: str,
    connection: str,
    kind: str,
    epoch_id: int,
    from_ids: Sequence[str],
    links: Sequence[Link],
) -> list[str]:
    """Make `links` all the links of `from_ids`; returns those of `from_ids` whose links changed.

    The order of links is kept: it tells which one the CRM named first.
    """
    asked = [clean_text(item) for item in dict.fromkeys(from_ids)]
    fresh: dict[str, dict[tuple[str, str], bool]] = {item: {} for item in asked}
    for link in links:
        targets = fresh.setdefault(clean_text(link.from_id), {})
        place = (clean_text(link.to_id), clean_text(link.label or ""))
        targets[place] = link.primary or targets.get(place, False)
    stored = _stored(c, ws, connection, kind, fresh)
    changed = [item for item, targets in fresh.items() if list(targets.items()) != stored.get(item, [])]
    here = _kind(ws, connection, kind)
    c.execute(update(raw_link).where(here, member(raw_link.c.from_id, fresh)).values(last_epoch=epoch_id))
    c.execute(delete(raw_link).where(here, member(raw_link.c.from_id, changed)))
    rows = [
        (item, *place, ordinal, primary)
        for item in changed
        for ordinal, (place, primary) in enumerate(fresh[item].items())
    ]
    if rows:
        same = {"workspace": ws, "connection": connection, "kind": kind, "last_epoch": epoch_id}
        names = ("from_id", "to_id", "label", "ordinal", "is_primary")
        upsert_many(c, raw_link, same, dict(zip(names, zip(*rows, strict=True), strict=True)))
    return changed


def links_from(
    c: Connection, ws: str, connection: str, kind: str, from_ids: Iterable[str]
) -> dict[str, tuple[Link, ...]]:
    """Return id → its links in the CRM's order; ids without links are absent."""
    here = _kind(ws, connection, kind) & member(raw_link.c.from_id, from_ids)
    found: defaultdict[str, list[Link]] = defaultdict(list)
    for row in c.execute(select(*_COLUMNS).where(here).order_by(raw_link.c.from_id, raw_link.c.ordinal)):
        found[row.from_id].append(_link(row))
    return {item: tuple(links) for item, links in found.items()}


def linked_to(c: Connection, ws: str, connection: str, stream: str, to_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return stream → its records with a link to one of `to_ids` of `stream`; reads all links of the connection."""
    here = and_(raw_link.c.workspace == ws, raw_link.c.connection == connection)
    wanted = and_(here, raw_link.c.kind.endswith(f">{stream}"), member(raw_link.c.to_id, to_ids))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in c.execute(select(raw_link.c.kind, raw_link.c.from_id).where(wanted).distinct()):
        found[row.kind.partition(">")[0]].append(row.from_id)
    return found


def iter_links(c: Connection, ws: str, connection: str, kind: str, *, chunk: int = CHUNK) -> Iterator[Link]:
    """Yield all links of a kind by from_id, reading `chunk` at a time."""
    order = (raw_link.c.from_id, raw_link.c.to_id, raw_link.c.label)
    after = ("", "", "")
    while True:
        here = _kind(ws, connection, kind) & (tuple_(*order) > tuple_(*after))
        rows = c.execute(select(*_COLUMNS).where(here).order_by(*order).limit(chunk)).all()
        for row in rows:
            yield _link(row)
        if len(rows) < chunk:
            return
        after = (rows[-1].from_id, rows[-1].to_id, rows[-1].label)


def _kind(ws: str, connection: str, kind: str) -> ColumnElement[bool]:
    return and_(raw_link.c.workspace == ws, raw_link.c.connection == connection, raw_link.c.kind == kind)


def _link(row: Row[*tuple[Any, ...]]) -> Link:
    return Link(row.kind, row.from_id, row.to_id, row.is_primary, row.label or None)


def _stored(
    c: Connection, ws: str, connection: str, kind: str, from_ids: Iterable[str]
) -> dict[str, list[tuple[tuple[str, str], bool]]]:
    stored: defaultdict[str, list[tuple[tuple[str, str], bool]]] = defaultdict(list)
    for item, links in links_from(c, ws, connection, kind, from_ids).items():
        stored[item] = [((link.to_id, link.label or ""), link.primary) for link in links]
    return stored
