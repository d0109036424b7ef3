"""The days that people record while a customer is handed over, onboarded and engaged: milestones, checklists, tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile

from sandbox.world.dice import Dice
from sandbox.world.model import Account

Span = tuple[int, int]
Days = dict[str, date]


@dataclass(frozen=True, slots=True)
class Step:
    """A milestone: its usual days from the signature (or from go-live), and what is ticked off for it."""

    key: str
    days: Span
    parts: tuple[str, ...] = ()
    after_live: bool = False


ALIGNMENT = (
    Step("value_plan_ready", (-30, 8), after_live=True),
    Step("goals_set", (-5, 20), after_live=True),
    Step("value_alignment_exit", (150, 560), after_live=True),
    Step("transformation_started", (735, 1100), after_live=True),
)
ENGAGEMENT = (
    Step("project_kick_off", (2, 10), ("kick_off_checklist",)),
    Step("iic", (12, 24), ("iic_checklist",)),
    Step("design_build_test", (30, 44), ("design_exit_checklist", "build_exit_checklist", "uat_exit_checklist")),
    Step("deployment", (0, 0), ("go_live_readiness_checklist",), after_live=True),
    Step("stabilization", (14, 35), ("stabilization_checklist",), after_live=True),
    Step("success_plan_update", (40, 80), ("success_plan_checklist",), after_live=True),
    Step("adoption_review", (85, 130), ("adoption_checklist",), after_live=True),
    Step("lifecycle_review", (180, 300), ("lifecycle_checklist",), after_live=True),
    Step("engagement_closeout", (310, 420), ("csm_roll_off_checklist",), after_live=True),
)
ONBOARDING = (
    Step("technical_setup", (1, 7), ("blog_migrated", "crm_integrated", "site_code_deployed")),
    Step("active", (9, 27), ("leads_flowing", "first_workflow_live", "first_blog_post_live")),
    Step("initial_value", (32, 55), ("attribution_report_built", "full_month_of_stats")),
    Step("full_speed", (45, 69), ("email_campaign_sent", "lead_nurture_active", "social_monitoring_active")),
)
PLAN = "account_plan_agreed"
PLANNING = (
    "account_assessment",
    "goal_definition",
    "strategic_planning",
    "execution",
    "review_optimization",
    "expansion_development",
)
"""Steps of a quarter's plan, about a fortnight each."""
RENEWAL = (("renewal_value_documented", (62, 95)), ("renewal_proposed", (32, 60)), ("renewal_negotiated", (2, 29)))
"""Steps of a renewal: the days before the end of the contract on which they are usually done."""
RISK = (
    "risk_monitoring",
    "risk_assessment",
    "risk_intervention",
    "risk_progress_tracking",
    "risk_prevention",
    "risk_cross_functional",
)
"""Steps of the case of an account that is not healthy, a week or two each."""
RISK_CLOSED = "risk_case_closed"
DEPARTURE = ("exit_interview", "knowledge_transfer", "data_export", "lessons_learned")
RECORDED = (
    *(key for steps in (ALIGNMENT, ENGAGEMENT) for one in steps for key in (one.key, *one.parts)),
    *(part for one in ONBOARDING for part in one.parts),
    PLAN,
    *PLANNING,
    *(key for key, _ in RENEWAL),
    *DEPARTURE,
    *RISK,
    RISK_CLOSED,
)
"""Every day that a company may have a property for; stages of the onboarding have none, their tasks speak for them."""

_PACES = (0.8, 0.9, 1.0, 1.0, 1.25, 1.6)
_ABBREVIATIONS = frozenset({"crm", "csm", "iic", "uat"})


def words(key: str) -> list[str]:
    """The words of a milestone's name as a person would write them."""
    return [word.upper() if word in _ABBREVIATIONS else word.capitalize() for word in key.split("_")]


