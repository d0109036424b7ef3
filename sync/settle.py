"""Rows whose answer was lost: left alone for a grace period, then read back and decided, never sent again blindly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.base import Connector
from connectors.budget import urgent
from mapping.records import STAMP_FIELD
from store import leases, writes
from store.intents import Intent, IntentState, Settlement
from sync import taskbook
from sync.batch import read_current
from sync.decide import compare_after_loss
from sync.errors import Interrupted
from sync.faults import fp
from sync.owned import Owned
from sync.report import Bucket
from sync.session import Session
from sync.written import lay_over

CHUNK = 1000
NAP = 1.0
MOST_ATTEMPTS = 5
"""A request that got lost so often is given up and shown as stuck until the next plan."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A doubt that is over."""

    run_id: str
    bucket: Bucket


def recover(session: Session, connection: str) -> int:
    """At the start of a run: whatever an earlier one sent without hearing the outcome is in doubt."""
    with session.deps.store.write() as c:
        leases.check(c, session.lease(connection))
        found = writes.recover(c, session.ws, connection, session.deps.clock.now())
    fp("settle.recovered")
    return found


def settle_doubts(session: Session, connector: Connector, owned: Owned) -> Iterator[Decided]:
    """Decide every row in doubt of a connection, waiting for the grace period of each chunk."""
    after = 0
    while True:
        with session.deps.store.read() as c:
            doubts = writes.open_intents(c, session.ws, connector.name, states=("in_doubt",), after=after, limit=CHUNK)
        if not doubts:
            return
        after = doubts[-1].id
        _wait_for_grace(session, connector.name, doubts)
        fp("settle.waited")
        for place in owned.places():
            mine = [one for one in doubts if one.object == place.object_name and one.property in place.specs]
            yield from _decide(session, connector, place, mine)


def _wait_for_grace(session: Session, connection: str, doubts: list[Intent]) -> None:
    """A request that we gave up may still be applied: nothing is decided before it cannot be any more."""
    clock, left = session.deps.clock, _left(session, doubts)
    if left <= 0:
        return
    session.note(f"{connection}: {len(doubts)} values are in doubt; reading them back in {left:.0f} s", connection)
    until = clock.monotonic() + left
    while left > 0:
        if session.deps.stop.asked:
            raise Interrupted("The run was asked to stop while values were in doubt.", hint="Run again to decide them.")
        session.deps.sleep(min(NAP, left))
        left = until - clock.monotonic()


def _left(session: Session, doubts: list[Intent]) -> float:
    """Seconds until the grace of all doubts is over.

    Requests of this run are timed by a clock that nobody sets. Of earlier ones only the time of day is known; where the
    clock was set back since, they are left alone once more for the whole grace, not until the clock gets there again.
    """
    clock, grace = session.deps.clock, session.deps.timing.grace
    now, moment, left = clock.now(), clock.monotonic(), 0.0
    for one in doubts:
        if one.batch is not None and one.batch in session.sent:
            left = max(left, grace - (moment - session.sent[one.batch]))
        elif one.sent_at is not None:
            left = max(left, grace - max(0.0, (now - one.sent_at).total_seconds()))
    return left


def _decide(session: Session, connector: Connector, owned: Owned, doubts: list[Intent]) -> Iterator[Decided]:
    if not doubts:
        return
    ids = list(dict.fromkeys(one.record_id for one in doubts))
    names = tuple(dict.fromkeys(one.property for one in doubts))
    with urgent():
        current = read_current(session.deps, connector, owned, ids, names)
    fp("settle.read_back")
    settlements: list[Settlement] = []
    decided: list[Decided] = []
    written: dict[str, dict[str, str | None]] = {}
    there = {one.id: one for one in doubts if one.record_id not in current.missing}
    meanings = {
        one.id: compare_after_loss(current.values[one.record_id, one.property], one.seen, one.want)
        for one in there.values()
    }
    unmade = _unmade(session, owned, [one for one in doubts if not (one.id in there or current.ids.get(one.record_id))])
    doubts = _left_in_doubt(session, owned, doubts, unmade)
    meanings |= dict.fromkeys((one.id for one in unmade), "pending")
    given_up = _given_up([one for one in doubts if meanings.get(one.id) == "pending"])
    for intent in doubts:
        if intent.id not in meanings:
            settlements.append(Settlement(intent.id, "gone", reason="the record is not in the CRM any more"))
            decided.append(Decided(intent.run_id, "gone"))
            continue
        meaning, stuck = meanings[intent.id], intent.id in given_up
        state: IntentState = "stuck" if stuck else meaning
        verified, along = meaning == "confirmed", intent.field == STAMP_FIELD
        settlements.append(Settlement(intent.id, state, _REASONS[meaning], verified=verified, along=along))
        decided.append(Decided(intent.run_id, "rejected" if stuck else meaning))
        if meaning == "confirmed":
            written.setdefault(intent.record_id, {})[intent.property] = intent.want
    with session.deps.store.write() as c:
        leases.check(c, session.lease(connector.name))
        writes.settle(c, session.ws, settlements, session.deps.clock.now())
        lay_over(c, session.ws, connector.name, owned.stream, written)
        taskbook.note_made(c, session, owned, {key: one for key, one in current.ids.items() if one})
    fp("settle.decided")
    yield from decided


def _unmade(session: Session, owned: Owned, missing: Sequence[Intent]) -> list[Intent]:
    """Those whose record is missing because it was never made, rather than because it went."""
    if not missing or owned.makes is None:
        return []
    with session.deps.store.read() as c:
        made = taskbook.were_made(c, session.ws, owned, {one.record_id for one in missing})
    return [one for one in missing if one.record_id not in made]


def _left_in_doubt(session: Session, owned: Owned, doubts: Sequence[Intent], unmade: Sequence[Intent]) -> list[Intent]:
    """Those of `doubts` that can be decided: what may still be made, and would then be made twice, stays in doubt."""
    since = session.deps.clock.now() - timedelta(seconds=owned.settles_after)
    early = {one.id for one in unmade if owned.settles_after and one.sent_at is not None and one.sent_at > since}
    if early:
        number = len({one.record_id for one in unmade if one.id in early})
        session.note(
            f"{owned.connection}: the answers to the making of {number} records of {owned.object_name} were lost; "
            f"{owned.settles_after / 60:.0f} minutes after it the next run decides whether they are made again",
            owned.connection,
        )
    return [one for one in doubts if one.id not in early]


def _given_up(lost: Sequence[Intent]) -> frozenset[int]:
    """Which of the intents that were not carried out are not tried again: the often lost ones.

    A time stamp is another one in each run, so it counts no attempts; it is given up with the values that it goes
    along with.
    """
    values = [one for one in lost if one.field != STAMP_FIELD]
    stuck = {one.id for one in values if one.attempt + 1 >= MOST_ATTEMPTS}
    alone = {one.record_id for one in values} - {one.record_id for one in values if one.id not in stuck}
    return frozenset(stuck | {one.id for one in lost if one.field == STAMP_FIELD and one.record_id in alone})


_REASONS = {
    "confirmed": "the answer was lost; read back: the value is there",
    "pending": "the answer was lost; read back: the value is not there",
    "conflict": "the answer was lost; read back: somebody else set another value",
}
