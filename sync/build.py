"""Room 5: the plan, built account by account from what was computed, what the CRM shows and what we wrote last.

Accounts come in chunks and go into the store in chunks, so memory does not grow with the portfolio. The time stamp
is planned as `STAMP`, resolved to the plan's own moment when it is shown or sent: a plan's id then depends on its
content only, not on when it was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from mapping.records import STAMP_FIELD, Ref
from store import failures, identity, ledger, plans
from store.failures import Failure
from store.identity import AccountLink
from store.intents import Intent
from store.plans import PlanRecord
from sync.adopt import as_adopted
from sync.checks import may_adopt
from sync.decide import OPEN_HOLDS, RecordDecision
from sync.entries import forget_entries, plan_entries
from sync.faults import fp
from sync.guards import PlanFigures, drops_band
from sync.moment import looks_back
from sync.owned import Owned
from sync.picture import Picture, looked_at_again
from sync.planbook import FIGURES, PROPERTIES, Provenance, draft_header, freeze, stamp_of
from sync.proof import Forecast, proven_properties
from sync.report import ConnectionPlan, PlanSummary
from sync.session import Session
from sync.standing import standing_at
from sync.tasks import plan_tasks
from sync.witness import heard

CHUNK = 500
BAND_FIELD = "health_band"


@dataclass(slots=True)
class Built:
    """A finished plan in numbers: for the report, for the guards, and what may be adopted into the ledger."""

    summary: PlanSummary
    figures: dict[str, PlanFigures]
    adopted: int = 0


@dataclass(slots=True)
class _Draft:
    key: int
    by_connection: dict[str, ConnectionPlan]
    figures: dict[str, PlanFigures]
    properties: dict[str, set[str]]
    read_back: dict[str, Forecast]
    proven: dict[str, frozenset[str]]
    looks_back: bool
    adopts: bool
    accounts_changed: int = 0
    chosen: set[str] = field(default_factory=set)
    adopted: int = 0
    made_cost: Counter[str] = field(default_factory=Counter)
    known_as_ours: Counter[str] = field(default_factory=Counter)


def build_plan(
    session: Session,
    owned: Mapping[str, Owned],
    epochs: Mapping[str, Mapping[str, int]],
    selected: frozenset[str] | None,
) -> Built:
    """Make and store the plan; `selected` narrows it to some accounts, None means all.

    Returns the numbers; the plan itself is read back from the store, record by record.
    """
    store, ws = session.deps.store, session.ws
    framework = session.deps.framework
    narrowed = selected is not None or session.options.limit is not None
    header = draft_header(session.at, framework.name, framework.version, ws, narrowed=narrowed)
    with session.write() as c:
        key = plans.create(c, ws, header)
        proven = {name: proven_properties(c, ws, name) for name in owned}
    fp("plan.begun")
    draft = _Draft(
        key,
        {name: ConnectionPlan() for name in owned},
        {name: PlanFigures(name) for name in owned},
        {name: set() for name in owned},
        {name: Forecast(session.at.date, proven[name]) for name in owned},
        proven,
        looks_back(session),
        may_adopt(session),
    )
    after_accounts = 0
    with store.read() as c:
        chunks = list(identity.account_chunks(c, ws, CHUNK))
    for chunk in chunks:
        _plan_chunk(session, owned, draft, chunk, selected)
        after_accounts += len(chunk)
        session.progress("plan", after_accounts)
        session.deps.stop.check()
    for one in owned.values():
        _plan_tasks(session, one, draft, selected)
        _plan_entries(session, one, draft, selected)
    for name, number in sorted((+draft.known_as_ours).items()):
        session.note(
            f"{name} says that Keepwell itself wrote {number} of the values that differ from what the store knows (a "
            "write that landed late, or a store from a backup); they count as its own",
            name,
        )
    _estimate(session, draft)
    counts: dict[str, Any] = {name: asdict(plan) for name, plan in draft.by_connection.items()}
    counts[PROPERTIES] = {name: sorted(used) for name, used in draft.properties.items()}
    counts[FIGURES] = {name: asdict(figures) for name, figures in draft.figures.items()}
    cost = {name: plan.cost for name, plan in draft.by_connection.items()}
    made = Provenance(session.run_id, session.deps.clock.now(), stamp_of(session.at), epochs, session.decided_at)
    with session.write() as c:
        failures.drop_unlinked(c, ws)
        plan_id = freeze(c, ws, key, cost=cost, counts=counts, made=made)
    fp("plan.finished")
    return Built(PlanSummary(plan_id, draft.by_connection), draft.figures, draft.adopted)


def _choose(session: Session, draft: _Draft, account_id: str) -> bool:
    """Whether one more account may change; the limit of a run counts those that do."""
    limit = session.options.limit
    if limit is None or account_id in draft.chosen:
        return True
    if draft.accounts_changed >= limit:
        return False
    draft.accounts_changed += 1
    draft.chosen.add(account_id)
    return True


def _plan_tasks(session: Session, owned: Owned, draft: _Draft, selected: frozenset[str] | None) -> None:
    """Tasks of alerts, which stand now: a plan as of a past day has nothing to say about them."""
    if owned.tasks is None or not owned.tasks.by_field or draft.looks_back:
        return
    name = owned.connection
    records = plan_tasks(session, owned.tasks, draft.key, selected, partial(_choose, session, draft))
    made, changed, read_back = _count_made(session, draft, name, records)
    plan, tasks = draft.by_connection[name], session.deps.connectors[name].tasks()
    plan.tasks, plan.records = made, plan.records + made + changed
    draft.figures[name] = replace(draft.figures[name], tasks=made + changed)
    draft.made_cost[name] += tasks.write_cost(made, changed, read_back) if tasks is not None else 0


def _plan_entries(session: Session, owned: Owned, draft: _Draft, selected: frozenset[str] | None) -> None:
    """Entries about falls of health, of which a plan as of a past day has nothing to say either."""
    name = owned.connection
    if draft.looks_back or (owned.entries is not None and not owned.entries.by_field):
        return
    if owned.entries is None:
        forget_entries(session, name)
        return
    records = plan_entries(session, owned.entries, draft.key, selected, partial(_choose, session, draft))
    made, _, read_back = _count_made(session, draft, name, records)
    plan, entries = draft.by_connection[name], session.deps.connectors[name].entries()
    plan.entries, plan.records = made, plan.records + made
    draft.figures[name] = replace(draft.figures[name], entries=made)
    draft.made_cost[name] += entries.write_cost(made, read_back) if entries is not None else 0


def _count_made(session: Session, draft: _Draft, name: str, records: Iterable[PlanRecord]) -> tuple[int, int, int]:
    """Count records of a kind that Keepwell makes: those that are made, changed, and read back afterwards."""
    made, changed = 0, 0
    read_back = Forecast(session.at.date, draft.proven[name])
    for record in records:
        new = record.kind == "create"
        made += 1 if record.changes and new else 0
        changed += 1 if record.changes and not new else 0
        _count_held(draft.by_connection[name], [str(one["reason"]) for one in record.held])
        draft.by_connection[name].changes += len(record.changes)
        draft.properties[name].update(str(change["property"]) for change in record.changes)
        if record.changes:
            read_back.add(record.record_id, [str(change["property"]) for change in record.changes])
    return made, changed, read_back.records


def _count_held(plan: ConnectionPlan, reasons: Sequence[str]) -> None:
    """Count values that a plan leaves alone."""
    plan.held += sum(1 for reason in reasons if reason in OPEN_HOLDS)
    plan.refused += sum(1 for reason in reasons if reason == "refused")
    plan.accepted += sum(1 for reason in reasons if reason == "accepted")


def _estimate(session: Session, draft: _Draft) -> None:
    """API calls that carrying out the plan takes from here on, opening the connections again where that comes later."""
    later = session.report.command in ("plan", "backfill") and any(
        plan.records for plan in draft.by_connection.values()
    )
    for name, plan in draft.by_connection.items():
        plan.cost = session.opening.get(name, 0) if later else 0
        accounts = draft.figures[name].changed
        if accounts:
            plan.cost += session.deps.connectors[name].write_cost(accounts, draft.read_back[name].records)
        plan.cost += draft.made_cost[name]


def _plan_chunk(
    session: Session,
    owned: Mapping[str, Owned],
    draft: _Draft,
    account_ids: Sequence[str],
    selected: frozenset[str] | None,
) -> None:
    store, ws = session.deps.store, session.ws
    records: list[PlanRecord] = []
    adopted: list[Intent] = []
    recovered: list[Failure] = []
    with store.read() as c:
        links = identity.links(c, ws, account_ids)
        values = {one: found.outputs for one, found in standing_at(c, ws, account_ids, session.at.utc).items()}
        pictures = {name: Picture.read(c, ws, one, links) for name, one in owned.items()}
    pictures = {name: looked_at_again(session, picture) for name, picture in pictures.items()}
    decisions = {
        link: pictures[link.connection].decide(session, link, values.get(link.account_id))
        for link in links
        if link.connection in owned
    }
    wanted_ones = {link: one for link, one in decisions.items() if selected is None or link.account_id in selected}
    decisions |= heard(session, pictures, wanted_ones, values, draft.known_as_ours)
    by_account: dict[str, list[tuple[AccountLink, RecordDecision]]] = {}
    for link, decision in decisions.items():
        by_account.setdefault(link.account_id, []).append((link, decision))
    for account_id in account_ids:
        decided = by_account.get(account_id, [])
        wanted = selected is None or account_id in selected
        if wanted and any(one.changes for _, one in decided):
            wanted = _choose(session, draft, account_id)
        for link, decision in decided:
            _count(draft, pictures[link.connection], link, decision if wanted else RecordDecision())
            if draft.adopts:
                adopted += _adoptions(session, link, decision, len(adopted))
            if not draft.looks_back:
                recovered += pictures[link.connection].recovered(link.crm_id, decision)
            if wanted and (decision.changes or decision.held):
                records.append(_plan_record(link, decision))
    if records or adopted or recovered:
        with session.write() as c:
            plans.add_records(c, ws, draft.key, records)
            ledger.record(c, ws, adopted, set(), session.deps.clock.now())
            failures.drop(c, ws, [one.key() for one in recovered])
        fp("plan.chunk_stored")


def _adoptions(session: Session, link: AccountLink, decision: RecordDecision, number: int) -> list[Intent]:
    ref = Ref(link.connection, link.object, link.crm_id)
    version = session.deps.framework.version
    return as_adopted(ref, decision.adopted, run_id=session.run_id, model_version=version, number=number)


def _plan_record(link: AccountLink, decision: RecordDecision) -> PlanRecord:
    return PlanRecord(
        connection=link.connection,
        object=link.object,
        record_id=link.crm_id,
        account_id=link.account_id,
        changes=tuple(asdict(change) for change in decision.changes),
        held=tuple(asdict(held) for held in decision.held),
    )


def _count(draft: _Draft, picture: Picture, link: AccountLink, decision: RecordDecision) -> None:
    name = link.connection
    if not picture.writable(link):
        return
    plan, figures = draft.by_connection[name], draft.figures[name]
    plan.records += 1 if decision.changes else 0
    plan.changes += len(decision.changes)
    _count_held(plan, [held.reason for held in decision.held])
    draft.properties[name].update(change.property for change in decision.changes)
    if decision.changes:
        draft.read_back[name].add(link.crm_id, [change.property for change in decision.changes])
    draft.adopted += len(decision.adopted)
    band = picture.owned.by_field.get(BAND_FIELD)
    band_now = picture.seen_one(link.crm_id, band) if band is not None else None
    change = next((one for one in decision.changes if one.field == BAND_FIELD), None)
    replaces = any(
        one.field != STAMP_FIELD and (one.before is not None or one.property in picture.written(link.crm_id))
        for one in decision.changes
    )
    draft.figures[name] = replace(
        figures,
        records=figures.records + 1,
        changed=figures.changed + (1 if decision.changes else 0),
        replaced=figures.replaced + (1 if replaces else 0),
        banded=figures.banded + (1 if band_now not in (None, "unknown") else 0),
        dropped=figures.dropped + (1 if change is not None and drops_band(band_now, change.after) else 0),
    )
