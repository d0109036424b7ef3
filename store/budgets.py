"""API quotas that all processes on one store share: rows, read and changed by the database's clock alone.

What the numbers mean is the connectors' business (`connectors.budget`); here they are locked, kept and handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from store.database import Store
from store.sql import insert_into, its
from store.sql import now as database_now
from store.tables import quota
from store.types import from_micros, to_micros

Key = tuple[str, str]
"""Who holds the quota in the CRM, and its name there."""
_ROW = select(quota).where(its(quota.c.holder, quota.c.name))
_LOCKED = _ROW.with_for_update()
_CHANGE = update(quota).where(its(quota.c.holder, quota.c.name))


@dataclass(slots=True)
class Kept:
    """What is known of one quota; instants are microseconds since 1970."""

    vendor_limit: int | None
    slots: list[list[int]]
    blocked_until: int | None
    resets_at: int | None


@dataclass(slots=True)
class Opened:
    """Quotas whose rows are locked; what is changed in `states` is stored at the end of the transaction."""

    states: dict[Key, Kept]
    _connection: Connection
    _moment: Callable[[Connection], datetime]

    def now(self) -> int:
        """The database's clock, in microseconds."""
        return to_micros(self._moment(self._connection))


class QuotaShelf:
    """The quotas of one store; `now` reads the clock that everybody on the store shares."""

    def __init__(self, store: Store, now: Callable[[Connection], datetime] = database_now) -> None:
        self._store = store
        self._now = now

    @contextmanager
    def open(self, keys: Sequence[Key]) -> Iterator[Opened]:
        """Lock these quotas, making those that are new, and store what the caller made of them."""
        with self._store.write() as c:
            # In one order everywhere, so that two processes never wait for each other.
            before = {key: _locked(c, key) for key in sorted(keys)}
            opened = Opened({key: replace(kept) for key, kept in before.items()}, c, self._now)
            yield opened
            for key, kept in opened.states.items():
                if kept != before[key]:
                    c.execute(_CHANGE, _its(key) | _values(kept))

    def look(self, key: Key) -> tuple[Kept, int] | None:
        """A quota and the present moment; None when nobody drew on it yet."""
        with self._store.read() as c:
            row = c.execute(_ROW, _its(key)).one_or_none()
            return None if row is None else (_kept(row), to_micros(self._now(c)))


def _locked(c: Connection, key: Key) -> Kept:
    row = c.execute(_LOCKED, _its(key)).one_or_none()
    if row is None:
        new = {"holder": key[0], "name": key[1], "slots": []}
        c.execute(insert_into(c, quota).on_conflict_do_nothing(), new)
        row = c.execute(_LOCKED, _its(key)).one()
    return _kept(row)


def _kept(row: Row[Any]) -> Kept:
    values = row._asdict()
    return Kept(
        values["vendor_limit"],
        values["slots"],
        None if values["blocked_until"] is None else to_micros(values["blocked_until"]),
        None if values["resets_at"] is None else to_micros(values["resets_at"]),
    )


def _values(kept: Kept) -> dict[str, object]:
    return {
        "vendor_limit": kept.vendor_limit,
        "slots": kept.slots,
        "blocked_until": None if kept.blocked_until is None else from_micros(kept.blocked_until),
        "resets_at": None if kept.resets_at is None else from_micros(kept.resets_at),
    }


def _its(key: Key) -> dict[str, object]:
    return {"its_holder": key[0], "its_name": key[1]}
