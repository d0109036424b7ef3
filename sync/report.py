"""The run report: what one run read, computed, planned and wrote, every planned change in exactly one bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from sync.errors import InvariantError

Status = Literal["complete", "partial", "deferred", "interrupted", "busy", "refused", "failed"]
Bucket = Literal["confirmed", "unchanged", "conflict", "gone", "rejected", "pending", "in_doubt"]
BUCKETS: tuple[Bucket, ...] = ("confirmed", "unchanged", "conflict", "gone", "rejected", "pending", "in_doubt")
BANDS = ("green", "yellow", "red", "unknown")


@dataclass(slots=True)
class StreamCounts:
    """Rows of one stream: `live` is what the store holds afterwards, `mode` full, increment or reference."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    quarantined: int = 0
    live: int = 0
    mode: str = ""
    note: str = ""


@dataclass(slots=True)
class Buckets:
    """What became of the planned changes of one connection; a change is one property of one record."""

    planned: int = 0
    confirmed: int = 0
    unchanged: int = 0
    conflict: int = 0
    gone: int = 0
    rejected: int = 0
    pending: int = 0
    in_doubt: int = 0

    def count(self, bucket: Bucket, number: int = 1) -> None:
        """Put `number` changes into a bucket."""
        setattr(self, bucket, getattr(self, bucket) + number)

    def move(self, source: Bucket, target: Bucket, number: int = 1) -> None:
        """Take `number` changes from one bucket to another (a doubt that was decided)."""
        self.count(source, -number)
        self.count(target, number)

    def settled(self) -> int:
        """Sum over all buckets."""
        return sum(getattr(self, bucket) for bucket in BUCKETS)

    def as_dict(self) -> dict[str, int]:
        """Bucket → number of changes."""
        return {bucket: getattr(self, bucket) for bucket in BUCKETS}


@dataclass(slots=True)
class ConnectionPlan:
    """What a plan holds for one connection; `cost` is in API calls, `tasks` are the tasks that it makes for alerts,
    `entries` those that it makes on timelines.

    Of the values that it leaves alone `held` wait for a person's decision, `accepted` have it, and `refused` by the CRM
    wait for their next attempt.
    """

    records: int = 0
    changes: int = 0
    held: int = 0
    accepted: int = 0
    refused: int = 0
    cost: int = 0
    tasks: int = 0
    entries: int = 0


@dataclass(slots=True)
class PlanSummary:
    """The plan of a run in numbers."""

    plan_id: str
    by_connection: dict[str, ConnectionPlan] = field(default_factory=dict)

    def total(self, what: Literal["records", "changes", "held", "accepted", "refused", "cost"]) -> int:
        """Sum over the connections."""
        return sum(int(getattr(plan, what)) for plan in self.by_connection.values())


@dataclass(slots=True)
class AlertCounts:
    """What a run found out about alerts; `standing` are all that are not resolved afterwards.

    `answered` counts those that a meeting or call answered, `breached` those that nobody answered in time.
    """

    raised: int = 0
    answered: int = 0
    breached: int = 0
    resolved: int = 0
    standing: int = 0


@dataclass(slots=True)
class NewsCounts:
    """What became of the news for people: `noted` anew, `sent`, `given_up`, and how much is `waiting` afterwards."""

    noted: int = 0
    sent: int = 0
    given_up: int = 0
    waiting: int = 0


