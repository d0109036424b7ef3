"""Drift: where a CRM does not show what Keepwell wrote last, value by value, and who changed it as far as it tells.

Only reads, and so takes no lease: a run may be at work meanwhile. Where values differ the ledger is read once more, so
that what a run wrote between the two looks is compared with what it wrote, and what is under way is no drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby, islice
from typing import Any, Literal

from connectors.base import Connector
from store import identity, ledger, raw, resolutions
from store.ledger import LedgerRow
from store.resolutions import Resolution
from sync.batch import Guarded, read_current
from sync.decide import Told
from sync.deps import Deps, RunOptions
from sync.events import ChunkDone, Noted
from sync.explain import records_of
from sync.moment import moment
from sync.owned import Owned, owned_properties
from sync.picture import in_doubt
from sync.pull import check_identities
from sync.report import RunReport
from sync.session import Session
from sync.witness import ask

ROWS = 2_000
"""Ledger rows read at a time."""
LISTED = 2_000
"""So many differences are listed, with who changed them; all of them are counted."""
State = Literal["changed", "accepted", "gone"]
Key = tuple[str, str]
"""(record id, property)"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not what was written last (`changed`; `accepted` when a person said that it stands).

    Of a record that is not there any more (`gone`) nothing is shown but what was written.
    """

    row: LedgerRow
    account_id: str
    state: State
    now: str | None = None
    told: Told | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        row = self.row
        return {
            "connection": row.connection,
            "object": row.object,
            "record_id": row.record_id,
            "account_id": self.account_id,
            "field": row.field,
            "property": row.property,
            "state": self.state,
            "written": row.written,
            "written_at": row.written_at.isoformat(timespec="seconds"),
            "run_id": row.run_id,
            "now": self.now,
            "told": asdict(self.told) if self.told is not None else None,
        }


@dataclass(slots=True)
class Compared:
    """One connection in numbers, in values; `no_property` names those that the CRM lacks or that cannot hold theirs.

    `under_way` are values that a run is writing, or whose last write has no answer yet.
    """

    records: int = 0
    values: int = 0
    changed: int = 0
    accepted: int = 0
    gone: int = 0
    under_way: int = 0
    no_property: list[str] = field(default_factory=list)
    requests: int = 0

    def count(self, state: State) -> None:
        """Count one difference."""
        setattr(self, state, getattr(self, state) + 1)


@dataclass(slots=True)
class Drift:
    """What was compared, and the first differences in order of connection and record."""

    connections: dict[str, Compared] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Values that nobody said may differ."""
        return sum(one.changed + one.gone for one in self.connections.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `hidden` is how many differences are not listed."""
        every = sum(one.changed + one.accepted + one.gone for one in self.connections.values())
        return {
            "connections": {name: asdict(one) for name, one in self.connections.items()},
            "found": self.found,
            "hidden": every - len(self.differences),
            "drift": [one.to_dict() for one in self.differences],
        }


def find_drift(deps: Deps, select: str | None = None) -> Drift:
    """Compare every value that stands in the ledger with its CRM, or those of one account.

    Raises `UsageError` when `select` names no account, and whatever ends a run before it reads.
    """
    session = Session(deps, RunOptions(select=select), "", moment(deps, RunOptions()), RunReport("", "drift", "", ""))
    chosen = records_of(deps, select) if select is not None else None
    check_identities(session)
    drift = Drift()
    for name, connector in deps.connectors.items():
        before = connector.usage().requests
        owned = owned_properties(connector, deps.field_maps[name], deps.specs_of(name))
        search = _Search(deps, connector, owned, drift)
        search.run(None if chosen is None else sorted(one for at, one in chosen if at == name))
        drift.connections[name].requests = connector.usage().requests - before
    return drift


class _Search:
    """The comparison of one connection."""

    def __init__(self, deps: Deps, connector: Connector, owned: Owned, drift: Drift) -> None:
        self._deps, self._connector, self._owned, self._drift = deps, connector, owned, drift
        self._numbers = drift.connections[owned.connection] = Compared()
        with deps.store.read() as c:
            links = identity.links(c, deps.workspace)
            self._total = ledger.count_standing(c, deps.workspace, owned.connection, owned.object_name)
        self._accounts = {one.crm_id: one.account_id for one in links if one.connection == owned.connection}

    def run(self, chosen: Sequence[str] | None) -> None:
        """Compare everything, or the records `chosen`, as many at a time as one call reads."""
        lacking: set[str] = set()
        records = self._records(chosen, lacking)
        while batch := list(islice(records, self._connector.capabilities.read_batch)):
            self._deps.stop.check()
            self._compare([row for rows in batch for row in rows])
            self._numbers.records += len(batch)
            self._numbers.values += sum(map(len, batch))
            self._deps.observer(ChunkDone("verify", self._numbers.values, self._total if chosen is None else None))
        self._numbers.no_property = sorted(lacking)

    def _records(self, chosen: Sequence[str] | None, lacking: set[str]) -> Iterator[list[LedgerRow]]:
        """Ledger rows of live records, a list a record; `lacking` collects the properties that are not there."""
        for record_id, rows in groupby(self._rows(chosen), key=lambda row: row.record_id):
            kept = list(rows)
            lacking.update(row.property for row in kept if row.property not in self._owned.specs)
            there = [row for row in kept if row.property in self._owned.specs]
            if there and record_id in self._accounts:
                yield there

    def _rows(self, chosen: Sequence[str] | None) -> Iterator[LedgerRow]:
        where = (self._deps.workspace, self._owned.connection, self._owned.object_name)
        after = ("", "")
        while True:
            with self._deps.store.read() as c:
                if chosen is not None:
                    found = sorted(ledger.ledger_for(c, *where, chosen).values(), key=_key)
                else:
                    found = ledger.standing(c, *where, after=after, limit=ROWS)
                ids = {row.record_id for row in found}
                live = raw.live_ids(c, self._deps.workspace, self._owned.connection, self._owned.stream, ids)
            yield from (row for row in found if row.record_id in live)
            if chosen is not None or len(found) < ROWS:
                return
            after = _key(found[-1])

    def _compare(self, rows: Sequence[LedgerRow]) -> None:
        ids = list(dict.fromkeys(row.record_id for row in rows))
        names = list(dict.fromkeys(row.property for row in rows))
        current = read_current(self._deps, self._connector, self._owned, ids, names)
        doubtful = [row for row in rows if _differs(row, current)]
        if not doubtful:
            return
        where = (self._deps.workspace, self._owned.connection, self._owned.object_name)
        with self._deps.store.read() as c:
            now = ledger.ledger_for(c, *where, {row.record_id for row in doubtful})
            under_way = in_doubt(c, self._deps.workspace, self._owned, ids)
            decided = resolutions.of_records(c, *where, ids)
        found: list[LedgerRow] = []
        for row in (now.get(_key(row), row) for row in doubtful):
            if _key(row) in under_way:
                self._numbers.under_way += 1
            elif _differs(row, current):
                found.append(row)
        self._enter(found, current, decided)

    def _enter(self, found: Sequence[LedgerRow], current: Guarded, decided: Mapping[Key, Resolution]) -> None:
        shown = {_key(row): current.values[_key(row)] for row in found if row.record_id not in current.missing}
        listed = dict(islice(shown.items(), max(0, LISTED - len(self._drift.differences))))
        told = ask(self._connector, self._owned, listed, self._note)
        for row in found:
            place = _key(row)
            state = _state(place, shown, decided)
            self._numbers.count(state)
            if len(self._drift.differences) < LISTED:
                account = self._accounts[row.record_id]
                one = Difference(row, account, state, shown.get(place), told.get(place))
                self._drift.differences.append(one)

    def _note(self, message: str) -> None:
        self._deps.observer(Noted(message, self._owned.connection))


def _state(place: Key, shown: Mapping[Key, str | None], decided: Mapping[Key, Resolution]) -> State:
    if place not in shown:
        return "gone"
    one = decided.get(place)
    return "accepted" if one is not None and (one.verdict, one.seen) == ("accept", shown[place]) else "changed"


def _differs(row: LedgerRow, current: Guarded) -> bool:
    """Whether the CRM shows something else than what was written, both in their canonical form."""
    return row.record_id in current.missing or current.values[_key(row)] != row.written


def _key(row: LedgerRow) -> Key:
    return (row.record_id, row.property)
