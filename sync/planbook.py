"""Plans as a run and a person handle them: frozen under an id of their content, read back, kept as a file.

The id covers what is written to whom, the framework, the model version and the day of evaluation; when and by which
run the plan was made is kept beside it (`Provenance`), so that planning twice without news gives one plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Any

from sqlalchemy import Connection, update

from mapping.frames import AsOf
from mapping.records import STAMP_FIELD
from store import Store, plans
from store.plans import MADE, NARROWED, Plan, PlanHeader, PlanRecord
from store.tables import plan as plan_table
from store.tables import plan_record
from sync.errors import InvariantError, UsageError
from sync.report import Buckets, ConnectionPlan, PlanSummary

STAMP = "(time of scoring)"
"""Stands in a stored plan for the moment of its evaluation."""
DRAFT_RUN = "plan"
FIGURES, PROPERTIES = "/figures", "/properties"
"""With `MADE`: keys beside the connections' own in a plan's counts; no connection can have such a name."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """When and from what a plan was made last; `epochs` is connection → stream → sealed epoch.

    `decided_at` is when the last decision was made or taken back that the plan goes by: not every one before `made_at`
    is, because people decide while a run reads and evaluates.
    """

    run_id: str
    made_at: datetime
    scored_at: str
    epochs: Mapping[str, Mapping[str, int]]
    decided_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "run_id": self.run_id,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "scored_at": self.scored_at,
            "epochs": {name: dict(streams) for name, streams in self.epochs.items()},
            "decided_at": self.decided_at.astimezone(UTC).isoformat() if self.decided_at is not None else None,
        }

    @classmethod
    def of(cls, plan: Plan) -> Provenance:
        """Read what `freeze` put beside a plan."""
        data = plan.counts.get(MADE)
        if not isinstance(data, Mapping):
            raise InvariantError(f"Plan {plan.id} does not say what it was made from.", hint="Make a new one.")
        made_at, decided_at = datetime.fromisoformat(str(data["made_at"])), data.get("decided_at")
        decided = datetime.fromisoformat(str(decided_at)) if decided_at is not None else None
        return cls(str(data["run_id"]), made_at, str(data["scored_at"]), data["epochs"], decided)


def stamp_of(at: AsOf) -> str:
    """The moment of an evaluation as the canonical text of a time stamp."""
    return at.utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def draft_header(at: AsOf, framework: str, model_version: str, workspace: str, *, narrowed: bool = False) -> PlanHeader:
    """A header of what a plan's id may depend on: the day and the model, not the minute and the run.

    A `narrowed` plan is about some accounts only, and says nothing about the others.
    """
    return header_of_day(at.date.isoformat(), framework, model_version, workspace, at.zone, narrowed=narrowed)


def header_of_day(
    day: str, framework: str, model_version: str, workspace: str, zone: str, *, narrowed: bool = False
) -> PlanHeader:
    """The same from a day in text form; raises `UsageError` when it is none."""
    try:
        midnight = datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError as error:
        raise UsageError(f"{day!r} is not a day.", hint="Make a new plan.") from error
    inputs: dict[str, Any] = {"workspace": workspace, "timezone": zone} | ({NARROWED: True} if narrowed else {})
    return PlanHeader(DRAFT_RUN, midnight, midnight, framework, model_version, inputs)


def freeze(
    c: Connection, ws: str, key: int, *, cost: Mapping[str, int], counts: Mapping[str, Any], made: Provenance
) -> str:
    """Freeze a draft and return its id; an older plan with the same content becomes the latest one again."""
    plan_id = plans.finish(c, ws, key, cost=cost, counts=counts)
    found = plans.get(c, ws, plan_id)
    if found is not None and found.key != key:
        here = (plan_table.c.workspace == ws) & (plan_table.c.key == found.key)
        c.execute(update(plan_table).where(here).values(key=key))
        mine = (plan_record.c.workspace == ws) & (plan_record.c.plan_key == found.key)
        c.execute(update(plan_record).where(mine).values(plan_key=key))
    renew(c, ws, plan_id, cost=cost, counts={**counts, MADE: made.as_dict()})
    return plan_id


def renew(c: Connection, ws: str, plan_id: str, *, cost: Mapping[str, int], counts: Mapping[str, Any]) -> None:
    """Set what is known beside a plan's content, and make it ready."""
    here = (plan_table.c.workspace == ws) & (plan_table.c.id == plan_id)
    c.execute(update(plan_table).where(here).values(cost=dict(cost), counts=dict(counts), state="ready"))


def find_plan(store: Store, plan_id: str) -> Plan:
    """A finished plan; raises `UsageError` when there is none with this id."""
    with store.read() as c:
        plan = plans.get(c, store.workspace, plan_id)
    if plan is None:
        raise UsageError(
            f"There is no plan {plan_id} in workspace {store.workspace}.",
            hint="`keepwell plan` makes one and prints its id; `keepwell runs list` shows earlier ones.",
        )
    return plan


def records(
    store: Store, plan: Plan, connection: str | None = None, chunk: int = 200, *, object_name: str | None = None
) -> Iterator[PlanRecord]:
    """A plan's records with the time stamp resolved."""
    scored_at = Provenance.of(plan).scored_at
    for record in pages(store, plan, connection, chunk, object_name=object_name):
        yield _stamped(record, scored_at)


def pages(
    store: Store, plan: Plan, connection: str | None, chunk: int, *, object_name: str | None = None
) -> Iterator[PlanRecord]:
    """A plan's records as stored, read in short transactions so that the store is never held meanwhile."""
    after: tuple[str, str, str] | None = None
    while True:
        with store.read() as c:
            found = plans.iter_records(
                c,
                store.workspace,
                plan.id or "",
                connection=connection,
                object_name=object_name,
                after=after,
                chunk=chunk,
            )
            page = list(islice(found, chunk))
        yield from page
        if len(page) < chunk:
            return
        after = (page[-1].connection, page[-1].object, page[-1].record_id)


def _stamped(record: PlanRecord, scored_at: str) -> PlanRecord:
    changes = tuple(
        {**change, "after": scored_at} if change["field"] == STAMP_FIELD and change["after"] == STAMP else change
        for change in record.changes
    )
    return replace(record, changes=changes)


def summary(plan: Plan) -> PlanSummary:
    """A stored plan in numbers."""
    parts = {name: ConnectionPlan(**one) for name, one in plan.counts.items() if not name.startswith("/")}
    return PlanSummary(plan.id or "", parts)


def mark_applied(store: Store, plan: Plan, buckets: Buckets) -> None:
    """Note that a plan was carried out; one with changes that were not sent stays ready and can be applied again."""
    if buckets.pending or buckets.in_doubt:
        return
    with store.write() as c:
        plans.set_state(c, store.workspace, plan.id or "", "applied")
