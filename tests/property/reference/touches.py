"""Which touches an account is owed and when, who has to look at it, and how its score moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.property.reference.records import Moment, Records, Row, key_of, open_tickets, outcome, plus_months

BANDS = ["green", "yellow", "red"]
RANKS = {
    4: ["strategic_relationship", "major_service_failure", "legal", "board"],
    3: ["contract_dispute", "pricing", "service_level", "relationship"],
    2: ["complex_integration", "performance", "architecture", "custom_development"],
}


@dataclass
class Standing:
    """What the other rules found, for those that build on it."""

    band: str
    stage: str
    tenure: str
    segment: str
    status: str
    closed_won_on: date | None
    churned_on: date | None


@dataclass
class Touch:
    """A touch of the calendar: `days` and `months` after its start, once or again and again."""

    id: str
    types: list[str]
    titles: list[str]
    days: int = 0
    months: int = 0
    once: bool = False

    def after(self, day: date) -> date:
        return plus_months(day, self.months) + timedelta(days=self.days)


WELCOME = Touch("welcome_call", ["welcome call", "kickoff"], ["welcome", "kick-off", "kickoff"], days=7, once=True)
ADOPTION = Touch("adoption_check", ["check-in", "adoption check"], ["adoption", "check-in"], months=1, once=True)
REVIEW = Touch("business_review", ["qbr", "business review"], ["qbr", "business review"], months=3)
PLANNING = Touch("strategic_planning", ["strategic planning"], ["strategic planning"], months=12)
KICKOFF = Touch("executive_kickoff", ["kickoff", "executive kickoff"], ["kick-off", "kickoff"], days=7, once=True)
PROGRESS = Touch("progress_call", ["check-in", "progress call"], ["progress", "check-in"], days=14)
SUCCESS = Touch("success_review", ["success review"], ["success review"], months=1)
BRIEFING = Touch("executive_briefing", ["qbr", "executive briefing"], ["executive briefing", "qbr"], months=3)
WIN_BACK = Touch("win_back", ["win-back"], ["win-back", "winback"], months=6, once=True)


def owed(records: Records, at: Moment, found: Standing) -> list[tuple[Touch, date]]:
    """Every touch that is owed with its due date, in the order of the calendar."""
    account, won = records.account, found.closed_won_on
    live = account["go_live_at"]
    due = _due(records, at)
    if found.status == "churned":
        return due(WIN_BACK, account["churned_at"] or found.churned_on)
    if found.segment == "standard":
        return [
            *(due(WELCOME, won) if found.tenure == "implementation" else []),
            *(due(ADOPTION, live) if found.tenure == "adoption" else []),
            *due(REVIEW, live),
            *due(PLANNING, live),
        ]
    start = min((day for day in (live, won and won + timedelta(days=91)) if day), default=None)
    calls = due(PROGRESS, won)
    if won is not None:  # during the first 91 days
        last = won + timedelta(days=90)
        calls = [one for one in calls if one[1] <= last and at.today <= last]
    return [
        *(due(KICKOFF, won) if found.tenure == "implementation" else []),
        *calls,
        *due(SUCCESS, start),
        *due(BRIEFING, start),
    ]


def _due(records: Records, at: Moment) -> Callable[[Touch, date | None], list[tuple[Touch, date]]]:
    def due(touch: Touch, start: date | None) -> list[tuple[Touch, date]]:
        if start is None:
            return []
        held = [day for day in _held(records, at, touch) if day >= start]
        if touch.once:
            return [] if held else [(touch, touch.after(start))]
        return [(touch, touch.after(max([start, *held])))]

    return due


def _held(records: Records, at: Moment, touch: Touch) -> list[date]:
    """Days of the meetings that count: that took place, by their type, or by their title where they have none."""
    days = []
    for meeting in records.meetings:
        began = meeting["starts_at"] is not None and meeting["starts_at"] <= at.instant
        kind, title = (meeting["type"] or "").strip().lower(), (meeting["title"] or "").lower()
        named = any(_begins(word, title) for word in touch.titles)
        fits = kind in touch.types if meeting["type"] is not None else named
        if began and fits and outcome(meeting, at) == "completed":
            days.append(at.day(meeting["starts_at"]))
    return days


def _begins(text: str, title: str) -> bool:
    """Whether a word of the title begins with the text."""
    places = (place for place in range(len(title)) if title.startswith(text, place))
    return any(place == 0 or not title[place - 1].isalpha() for place in places)


def escalation(records: Records, at: Moment, found: Standing) -> str | None:
    """The highest level of all open tickets, or of a red band."""
    ranks = [_rank(ticket) for ticket in open_tickets(records.tickets, at)]
    if found.band == "red" and found.stage != "departed":
        ranks.append(4 if found.segment == "strategic" else 3)
    return f"L{max(ranks)}" if ranks else None


def _rank(ticket: Row) -> int:
    if ticket["escalation_level"] is not None:
        return int(ticket["escalation_level"])
    named = next((rank for rank, names in RANKS.items() if key_of(ticket["category"]) in names), 1)
    return max(named, 2) if ticket["is_escalated"] else named


def trend(records: Records, at: Moment, score: Decimal | None) -> Row:
    """The score against the one of 30 days ago, and the band against that of the evaluation before."""
    past = sorted((one for one in records.history if one["at"] < at.instant), key=lambda one: one["at"])
    last: dict[str, Any] = past[-1] if past else {"score": None, "band": None}
    aged = []
    for one in past:
        oldest, newest = at.days_since(at.day(one["at"])), at.days_since(at.day(one["until"] or one["at"]))
        assert oldest is not None
        assert newest is not None
        nearest = min(max(30, newest), oldest)
        if one["score"] is not None and 23 <= nearest <= 37:
            aged.append((abs(nearest - 30), -one["at"].timestamp(), one["score"]))
    change = score - Decimal(str(min(aged)[2])) if score is not None and aged else None
    return {
        "score_change": change,
        "health_trend": _direction(change),
        "previous_score": last["score"],
        "previous_band": last["band"],
    }


def _direction(change: Decimal | None) -> str | None:
    if change is None:
        return None
    return "improving" if change >= 5 else "declining" if change <= -5 else "stable"
