"""The outbox: one intent a (record, property), from planned to confirmed, and only along allowed steps.

    (guard read) ── book ──> sent | unchanged | conflict | gone
    sent ──> confirmed | rejected | gone | conflict | pending | in_doubt
    pending ──> confirmed | unchanged | conflict | rejected | gone | held | stuck | superseded
    in_doubt ── read-back ──> confirmed | pending | conflict | gone | stuck

Open are pending, sent and in_doubt; every other state is final. At most one intent of a (record, property) is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Integer, and_, bindparam, case, func, insert, select, update

from store import failures, ledger
from store.errors import StateConflict
from store.intents import COLUMNS, FINAL, OPEN, REFUSED, Intent, IntentState, NewIntent, Settlement
from store.sql import CHUNK, its, member, numbered
from store.tables import intent

_I = intent.c
_COLUMNS = tuple(_I[name] for name in COLUMNS)
_KEY = (_I.connection, _I.object, _I.record_id, _I.property)
_LAST = select(func.coalesce(func.max(_I.id), 0))
_MADE = select(_I.id, _I.record_id, _I.property).where(
    its(_I.workspace, _I.run_id, _I.connection), _I.id > bindparam("after")
)
_OPEN = (
    select(*_COLUMNS)
    .where(
        its(_I.workspace, _I.connection), _I.state.in_(bindparam("states", expanding=True)), _I.id > bindparam("after")
    )
    .order_by(_I.id)
    .limit(bindparam("most", type_=Integer()))
)
_OF_RECORDS = and_(
    its(_I.workspace),
    member(_I.record_id, name="record_ids"),
    member(_I.connection, name="connections"),
    member(_I.object, name="objects"),
)
_STANDING = select(*_KEY, _I.id, _I.state, _I.want, _I.attempt).where(_OF_RECORDS, _I.state.in_(OPEN))
_HIGHEST = select(*_KEY, func.max(_I.seq)).where(_OF_RECORDS).group_by(*_KEY)
_CHANGE = update(intent).where(numbered(intent))
_MOVE = _CHANGE.where(_I.state.in_(bindparam("allowed", expanding=True)))
# Only a request that may have been carried out counts as an attempt; one that was throttled does not.
_PUT_OFF = _MOVE.values(attempt=case((_I.state == "in_doubt", _I.attempt + 1), else_=_I.attempt))
_THESE = select(*_COLUMNS).where(numbered(intent)).order_by(_I.id)
_DROP = update(intent).where(its(_I.workspace, _I.connection), _I.state == "pending", _I.run_id != bindparam("but"))
_RECOVER = update(intent).where(its(_I.workspace, _I.connection), _I.state == "sent")


@dataclass(frozen=True, slots=True)
class Claim:
    """The request that a batch of intents goes out with: audit batch, lease token, moment and deadline."""

    batch: str
    token: int
    sent_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What the guard read of an intent showed, and the state that follows from it."""

    state: Literal["sent", "unchanged", "conflict", "gone"]
    seen: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """The intents that `book` made; `blocked` waits for an earlier intent that is on its way or in doubt."""

    intents: tuple[Intent, ...]
    blocked: tuple[NewIntent, ...]


_FROM: Mapping[IntentState, frozenset[IntentState]] = MappingProxyType(
    {
        "pending": frozenset({"sent", "in_doubt"}),
        "in_doubt": frozenset({"sent"}),
        # Pending and sent once before: the lost request did arrive, later than we looked.
        "confirmed": frozenset({"sent", "in_doubt", "pending"}),
        "unchanged": frozenset({"pending"}),
        "rejected": frozenset({"sent", "pending"}),
        "gone": frozenset({"pending", "sent", "in_doubt"}),
        "conflict": frozenset({"pending", "sent", "in_doubt"}),
        "held": frozenset({"pending"}),
        "stuck": frozenset({"pending", "in_doubt"}),
        "superseded": frozenset({"pending"}),
    }
)


