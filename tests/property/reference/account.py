"""An account's answers, one after the other: score, renewal, stage, segment, touches, escalation, trend, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.property.reference.health import Policies, health
from tests.property.reference.records import Moment, Records, Row, deals_as_known, usual
from tests.property.reference.renewal import Renewal, renewal, unsigned
from tests.property.reference.touches import BANDS, Standing, escalation, owed, trend

HANDOFF = ("implementation_team_assigned_at", "success_criteria_documented_at", "project_manager_identified_at")
LONGEST_IMPLEMENTATION = 84
USAGE = ("logins_per_user_week", "features_used", "data_volume")
RENEWAL_STEPS = {"renewal_value_documented": 60, "renewal_proposed": 30, "renewal_negotiated": -1}
"""A step, and the days to the end from which on its time is over."""
DEPARTURE_STEPS = ("exit_interview", "knowledge_transfer", "data_export", "lessons_learned")


@dataclass
class Answers:
    """Every output by name, the overlays and facts that are compared, and the alerts that hold."""

    outputs: Row
    marks: Row
    alerts: set[str]


def answers(
    records: Records, at: Moment, policies: Policies | None = None, *, strict_handoff: bool = False,
    steps_recorded: bool = False,
) -> Answers:  # fmt: skip
    """The default framework's answers for one account."""
    account = records.account
    score = health(records, at, policies or {})
    found = renewal(records, at, score.band)
    won_on = closed_won_on(records, at)
    signed_on = account["contract_signed_at"] or won_on or covered_since(records)
    missing = [name for name in HANDOFF if not at.has_come(account[name])]
    signed = at.has_come(signed_on) and not (strict_handoff and missing)
    tenure = _tenure(account, at, found, signed)
    stage = tenure
    days_left = found.term.days if found.term is not None else None
    if tenure != "departed" and at.has_come(signed_on) and days_left is not None and days_left <= 90:
        stage = stage if found.status == "renewed" else "renewal_or_transition"
    segment = "strategic" if account["strategic_flag"] else "standard"
    here = Standing(score.band, stage, tenure, segment, found.status, won_on, found.churned_on)
    touches = owed(records, at, here)
    next_touch = min(touches, key=lambda one: one[1], default=None)
    moved = trend(records, at, score.score)
    outputs = {
        "health_score": score.score,
        "health_band": score.band,
        "health_trend": moved["health_trend"],
        "health_coverage": score.coverage,
        "health_reasons": score.reasons,
        "lifecycle_stage": stage,
        "tenure_stage": tenure,
        "stage_entered_on": _entered(stage, records, at, found, signed_on, strict_handoff=strict_handoff),
        "segment": segment,
        "renewal_status": found.status,
        "renewal_sub_status": found.sub,
        "renewal_phase": _phase(found),
        "next_touch_type": next_touch[0].id if next_touch else None,
        "next_touch_due_on": next_touch[1] if next_touch else None,
        "escalation_level": escalation(records, at, here),
    }
    marks = {
        "closed_won_on": won_on,
        "signed_on": signed_on,
        "days_to_end": days_left,
        "arr_at_stake": found.at_stake,
        "churned_on": found.churned_on,
        "score_change": moved["score_change"],
        "usage_against_habit": against_habit(records, at),
        "departure_completed": found.status == "churned"
        and _done(records, at, DEPARTURE_STEPS) == set(DEPARTURE_STEPS),
        **_overlays(account, signed_on, at),
    }
    alerts = _alerts(outputs, marks, moved, account, at, found, bool(missing))
    if steps_recorded and _step_missed(records, at, found):
        alerts.add("renewal_step_missed")
    if stage not in ("pre_sale", "departed") and _some_blank(records, at):
        alerts.add("usage_blank")
    return Answers(outputs, marks, alerts)


def against_habit(records: Records, at: Moment) -> float | None:
    """The figure of usage that fell most, against what is usual for it."""
    usually = {figure: usual(records, at, figure) for figure in USAGE}
    ratios = [
        records.account[figure] / habit
        for figure, habit in usually.items()
        if habit and records.account[figure] is not None
    ]
    return round(min(ratios), 9) if ratios else None


def _some_blank(records: Records, at: Moment) -> bool:
    """Whether a figure of usage used to be there and is empty, while figures are not too old."""
    age = at.days_since(records.account["usage_as_of"])
    return (age is None or age <= 7) and any(
        records.account[figure] is None and (usual(records, at, figure) or 0) > 0 for figure in USAGE
    )


def _done(records: Records, at: Moment, steps: Sequence[str], days: int | None = None) -> set[str]:
    """Which of the steps are recorded, within so many days if given."""
    reached = ((one["key"], at.days_since(one["completed_on"])) for one in records.milestones)
    return {
        key for key, age in reached if key in steps and age is not None and age >= 0 and (days is None or age < days)
    }


def _step_missed(records: Records, at: Moment, found: Renewal) -> bool:
    """Whether the time of a step is over that nobody recorded in the half year before."""
    if found.term is None or found.status in ("renewed", "churned"):
        return False
    done = _done(records, at, tuple(RENEWAL_STEPS), 180)
    return any(found.term.days <= last and step not in done for step, last in RENEWAL_STEPS.items())


