"""The alert `capacity_over`: somebody carries more than the norm of a role. It is about that person and no account."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import timedelta
from fractions import Fraction

from mapping.alert_life import Life, Sighting, begin, go_on, may_begin
from mapping.capacity import Verdict
from mapping.engine import Evaluation
from mapping.frames import Frames
from mapping.framework.spec import Alert, Bounds
from mapping.kpis.slice import SCALE, Slice
from store import alerts
from store.alerts import Moved, NewAlert, Tracked
from sync.carried import Carried, Carrying, Person
from sync.kpis import company_figures
from sync.session import Session


class Overload:
    """What a run finds out about owners and sponsors; with `idle` it leaves their alerts alone.

    Nothing is stored before all accounts were looked at: what somebody carries is known only then. A run that is
    stopped before says nothing about people, and the next one finds what it would have found.
    """

    def __init__(self, session: Session, *, idle: bool) -> None:
        framework, deps = session.deps.framework, session.deps
        self._session, self._idle, self._at = session, idle, session.at.utc
        self._levels = framework.spec.escalation.levels if framework.spec.escalation else ()
        told = framework.spec.capacity_alert
        self._rule: Alert | None = None if told is None else told.rule()
        self._carried: Carried | None = None
        if not idle and self._rule is not None:
            self._carried = Carried(deps, framework)
            self._currency = company_figures(deps, session.at.date).currency

    def add(self, frames: Frames, evaluation: Evaluation) -> None:
        """Add what is carried of a slice."""
        if self._carried is not None:
            self._carried.add(Slice(frames, evaluation, self._currency))

    def finish(self) -> None:
        """Raise, follow and resolve, all in one transaction."""
        if self._idle:
            return
        session, rule = self._session, self._rule
        over = self._over()
        cooled = self._at - timedelta(days=(rule.cool_down_days if rule is not None else 0) + 1)
        with session.deps.store.read() as c:
            tracked = alerts.followed_owners(c, session.ws, since=cooled)
        latest = {one.account_id: one.life for one in tracked}
        new = [
            self._raised(subject, person, verdict, rule)
            for subject, (person, verdict) in sorted(over.items())
            if rule is not None and may_begin(latest.get(subject), self._at, rule)
        ]
        moved = self._moved(tracked, over)
        if new or moved:
            with session.write() as c:
                alerts.add(c, session.ws, session.run_id, new)
                alerts.move(c, session.ws, session.run_id, [one for _, one in moved])
        session.report.alerts.raised += len(new)
        for before, after in moved:
            escalated = before.escalated_at is None and after.life.escalated_at is not None
            session.report.alerts.breached += escalated
            session.report.alerts.resolved += after.life.resolved_at is not None

    def _moved(self, tracked: Iterable[Tracked], over: Container[str]) -> list[tuple[Life, Moved]]:
        """The alerts of which there is news, with their life before."""
        after = (
            (one, go_on(one.life, Sighting(self._at, one.account_id in over), self._rule, self._levels))
            for one in tracked
        )
        return [(one.life, Moved(one.id, life)) for one, life in after if life != one.life]

    def _over(self) -> dict[str, tuple[Person, Verdict]]:
        found = () if self._carried is None else self._carried.everybody()
        return {
            _subject(one): (one.person, one.verdict)
            for one in found
            if one.verdict is not None and one.verdict.status == "over"
        }

    def _raised(self, subject: str, person: Person, verdict: Verdict, rule: Alert) -> NewAlert:
        role = verdict.role.label or verdict.role.id
        return NewAlert(
            account_id=subject,
            alert=rule.id,
            label=f"{role} carries more than the norm",
            because=_because(person, verdict),
            owner=rule.owner,
            person=None,
            sla_hours=rule.sla_hours,
            life=begin(self._at, rule, None, self._levels),
        )


def _subject(one: Carrying) -> str:
    """Whom the alert is about; who is owner and sponsor can carry too much as both."""
    return f"{alerts.OWNER}{one.person.key}{'' if one.by == 'owner' else f' ({one.by})'}"


def _because(person: Person, verdict: Verdict) -> str:
    carried = [
        f"{verdict.load.accounts:,} accounts{_norm(verdict.role.accounts)}",
        f"{float(Fraction(verdict.load.arr, SCALE)):,.0f} a year{_norm(verdict.role.arr)}",
    ]
    return f"{person.name or person.key}: {', '.join(carried)}"


def _norm(bounds: Bounds | None) -> str:
    if bounds is None:
        return ""
    if bounds.max is None:
        return f" (norm {bounds.min:,.0f} or more)"
    least = f"{bounds.min:,.0f} to" if bounds.min else "at most"
    return f" (norm {least} {bounds.max:,.0f})"