@dataclass(slots=True)
class ApiUse:
    """Requests that one connection made in this run, and what its daily quota has left (None: not told)."""

    requests: int = 0
    throttled: int = 0
    retried: int = 0
    quota_left: int | None = None


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account as a customer-success manager wants to see it."""

    account_id: str
    name: str
    segment: str | None
    stage: str | None
    score: float | None
    band: str | None
    renewal_status: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class BackfillLine:
    """How far the backfill of one stream is: everything from `reached` to `until` is read.

    `done` is a share from 0 to 1, `seconds_left` about what the rest takes, `basis` what they are taken from: the
    `expected` rows, or the share of the range's time. What is not known is None.
    """

    connection: str
    stream: str
    state: str
    since: str
    until: str
    reached: str
    windows: int
    rows: int
    expected: int | None
    done: float | None
    seconds_left: int | None
    basis: str


@dataclass(frozen=True, slots=True)
class UndoLine:
    """What undoing a run comes to: values that go back, and by reason those that stay as they are."""

    run_id: str
    changes: int
    skipped: Mapping[str, int]


@dataclass(slots=True)
class RunReport:
    """Filled in by the rooms, closed by `sync.ending`; `to_dict` gives the JSON of `keepwell sync --json`."""

    run_id: str
    command: str
    as_of: str
    started_at: str
    finished_at: str | None = None
    status: Status = "complete"
    reason: str | None = None
    reason_code: str | None = None
    hint: str | None = None
    exit_code: int = 0
    framework: str = ""
    model_version: str = ""
    backfill: list[BackfillLine] = field(default_factory=list)
    pull: dict[str, dict[str, StreamCounts]] = field(default_factory=dict)
    accounts: int = 0
    bands: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BANDS, 0))
    reviews: int = 0
    alerts: AlertCounts = field(default_factory=AlertCounts)
    notifications: NewsCounts = field(default_factory=NewsCounts)
    undo: UndoLine | None = None
    plan: PlanSummary | None = None
    apply: dict[str, Buckets] = field(default_factory=dict)
    records_written: dict[str, int] = field(default_factory=dict)
    drift: int = 0
    missing_properties: int = 0
    lost_streams: list[str] = field(default_factory=list)
    api: dict[str, ApiUse] = field(default_factory=dict)
    schema_changes: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    top: list[AccountLine] = field(default_factory=list)

    def stream(self, connection: str, stream: str) -> StreamCounts:
        """Counts of one stream, made on first use."""
        return self.pull.setdefault(connection, {}).setdefault(stream, StreamCounts())

    def buckets(self) -> Buckets:
        """Buckets of all connections together."""
        total = Buckets()
        for one in self.apply.values():
            total.planned += one.planned
            for bucket in BUCKETS:
                total.count(bucket, getattr(one, bucket))
        return total

    def check_buckets(self) -> None:
        """Raise `InvariantError` when a planned change is in no bucket, or in two."""
        for connection, buckets in self.apply.items():
            if buckets.settled() != buckets.planned or min(buckets.as_dict().values()) < 0:
                raise InvariantError(
                    f"{connection}: {buckets.planned} changes were planned but {buckets.settled()} are accounted for "
                    f"({buckets.as_dict()}).",
                    hint="Please report this with the output of `keepwell runs show`.",
                )

    def to_dict(self) -> dict[str, object]:
        """The report as JSON-able data; the documented keys first, then what else is known."""
        return {
            "run_id": self.run_id,
            "command": self.command,
            "status": self.status,
            "reason": self.reason,
            "reason_code": self.reason_code,
            "hint": self.hint,
            "exit_code": self.exit_code,
            "as_of": self.as_of,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "framework": self.framework,
            "model_version": self.model_version,
            "backfill": [asdict(line) for line in self.backfill],
            "pull": {name: {s: asdict(counts) for s, counts in streams.items()} for name, streams in self.pull.items()},
            "evaluate": {"accounts": self.accounts, "bands": dict(self.bands), "reviews": self.reviews},
            "alerts": asdict(self.alerts),
            "notifications": asdict(self.notifications),
            "undo": asdict(self.undo) if self.undo is not None else None,
            "plan": self._plan_dict(),
            "apply": self.buckets().as_dict(),
            "connections": self._connection_dicts(),
            "drift": self.drift,
            "missing_properties": self.missing_properties,
            "api": {name: asdict(use) for name, use in self.api.items()},
            "schema_changes": {name: dict(streams) for name, streams in self.schema_changes.items()},
            "seconds": {room: round(spent, 2) for room, spent in self.seconds.items()},
            "notes": list(self.notes),
            "top": [asdict(line) for line in self.top],
        }

    def _plan_dict(self) -> dict[str, object]:
        if self.plan is None:
            return {"plan_id": None, "records": 0, "changes": 0, "held": 0, "accepted": 0, "refused": 0, "cost": {}}
        return {
            "plan_id": self.plan.plan_id,
            "records": self.plan.total("records"),
            "changes": self.plan.total("changes"),
            "held": self.plan.total("held"),
            "accepted": self.plan.total("accepted"),
            "refused": self.plan.total("refused"),
            "cost": {name: plan.cost for name, plan in self.plan.by_connection.items()},
        }

    def _connection_dicts(self) -> dict[str, dict[str, object]]:
        plans: Mapping[str, ConnectionPlan] = self.plan.by_connection if self.plan is not None else {}
        names = dict.fromkeys([*self.pull, *plans, *self.apply, *self.api])
        return {
            name: {
                "plan": asdict(plans.get(name, ConnectionPlan())),
                "apply": self.apply.get(name, Buckets()).as_dict(),
                "records_written": self.records_written.get(name, 0),
                "requests": self.api.get(name, ApiUse()).requests,
            }
            for name in names
        }