def book(
    c: Connection,
    ws: str,
    *,
    plan_id: str,
    run_id: str,
    model_version: str,
    rows: Mapping[NewIntent, Found],
    claim: Claim,
) -> Booked:
    """Put the intents of one connection's batch into the outbox together with what the guard read showed for each.

    A pending intent of the same (record, property) is superseded, and its lost attempts count for the new one when
    that wants the same value; one that is on its way or in doubt blocks the new one until it is decided. Commit this
    together with the audit row before the request goes out. Raises ValueError when `rows` name one (record, property)
    twice.
    """
    way = _make_way(c, ws, list(rows), claim.sent_at)
    if not way.open:
        return Booked((), way.blocked)
    fixed = _fixed(ws, plan_id, run_id, model_version, claim.sent_at)
    sent = {"batch": claim.batch, "token": claim.token, "sent_at": claim.sent_at, "deadline_at": claim.deadline_at}
    still = dict.fromkeys(sent)
    fresh: list[dict[str, Any]] = []
    for row in way.open:
        found = rows[row]
        known = {"state": found.state, "seen": found.seen, "reason": found.reason}
        fresh.append(
            {**fixed, **row.columns(), **way.standing(row), **known, **(sent if found.state == "sent" else still)}
        )
    before = c.execute(_LAST).scalar_one()
    c.execute(insert(intent), fresh)
    mine = {
        "its_workspace": ws,
        "its_run_id": run_id,
        "its_connection": way.open[0].connection,
        "after": before,
    }
    ids = {(row.record_id, row.property): row.id for row in c.execute(_MADE, mine)}
    made = [
        Intent(id=ids[one["record_id"], one["property"]], **{name: one[name] for name in COLUMNS if name != "id"})
        for one in fresh
    ]
    return Booked(tuple(made), way.blocked)


def drop_waiting(c: Connection, ws: str, connection: str, *, except_run: str, now: datetime) -> int:
    """Supersede what still waits from other runs than `except_run`: no plan wants it any more. Returns how many."""
    given = {"its_workspace": ws, "its_connection": connection, "but": except_run}
    values = {"state": "superseded", "reason": "not planned any more", "changed_at": now}
    return c.execute(_DROP, given | values).rowcount


def settle(
    c: Connection, ws: str, settlements: Sequence[Settlement], now: datetime, known: Iterable[Intent] | None = None
) -> None:
    """Note what became of intents; a confirmed one enters the ledger, a refused one the failures.

    Raises StateConflict for a forbidden step.

    `unchanged` of an intent that was sent before is a confirmation: the value is there because we wrote it. Who has
    the intents at hand gives them as `known` and saves reading them; what changed meanwhile is still a conflict.
    """
    if known is None:
        given = {"its_workspace": ws, "ids": [entry.intent_id for entry in settlements]}
        known = [Intent(*row) for row in c.execute(_THESE, given)]
    before = {item.id: item for item in known}
    moves: defaultdict[tuple[IntentState, str, str], list[int]] = defaultdict(list)
    written: list[Intent] = []
    refused: list[tuple[Intent, Settlement]] = []
    over: list[Intent] = []
    verified: set[int] = set()
    for entry in settlements:
        standing = before.get(entry.intent_id)
        state = _checked(entry, standing)
        moves[(state, entry.reason, entry.code)].append(entry.intent_id)
        if state == "confirmed" and standing is not None:
            written.append(standing)
            if entry.verified:
                verified.add(entry.intent_id)
        elif state in REFUSED and standing is not None and not entry.along:
            refused.append((standing, entry))
        elif state in ("gone", "unchanged") and standing is not None:
            over.append(standing)
    for (state, reason, code), ids in moves.items():
        _move(c, ws, ids, state, reason, code, now)
    ledger.record(c, ws, written, verified, now)
    failures.note(c, ws, refused, now)
    failures.forget(c, ws, over)


def recover(c: Connection, ws: str, connection: str, now: datetime) -> int:
    """At the start of a run: every request whose outcome is unknown is in doubt. Returns how many intents."""
    values = {"state": "in_doubt", "reason": "the answer was lost", "changed_at": now}
    return c.execute(_RECOVER, {"its_workspace": ws, "its_connection": connection} | values).rowcount


def open_intents(
    c: Connection,
    ws: str,
    connection: str,
    *,
    states: Iterable[IntentState] = OPEN,
    after: int = 0,
    limit: int = 1_000,
) -> list[Intent]:
    """Return open intents of a connection by id, after `after`."""
    given = {"its_workspace": ws, "its_connection": connection, "states": list(states), "after": after, "most": limit}
    return [Intent(*row) for row in c.execute(_OPEN, given)]


