"""Accounts in SQLite's memory: the database searches, filters, sorts and counts, whatever the store's own is."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    cast,
    create_engine,
    func,
    or_,
    select,
)
from sqlalchemy.pool import StaticPool

Sort = Literal["urgent", "-urgent", "score", "-score", "name", "-name", "arr", "-arr", "change", "-change"]
SORTS: tuple[str, ...] = get_args(Sort)

_NUMBERS = ("urgent", "score", "coverage", "change", "arr")
_TEXTS = (
    "name", "domain", "person", "search", "band", "trend", "stage", "stage_entered_on", "segment", "renewal_status",
    "next_touch_due_on", "reasons", "currency",
)  # fmt: skip
COLUMNS = ("account_id", *_NUMBERS, *_TEXTS)
_account = Table(
    "account",
    MetaData(),
    Column("account_id", String, primary_key=True),
    *(Column(name, Float) for name in _NUMBERS),
    *(Column(name, String) for name in _TEXTS),
)
_A = _account.c
_SHOWN = [_A[name] for name in COLUMNS if name != "search"]
_FILTERS = {
    "band": _A.band,
    "stage": _A.stage,
    "segment": _A.segment,
    "renewal": _A.renewal_status,
    "person": _A.person,
}
_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts: part of a name, domain or id, and values of the columns in `_FILTERS` (none: any)."""

    search: str = ""
    among: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def all(self) -> bool:
        """Whether that is every account."""
        return not self.search.strip() and not any(self.among.values())


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows in order; `after` leads to those that follow, None at the end."""

    rows: Sequence[Mapping[str, Any]]
    after: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """How many accounts have a value of a column and a band, and their revenue where it is known."""

    value: str | None
    band: str
    accounts: int
    arr: float | None


class Listing:
    """Accounts that do not change any more; safe for several threads, which take turns."""

    def __init__(self, accounts: pl.DataFrame) -> None:
        """Take over a frame with the columns `COLUMNS`."""
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self._turn = threading.Lock()
        self._known: dict[object, Sequence[Mapping[str, Any]]] = {}
        names = ", ".join(COLUMNS)
        insert = f"INSERT INTO account ({names}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names
        with self._engine.begin() as c:
            _account.metadata.create_all(c)
            for part in accounts.select(COLUMNS).iter_slices(_ROWS):
                c.exec_driver_sql(insert, part.rows())
            c.exec_driver_sql("ANALYZE")

    def find(self, wanted: Wanted, sort: Sort, *, after: str | None = None, limit: int) -> Slice:
        """The accounts that are wanted, in order; raises ValueError for an `after` that no slice gave.

        Those without a value to sort by come last, equal ones in the order of their ids.
        """
        column, down = _A[sort.removeprefix("-")], sort.startswith("-")
        query = select(*_SHOWN).where(_where(wanted))
        if after is not None:
            query = query.where(_follows(column, *_read_place(after), down=down))
        order = (column.is_(None), column.desc() if down else column, _A.account_id)
        rows = self._rows(query.order_by(*order).limit(limit + 1))
        shown = rows[:limit]
        more = len(rows) > limit
        return Slice(shown, _place(shown[-1][column.name], shown[-1]["account_id"]) if more else None)

    def one(self, account_id: str) -> Mapping[str, Any] | None:
        """One account."""
        return next(iter(self._rows(select(*_SHOWN).where(_A.account_id == account_id))), None)

    def bands(self, wanted: Wanted | None = None) -> dict[str, int]:
        """Band → how many of the wanted accounts have it."""
        query = select(_A.band, func.count().label("accounts")).where(_where(wanted or Wanted())).group_by(_A.band)
        known_as = "bands" if wanted is None or wanted.all else None
        return {row["band"]: row["accounts"] for row in self._rows(query, known_as=known_as)}

    def groups(self, column: Literal["segment", "stage", "renewal_status"]) -> list[Group]:
        """Accounts and revenue by a column and band."""
        number, arr = func.count().label("accounts"), func.sum(_A.arr).label("arr")
        query = select(_A[column], _A.band, number, arr).group_by(_A[column], _A.band).order_by(_A[column], _A.band)
        rows = self._rows(query, known_as=("groups", column))
        return [Group(row[column], row["band"], row["accounts"], row["arr"]) for row in rows]

    def movers(self, *, down: bool, limit: int) -> Sequence[Mapping[str, Any]]:
        """The accounts whose score rose most, or fell most; those that kept theirs are none."""
        moved = _A.change < 0 if down else _A.change > 0
        order = _A.change if down else _A.change.desc()
        query = select(*_SHOWN).where(moved).order_by(order, _A.account_id).limit(limit)
        return self._rows(query, known_as=("movers", down, limit))

    def coverage(self) -> tuple[float | None, list[int]]:
        """The mean coverage in percent, and how many accounts have under 10, 10 to 20, …, 90 to 100."""
        (mean,) = self._rows(select(func.avg(_A.coverage).label("mean")), known_as="coverage")
        tenth = cast(func.min(_A.coverage / 10, 9), Integer).label("tenth")
        query = select(tenth, func.count().label("number")).where(_A.coverage.is_not(None)).group_by(tenth)
        counts = {row["tenth"]: row["number"] for row in self._rows(query, known_as="tenths")}
        return mean["mean"], [counts.get(at, 0) for at in range(10)]

    def people(self, limit: int) -> list[str]:
        """Those who look after accounts, by name."""
        query = select(_A.person).where(_A.person.is_not(None)).distinct().order_by(_A.person).limit(limit)
        return [row["person"] for row in self._rows(query, known_as=("people", limit))]

    def currencies(self) -> list[str | None]:
        """The currencies of the accounts' revenue."""
        query = select(_A.currency).where(_A.arr.is_not(None)).distinct().order_by(_A.currency)
        return [row["currency"] for row in self._rows(query, known_as="currencies")]

    def _rows(self, query: Executable, *, known_as: object = None) -> Sequence[Mapping[str, Any]]:
        """The rows of a query; those of a question about all accounts (`known_as`) are kept, as nothing changes."""
        if known_as is None:
            return self._read(query)
        if known_as not in self._known:
            self._known[known_as] = self._read(query)
        return self._known[known_as]

    def _read(self, query: Executable) -> Sequence[Mapping[str, Any]]:
        with self._turn, self._engine.connect() as c:
            return [dict(row) for row in c.execute(query).mappings()]


def _where(wanted: Wanted) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [_A.account_id.is_not(None)]
    if text := wanted.search.strip().lower():
        parts.append(or_(func.instr(_A.search, text) > 0, _A.account_id == wanted.search.strip()))
    for name, values in wanted.among.items():
        if values:
            parts.append(_FILTERS[name].in_(list(values)))
    return and_(*parts)


def _follows(column: ColumnElement[Any], value: object, account_id: str, *, down: bool) -> ColumnElement[bool]:
    """What comes after a place in the order of `find`."""
    if value is None:
        return and_(column.is_(None), _A.account_id > account_id)
    further = column < value if down else column > value
    return or_(further, and_(column == value, _A.account_id > account_id), column.is_(None))


def _place(value: object, account_id: str) -> str:
    return urlsafe_b64encode(json.dumps([value, account_id]).encode()).decode("ascii").rstrip("=")


def _read_place(text: str) -> tuple[object, str]:
    try:
        value, account_id = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, BadBase64, RecursionError):
        value, account_id = None, None
    # The columns hold texts and floats: a slice gives nothing else, and SQLite takes no integer of any size.
    if isinstance(account_id, str) and isinstance(value, str | float | None):
        return value, account_id
    raise ValueError("leads nowhere; begin with the first page")
