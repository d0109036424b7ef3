"""Room 6: lay the facts before the guards: what was read, what the plan does, what the last good run was like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store import decisions, plans, raw, runs
from store import epochs as epoch_table
from store.plans import Plan
from sync import guards
from sync.errors import Refused, StalePlan
from sync.guards import Freshness, Limits, PlanFigures, StreamSize
from sync.moment import looks_back
from sync.owned import Owned
from sync.planbook import FIGURES, PROPERTIES, Provenance
from sync.session import Session

GUARDED = ("sync", "plan")
"""Commands that read the CRMs and passed the guards: what they saw is the measure of a shrunken pull."""
WROTE = ("sync", "apply")
"""Commands that write: their model is the one whose answers are in the CRMs."""


def limits(session: Session) -> Limits:
    """The policy's limits, or the flags where they were given."""
    policy, options = session.deps.settings.policy.guards, session.options
    return Limits(
        max_changes=options.max_changes or policy.max_changes,
        max_band_drops=options.max_band_drops or policy.max_band_drops,
        max_shrink=options.max_shrink if options.max_shrink is not None else policy.max_shrink,
        accept_model_change=options.accept_model_change,
        count_first_writes=options.max_changes is not None,
    )


def epochs(session: Session) -> dict[str, dict[str, int]]:
    """The sealed epochs that a plan made now stands on: connection → stream → epoch."""
    found: dict[str, dict[str, int]] = {}
    with session.deps.store.read() as c:
        for name, connector in session.deps.connectors.items():
            for stream in connector.streams():
                sealed = epoch_table.latest_sealed(c, session.ws, name, stream.name)
                if sealed is not None:
                    found.setdefault(name, {})[stream.name] = sealed.id
    return found


def unread(session: Session) -> list[str]:
    """The streams that a plan needs and that no run has read to their end."""
    sealed = epochs(session)
    return [
        f"{name} {stream.name}"
        for name, connector in session.deps.connectors.items()
        for stream in connector.streams()
        if not stream.optional and stream.name not in sealed.get(name, {})
    ]


def may_adopt(session: Session) -> bool:
    """Whether a value that a person set and that is computed by now may count as Keepwell's own.

    Not by what was computed for a day that is over, nor by data or a framework that the guards do not let pass: the
    next run that they do would replace it.
    """
    if looks_back(session):
        return False
    limit, version = limits(session), session.deps.framework.version
    before = _last_report(session, WROTE).get("model_version") or None
    shrunken = guards.shrunken_pull(_sizes(session, _last_report(session, GUARDED)), limit)
    return not shrunken and not guards.model_changed(before, version, limit)


def check_plan(session: Session, plan: Plan) -> None:
    """Raise `Refused` with everything that speaks against applying this plan now."""
    limit = limits(session)
    figures = [PlanFigures(**one) for one in plan.counts[FIGURES].values()]
    refusals = [
        *guards.not_whole(_freshness(session, plan)),
        *guards.shrunken_pull(_sizes(session, _last_report(session, GUARDED)), limit),
        *guards.model_changed(
            _last_report(session, WROTE).get("model_version") or None, plan.header.model_version, limit
        ),
        *guards.too_many_changes(figures, limit),
        *guards.mass_downgrade(figures, limit),
    ]
    try:
        guards.refuse(refusals)
    except Refused:
        with session.deps.store.write() as c:
            plans.set_state(c, session.ws, plan.id or "", "refused")
        raise


def check_undo(session: Session, plan: Plan) -> None:
    """Raise `Refused` when undoing a run would change too much; nothing that was read speaks against it."""
    figures = [PlanFigures(**one) for one in plan.counts[FIGURES].values()]
    guards.refuse(guards.too_many_changes(figures, limits(session)))


def check_freeze(session: Session, hint: str = "Nothing was written.") -> None:
    """Raise `Refused` while the policy lets nothing be written.

    A run asks before it writes and again before each batch, because a freeze may begin meanwhile.
    """
    if not session.options.during_freeze:
        flag = "if it has to be now, say so with --during-freeze"
        guards.refuse([f"Nothing may be written now: {one}; {flag}." for one in _freezes(session)], hint)


