"""Alerts across runs: what an evaluation says about those that stand, and which ones it raises.

What is found is stored in the transaction that stores the evaluations of the same accounts. A band that fell is news of
one evaluation only: were that stored first and its alert a moment later, a kill in between would lose the alert.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl
from sqlalchemy import Connection

from mapping.alert_life import Life, Sighting, begin, go_on, may_begin
from mapping.engine import Evaluation
from mapping.framework.spec import Alert
from mapping.touches import touches
from store import alerts
from store.alerts import Moved, NewAlert, Person, Tracked
from sync.because import alert_reasons
from sync.moment import looks_back
from sync.portfolio import Portfolio
from sync.session import Session

Key = tuple[str, str]
"""(account id, alert)"""
Touch = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that a slice raises, and who that is for: somebody in a CRM, as far as one says."""

    account_id: str
    rule: Alert
    life: Life
    person: Person | None


@dataclass(slots=True)
class Judged:
    """What the evaluation of a slice says about its alerts; those that stood with their life before."""

    raised: list[Raised] = field(default_factory=list)
    moved: list[tuple[Life, Moved]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.raised or self.moved)

    def because(self, evaluation: Evaluation) -> dict[Key, str]:
        """Why each alert is raised, which is what its condition saw."""
        found: dict[str, list[str]] = {}
        for one in self.raised:
            found.setdefault(one.rule.id, []).append(one.account_id)
        return {
            (account_id, alert): reason
            for alert, account_ids in found.items()
            for account_id, reason in alert_reasons(evaluation, alert, account_ids).items()
        }


