"""Who is who: which CRM records are one account, and what a person has to decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, and_, delete, insert, select, text

from mapping.decisions import Key
from store.frames import read_frame
from store.sql import member, refresh_figures
from store.tables import ENTITY_TABLES, account_link, identity_review


@dataclass(frozen=True, slots=True)
class AccountLink:
    """One CRM record of an account; `how` names the rule that joined it, `writable` whether we may write to it."""

    account_id: str
    connection: str
    object: str
    crm_id: str
    how: str
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Review:
    """Something ambiguous: the records concerned (account ids or refs as JSON values) and why."""

    kind: str
    refs: tuple[Any, ...]
    reason: str


_LINK = (
    account_link.c.account_id,
    account_link.c.connection,
    account_link.c.object,
    account_link.c.crm_id,
    account_link.c.how,
    account_link.c.writable,
)

LINK_SCHEMA: Mapping[str, pl.DataType] = {
    **{name: pl.String() for name in ("account_id", "connection", "object", "crm_id", "how")},
    "writable": pl.Boolean(),
}


def replace_identity(
    c: Connection, ws: str, links: Sequence[AccountLink], reviews: Sequence[Review], now: datetime
) -> None:
    """Replace all links and reviews of the workspace."""
    c.execute(delete(account_link).where(account_link.c.workspace == ws))
    if links:
        c.execute(insert(account_link), [_link_row(ws, link, now) for link in links])
    replace_reviews(c, ws, reviews, now)
    # Links are replaced once entities are normalised, and what follows joins the two.
    refresh_figures(c, account_link, *ENTITY_TABLES.values())


def replace_reviews(c: Connection, ws: str, reviews: Sequence[Review], now: datetime) -> None:
    """Replace what a person has to decide; of a run and a person who do so at once, one after the other."""
    if c.dialect.name == "postgresql":  # what another one has put in meanwhile would be neither seen nor deleted
        c.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"reviews of {ws}"})
    c.execute(delete(identity_review).where(identity_review.c.workspace == ws))
    if reviews:
        c.execute(insert(identity_review), [_review_row(ws, *item, now) for item in enumerate(reviews)])


def links(c: Connection, ws: str, account_ids: Iterable[str] | None = None) -> list[AccountLink]:
    """Return the links in key order, of some accounts if given."""
    here = account_link.c.workspace == ws
    if account_ids is not None:
        here &= member(account_link.c.account_id, account_ids)
    # Put in order here: asked for it, SQLite reads all links of the workspace to find those of a few accounts.
    found = [AccountLink(*row) for row in c.execute(select(*_LINK).where(here))]
    return sorted(found, key=lambda one: (one.connection, one.object, one.crm_id))


def link_frame(c: Connection, ws: str, account_ids: Iterable[str] | None = None) -> pl.DataFrame:
    """Return the links, of some accounts if given, as a frame of account_id, connection, object, crm_id, how, writable.

    They are in key order.
    """
    here = account_link.c.workspace == ws
    if account_ids is not None:
        here &= member(account_link.c.account_id, account_ids)
    return read_frame(c, select(*_LINK).where(here), LINK_SCHEMA).sort("connection", "object", "crm_id")


def find(c: Connection, ws: str, crm_id: str) -> list[AccountLink]:
    """Return the links of a CRM id, of every connection that has it."""
    here = and_(account_link.c.workspace == ws, account_link.c.crm_id == crm_id)
    return [AccountLink(*row) for row in c.execute(select(*_LINK).where(here).order_by(account_link.c.connection))]


def of_records(c: Connection, ws: str, connection: str, object_name: str, ids: Iterable[str]) -> dict[str, AccountLink]:
    """Return CRM id → link of some records of one object."""
    a = account_link.c
    here = and_(a.workspace == ws, a.connection == connection, a.object == object_name, member(a.crm_id, ids))
    return {one.crm_id: one for one in (AccountLink(*row) for row in c.execute(select(*_LINK).where(here)))}


def reviews(c: Connection, ws: str) -> list[Review]:
    """Return what a person has to decide, in the order in which it was found."""
    here = identity_review.c.workspace == ws
    rows = c.execute(select(identity_review).where(here).order_by(identity_review.c.position))
    return [Review(row.kind, tuple(row.refs), row.reason) for row in rows]


def named(c: Connection, ws: str, keys: Iterable[Key]) -> dict[Key, tuple[str | None, str | None]]:
    """Return (connection, id) → name and domain of those account records that are there."""
    by_connection: dict[str, set[str]] = {}
    for connection, record_id in keys:
        by_connection.setdefault(connection, set()).add(record_id)
    e = ENTITY_TABLES["account"].c
    found: dict[Key, tuple[str | None, str | None]] = {}
    for connection, ids in sorted(by_connection.items()):
        here = and_(e.workspace == ws, e.connection == connection, member(e.id, sorted(ids)))
        rows = c.execute(select(e.id, e.name, e.domain).where(here))
        found.update({(connection, record_id): (name, domain) for record_id, name, domain in rows})
    return found


def beginning_with(c: Connection, ws: str, connection: str, start: str) -> list[Key]:
    """Return the account records of a connection whose id begins with `start`, upper and lower case being different."""
    e = ENTITY_TABLES["account"].c
    here = and_(e.workspace == ws, e.connection == connection, e.id >= start, e.id < start + "\U0010ffff")
    return [(connection, record_id) for record_id in c.execute(select(e.id).where(here).order_by(e.id)).scalars()]


def children(c: Connection, ws: str, parents: Iterable[AccountLink]) -> list[str]:
    """Return the accounts that have a record whose parent is one of these records."""
    by_object: dict[tuple[str, str], set[str]] = {}
    for one in parents:
        by_object.setdefault((one.connection, one.object), set()).add(one.crm_id)
    e, found = ENTITY_TABLES["account"].c, set[str]()
    for (connection, object_name), ids in sorted(by_object.items()):
        here = and_(e.workspace == ws, e.connection == connection, member(e.parent_ref, sorted(ids)))
        own = list(c.execute(select(e.id).where(here)).scalars())
        found.update(link.account_id for link in of_records(c, ws, connection, object_name, own).values())
    return sorted(found)


def account_chunks(c: Connection, ws: str, size: int) -> Iterator[list[str]]:
    """Yield the account ids in order, `size` at a time."""
    after = ""
    while True:
        here = and_(account_link.c.workspace == ws, account_link.c.account_id > after)
        query = select(account_link.c.account_id).where(here).distinct().order_by(account_link.c.account_id).limit(size)
        ids = list(c.execute(query).scalars().all())
        if ids:
            yield ids
        if len(ids) < size:
            return
        after = ids[-1]


def _link_row(ws: str, link: AccountLink, now: datetime) -> dict[str, object]:
    return {
        "workspace": ws,
        "account_id": link.account_id,
        "connection": link.connection,
        "object": link.object,
        "crm_id": link.crm_id,
        "how": link.how,
        "writable": link.writable,
        "linked_at": now,
    }


def _review_row(ws: str, position: int, review: Review, now: datetime) -> dict[str, object]:
    return {
        "workspace": ws,
        "position": position,
        "kind": review.kind,
        "refs": list(review.refs),
        "reason": review.reason,
        "found_at": now,
    }