def tell_freeze(session: Session, meaning: str) -> None:
    """Say in the report that it is a freeze, and what that means for this run."""
    for one in _freezes(session):
        session.note(f"{meaning}: {one}.")


def _freezes(session: Session) -> list[str]:
    settings = session.deps.settings
    return guards.frozen(settings.policy.guards.freeze, settings.timezone, session.deps.clock.now())


def check_not_stale(session: Session, plan: Plan) -> None:
    """Raise `StalePlan` when the plan was applied already, or something was read since it was made; `StoreCorrupt` when
    it is not what it was."""
    with session.deps.store.read() as c:
        plans.verify(c, session.ws, plan.id or "")
        decided_at = decisions.last_change(c, session.ws)
    if plan.state == "applied":
        raise StalePlan(f"Plan {plan.id} was applied already.", hint="Make a new one with `keepwell plan`.")
    stale = [one for one in _freshness(session, plan) if one.sealed and one.used != one.latest]
    if stale:
        with session.deps.store.write() as c:
            plans.set_state(c, session.ws, plan.id or "", "stale")
        names = ", ".join(f"{one.connection} {one.stream}" for one in stale)
        raise StalePlan(
            f"Plan {plan.id} is stale: {names} was read again since it was made.",
            hint="Make a new one with `keepwell plan`; nothing was written.",
        )
    if decided_at != Provenance.of(plan).decided_at:
        raise StalePlan(
            f"Plan {plan.id} is stale: somebody decided since it was made which records are one account.",
            hint="Make a new one with `keepwell plan`; nothing was written.",
        )
    if plan.header.model_version != session.deps.framework.version:
        raise StalePlan(
            f"Plan {plan.id} was made with model version {plan.header.model_version}, the framework is now "
            f"{session.deps.framework.version}.",
            hint="Make a new one with `keepwell plan`; nothing was written.",
        )


def check_properties(plan: Plan, owned: Mapping[str, Owned]) -> None:
    """Raise `StalePlan` when a property that the plan writes is not there any more, or cannot hold its values."""
    for name, properties in plan.counts[PROPERTIES].items():
        there = [one for place in owned[name].places() for one in place.properties] if name in owned else []
        lost = [one for one in properties if one not in there]
        if lost:
            raise StalePlan(
                f"{name}: plan {plan.id} writes {', '.join(lost)}, which {'is' if len(lost) == 1 else 'are'} not there "
                "with the right type and options any more.",
                hint="Run `keepwell fields apply`, then `keepwell plan`; nothing was written.",
            )


def _last_report(session: Session, commands: tuple[str, ...]) -> Mapping[str, Any]:
    """Report of the last run of these commands that came to its end; a refused or failed one is no measure."""
    with session.deps.store.read() as c:
        run = runs.last_good(c, session.ws, commands)
    return run.report or {} if run is not None else {}


def _freshness(session: Session, plan: Plan) -> list[Freshness]:
    used = Provenance.of(plan).epochs
    found: list[Freshness] = []
    with session.deps.store.read() as c:
        for name, connector in session.deps.connectors.items():
            for stream in connector.streams():
                sealed = epoch_table.latest_sealed(c, session.ws, name, stream.name)
                if sealed is None and stream.optional:
                    continue
                latest = sealed.id if sealed is not None else None
                one = Freshness(name, stream.name, used.get(name, {}).get(stream.name), latest, sealed is not None)
                found.append(one)
    return found


def _sizes(session: Session, before: Mapping[str, Any]) -> list[StreamSize]:
    """Live rows of each records stream now and after the last good run."""
    sizes: list[StreamSize] = []
    with session.deps.store.read() as c:
        for name, connector in session.deps.connectors.items():
            for stream in connector.streams():
                then = before.get("pull", {}).get(name, {}).get(stream.name, {}).get("live", 0)
                if then and stream.kind == "records":
                    now = raw.count_live(c, session.ws, name, stream.name)
                    sizes.append(StreamSize(name, stream.name, int(then), now))
    return sizes
