"""A run that writes, room by room as the engine does it, and the CRM as its connector sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from connectors.base import Capabilities, Change, Observed, Outcome, OutcomeKind
from connectors.budget import QuotaPolicy
from connectors.errors import CredentialsError, QuotaExhausted, RetryLater, Unreachable
from mapping.records import FieldSpec, RawRecord, Ref, ValueType
from store import failures, leases, ledger, raw
from store.identity import AccountLink
from store.plans import Kind, Plan, PlanHeader, PlanRecord
from sync.adopt import as_adopted
from sync.apply import _Applier
from sync.faults import fp
from sync.lease import _heart
from sync.owned import Owned
from sync.picture import Picture, looked_at_again
from sync.planbook import STAMP, stamp_of
from sync.report import Buckets
from sync.session import Session, lease_key
from sync.settle import recover, settle_doubts
from tests.machines.kit import BEGIN, WS
from tests.sim.crm import ModelCrm, Posted

SCORE, SEGMENT, STAMPED = "cs_score", "cs_segment", "cs_scored_at"
FIELDS = {"health_score": SCORE, "segment": SEGMENT, "scored_at": STAMPED}
SPECS = {
    SCORE: FieldSpec("health_score", ValueType.NUMBER, "Score", ""),
    SEGMENT: FieldSpec("segment", ValueType.TEXT, "Segment", ""),
    STAMPED: FieldSpec("scored_at", ValueType.DATETIME, "Scored at", ""),
}
OWNED = Owned("crm", "companies", "companies", FIELDS, SPECS, ())
PLENTY = QuotaPolicy("app:1", "burst", 1_000_000, 10.0)
Wants = Mapping[tuple[str, str], str | None]
"""(record id, property) → the computed value"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a request: whether it has an effect and after how long, and what its sender hears."""

    name: str
    due: float | None = 0.0
    heard: bool = True


DONE = Fate("done")
FATES = (
    DONE,
    Fate("lost on its way there", None, heard=False),
    Fate("answer lost", 0.0, heard=False),
    Fate("late", 50.0, heard=False),
    Fate("later than the deadline", 110.0, heard=False),
    Fate("not reachable", None),
    Fate("throttled", None),
    Fate("token refused", None),
    Fate("nobody is told of", 0.0),
    Fate("one value refused", 0.0),
    Fate("one record refused", 0.0),
    Fate("locked", None),
)
TOO_LATE = Fate("after the grace period", 500.0, heard=False)
_ERRORS = {
    "not reachable": Unreachable("no route"),
    "throttled": QuotaExhausted("used up"),
    "token refused": CredentialsError("no"),
}


@dataclass
class Door:
    """The connector of one run: `posting` hears of each request before the CRM does, `posted` what it made of it.

    `looked_at` is how much had happened when values were read last, and `looked_when` the moment;
    `last` is the number of the last request, where its sender hears of all of it.
    """

    crm: ModelCrm
    fates: list[Fate]
    posting: Callable[[Session, Sequence[Change], Fate], None]
    posted: Callable[[Posted], None]
    session: Session | None = None
    name: str = "crm"
    account_object: str = "companies"
    looked_at: int = 0
    looked_when: float = 0.0
    last: int | None = None
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(2, 10, partial_success=True))

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        fp("crm.read")
        self.crm.catch_up()
        self.looked_at = len(self.crm.journal)
        self.looked_when = self.crm._clock()
        found = self.crm.objects["companies"]
        return [
            Observed(ref, {name: found[ref.id].values.get(name) for name in properties}, missing=found[ref.id].gone)
            for ref in refs
        ]

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        fp("crm.write")
        session = self.session
        assert session is not None
        session.deps.budget.acquire(PLENTY)
        fate = self.fates.pop(0) if self.fates else DONE
        self.crm.catch_up()
        self.posting(session, batch, fate)
        answered = self._answered(session, batch, fate)
        fp("crm.written")
        return answered

    def _answered(self, session: Session, batch: Sequence[Change], fate: Fate) -> list[Outcome]:
        if fate.name in _ERRORS:
            raise _ERRORS[fate.name]
        kept = list(batch)
        first = batch[0]
        at_fault = next(iter(first.values)) if fate.name == "one value refused" else None
        if fate.name in ("one value refused", "one record refused"):
            kept = kept[1:]
        clock = session.deps.clock
        due = None if fate.due is None else clock.monotonic() + fate.due
        sent = self.crm.post(session.run_id, kept, self.looked_at, due)
        self.last = sent.number if fate.heard and fate.name != "nobody is told of" else None
        self.posted(sent)
        self.crm.catch_up()
        if not fate.heard:
            session.deps.sleep(session.deps.timing.deadline)
            raise RetryLater("the answer was lost", sent=True)
        said = [Outcome(one.ref, self._kind(sent, one, fate)) for one in kept]
        if len(kept) < len(batch):
            said.insert(0, Outcome(first.ref, "rejected", "no", "INVALID", at_fault))
        said.reverse()  # the contract says one for each, not in which order
        return said if fate.name != "nobody is told of" else said[1:]

    @staticmethod
    def _kind(sent: Posted, change: Change, fate: Fate) -> OutcomeKind:
        if fate.due is None:
            return "pending"
        return "gone" if sent.verdicts[change.ref.id] == "gone" else "confirmed"


