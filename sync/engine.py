"""The run: eight rooms, one after the other. What a room does is written in the room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from connectors.base import Connector
from connectors.errors import ConnectorError
from store import runs
from store.errors import StoreError
from store.plans import Plan
from sync import checks, planbook
from sync.apply import apply_plan
from sync.backfill import BackfillOptions, backfill
from sync.build import build_plan
from sync.deadruns import forget_damaged
from sync.deps import Deps, RunOptions
from sync.ending import Ending, ending_of_error, ending_of_rows
from sync.errors import UsageError
from sync.evaluate import evaluate
from sync.events import RunFinished, RunStarted
from sync.faults import fp
from sync.firstwrite import check_first_write
from sync.identify import identify
from sync.lease import BACKFILL, being_the_backfill
from sync.moment import moment, refuse_future
from sync.normalise import normalise_all
from sync.owned import Owned, owned_properties
from sync.planfile import load_plan
from sync.pull import check_identities, pull
from sync.recording import record_bug, record_ending
from sync.report import ApiUse, RunReport
from sync.schema import note_schema_changes
from sync.session import Session
from sync.settle import recover, settle_doubts
from sync.turns import working
from sync.undo import build_undo
from sync.verify import verify_writes

NOT_NOW = "This plan cannot be carried out now"


def run_sync(deps: Deps, options: RunOptions | None = None) -> RunReport:
    """Pull, evaluate, plan, guard, apply, verify; the report says how it ended, expected failures included."""
    return _run(deps, options, "sync", _sync)


def run_pull(deps: Deps, options: RunOptions | None = None) -> RunReport:
    """Pull and normalise only."""
    return _run(deps, options, "pull", _pull)


def run_plan(deps: Deps, options: RunOptions | None = None) -> RunReport:
    """Pull, evaluate and plan; nothing is written to a CRM. A plan that the guards refuse is kept and shown."""
    return _run(deps, options, "plan", _plan)


def run_apply(deps: Deps, plan: str, options: RunOptions | None = None) -> RunReport:
    """Apply a plan made earlier, by id or from a file, after the guards looked at it again; refuses a stale one."""
    return _run(deps, options, "apply", lambda session: _apply(session, plan))


def run_undo(
    deps: Deps, run_id: str, options: RunOptions | None = None, *, agreed: Callable[[Plan], bool] = lambda _plan: True
) -> RunReport:
    """Put back the values that were there before a run, except where something happened since.

    `agreed` is shown the plan before anything is written, and says whether it shall be.
    """
    return _run(deps, options, "undo", lambda session: _undo(session, run_id, agreed))


def run_backfill(deps: Deps, wanted: BackfillOptions) -> RunReport:
    """Read a range of dates again, evaluate and plan anew; steps aside for every other run, writes to no CRM."""

    def body(session: Session) -> None:
        backfill(session, wanted, _planned_anew)

    return _run(deps, None, BACKFILL, body, held=being_the_backfill)


def _plan_id(deps: Deps, plan: str) -> str:
    is_file = "/" in plan or plan.endswith(".json") or Path(plan).is_file()
    return load_plan(deps.store, Path(plan)) if is_file else plan


def _sync(session: Session) -> None:
    owned, plan = _planned(session)
    checks.check_plan(session, plan)
    _written(session, plan, owned)


def _pull(session: Session) -> None:
    check_identities(session)
    _read(session)


def _read(session: Session) -> None:
    session.enter("pull")
    note_schema_changes(session)
    pull(session)
    session.enter("normalise")
    normalise_all(session)


def _plan(session: Session) -> None:
    _owned, plan = _planned(session)
    checks.tell_freeze(session, NOT_NOW)
    checks.check_plan(session, plan)


def _planned(session: Session) -> tuple[Mapping[str, Owned], Plan]:
    refuse_future(session)
    check_identities(session)
    owned = _owned(session)
    session.opening = _opening(session)
    _settle_earlier(session, owned)
    _read(session)
    return owned, _judged(session, owned)


def _planned_anew(session: Session) -> Plan | None:
    """The plan after a backfill; None before everything that a plan stands on was read."""
    unread = checks.unread(session)
    if unread:
        session.note(f"Nothing is evaluated before a first `keepwell sync` or `pull` has read {', '.join(unread)}.")
        return None
    session.at = moment(session.deps, session.options)  # a backfill takes its time, and evaluates as of its end
    session.report.as_of = session.at.date.isoformat()
    before = _requests(session)
    owned = _owned(session)
    session.opening = {name: session.opening[name] + now - before[name] for name, now in _requests(session).items()}
    _settle_earlier(session, owned)
    plan = _judged(session, owned)
    checks.tell_freeze(session, NOT_NOW)
    return plan


def _judged(session: Session, owned: Mapping[str, Owned]) -> Plan:
    _refuse_nowhere(owned)
    session.enter("evaluate")
    identify(session)
    evaluated = evaluate(session)
    session.report.top = evaluated.top
    session.enter("plan")
    built = build_plan(session, owned, checks.epochs(session), evaluated.selected)
    session.report.plan = built.summary
    session.enter("guard")
    return planbook.find_plan(session.deps.store, built.summary.plan_id)


def _apply(session: Session, name: str) -> None:
    plan = planbook.find_plan(session.deps.store, _plan_id(session.deps, name))
    check_identities(session)
    owned = _owned(session)
    _settle_earlier(session, owned)
    session.enter("guard")
    session.report.plan = planbook.summary(plan)
    session.report.as_of = plan.header.as_of.date().isoformat()
    if session.report.as_of != session.at.date.isoformat():
        session.note(f"This plan is of {session.report.as_of} and writes the values of that day.")
    checks.check_not_stale(session, plan)
    checks.check_properties(plan, owned)
    checks.check_plan(session, plan)
    _written(session, plan, owned)


def _undo(session: Session, run_id: str, agreed: Callable[[Plan], bool]) -> None:
    check_identities(session)
    owned = _owned(session)
    _settle_earlier(session, owned)
    session.enter("plan")
    session.report.plan = build_undo(session, owned, run_id)
    session.enter("guard")
    plan = planbook.find_plan(session.deps.store, session.report.plan.plan_id)
    wanted = agreed(plan)
    checks.check_undo(session, plan)
    if wanted:
        _written(session, plan, owned)
    else:
        checks.tell_freeze(session, NOT_NOW)


def _written(session: Session, plan: Plan, owned: Mapping[str, Owned]) -> None:
    changes = session.report.plan.total("changes") if session.report.plan else 0
    if changes:
        checks.check_freeze(session)
        checks.tell_freeze(session, "Written all the same, as --during-freeze says")
        check_first_write(session, plan)
    session.enter("apply", changes)
    apply_plan(session, plan, owned)
    planbook.mark_applied(session.deps.store, plan, session.report.buckets())
    fp("apply.finished")
    session.enter("verify")
    for name, connector in session.deps.connectors.items():
        for place in owned[name].places():
            verify_writes(session, connector, place, plan)


def _owned(session: Session) -> dict[str, Owned]:
    """The properties to write in each CRM.

    A CRM that has none of them is only read; one that lacks some makes the run partial.
    """
    deps = session.deps
    owned = {
        name: owned_properties(c, deps.field_maps[name], deps.specs_of(name)) for name, c in deps.connectors.items()
    }
    for name, one in owned.items():
        if one.absent and one.by_field:
            session.report.missing_properties += len(one.absent)
            listed = ", ".join(one.absent)
            session.note(f"{name}: not written because it is not there: {listed}; see `keepwell fields plan`", name)
        elif one.absent:
            session.note(f"{name}: has none of Keepwell's properties and is only read", name)
        if one.tasks is not None and one.tasks.absent:
            session.report.missing_properties += 1
            listed = ", ".join(one.tasks.absent)
            session.note(f"{name}: no tasks are made for alerts without {listed}; see `keepwell fields plan`", name)
        if one.entries is not None and one.entries.absent:
            session.report.missing_properties += 1
            listed = ", ".join(one.entries.absent)
            session.note(f"{name}: no entries are made on timelines: this tenant does not show {listed}", name)
    return owned


def _opening(session: Session) -> dict[str, int]:
    """API calls made so far, with those by which a connection learns its streams: `apply` makes the same ones."""
    for connector in session.deps.connectors.values():
        with suppress(ConnectorError):  # which the pull meets again, and tells
            connector.streams()
    return _requests(session)


def _requests(session: Session) -> dict[str, int]:
    return {name: one.usage().requests for name, one in session.deps.connectors.items()}


def _refuse_nowhere(owned: Mapping[str, Owned]) -> None:
    """Raise `UsageError` when no CRM has any property to write to: set-up is not finished."""
    if not any(one.by_field for one in owned.values()):
        raise UsageError(
            f"None of Keepwell's properties is there yet in {' or '.join(owned)}, so nothing can be written.",
            hint="Create them with `keepwell fields apply`.",
        )


def _settle_earlier(session: Session, owned: Mapping[str, Owned]) -> None:
    """Decide what an earlier run left in doubt, before anything new is read or planned."""
    for name, connector in session.deps.connectors.items():
        found = recover(session, name)
        decided = sum(1 for _ in settle_doubts(session, connector, owned[name]))
        if found or decided:
            session.note(f"{name}: decided {decided} values that an earlier run had left in doubt", name)


def _run(
    deps: Deps,
    options: RunOptions | None,
    command: str,
    body: Callable[[Session], None],
    held: Callable[[Session], AbstractContextManager[None]] = working,
) -> RunReport:
    session = _begin(deps, options or RunOptions(), command)
    report = session.report
    with deps.store.write() as c:
        runs.start(
            c, deps.workspace, session.run_id, command, as_of=session.at.utc, version=deps.version, now=deps.clock.now()
        )
    fp("run.started")
    began = deps.clock.monotonic()
    deps.observer(RunStarted(session.run_id, command))
    try:
        with _signals(deps):
            ending = _ended(session, body, held)
    except Exception:  # a bug, which the report and the store say already
        session.leave()
        _tell_end(session, began)
        raise
    session.leave()
    _count_requests(session)
    report.finished_at = _text(deps.clock.now())
    record_ending(session, ending)
    fp("run.finished")
    _tell_end(session, began)
    return report


def _tell_end(session: Session, began: float) -> None:
    report, seconds = session.report, session.deps.clock.monotonic() - began
    ended = (report.status, report.reason, report.reason_code, report.exit_code)
    session.deps.observer(RunFinished(session.run_id, *ended, seconds, report.hint))


def _signals(deps: Deps) -> AbstractContextManager[None]:
    return deps.signals(deps.stop) if deps.signals is not None else nullcontext()


def _ended(
    session: Session, body: Callable[[Session], None], held: Callable[[Session], AbstractContextManager[None]]
) -> Ending:
    """Run the rooms under the leases that `held` takes; an unexpected error is recorded and raised again."""
    try:
        with held(session):
            if session.options.full:
                forget_damaged(session)
            body(session)
        return ending_of_rows(session.report)
    except Exception as error:
        ending = ending_of_error(error, session.deps.clock.now())
        if ending is None:
            record_bug(session, error)
            raise
        return ending


def _begin(deps: Deps, options: RunOptions, command: str) -> Session:
    at = moment(deps, options)
    run_id = deps.new_id()
    report = RunReport(run_id, command, at.date.isoformat(), _text(deps.clock.now()))
    report.framework, report.model_version = deps.framework.name, deps.framework.version
    return Session(deps, options, run_id, at, report)


def _count_requests(session: Session) -> None:
    for name, connector in session.deps.connectors.items():
        use = connector.usage()
        session.report.api[name] = ApiUse(use.requests, use.throttled, use.retried, _quota_left(connector))


def _quota_left(connector: Connector) -> int | None:
    try:
        return connector.quota_left()
    except (ConnectorError, StoreError):  # a run that ends because of one of them must not end in another one
        return None


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
