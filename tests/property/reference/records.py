"""One account's records as plain rows, and the days and moments that every rule asks for.

The package `reference` is the default framework once more, written from the specification account by account, with
no columns, no expressions and exact fractions: slow, and meant to be read beside docs/frameworks/cradle_to_grave.md.
It shares nothing with `mapping` but the names of the fields.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """The instant that is evaluated, and the zone that decides what day it is."""

    instant: datetime
    zone: str

    @property
    def today(self) -> date:
        return self.day(self.instant)

    def day(self, instant: datetime) -> date:
        return instant.astimezone(ZoneInfo(self.zone)).date()

    def days_since(self, day: date | None) -> int | None:
        return None if day is None else (self.today - day).days

    def has_come(self, day: date | None) -> bool:
        return day is not None and day <= self.today

    def in_window(self, instant: datetime | None, days: int = 90) -> bool:
        """Whether it is today or one of the days before it that make up the window."""
        return instant is not None and 0 <= (self.today - self.day(instant)).days < days


@dataclass
class Records:
    """Everything known of one account; `people` has the invited contacts of each meeting by its id."""

    account: Row
    deals: list[Row] = field(default_factory=list)
    tickets: list[Row] = field(default_factory=list)
    meetings: list[Row] = field(default_factory=list)
    people: dict[str, list[str | None]] = field(default_factory=dict)
    contracts: list[Row] = field(default_factory=list)
    milestones: list[Row] = field(default_factory=list)
    readings: list[Row] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    stages: list[Row] = field(default_factory=list)


def usual(records: Records, at: Moment, figure: str) -> float | None:
    """The mean of a figure in the readings that are 30 to 119 days old."""
    read = [one[figure] for one in records.readings if 30 <= (at.days_since(one["read_on"]) or 0) <= 119]
    known = [one for one in read if one is not None]
    return sum(known) / len(known) if known else None


def deals_as_known(deals: list[Row], at: Moment) -> list[Row]:
    """Deals that were there, each in the state that it had then, with the day on which it was won (`won_on`)."""
    known = []
    for deal in deals:
        won_on = _won_on(deal, at) if deal["state"] == "won" else None
        closed = {"won": won_on, "lost": deal["close_date"]}.get(deal["state"])
        there = deal["created_at"] is None or deal["created_at"] <= at.instant
        if not there and not at.has_come(closed):
            continue
        state = deal["state"]
        touched_later = deal["updated_at"] is not None and deal["updated_at"] > at.instant
        if touched_later and closed is not None and not at.has_come(closed):
            state, won_on = "open", None
        known.append({**deal, "state": state, "won_on": won_on})
    return known


def _won_on(deal: Row, at: Moment) -> date | None:
    won = deal["closed_won_at"]
    if won is None:
        day = deal["close_date"]
    else:
        # A CRM without a time of day says midnight UTC, which is that day in every zone.
        dateless = won.astimezone(UTC).time() == time(0)
        day = won.astimezone(UTC).date() if dateless else at.day(won)
    edited = deal["updated_at"]
    if day is not None and edited is not None and edited <= at.instant and day > at.day(edited) + timedelta(days=1):
        return at.day(edited)
    return day


def open_tickets(tickets: list[Row], at: Moment) -> list[Row]:
    return [one for one in there(tickets, at) if one["closed_at"] is None or one["closed_at"] > at.instant]


def there(tickets: list[Row], at: Moment) -> list[Row]:
    return [one for one in tickets if one["created_at"] is None or one["created_at"] <= at.instant]


def outcome(meeting: Row, at: Moment) -> str:
    """What became of a meeting; a calendar that does not say means that it took place once it had begun."""
    if meeting["outcome"] is not None:
        return str(meeting["outcome"])
    return "completed" if meeting["starts_at"] is not None and meeting["starts_at"] <= at.instant else "scheduled"


def key_of(category: str | None) -> str | None:
    """A ticket's category in lower case with underscores."""
    if category is None:
        return None
    letters = [one if one in "abcdefghijklmnopqrstuvwxyz0123456789" else " " for one in category.lower()]
    return "_".join("".join(letters).split())


def plus_months(day: date, months: int) -> date:
    """A calendar month later; a day that does not exist becomes the last day of the month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
