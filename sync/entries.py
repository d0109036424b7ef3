"""The plan of the entries on timelines: one for each fall of an account's health, made once and then its people's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mapping.entries import (
    ACCOUNT,
    AUTHOR,
    ENTRY_KEY,
    KIND,
    Fall,
    Seen,
    entry_because,
    entry_key,
    entry_values,
    last_fall,
)
from store import identity, plans, timeline_entries
from store.plans import PlanRecord
from store.timeline_entries import TimelineEntry
from sync.errors import InvariantError
from sync.faults import fp
from sync.making import Maker
from sync.owned import Owned
from sync.session import Session
from sync.standing import history_of, standing_at

CHUNK = 2_000
RECENT = timedelta(days=14)
"""A fall that nobody was told of for so long is no news any more."""
_INSTANT = timedelta(microseconds=1)


@dataclass(slots=True)
class _Page:
    """What some accounts come to."""

    records: list[PlanRecord] = field(default_factory=list)
    wanted: list[TimelineEntry] = field(default_factory=list)
    due: list[str] = field(default_factory=list)


def plan_entries(
    session: Session, owned: Owned, key: int, selected: frozenset[str] | None, choose: Callable[[str], bool]
) -> Iterator[PlanRecord]:
    """Put the entries that a connection's accounts come to into the draft `key`, and yield them.

    `selected` narrows it to some accounts; `choose` says of an account whether it may change as well.
    """
    planner, due = _Planner(session, owned), set[str]()
    with session.deps.store.read() as c:
        chunks = list(identity.account_chunks(c, session.ws, CHUNK))
    for chunk in chunks:
        found = planner.take([one for one in chunk if selected is None or one in selected])
        due.update(found.due)
        found.records = [one for one in found.records if not one.changes or choose(one.account_id)]
        if found.records:
            with session.write() as c:
                timeline_entries.want(c, session.ws, found.wanted)
                plans.add_records(c, session.ws, key, found.records)
            fp("plan.chunk_stored")
        yield from found.records
        session.deps.stop.check()
    if selected is None:
        forget_entries(session, owned.connection, due)


def forget_entries(session: Session, connection: str, due: Collection[str] = ()) -> None:
    """Forget the entries about falls that nobody is told of any more, and with them what stood against making them."""
    with session.deps.store.read() as c:
        over = [key for key in timeline_entries.unmade(c, session.ws, connection) if key not in due]
    if over:
        with session.write() as c:
            timeline_entries.forget(c, session.ws, connection, over)
        fp("plan.chunk_stored")


class _Planner(Maker):
    """Plans the entries of one connection."""

    def __init__(self, session: Session, owned: Owned) -> None:
        super().__init__(session, owned)
        entries = session.deps.connectors[owned.connection].entries()
        if entries is None:
            raise InvariantError(f"{owned.connection} has no timelines.", hint="Run again.")
        self._fixed = {AUTHOR: entries.author, KIND: entries.kind}
        self._since = session.at.utc - RECENT
        self._bands = [band.id for band in session.deps.framework.spec.score.bands]

    def take(self, account_ids: Sequence[str]) -> _Page:
        """Decide about the falls of some accounts."""
        page = _Page()
        falls = self._falls(account_ids)
        links = self.links(set(falls)) if falls else {}
        falls = {one: fall for one, fall in falls.items() if one in links}
        if not falls:
            return page
        keys = {one: entry_key(self._session.ws, one, fall.after.at) for one, fall in falls.items()}
        with self._session.deps.store.read() as c:
            there = timeline_entries.by_key(c, self._session.ws, self._owned.connection, keys.values())
        known, reasons = self.known(list(keys.values())), self._reasons(falls)
        for account_id, fall in falls.items():
            key = keys[account_id]
            if key in there and there[key].made_at is not None:
                continue
            page.due.append(key)
            told = entry_values(fall, reasons=reasons.get(account_id), zone=self._session.deps.settings.timezone)
            values = {**told, **self._fixed, ACCOUNT: links[account_id].crm_id, ENTRY_KEY.name: key}
            decision = self.new(key, values, entry_because(fall), known, ENTRY_KEY.name)
            if decision.changes or decision.held:
                page.records.append(self.record(account_id, key, decision, new=True))
                owned = self._owned
                page.wanted.append(TimelineEntry(owned.connection, key, account_id, owned.object_name, fall.after.at))
        return page

    def _falls(self, account_ids: Sequence[str]) -> dict[str, Fall]:
        """Account → the fall that there is to tell of, by the evaluations up to this run's own."""
        ws, until = self._session.ws, self._session.at.utc + _INSTANT
        with self._session.deps.store.read() as c:
            rows = history_of(c, ws, account_ids, self._since, until)
        seen: dict[str, list[Seen]] = {}
        for account_id, at, score, band in rows.iter_rows():
            seen.setdefault(account_id, []).append(Seen(at, score, band))
        falls = ((one, last_fall(history, self._bands, self._since)) for one, history in seen.items())
        return {one: fall for one, fall in falls if fall is not None}

    def _reasons(self, falls: Mapping[str, Fall]) -> dict[str, str]:
        """Account → the main reasons for its score as the evaluation has them that saw the fall."""
        moments: dict[datetime, list[str]] = {}
        for account_id, fall in falls.items():
            moments.setdefault(fall.after.at, []).append(account_id)
        found: dict[str, str] = {}
        with self._session.deps.store.read() as c:
            for at, ids in moments.items():
                for account_id, one in standing_at(c, self._session.ws, ids, at).items():
                    reasons = one.outputs["values"].get("health_reasons")
                    if reasons:
                        found[account_id] = str(reasons)
        return found