def intents(
    c: Connection, ws: str, run_id: str, states: Iterable[IntentState] | None = None, *, chunk: int = CHUNK
) -> Iterator[Intent]:
    """Yield the intents of a run by id, reading `chunk` at a time."""
    here = and_(_I.workspace == ws, _I.run_id == run_id)
    if states is not None:
        here &= _I.state.in_(list(states))
    after = 0
    while found := _select(c, here & (_I.id > after), chunk):
        yield from found
        after = found[-1].id


def counts(c: Connection, ws: str, run_id: str) -> dict[str, int]:
    """Return how many intents of a run are in each state."""
    query = select(_I.state, func.count()).where(_I.workspace == ws, _I.run_id == run_id).group_by(_I.state)
    return {row[0]: row[1] for row in c.execute(query.order_by(_I.state))}


def _select(c: Connection, here: ColumnElement[bool], limit: int | None = None) -> list[Intent]:
    query = select(*_COLUMNS).where(here).order_by(_I.id).limit(limit)
    return [Intent(*row) for row in c.execute(query)]


@dataclass(frozen=True, slots=True)
class _Way:
    """What stands in the way of new intents: those that may go in, those that may not, and what they inherit."""

    open: list[NewIntent]
    blocked: tuple[NewIntent, ...]
    seqs: Mapping[tuple[str, ...], int]
    attempts: Mapping[tuple[str, ...], int]

    def standing(self, row: NewIntent) -> dict[str, int]:
        key = row.key()
        return {"seq": self.seqs.get(key, 0) + 1, "attempt": self.attempts.get(key, 0)}


def _make_way(c: Connection, ws: str, rows: Sequence[NewIntent], now: datetime) -> _Way:
    """Supersede the pending intents that `rows` replace."""
    wanted = {row.key(): row for row in rows}
    if len(wanted) != len(rows):
        raise ValueError("Two intents of one plan name the same record and property.")
    here = {
        "its_workspace": ws,
        "record_ids": {row.record_id for row in rows},
        "connections": {row.connection for row in rows},
        "objects": {row.object for row in rows},
    }
    standing = {tuple(row[:4]): row for row in c.execute(_STANDING, here)}
    highest = c.execute(_HIGHEST, here)
    replaced = {key: row for key, row in standing.items() if key in wanted and row.state == "pending"}
    if replaced:
        old = {"its_workspace": ws, "ids": [row.id for row in replaced.values()]}
        c.execute(_CHANGE, old | {"state": "superseded", "reason": "a newer plan", "changed_at": now})
    blocked = {key for key in wanted if key in standing and key not in replaced}
    return _Way(
        open=[row for key, row in wanted.items() if key not in blocked],
        blocked=tuple(row for key, row in wanted.items() if key in blocked),
        seqs={tuple(row[:4]): row[4] for row in highest},
        attempts={key: row.attempt for key, row in replaced.items() if row.want == wanted[key].want},
    )


def _fixed(ws: str, plan_id: str, run_id: str, model_version: str, now: datetime) -> dict[str, Any]:
    """Columns that all intents of one call share."""
    return {
        "workspace": ws,
        "plan_id": plan_id,
        "run_id": run_id,
        "model_version": model_version,
        "changed_at": now,
        "code": "",
    }


def _checked(entry: Settlement, standing: Intent | None) -> IntentState:
    """Return the state that `entry` leads to; raises StateConflict when the step is not allowed."""
    hint = "Another run decided it; run again."
    if standing is None:
        raise StateConflict(f"There is no intent {entry.intent_id}.", hint)
    sent_before = standing.sent_at is not None
    state: IntentState = "confirmed" if entry.state == "unchanged" and sent_before else entry.state
    never_sent = state == "confirmed" and standing.state == "pending" and not sent_before
    if standing.state in FINAL or standing.state not in _FROM.get(state, frozenset()) or never_sent:
        raise StateConflict(f"Intent {entry.intent_id} is {standing.state} and cannot become {state}.", hint)
    return state


def _move(
    c: Connection, ws: str, ids: Sequence[int], state: IntentState, reason: str, code: str, now: datetime
) -> None:
    given = {"its_workspace": ws, "ids": ids, "allowed": sorted(_FROM[state])}
    values = {"state": state, "reason": reason, "code": code, "changed_at": now}
    moved = c.execute(_PUT_OFF if state == "pending" else _MOVE, given | values).rowcount
    if moved != len(ids):
        raise StateConflict(f"{len(ids) - moved} intents changed while they were settled.", "Run again.")