class Watch:
    """The alerts of one run.

    A day that is over is none of their business, nor is an evaluation that is older than the last one, as that of a run
    is which had to wait for another one.
    """

    def __init__(self, session: Session, portfolio: Portfolio) -> None:
        spec = session.deps.framework.spec
        self._session, self._portfolio, self._at = session, portfolio, session.at.utc
        self._rules = {one.id: one for one in spec.alerts}
        self._levels = spec.escalation.levels if spec.escalation else ()
        self._last_cooled = self._at - timedelta(days=max((one.cool_down_days for one in spec.alerts), default=0) + 1)
        last = portfolio.evaluated_last
        older = last is not None and self._at < datetime.fromisoformat(last)
        self.idle = looks_back(session) or older

    def judge(self, evaluation: Evaluation, meetings: pl.DataFrame) -> Judged:
        """Compare a slice with what the store has; nothing is changed yet. `meetings` are those of the accounts."""
        if self.idle:
            return Judged()
        seen = evaluation.frame.select("account_id", "renewal_status", "escalation_level").rows()
        held = set(evaluation.alerts().iter_rows())
        with self._session.deps.store.read() as c:
            tracked = alerts.followed(c, self._session.ws, [row[0] for row in seen], since=self._last_cooled)
        churned = {account_id for account_id, status, _ in seen if status == "churned"}
        latest = {(one.account_id, one.alert): one.life for one in tracked}
        begun = [key for key in sorted(held) if may_begin(latest.get(key), self._at, self._rules[key[1]])]
        standing = [one for one in tracked if one.life.resolved_at is None]
        return Judged(
            self._raised(begun, {row[0]: row[2] for row in seen}), self._moved(standing, held, churned, meetings)
        )

    def store(self, c: Connection, judged: Judged, because: Mapping[Key, str]) -> None:
        """Enter what was found; `because` are the reasons of those that are raised."""
        new = [
            NewAlert(
                account_id=one.account_id,
                alert=one.rule.id,
                label=one.rule.label or one.rule.id,
                because=because[one.account_id, one.rule.id],
                owner=one.rule.owner,
                person=one.person,
                sla_hours=one.rule.sla_hours,
                life=one.life,
            )
            for one in judged.raised
        ]
        alerts.add(c, self._session.ws, self._session.run_id, new)
        alerts.move(c, self._session.ws, self._session.run_id, [moved for _, moved in judged.moved])

    def count(self, judged: Judged) -> None:
        """Count for the report what was stored."""
        counts = self._session.report.alerts
        counts.raised += len(judged.raised)
        for before, moved in judged.moved:
            after = moved.life
            counts.answered += before.answered_at is None and after.answered_at is not None
            counts.breached += before.escalated_at is None and after.escalated_at is not None
            counts.resolved += after.resolved_at is not None

    def finish(self) -> None:
        """Resolve the alerts of accounts that are gone, once all the others were looked at."""
        session = self._session
        if not self.idle:
            with session.write() as c:
                session.report.alerts.resolved += alerts.resolve_gone(c, session.ws, session.run_id, self._at)
        with session.deps.store.read() as c:
            session.report.alerts.standing = alerts.count(c, session.ws)

    def _raised(self, begun: Iterable[Key], levels: Mapping[str, str | None]) -> list[Raised]:
        """The alerts that begin now; `levels` are the escalation levels of the accounts."""
        rules = [(account_id, self._rules[name]) for account_id, name in begun]
        asked = sorted({account_id for account_id, rule in rules if rule.answered_by() != "nobody"})
        people = _named(self._portfolio.people(asked), self._portfolio.precedence.of_field) if asked else {}
        return [
            Raised(
                account_id,
                rule,
                begin(self._at, rule, levels[account_id], self._levels),
                people.get((account_id, rule.answered_by())),
            )
            for account_id, rule in rules
        ]

    def _moved(
        self, standing: Sequence[Tracked], held: Set[Key], churned: Set[str], meetings: pl.DataFrame
    ) -> list[tuple[Life, Moved]]:
        """The alerts that stand and of which there is news."""
        touched = self._touched(standing, meetings)
        found: list[tuple[Life, Moved]] = []
        for one in standing:
            first = _first(touched.get((one.account_id, self._person(one.alert)), ()), one.life.raised_at)
            at, touch = first or (None, None)
            seen = Sighting(self._at, (one.account_id, one.alert) in held, one.account_id in churned, at)
            life = go_on(one.life, seen, self._rules.get(one.alert), self._levels)
            if life != one.life:
                news = touch if life.touched_at != one.life.touched_at else None
                found.append((one.life, Moved(one.id, life, news)))
        return found

    def _person(self, alert: str) -> str:
        rule = self._rules.get(alert)
        return "nobody" if rule is None else rule.answered_by()

    def _touched(self, standing: Iterable[Tracked], meetings: pl.DataFrame) -> dict[Key, list[Touch]]:
        """(account, person) → meetings and calls in order, of accounts with an alert that one can answer.

        Also of those that one answered: the CRM may show an earlier one later.
        """
        accounts = sorted({one.account_id for one in standing if self._person(one.alert) != "nobody"})
        if not accounts:
            return {}
        theirs = meetings.filter(pl.col("account_id").is_in(accounts))
        people, calls = self._portfolio.people(accounts), self._portfolio.calls(accounts)
        found: dict[Key, list[Touch]] = {}
        for account_id, person, at, touch in touches(theirs, calls, people, self._owners, self._session.at).iter_rows():
            found.setdefault((account_id, person), []).append((at, touch))
        return found

    @cached_property
    def _owners(self) -> pl.DataFrame:
        return self._portfolio.owners()


def _first(found: Sequence[Touch], after: datetime) -> Touch | None:
    place = bisect_right(found, after, key=lambda one: one[0])
    return found[place] if place < len(found) else None


def _named(people: pl.DataFrame, order: Callable[[str], Sequence[str]]) -> dict[Key, Person]:
    found: dict[Key, Person] = {}
    for person, columns in (("owner", ("owner_ref",)), ("csm", ("csm_ref", "owner_ref"))):
        for column in columns:
            ranked = {connection: place for place, connection in enumerate(order(column))}
            rows = people.filter(pl.col(column).is_not_null()).select("account_id", "connection", column).rows()
            for account_id, connection, ref in sorted(rows, key=lambda row: (ranked.get(row[1], len(ranked)), row)):
                found.setdefault((account_id, person), (connection, ref))
    return found