def closed_won_on(records: Records, at: Moment) -> date | None:
    """Day of the first won deal of kind new, else of the first won deal."""
    won = [deal for deal in deals_as_known(records.deals, at) if deal["state"] == "won" and deal["won_on"] is not None]
    new = [deal for deal in won if deal["kind"] == "new"]
    return min((deal["won_on"] for deal in new or won), default=None)


def covered_since(records: Records) -> date | None:
    """First covered day of any contract; a draft covers nothing."""
    starts = [one["start_at"] for one in records.contracts if one["start_at"] is not None and not unsigned(one)]
    return min(starts) if starts else records.account["contract_start_at"]


def _tenure(account: Row, at: Moment, found: Renewal, signed: bool) -> str:
    live = at.days_since(account["go_live_at"])
    if found.status == "churned":
        return "departed"
    if live is not None and live >= 0:
        return "growth_expansion" if live >= 365 else "value_realization" if live >= 90 else "adoption"
    return "implementation" if signed else "pre_sale"


def _phase(found: Renewal) -> str:
    days = found.term.days if found.term is not None else None
    if days is None or found.status == "renewed":
        return "none"
    if days < 0:
        return "lapsed"
    if found.status == "churned" or days > 90:
        return "none"
    return "negotiation" if days <= 30 else "proposal" if days <= 60 else "value_documentation"


def _entered(
    stage: str, records: Records, at: Moment, found: Renewal, signed_on: date | None, *, strict_handoff: bool
) -> date | None:
    """The dated fact behind the stage; else what the evaluation before said, or today where the stage has changed."""
    live, created = records.account["go_live_at"], records.account["created_at"]
    fact: date | None = None
    if stage == "departed":
        fact = found.churned_on
    elif stage == "renewal_or_transition" and found.term is not None:
        fact = max(day for day in (found.term.end - timedelta(days=90), signed_on) if day)
    elif stage in ("growth_expansion", "value_realization", "adoption"):
        fact = live + timedelta(days={"growth_expansion": 365, "value_realization": 90, "adoption": 0}[stage])
    elif stage == "implementation":
        handoff = [records.account[name] for name in HANDOFF] if strict_handoff else []
        fact = max(day for day in (signed_on, *handoff) if day)
    elif created is not None:
        fact = at.day(created)
    if fact is not None and fact <= at.today:
        return fact
    past = sorted((one for one in records.stages if one["at"] < at.instant), key=lambda one: one["at"])
    if not past:
        return None
    before: Any = past[-1]
    return before["entered_on"] if before["stage"] == stage else at.today


def _overlays(account: Row, signed_on: date | None, at: Moment) -> Row:
    live, value = (account[name] if at.has_come(account[name]) else None for name in ("go_live_at", "first_value_at"))
    took = (live - signed_on).days if live and signed_on else None
    return {
        "implementation_took": took,
        "implementation_on_time": took is not None and took <= LONGEST_IMPLEMENTATION,
        "first_value_on_time": bool(live and value) and max(0, (value - live).days) < 30,
    }


def _alerts(
    outputs: Row, marks: Row, moved: Row, account: Row, at: Moment, found: Renewal, handoff_missing: bool
) -> set[str]:
    band, stage, tenure = outputs["health_band"], outputs["lifecycle_stage"], outputs["tenure_stage"]
    days, touch_due = marks["days_to_end"], outputs["next_touch_due_on"]
    implementing = tenure in ("pre_sale", "implementation")
    customer = stage not in ("pre_sale", "departed")
    since_signed = at.days_since(marks["signed_on"])
    old = {"usage_as_of": 7, "value_as_of": 120}
    age = at.days_since(account["usage_as_of"])
    habit = marks["usage_against_habit"]
    stale = any((at.days_since(account[name]) or 0) > limit for name, limit in old.items())
    worked_on = found.term is not None and (
        found.term.last("open") or found.term.last("won") or (found.term.auto and not found.term.notice)
    )
    open_end = days is not None and days <= 90 and found.status not in ("renewed", "churned")
    before = moved["previous_band"]
    held = {
        "band_drop": band in BANDS and before in BANDS and BANDS.index(band) > BANDS.index(before),
        "score_drop": marks["score_change"] is not None and marks["score_change"] <= -10,
        "red": band == "red" and stage != "departed",
        "renewal_not_started": open_end and not worked_on,
        "handoff_incomplete": implementing and at.has_come(marks["signed_on"]) and handoff_missing,
        "implementation_overdue": implementing and since_signed is not None and since_signed > LONGEST_IMPLEMENTATION,
        "coverage_low": band == "unknown" and customer,
        "usage_drop": customer and age is not None and -1 <= age <= 7 and habit is not None and habit <= 0.7,
        "touch_overdue": touch_due is not None and touch_due < at.today,
        "winback_due": found.status == "churned" and outputs["next_touch_type"] == "win_back" and touch_due <= at.today,
        "missing_end_date": found.sub == "missing_end_date",
        "data_stale": customer and stale,
        "override_incomplete": found.override_incomplete,
    }
    return {name for name, holds in held.items() if holds}
