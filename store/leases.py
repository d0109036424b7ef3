"""Leases: one writer at a time, with a token that outlives it; only the database's clock counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from store.database import Store
from store.errors import LeaseHeld, LeaseLost
from store.sql import its, now, upsert
from store.tables import lease as leases

_L = leases.c
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = its(_L.workspace, _L.key)
_MINE = _KEY & its(_L.token) & _L.owner.is_not(None)
# SQLite leaves locks out of a query: a writer there is alone.
_ROW = select(leases).where(_KEY)
_LOCKED = _ROW.with_for_update()
_HELD = select(_L.expires_at).where(_MINE).with_for_update(read=True)
_TAKE = update(leases).where(_KEY)
_CHANGE = update(leases).where(_MINE)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on `key`; `token` grows with every holder, so that an old one is recognised."""

    workspace: str
    key: str
    owner: str
    token: int
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease, and for how many seconds more unless renewed."""

    owner: str
    token: int
    expires_in: float


def acquire(store: Store, ws: str, key: str, owner: str, ttl_s: float) -> Lease:
    """Take the lease of `key` for `ttl_s` seconds; raises LeaseHeld while somebody else has it."""
    with store.write() as c:
        blank = {"workspace": ws, "key": key, "owner": None, "token": 0, "expires_at": _NEVER}
        c.execute(upsert(c, leases, ["key"]), blank)
        row = c.execute(_LOCKED, _key(ws, key)).one()
        moment = now(c)
        if row.owner is not None and row.expires_at > moment:
            left = (row.expires_at - moment).total_seconds()
            message = f"{row.owner} works on {key} (its lease ends in {left:.0f} s unless renewed)."
            raise LeaseHeld(message, owner=row.owner, expires_in=left)
        lease = Lease(ws, key, owner, row.token + 1, ttl_s)
        values = {"owner": owner, "token": lease.token, "expires_at": moment + timedelta(seconds=ttl_s)}
        c.execute(_TAKE, _key(ws, key) | values)
    return lease


def renew(store: Store, lease: Lease) -> None:
    """Extend the lease by its full time from now; raises LeaseLost when somebody else took it meanwhile."""
    with store.write() as c:
        until = now(c) + timedelta(seconds=lease.ttl_s)
        if not c.execute(_CHANGE, _mine(lease) | {"expires_at": until}).rowcount:
            raise _lost(lease)


def release(store: Store, lease: Lease) -> None:
    """Give the lease back; does nothing when it is lost already."""
    with store.write() as c:
        c.execute(_CHANGE, _mine(lease) | {"owner": None, "expires_at": _NEVER})


def check(c: Connection, lease: Lease) -> None:
    """Raise LeaseLost unless the lease holds; until the transaction ends nobody else can take it."""
    expires_at = c.execute(_HELD, _mine(lease)).scalar_one_or_none()
    if expires_at is None or expires_at <= now(c):
        raise _lost(lease)


def holder(c: Connection, ws: str, key: str) -> Holder | None:
    """Return who holds `key`, None when nobody does."""
    row = c.execute(_ROW, _key(ws, key)).one_or_none()
    if row is None or row.owner is None:
        return None
    left = (row.expires_at - now(c)).total_seconds()
    return Holder(row.owner, row.token, left) if left > 0 else None


def _key(ws: str, key: str) -> dict[str, Any]:
    return {"its_workspace": ws, "its_key": key}


def _mine(lease: Lease) -> dict[str, Any]:
    return _key(lease.workspace, lease.key) | {"its_token": lease.token}


def _lost(lease: Lease) -> LeaseLost:
    hint = "Nothing more is written; what was in progress is decided by the next run."
    return LeaseLost(f"The lease of {lease.key} (token {lease.token}) expired or went to another run.", hint)
