"""The deals of an account's story: the first one, its renewal, expansions and contractions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sandbox.world.dice import Dice
from sandbox.world.model import Account, Deal, Term
from sandbox.world.stories import Renewal, Story
from sandbox.world.timeline import Timeline, add_successor

_OPEN_STAGES = ("appointment", "proposal", "contract_sent")
_LOST_REASONS = ("Price", "Competitor", "No budget", "Project cancelled", None)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a deal is about, before it gets a key, a name and dates of its own."""

    kind: str
    state: str
    amount: Decimal | None
    created: date
    close: date
    months: int | None = 12


def add_deals(dice: Dice, account: Account, story: Story, timeline: Timeline, band: str) -> None:
    """Append the deals of the account; a won renewal may also append the term that it signed."""
    if timeline.signed is None:
        _add_prospect_deal(dice, account)
        return
    if dice.chance(0.75):
        _add_first_deal(dice, account, timeline, timeline.signed)
    if story.renewal and timeline.term and dice.chance(story.renewal.chance):
        _add_renewal(dice, account, story.renewal, timeline.term, sure=story.name != "renewal_on_track")
    if band == "green" and dice.chance(0.35):
        _add_open(dice, account, "expansion", timeline.arr * dice.within(5, 30) // 100)
    elif band == "red" and dice.chance(0.12):
        _add_open(dice, account, "contraction", -(timeline.arr * dice.within(5, 15) // 100))
    if account.go_live_at and dice.chance(0.22):
        _add_past_expansion(dice, account, account.go_live_at, timeline.arr * dice.within(5, 25) // 100)


def make_deal(dice: Dice, name: str, currency: str, terms: _Terms, owner: int | None) -> Deal:
    """Build one deal; an open one gets an early or late stage, a lost one a reason."""
    won = terms.state == "won"
    stage = terms.state if terms.state != "open" else dice.rng.choice(_OPEN_STAGES)
    return Deal(
        key=dice.key("deal"), name=f"{name} - {terms.kind}", kind=terms.kind, state=terms.state, stage=stage,
        amount=terms.amount, currency=currency, created_at=dice.moment_on(terms.created), close_date=terms.close,
        closed_won_at=dice.moment_on(terms.close) if won else None, term_months=terms.months,
        lost_reason=dice.rng.choice(_LOST_REASONS) if terms.state == "lost" else None, owner=owner,
    )  # fmt: skip


def orphan_deal(dice: Dice, owner: int | None) -> Deal:
    """Build an open deal that belongs to no company."""
    terms = _Terms("new", "open", Decimal(dice.within(2, 90) * 500), dice.ago(dice.within(5, 200)), dice.ago(-20))
    return make_deal(dice, "Walk-in request", "EUR", terms, owner)


def _add(dice: Dice, account: Account, terms: _Terms) -> None:
    account.deals.append(make_deal(dice, account.name or "Unnamed", account.currency, terms, account.owner))


def _add_prospect_deal(dice: Dice, account: Account) -> None:
    amount = None if dice.chance(0.15) else Decimal(dice.within(8, 200) * 1000)
    created = dice.ago(dice.within(10, 200))
    if dice.chance(0.25):
        _add(dice, account, _Terms("new", "lost", amount, created, min(created + timedelta(days=40), dice.ago(1))))
    elif dice.chance(0.9):
        _add(dice, account, _Terms("new", "open", amount, created, dice.ago(-dice.within(5, 90))))


def _add_first_deal(dice: Dice, account: Account, timeline: Timeline, signed: date) -> None:
    total = timeline.arr * timeline.months / 12
    created = signed - timedelta(days=dice.within(20, 140))
    _add(dice, account, _Terms("new", "won", total, created, signed, timeline.months))


def _add_renewal(dice: Dice, account: Account, renewal: Renewal, term: Term, *, sure: bool) -> None:
    ratio = dice.within(*renewal.ratio) / 100
    months = dice.rng.choice((12, 12, 24))
    amount: Decimal | None = Decimal(round(int(term.arr) * ratio)) * months / 12
    if renewal.state == "open":
        close = max(term.end - timedelta(days=dice.within(-20, 20)), dice.ago(-2))
        if not sure and dice.chance(0.1):
            amount = None
    else:
        close = min(term.end - timedelta(days=dice.within(1, 60)), dice.ago(dice.within(1, 8)))
    created = min(close, dice.today) - timedelta(days=dice.within(15, 90))
    _add(dice, account, _Terms("renewal", renewal.state, amount, created, close, months))
    if renewal.state == "won" and dice.chance(0.5):
        add_successor(dice, account, term, ratio=ratio, signed=close, months=months)


def _add_open(dice: Dice, account: Account, kind: str, amount: Decimal) -> None:
    _add(dice, account, _Terms(kind, "open", amount, dice.ago(dice.within(3, 120)), dice.ago(-45)))


def _add_past_expansion(dice: Dice, account: Account, live: date, amount: Decimal) -> None:
    span = max(2, (dice.today - live).days)
    close = dice.ago(dice.within(1, span - 1))
    state = "won" if dice.chance(0.6) else "lost"
    _add(dice, account, _Terms("expansion", state, amount, close - timedelta(days=dice.within(5, 60)), close))
