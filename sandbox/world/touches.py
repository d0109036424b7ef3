"""Contacts, tickets, meetings and survey answers of an account, in the tone of its intended health."""

from __future__ import annotations

from datetime import timedelta

from sandbox.world import names
from sandbox.world.dice import Dice
from sandbox.world.model import Account, Contact, Meeting, Survey, Ticket

_SENTIMENT = {"green": (0.35, 1.0), "yellow": (-0.1, 0.6), "red": (-1.0, 0.1), "unknown": (-0.5, 0.5)}
_REQUESTS = {"green": 1.1, "yellow": 0.45, "red": 0.15, "unknown": 0.0}
_CASES = {"green": 0.6, "yellow": 1.1, "red": 1.7, "unknown": 0.5}
_PRIORITIES = ("LOW", "LOW", "MEDIUM", "MEDIUM", "MEDIUM", "HIGH", "URGENT")
_LEVELS = {"complex_integration": 2, "contract_dispute": 3}
_CASE_KINDS = ("product_issue", "product_issue", "general_inquiry", "billing_issue", "complex_integration", None)


def add_contacts(dice: Dice, account: Account) -> None:
    """Append one to five people of the customer."""
    host = account.domain or names.FREE_MAIL_DOMAINS[0]
    for _ in range(dice.within(1, 5)):
        first, last = names.person_name(dice.rng)
        key = dice.key("contact")
        email = f"{first}.{last}.{key}@{host}".lower()
        account.contacts.append(Contact(key, first, last, email, dice.rng.choice(names.TITLES)))


def add_tickets(dice: Dice, account: Account, band: str) -> None:
    """Append feature requests and support cases, most of them of the last 90 days."""
    for _ in range(dice.poisson_like(_REQUESTS[band])):
        account.tickets.append(make_ticket(dice, "feature_request", band, account.owner))
    for _ in range(dice.poisson_like(_CASES[band])):
        kind = dice.rng.choice(_CASE_KINDS)
        if band == "red" and dice.chance(0.1):
            kind = "contract_dispute"
        account.tickets.append(make_ticket(dice, kind, band, account.owner))


def make_ticket(dice: Dice, category: str | None, band: str, owner: int | None) -> Ticket:
    """Build one ticket; two in three are closed, and most of those were answered first."""
    created = dice.moment(dice.within(1, 85) if dice.chance(0.8) else dice.within(86, 500))
    ticket = Ticket(
        key=dice.key("ticket"), subject=dice.rng.choice(names.TICKET_SUBJECTS[category or "general_inquiry"]),
        category=category, priority=dice.rng.choice(_PRIORITIES), created_at=created,
        level=_LEVELS.get(category or "", 1), owner=owner,
    )  # fmt: skip
    _progress(dice, ticket)
    if dice.chance(0.6):
        low, high = _SENTIMENT[band]
        ticket.sentiment = round(low + (high - low) * dice.rng.random(), 2)
    return ticket


def _progress(dice: Dice, ticket: Ticket) -> None:
    """Answer and close the ticket, as far as that has had time to happen."""
    replied = ticket.created_at + timedelta(minutes=dice.within(5, 1800))
    if not dice.chance(0.85) or replied > dice.dawn:
        return
    ticket.first_reply_at = replied
    closed = replied + timedelta(hours=dice.within(1, 300))
    if dice.chance(0.75) and closed <= dice.dawn:
        ticket.closed_at = closed


def add_meetings(dice: Dice, account: Account, band: str) -> None:
    """Append completed, missed and planned meetings; a healthy account meets with several of its people."""
    people = [contact.key for contact in account.contacts]
    if band == "green" and dice.chance(0.92):
        _add_meeting(dice, account, "completed", people[: dice.within(2, 5)])
    elif band == "yellow" and dice.chance(0.85):
        _add_meeting(dice, account, "completed", people[: dice.within(1, 3)])
    elif band == "red" and dice.chance(0.45):
        _add_meeting(dice, account, dice.rng.choice(("completed", "no_show", "cancelled")), people[:1])
    if band != "green" and dice.chance(0.15):
        _add_meeting(dice, account, dice.rng.choice(("no_show", "cancelled", "rescheduled")), people[:2])
    if dice.chance(0.12):
        account.meetings.append(make_meeting(dice, -dice.within(1, 30), "scheduled", people[:2], account.owner))
    if dice.chance(0.15):
        account.meetings.append(make_meeting(dice, dice.within(91, 400), "completed", people[:2], account.owner))


def _add_meeting(dice: Dice, account: Account, outcome: str, invited: list[int]) -> None:
    account.meetings.append(make_meeting(dice, dice.within(1, 80), outcome, invited, account.owner))


def make_meeting(dice: Dice, days_ago: int, outcome: str, invited: list[int], owner: int | None) -> Meeting:
    """Build one meeting of 30 to 90 minutes."""
    starts = dice.moment(days_ago).replace(minute=dice.rng.choice((0, 15, 30)), second=0, microsecond=0)
    kind = dice.rng.choice(names.MEETING_TYPES) if dice.chance(0.85) else None
    ends = starts + timedelta(minutes=dice.rng.choice((30, 45, 60, 90)))
    return Meeting(dice.key("meeting"), f"{kind or 'Meeting'} {starts:%b %Y}", starts, ends, outcome, kind,
                   contacts=list(invited), owner=owner)  # fmt: skip


def add_surveys(dice: Dice, account: Account, band: str) -> None:
    """Append at most a handful of survey answers, NPS 0–10 or CSAT 1–5."""
    if not account.contacts or not dice.chance(0.25):
        return
    kind = dice.rng.choice(("NPS", "NPS", "CSAT"))
    centre = {"green": 0.9, "yellow": 0.65, "red": 0.3, "unknown": 0.6}[band]
    share = min(1.0, max(0.0, dice.around(centre, 0.2)))
    score = float(round(share * 10) if kind == "NPS" else 1 + round(share * 4))
    person = dice.rng.choice(account.contacts).key
    account.surveys.append(Survey(dice.key("survey"), kind, score, dice.moment(dice.within(1, 170)), person))
