"""How much of what they bought customers use, and what they set out to reach with it."""

from __future__ import annotations

from decimal import Decimal

from sandbox.world.dice import Dice
from sandbox.world.metrics import LEVELS
from sandbox.world.model import Account

_SPREAD = 0.12
_IDLE_DAYS = {"green": (0, 3), "yellow": (0, 12), "red": (2, 75)}


def fill_adoption(dice: Dice, account: Account, band: str) -> None:
    """Set licences, users, goals and delivery cost of `account` for the intended `band`; a prospect has none."""
    if account.go_live_at is None and account.contract_signed_at is None:
        return
    _fill_delivery(dice, account)
    if band == "unknown":
        return
    _fill_users(dice, account, band)
    _fill_goals(dice, account, band)
    account.executives_engaged = dice.within(2, 5) if account.strategic else dice.within(0, 3)


def _share(dice: Dice, band: str, most: float = 1.0) -> float:
    return min(most, max(0.0, dice.around(LEVELS[band] - 0.06, _SPREAD)))


def _fill_users(dice: Dice, account: Account, band: str) -> None:
    account.users_licensed = dice.within(2, 60) * 5
    account.users_provisioned = round(account.users_licensed * dice.around(0.93, 0.07))
    account.users_activated = round(account.users_provisioned * _share(dice, band))
    account.users_active = min(account.users_activated, round(account.users_licensed * _share(dice, band)))
    account.quantity_licensed = dice.within(2, 80) * 500
    account.quantity_used = round(account.quantity_licensed * _share(dice, band, most=1.15))
    account.last_activity_at = dice.ago(dice.within(*_IDLE_DAYS[band]))


def _fill_goals(dice: Dice, account: Account, band: str) -> None:
    """What was reached by now of the year's goals: they are set for a contract year, which is under way."""
    term = account.term_on(dice.today)
    if term is None:
        return
    passed = min(1.0, max(0.0, (dice.today - term.start).days / 365))
    account.leads_goal, account.sales_goal = dice.within(5, 80) * 10, dice.within(2, 40)
    account.leads_achieved = round(account.leads_goal * passed * _share(dice, band, most=1.2) * 1.1)
    account.sales_achieved = round(account.sales_goal * passed * _share(dice, band, most=1.2) * 1.1)


def _fill_delivery(dice: Dice, account: Account) -> None:
    if account.arr is None:
        return
    account.delivery_budget = (account.arr * Decimal(dice.within(10, 40)) / 100).quantize(Decimal(1))
    if account.go_live_at is not None:
        cost = account.delivery_budget * Decimal(dice.within(75, 120)) / 100
        account.delivery_cost = cost.quantize(Decimal("0.01"))
