"""Contract terms and milestone dates that tell an account's story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sandbox.world.dice import Dice
from sandbox.world.model import Account, Term
from sandbox.world.stories import Story

_MONTH_DAYS = 30.4375


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a story is: when it was first signed and the contract term that the story turns on."""

    signed: date | None
    term: Term | None
    months: int
    arr: Decimal = Decimal(0)


def lay_out(dice: Dice, account: Account, story: Story) -> Timeline:
    """Set dates, ARR and terms of `account` and return what the renewal deal needs."""
    if story.live is None and story.signed is None:
        return _prospect(dice, account)
    live_ago = dice.within(*story.live) if story.live else None
    signed_ago = dice.within(*story.signed) if story.signed else (live_ago or 0) + dice.within(45, 110)
    signed = dice.ago(signed_ago)
    months = dice.rng.choice((12, 12, 12, 24, 36))
    arr = account.arr = Decimal(dice.within(8, 260) * 1000)
    account.acv = arr if dice.chance(0.8) else None
    account.edition = "enterprise" if arr > 120_000 else "professional"
    account.strategic = None if dice.chance(0.3) else arr > 200_000
    account.contract_signed_at = signed
    _set_milestones(dice, account, signed, live_ago, story)
    if story.name == "no_contract":
        return Timeline(signed, None, months, arr)
    start, end = _span(dice, story, signed, months)
    term = _add_terms(dice, account, story, signed, Term(dice.key("term"), start, end, arr, account.currency, None))
    _set_departure(dice, account, story, term)
    return Timeline(signed, term, months, arr)


def _prospect(dice: Dice, account: Account) -> Timeline:
    if dice.chance(0.3):
        account.edition = dice.rng.choice(("professional", "enterprise"))
    return Timeline(None, None, 12)


def _set_milestones(dice: Dice, account: Account, signed: date, live_ago: int | None, story: Story) -> None:
    account.csm_assigned_at = dice.moment_on(signed + timedelta(days=dice.within(0, 4)))
    if dice.chance(0.85):
        account.implementation_team_assigned_at = signed + timedelta(days=dice.within(0, 10))
    if dice.chance(0.8):
        account.success_criteria_documented_at = signed + timedelta(days=dice.within(0, 14))
    if dice.chance(0.85):
        account.project_manager_identified_at = signed + timedelta(days=dice.within(0, 7))
    if live_ago is None:
        overdue = story.name == "implementation_overdue"
        account.planned_go_live_at = dice.ago(dice.within(5, 60) if overdue else -dice.within(5, 60))
        return
    account.go_live_at = dice.ago(live_ago)
    account.planned_go_live_at = account.go_live_at - timedelta(days=dice.within(-10, 25))
    if live_ago > 20 and dice.chance(0.9):
        account.first_value_at = account.go_live_at + timedelta(days=dice.within(3, 18))


def _span(dice: Dice, story: Story, signed: date, months: int) -> tuple[date, date]:
    """Return the first and last day of the running term."""
    length = timedelta(days=round(months * _MONTH_DAYS) - 1)
    if story.ends is None:
        start = signed + timedelta(days=dice.within(0, 14))
        end = start + length
        while end < dice.today + timedelta(days=95):
            end += timedelta(days=365)
        return start, end
    end = dice.today + timedelta(days=dice.within(*story.ends))
    return min(max(end - length, signed), end - timedelta(days=60)), end


def _add_terms(dice: Dice, account: Account, story: Story, signed: date, running: Term) -> Term:
    """Add the running term, and the one before it where the account was signed long before it began."""
    if running.start - signed > timedelta(days=120):
        before = Decimal(round(int(running.arr) * dice.within(70, 105) / 100))
        ended = running.start - timedelta(days=1)
        account.terms.append(Term(dice.key("term"), signed, ended, before, account.currency, signed))
        running.signed_at = ended - timedelta(days=dice.within(0, 30))
    else:
        running.signed_at = min(signed, running.start)
    running.auto_renew = story.auto_renew
    running.cancel_notice_at = dice.ago(dice.within(3, 60)) if story.cancel_notice else None
    account.terms.append(running)
    return running


def _set_departure(dice: Dice, account: Account, story: Story, term: Term) -> None:
    account.renewal_forecast = story.forecast
    if story.churned:
        account.churned_at = min(dice.ago(dice.within(3, 20)), term.end)


def add_successor(dice: Dice, account: Account, running: Term, *, ratio: float, signed: date, months: int) -> None:
    """Add the term that follows `running`, worth `ratio` of it."""
    start = running.end + timedelta(days=1)
    end = start + timedelta(days=round(months * _MONTH_DAYS) - 1)
    arr = Decimal(round(int(running.arr) * ratio))
    account.terms.append(Term(dice.key("term"), start, end, arr, running.currency, signed))
