"""The outbox: one intent a (record, property), from planned to confirmed, and only along allowed steps.

    pending ── claim ──> sent ──> confirmed | rejected | gone | conflict | pending | in_doubt
    pending ──> unchanged | conflict | rejected | gone | held | stuck | superseded
    in_doubt ── read-back ──> confirmed | pending | conflict | gone | stuck

Open are pending, sent and in_doubt; every other state is final. At most one intent of a (record, property) is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, insert, select, update

from store import ledger
from store.errors import StateConflict
from store.intents import COLUMNS, FINAL, OPEN, Added, Intent, IntentState, NewIntent, Settlement
from store.sql import CHUNK, member, numbered
from store.tables import intent

_I = intent.c

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


def add_intents(
    c: Connection,
    ws: str,
    *,
    plan_id: str,
    run_id: str,
    model_version: str,
    rows: Sequence[NewIntent],
    now: datetime,
) -> Added:
    """Put `rows` into the outbox as pending.

    A pending intent of the same (record, property) is superseded; one that is on its way or in doubt blocks the new
    one until it is decided. Raises ValueError when `rows` name one (record, property) twice.
    """
    wanted = {row.key(): row for row in rows}
    if len(wanted) != len(rows):
        raise ValueError("Two intents of one plan name the same record and property.")
    standing, seqs = _standing(c, ws, rows)
    blocked = [row for key, row in wanted.items() if standing.get(key, (0, "pending"))[1] != "pending"]
    replaced = [item for key, (item, state) in standing.items() if key in wanted and state == "pending"]
    if replaced:
        here = numbered(c, intent, ws, replaced)
        c.execute(update(intent).where(here).values(state="superseded", reason="a newer plan", changed_at=now))
    stopped = {row.key() for row in blocked}
    fixed = {
        "workspace": ws,
        "plan_id": plan_id,
        "run_id": run_id,
        "model_version": model_version,
        "state": "pending",
        "attempt": 0,
        "changed_at": now,
        "reason": "",
        "code": "",
    }
    fresh = [
        {**fixed, **row.columns(), "seq": seqs.get(key, 0) + 1} for key, row in wanted.items() if key not in stopped
    ]
    if fresh:
        c.execute(insert(intent), fresh)
    return Added(len(fresh), len(replaced), tuple(blocked))


def claim(
    c: Connection,
    ws: str,
    ids: Mapping[int, str | None],
    *,
    batch: str,
    token: int,
    sent_at: datetime,
    deadline_at: datetime,
) -> list[Intent]:
    """Move pending intents (id → value that the guard read saw) to sent; all of them or, with StateConflict, none.

    Commit this together with the audit row before the request goes out.
    """
    if not ids:
        return []
    statement = (
        update(intent)
        .where(_I.workspace == ws, _I.id == bindparam("intent_id"), _I.state == "pending")
        .values(
            state="sent",
            seen=bindparam("seen_value"),
            batch=batch,
            token=token,
            sent_at=sent_at,
            deadline_at=deadline_at,
            changed_at=sent_at,
        )
    )
    moved = c.execute(statement, [{"intent_id": item, "seen_value": seen} for item, seen in ids.items()]).rowcount
    if moved != len(ids):
        hint = "Another run works on the same records; run again."
        raise StateConflict(f"{len(ids) - moved} of {len(ids)} intents are not pending any more.", hint)
    return _select(c, numbered(c, intent, ws, ids))


def settle(c: Connection, ws: str, settlements: Sequence[Settlement], now: datetime) -> None:
    """Note what became of intents; a confirmed one enters the ledger. Raises StateConflict for a forbidden step.

    `unchanged` of an intent that was sent before is a confirmation: the value is there because we wrote it.
    """
    before = {item.id: item for item in _select(c, numbered(c, intent, ws, [entry.intent_id for entry in settlements]))}
    moves: defaultdict[tuple[IntentState, str, str], list[int]] = defaultdict(list)
    written: list[Intent] = []
    verified: set[int] = set()
    for entry in settlements:
        standing = before.get(entry.intent_id)
        state = _checked(entry, standing)
        moves[(state, entry.reason, entry.code)].append(entry.intent_id)
        if state == "confirmed" and standing is not None:
            written.append(standing)
            if entry.verified:
                verified.add(entry.intent_id)
    for (state, reason, code), ids in moves.items():
        _move(c, ws, ids, state, reason, code, now)
    ledger.record(c, ws, written, verified, now)


def recover(c: Connection, ws: str, connection: str, now: datetime) -> int:
    """At the start of a run: every request whose outcome is unknown is in doubt. Returns how many intents."""
    here = and_(_I.workspace == ws, _I.connection == connection, _I.state == "sent")
    values = {"state": "in_doubt", "reason": "the answer was lost", "changed_at": now}
    return c.execute(update(intent).where(here).values(values)).rowcount


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
    here = and_(_I.workspace == ws, _I.connection == connection, _I.state.in_(list(states)), _I.id > after)
    return _select(c, here, limit)


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


def failures(c: Connection, ws: str, *, after: int = 0, limit: int = 1_000) -> list[Intent]:
    """Return the rejected, conflicting and stuck intents that no later intent of their property replaced."""
    later = intent.alias("later")
    same = [later.c[name] == _I[name] for name in ("workspace", "connection", "object", "record_id", "property")]
    replaced = select(later.c.id).where(*same, later.c.id > _I.id).exists()
    bad = _I.state.in_(["rejected", "conflict", "stuck"])
    return _select(c, and_(_I.workspace == ws, bad, _I.id > after, ~replaced), limit)


def counts(c: Connection, ws: str, run_id: str) -> dict[str, int]:
    """Return how many intents of a run are in each state."""
    query = select(_I.state, func.count()).where(_I.workspace == ws, _I.run_id == run_id).group_by(_I.state)
    return {row[0]: row[1] for row in c.execute(query.order_by(_I.state))}


def _select(c: Connection, here: ColumnElement[bool], limit: int | None = None) -> list[Intent]:
    query = select(*(_I[name] for name in COLUMNS)).where(here).order_by(_I.id).limit(limit)
    return [Intent(*row) for row in c.execute(query)]


def _standing(
    c: Connection, ws: str, rows: Sequence[NewIntent]
) -> tuple[dict[tuple[str, ...], tuple[int, str]], dict[tuple[str, ...], int]]:
    """Return the open intent (id, state) and the highest seq of each (record, property) that `rows` touch."""
    names = (_I.connection, _I.object, _I.record_id, _I.property)
    here = and_(_I.workspace == ws, member(c, _I.record_id, {row.record_id for row in rows}))
    here &= member(c, _I.connection, {row.connection for row in rows})
    here &= member(c, _I.object, {row.object for row in rows})
    opened = c.execute(select(*names, _I.id, _I.state).where(here, _I.state.in_(OPEN)))
    standing = {tuple(row[:4]): (row.id, row.state) for row in opened}
    highest = c.execute(select(*names, func.max(_I.seq)).where(here).group_by(*names))
    return standing, {tuple(row[:4]): row[4] for row in highest}


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
    allowed = _I.state.in_(sorted(_FROM[state]))
    # Only a request that may have been carried out counts as an attempt; one that was throttled does not.
    attempt = case((_I.state == "in_doubt", _I.attempt + 1), else_=_I.attempt) if state == "pending" else _I.attempt
    values = {"state": state, "reason": reason, "code": code, "attempt": attempt, "changed_at": now}
    moved = c.execute(update(intent).where(numbered(c, intent, ws, ids), allowed).values(values)).rowcount
    if moved != len(ids):
        raise StateConflict(f"{len(ids) - moved} intents changed while they were settled.", "Run again.")
