"""What happens to the portfolio on one day, in nobody's terms: both CRMs ask here and so live the same life.

Every answer depends on the seed, the day and the record's own key alone, never on what was asked before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zlib import crc32

_SUBJECTS = ("Report does not open", "Invoice shows the wrong period", "Export takes very long",
             "Cannot invite a colleague", "Numbers differ from last month")  # fmt: skip
_PRIORITIES = ("LOW", "MEDIUM", "MEDIUM", "HIGH", "URGENT")
_CATEGORIES = ("product_issue", "billing_issue", "general_inquiry")
_EDITED, _EVENTFUL = 0.01, 0.04  # shares of accounts on a day: a person edits, and above that a ticket comes in
_OPENING_HOUR, _OFFICE_SECONDS = 8, 9 * 3_600


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A customer asks for help; an account in both CRMs has each ticket in one of them."""

    subject: str
    priority: str
    category: str
    in_hubspot: bool


@dataclass(frozen=True, slots=True)
class AccountDay:
    """One account's day; `usage` is the factor by which weekly usage moved, None when it was not measured."""

    at: datetime
    usage: float | None
    phone: str | None  # a person typed it in
    ticket: NewTicket | None
    renews: bool  # what becomes of a contract whose last day was yesterday


def account_day(seed: int, day: date, key: int) -> AccountDay:
    """Return the day of the account `key`."""
    dice, roll = Random(f"{seed} {day} account {key}"), _roll(seed, day, key)
    usage, renews = dice.uniform(0.88, 1.1), dice.random() < 0.85
    edits, asks = roll < _EDITED, _EDITED <= roll < _EVENTFUL
    ticket = NewTicket(dice.choice(_SUBJECTS), dice.choice(_PRIORITIES), dice.choice(_CATEGORIES), dice.random() < 0.5)
    phone = f"+45 00 {dice.randrange(10_000):04d}"
    return AccountDay(_moment(dice, day), usage if _is_measured(day, key) else None, phone if edits else None,
                      ticket if asks else None, renews)  # fmt: skip


def is_quiet(seed: int, day: date, key: int) -> bool:
    """Say, much faster than `account_day`, that nothing happens to the account but the end of a contract."""
    return not _is_measured(day, key) and _roll(seed, day, key) >= _EVENTFUL


def _is_measured(day: date, key: int) -> bool:
    return key % 7 == day.weekday()


def _roll(seed: int, day: date, key: int) -> float:
    return crc32(f"{seed} {day} {key}".encode()) / 2**32


def deal_verdict(seed: int, day: date, key: int) -> str:
    """Return what becomes of an open deal whose closing date has passed: won, lost or slipped."""
    return Random(f"{seed} {day} deal {key}").choices(("won", "lost", "slipped"), (5, 2, 3))[0]


def ticket_is_solved(seed: int, day: date, key: int) -> bool:
    """Say whether an open ticket is closed on this day."""
    return Random(f"{seed} {day} ticket {key}").random() < 0.2


def slipped_to(day: date) -> date:
    """Return the new closing date of a deal that slipped."""
    return day + timedelta(days=21)


def next_term(ended: date) -> tuple[date, date]:
    """Return the first and last day of the year that follows a contract's last day."""
    start = ended + timedelta(days=1)
    try:
        following = start.replace(year=start.year + 1)
    except ValueError:  # 29 February
        following = date(start.year + 1, 3, 1)
    return start, following - timedelta(days=1)


def _moment(dice: Random, day: date) -> datetime:
    opening = datetime.combine(day, time(_OPENING_HOUR), UTC)
    return opening + timedelta(seconds=int(dice.random() * _OFFICE_SECONDS))
