"""A CRM in memory: records, people, limits, and a journal of every effect with its exact moment."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from connectors.base import Change

BURST = 12
BURST_SECONDS = 10.0
Verdict = Literal["set", "rejected", "gone", "locked"]


@dataclass(slots=True)
class Record:
    """A record with its values as text; `stamp` is when it was modified last."""

    id: str
    values: dict[str, str | None]
    stamp: float
    gone: bool = False
    merged_into: str | None = None
    merged_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """One change of a value, or an action on a whole record; `actor` is `api:<run>`, `user` or `merge`."""

    seq: int
    time: float
    action: str
    object: str
    id: str
    property: str
    old: str | None
    new: str | None
    actor: str
    request: int


@dataclass(slots=True)
class Posted:
    """A request to write on its way: when its values were looked at, when it left and when it takes effect (None:
    never), and what became of each row."""

    number: int
    run_id: str
    changes: Sequence[Change]
    left: float
    read_at: float
    due: float | None
    verdicts: dict[str, Verdict] = field(default_factory=dict)


class ModelCrm:
    """One account of a vendor; nobody is told of an effect before its moment has come."""

    def __init__(self, name: str, clock: Callable[[], float], objects: Iterable[str]) -> None:
        self.name = name
        self.objects: dict[str, dict[str, Record]] = {one: {} for one in objects}
        self.accounts = next(iter(self.objects))
        self.journal: list[Effect] = []
        self.posted: list[Posted] = []
        self.last: dict[tuple[str, str], Effect] = {}
        self.refusing: set[str] = set()
        self.locked: set[str] = set()
        self.spent_until = 0.0
        self.over_limit = 0
        self._clock = clock
        self._waiting: list[tuple[float, int]] = []
        self._arrivals: deque[float] = deque()
        self._ids = 1000

    def last_change(self, record_id: str, name: str = "") -> Effect | None:
        """The last change of a property, or of anything about a record."""
        self.catch_up()
        return self.last.get((record_id, name))

    def arrives(self) -> None:
        """Count a request against the vendor's limit."""
        now = self._clock()
        while self._arrivals and self._arrivals[0] <= now - BURST_SECONDS:
            self._arrivals.popleft()
        self._arrivals.append(now)
        self.over_limit += len(self._arrivals) > BURST

    def post(self, run_id: str, changes: Sequence[Change], read_at: float, due: float | None) -> Posted:
        """Take a request that takes effect at its own moment, whatever becomes of whoever sent it."""
        one = Posted(len(self.posted), run_id, changes, self._clock(), read_at, due)
        self.posted.append(one)
        if due is not None:
            heapq.heappush(self._waiting, (due, one.number))
        return one

    def catch_up(self) -> None:
        """Let everything happen that is due."""
        while self._waiting and self._waiting[0][0] <= self._clock():
            due, number = heapq.heappop(self._waiting)
            self._carry_out(self.posted[number], due)

    def under_way(self) -> list[Posted]:
        """Requests whose effect is still to come."""
        self.catch_up()
        return [self.posted[number] for _, number in self._waiting]

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way."""
        self.catch_up()
        return not self._waiting

    def live(self, kind: str | None = None) -> list[Record]:
        """Records that are there."""
        self.catch_up()
        return [one for one in self.objects[kind or self.accounts].values() if not one.gone]

    def create(self, kind: str, values: Mapping[str, str | None]) -> Record:
        """A person makes a record."""
        self._ids += 1
        made = Record(f"{self.name[0]}{self._ids}", dict(values), self._clock())
        self.objects[kind][made.id] = made
        self._note(self._clock(), "create", kind, made.id, "user")
        return made

    def edit(self, kind: str, record: Record, values: Mapping[str, str | None]) -> None:
        """A person changes values."""
        self.catch_up()
        for name, value in values.items():
            self._set(self._clock(), kind, record, name, value, "user", -1)

    def delete(self, kind: str, record: Record) -> None:
        """A person deletes a record."""
        self.catch_up()
        record.gone, record.stamp = True, self._clock()
        self._note(self._clock(), "delete", kind, record.id, "user")

    def merge(self, survivor: Record, loser: Record) -> None:
        """A person merges two accounts: the survivor takes what it lacks, and what belonged to the other one."""
        self.catch_up()
        now = self._clock()
        for name, value in loser.values.items():
            if survivor.values.get(name) is None and value is not None:
                self._set(now, self.accounts, survivor, name, value, "merge", -1)
        loser.gone, loser.merged_into, loser.stamp = True, survivor.id, now
        survivor.merged_from = (*survivor.merged_from, loser.id, *loser.merged_from)
        survivor.stamp = now
        for kind, records in self.objects.items():
            for one in records.values():
                if kind == self.accounts and one.merged_into == loser.id:
                    one.merged_into, one.stamp = survivor.id, now
                elif kind != self.accounts and one.values.get("AccountId") == loser.id:
                    one.values["AccountId"], one.stamp = survivor.id, now
        self._note(now, "merge", self.accounts, loser.id, "user")

    def digest(self) -> str:
        """What happened, in 16 digits: two histories with the same one are the same."""
        lines = "\n".join(repr(asdict(one)) for one in self.journal)
        return hashlib.sha256(lines.encode()).hexdigest()[:16]

    def _carry_out(self, posted: Posted, now: float) -> None:
        for change in posted.changes:
            record = self.objects[self.accounts].get(change.ref.id)
            if record is None or record.gone:
                posted.verdicts[change.ref.id] = "gone"
            elif self.refusing & change.values.keys():
                posted.verdicts[change.ref.id] = "rejected"
            elif change.ref.id in self.locked:
                posted.verdicts[change.ref.id] = "locked"
            else:
                posted.verdicts[change.ref.id] = "set"
                for name, value in change.values.items():
                    self._set(now, self.accounts, record, name, value, f"api:{posted.run_id}", posted.number)

    def _set(
        self, now: float, kind: str, record: Record, name: str, value: str | None, actor: str, request: int
    ) -> None:
        old = record.values.get(name)
        record.values[name], record.stamp = value, now
        self._note(now, "set", kind, record.id, actor, name, old, value, request)

    def _note(
        self,
        now: float,
        action: str,
        kind: str,
        record_id: str,
        actor: str,
        name: str = "",
        old: str | None = None,
        new: str | None = None,
        request: int = -1,
    ) -> None:
        effect = Effect(len(self.journal), now, action, kind, record_id, name, old, new, actor, request)
        self.journal.append(effect)
        self.last[record_id, name] = self.last[record_id, ""] = effect
