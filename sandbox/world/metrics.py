"""Usage and value figures that make an account look green, yellow, red, or unmeasured."""

from __future__ import annotations

from sandbox.world.dice import Dice
from sandbox.world.model import Account
from sandbox.world.stories import MOODS

# Level of 0…1 that usage and value figures circle around; how much of the full mark each is worth.
LEVELS = {"green": 0.97, "yellow": 0.76, "red": 0.40}
_SPREAD = {"green": 0.06, "yellow": 0.08, "red": 0.22}


def draw_band(dice: Dice, mood: str) -> str:
    """Choose the intended health of an account: green, yellow, red or unknown."""
    green, yellow, red, _ = MOODS[mood]
    toss = dice.rng.random()
    if toss < green:
        return "green"
    if toss < green + yellow:
        return "yellow"
    return "red" if toss < green + yellow + red else "unknown"


def fill_metrics(dice: Dice, account: Account, band: str) -> None:
    """Set usage, value and growth figures of `account` for the intended `band`."""
    if band == "unknown":
        _leave_unmeasured(dice, account)
        return
    _fill_usage(dice, account, band)
    _fill_value(dice, account, band)
    account.reference_status = _reference(dice, band)
    account.expansion_discussions = _discussions(dice, band)


def _level(dice: Dice, band: str) -> float:
    return max(0.0, dice.around(LEVELS[band], _SPREAD[band]))


def _fill_usage(dice: Dice, account: Account, band: str) -> None:
    level = _level(dice, band)
    account.logins_per_user_week = round(level * 2 if level < 0.5 else 1 + (level - 0.5) * 4, 2)
    licensed = dice.within(8, 60)
    share = level / 0.6 * 0.5 if level < 0.6 else 0.5 + (level - 0.6) * 0.75
    account.features_licensed, account.features_used = licensed, min(licensed, round(licensed * share))
    account.data_volume_contracted = float(dice.within(5, 400) * 100)
    account.data_volume = round(account.data_volume_contracted * _level(dice, band), 1)
    account.usage_as_of = dice.ago(dice.within(0, 4))


def _fill_value(dice: Dice, account: Account, band: str) -> None:
    account.roi_target = dice.within(12, 40) / 10
    account.roi_realised = round(account.roi_target * _level(dice, band), 2)
    account.goals_agreed = dice.within(3, 10)
    account.goals_achieved = min(account.goals_agreed, round(account.goals_agreed * _level(dice, band)))
    account.hours_saved_target = float(dice.within(4, 60) * 10)
    account.hours_saved = round(account.hours_saved_target * _level(dice, band), 1)
    account.value_as_of = dice.ago(dice.within(2, 100))


def _reference(dice: Dice, band: str) -> str | None:
    choices = {
        "green": ("active", "active", "willing", "willing", "not_asked", None),
        "yellow": ("willing", "not_asked", "not_asked", None),
        "red": ("refused", "not_asked", "not_asked", None),
    }
    return dice.rng.choice(choices[band])


def _discussions(dice: Dice, band: str) -> int | None:
    if band == "green":
        return dice.within(1, 3)
    if band == "yellow":
        return dice.within(0, 2)
    return 0 if dice.chance(0.7) else None


def _leave_unmeasured(dice: Dice, account: Account) -> None:
    """Nothing was ever measured, or all of it is long out of date."""
    if dice.chance(0.4):
        _fill_usage(dice, account, "yellow")
        _fill_value(dice, account, "yellow")
        account.usage_as_of = dice.ago(dice.within(30, 400))
        account.value_as_of = dice.ago(dice.within(150, 500))