class _Given(_Applier):
    """The applier with the records of a plan at hand."""

    planned: Sequence[PlanRecord] = ()

    def _records(self, _place: Owned, _kind: Kind) -> Iterator[PlanRecord]:
        return iter(self.planned)


@dataclass
class Run:
    """One run: `beat` renews its lease, `held` are the values that its plan left alone, and why."""

    session: Session
    door: Door
    wants: Wants
    beat: Callable[[], bool] = lambda: True
    held: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self) -> None:
        """Take the lease; raises `LeaseHeld`."""
        session, timing = self.session, self.session.deps.timing
        session.renewed_at = session.deps.clock.monotonic()
        store = session.deps.store
        session.held["crm"] = leases.acquire(store, WS, lease_key("crm"), session.run_id, timing.lease_ttl)
        self.beat = _heart(session)

    def go(self) -> None:
        """Everything from what an earlier run left in doubt to what nobody wants any more."""
        session = self.session
        recover(session, "crm")
        for _ in settle_doubts(session, self.door, OWNED):  # type: ignore[arg-type]
            pass
        self._pull()
        records = self._plan()
        fp("plan.finished")
        planned = sum(len(record.changes) for record in records)
        session.report.apply["crm"] = buckets = Buckets(planned=planned)
        now = session.deps.clock.now()
        header = PlanHeader("plan", now, now, "framework", "m", {})
        applier = _Given(session, self.door, OWNED, Plan(1, session.run_id, header, "ready", {}, {}))  # type: ignore[arg-type]
        applier.planned = records
        applier.run()
        buckets.pending += planned - buckets.settled()
        session.report.check_buckets()

    def give_back(self) -> None:
        """Release the lease, as a run that ends by itself does."""
        leases.release(self.session.deps.store, self.session.held.pop("crm"))

    def _pull(self) -> None:
        session, crm = self.session, self.door.crm
        crm.catch_up()
        rows = [
            RawRecord(one.id, dict(one.values), BEGIN + timedelta(seconds=one.stamp), archived=one.gone)
            for one in crm.objects["companies"].values()
        ]
        with session.write() as c:
            raw.upsert_page(c, WS, "crm", "companies", 1, rows, session.deps.clock.now())

    def _plan(self) -> list[PlanRecord]:
        session = self.session
        links = [AccountLink(one.id, "crm", "companies", one.id, "") for one in self.door.crm.live()]
        with session.deps.store.read() as c:
            picture = Picture.read(c, WS, OWNED, links)
        picture = looked_at_again(session, picture)
        records, adopted, recovered = [], [], []
        stamp = stamp_of(replace(session.at, instant=session.deps.clock.now()))
        for link in links:
            wanted = {name: self.wants.get((link.crm_id, prop)) for name, prop in FIELDS.items()}
            decision = picture.decide(session, link, {"values": wanted, "because": {}})
            changes = tuple(
                {**asdict(one), "after": stamp if one.after == STAMP else one.after} for one in decision.changes
            )
            self.held.update({(link.crm_id, one.property): one.reason for one in decision.held})
            recovered += picture.recovered(link.crm_id, decision)
            ref = Ref("crm", "companies", link.crm_id)
            adopted += as_adopted(ref, decision.adopted, run_id=session.run_id, model_version="m", number=len(adopted))
            if changes:
                records.append(PlanRecord("crm", "companies", link.crm_id, link.crm_id, changes))
        with session.write() as c:
            ledger.record(c, WS, adopted, set(), session.deps.clock.now())
            failures.drop(c, WS, [one.key() for one in recovered])
        return records