def record_milestones(dice: Dice, account: Account) -> None:
    """Set the days of `account` that have come by today, or by the day on which it left; a prospect has none."""
    signed = account.contract_signed_at
    if signed is None:
        return
    found: Days = {}
    for one in takewhile(lambda _: dice.chance(0.75), ALIGNMENT):
        found |= _reached(dice, one, account, signed)
    found |= _walked(dice, ENGAGEMENT, account, signed, own=0.8)
    began = min((term.start for term in account.terms), default=signed)
    found |= _walked(dice, ONBOARDING, account, began, own=0.0, pace=dice.rng.choice(_PACES))
    if dice.chance(0.6):
        found[PLAN] = max(signed, dice.ago(dice.within(10, 520)))
    found |= _planned(dice, account)
    found |= _renewed(dice, account)
    if dice.chance(0.5):
        found |= _at_risk(dice)
    until = min(dice.today, account.churned_at or dice.today)
    account.milestones = {key: day for key, day in found.items() if day <= until}
    account.milestones |= {key: day for key, day in _departed(dice, account).items() if day <= dice.today}


def _planned(dice: Dice, account: Account) -> Days:
    """The plan of this quarter as far as it came; some accounts have none since the last quarter."""
    if account.go_live_at is None:
        return {}
    quarter = date(dice.today.year, (dice.today.month - 1) // 3 * 3 + 1, 1)
    begun = quarter - timedelta(days=91) if dice.chance(0.2) else quarter
    days = (begun + timedelta(days=14 * number + dice.within(2, 14)) for number in range(len(PLANNING)))
    return dict(zip(PLANNING, days, strict=True))


def _renewed(dice: Dice, account: Account) -> Days:
    """The steps of the renewal that the last contract is in or comes to; some accounts halt on the way."""
    end = max((term.end for term in account.terms), default=None)
    if end is None:
        return {}
    done = takewhile(lambda _: dice.chance(0.8), RENEWAL)
    return {key: end - timedelta(days=dice.within(*span)) for key, span in done}


def _at_risk(dice: Dice) -> Days:
    """A case as far as it came, some weeks ago; a few are closed by hand."""
    day, found = dice.ago(dice.within(10, 150)), Days()
    for key in takewhile(lambda _: dice.chance(0.75), RISK):
        day += timedelta(days=dice.within(2, 14))
        found[key] = day
    return found | ({RISK_CLOSED: day + timedelta(days=dice.within(1, 20))} if dice.chance(0.2) else {})


def _departed(dice: Dice, account: Account) -> Days:
    """What is done about a customer who leaves, a week or two each; not every time to the end."""
    if account.churned_at is None:
        return {}
    begun = account.churned_at - timedelta(days=dice.within(0, 20))
    done = takewhile(lambda _: dice.chance(0.8), enumerate(DEPARTURE))
    return {key: begun + timedelta(days=10 * number + dice.within(0, 9)) for number, key in done}


def _walked(
    dice: Dice, steps: tuple[Step, ...], account: Account, began: date, *, own: float, pace: float = 1.0
) -> Days:
    """The days of an ordered flow; some accounts halt on the way, some leave a step out and go on."""
    halt = dice.within(1, len(steps)) if dice.chance(0.15) else len(steps)
    skipped = dice.within(1, halt) if dice.chance(0.12) else None
    found: Days = {}
    for number, one in enumerate(steps[:halt], start=1):
        days = _reached(dice, one, account, began, pace)
        if number == skipped:
            days = dict(list(days.items())[1:-1])
        elif not dice.chance(own):
            days.pop(one.key, None)
        found |= days
    return found


def _reached(dice: Dice, step: Step, account: Account, began: date, pace: float = 1.0) -> Days:
    """The step's day first, then those of its parts, the last of which is a day or two before it at most."""
    start = account.go_live_at if step.after_live else began
    if start is None:
        return {}
    day = start + timedelta(days=round(dice.within(*step.days) * pace))
    return {step.key: day, **dict(_parts(dice, step, day))}


def _parts(dice: Dice, step: Step, day: date) -> Iterator[tuple[str, date]]:
    for number, part in enumerate(reversed(step.parts)):
        day -= timedelta(days=dice.within(0, 1 if number == 0 else 3))
        yield part, day
