"""The life of an alert across runs: raised, answered, escalated, resolved, each of them once.

An account has at most one alert of a kind that is not resolved. An evaluation moves a life on only when it is later
than the last one that did, so that judging the same moment again, or a day in the past, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from mapping.framework.spec import Alert, Level

State = Literal["open", "acknowledged", "resolved"]
Why = Literal["cleared", "churned", "gone", "withdrawn"]
WHY: Mapping[Why, str] = {
    "cleared": "its condition did not hold any more",
    "churned": "the customer left",
    "gone": "the account is in no CRM any more",
    "withdrawn": "the framework has no such alert any more",
}
"""Why an alert was resolved, in words."""
Response = Literal["met", "breached", "pending"]


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one alert; every instant is UTC.

    `misses` counts the evaluations in a row in which the condition did not hold. `judged_at` is the moment of the last
    evaluation that changed anything; `touched_at` is a meeting or call, `acknowledged_at` what a person entered.
    """

    raised_at: datetime
    judged_at: datetime
    due_at: datetime | None = None
    level: str | None = None
    misses: int = 0
    touched_at: datetime | None = None
    acknowledged_at: datetime | None = None
    escalated_at: datetime | None = None
    resolved_at: datetime | None = None
    why: Why | None = None

    @property
    def answered_at(self) -> datetime | None:
        """The first answer, whichever way it was given."""
        return _earlier(self.touched_at, self.acknowledged_at)

    @property
    def state(self) -> State:
        if self.resolved_at is not None:
            return "resolved"
        return "open" if self.answered_at is None else "acknowledged"

    def response(self, at: datetime) -> Response | None:
        """How the answer stands at `at`: in time when it came before `due_at`; one at that very instant is late.

        None without a deadline, and for an alert that was resolved before its deadline without an answer.
        """
        if self.due_at is None:
            return None
        if self.answered_at is not None:
            return "met" if self.answered_at < self.due_at else "breached"
        if self.resolved_at is not None:
            return "breached" if self.resolved_at >= self.due_at else None
        return "breached" if at >= self.due_at else "pending"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the evaluation of one moment says about one alert of one account; `touched_at` is the first touch since."""

    at: datetime
    held: bool
    churned: bool = False
    touched_at: datetime | None = None


def begin(at: datetime, rule: Alert, level: str | None, levels: Sequence[Level]) -> Life:
    """An alert raised at `at`; `level` is the account's escalation level, without which it begins at the lowest."""
    due_at = None if rule.sla_hours is None else at + timedelta(hours=rule.sla_hours)
    return Life(at, at, due_at, level or (levels[-1].id if levels else None))


def may_begin(last: Life | None, at: datetime, rule: Alert) -> bool:
    """Whether an alert may be raised at `at` after `last`, the latest one of its kind on the account.

    The cool-down is counted from the moment of the resolution, in days of 24 hours; on its end an alert may be raised.
    It keeps a condition that comes and goes from raising again and again, so only one that cleared has it.
    """
    if last is None:
        return True
    if last.resolved_at is None or at <= last.resolved_at:
        return False
    return last.why != "cleared" or at >= last.resolved_at + timedelta(days=rule.cool_down_days)


def go_on(life: Life, seen: Sighting, rule: Alert | None, levels: Sequence[Level]) -> Life:
    """`life` after an evaluation, itself when that brings nothing new; `rule` is None where the framework has none."""
    if life.resolved_at is not None or seen.at <= life.judged_at:
        return life
    now = replace(life, touched_at=_earlier(life.touched_at, seen.touched_at), misses=_misses(life, seen, rule))
    why = _ends(now, seen, rule)
    if why is not None:
        now = replace(now, resolved_at=seen.at, why=why)
    elif now.escalated_at is None and now.answered_at is None and now.response(seen.at) == "breached":
        now = replace(now, escalated_at=seen.at, level=_one_up(now.level, levels))
    return life if now == life else replace(now, judged_at=seen.at)


def _misses(life: Life, seen: Sighting, rule: Alert | None) -> int:
    """No more than it takes, because a count that grew for ever would be stored by every run."""
    if rule is None:
        return life.misses
    return 0 if seen.held else min(life.misses + 1, rule.resolve_after)


def _ends(life: Life, seen: Sighting, rule: Alert | None) -> Why | None:
    if rule is None:
        return "withdrawn"
    if seen.held:  # also after churn: a win-back call is due then
        return None
    if seen.churned:
        return "churned"
    answered = life.answered_at is not None or not rule.until_answered
    return "cleared" if life.misses >= rule.resolve_after and answered else None


def _one_up(level: str | None, levels: Sequence[Level]) -> str | None:
    """The level above; the highest stays. One that the framework does not have counts as the lowest."""
    ids = [one.id for one in levels]
    if not ids:
        return level
    place = ids.index(level) if level in ids else len(ids) - 1
    return ids[max(place - 1, 0)]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)
