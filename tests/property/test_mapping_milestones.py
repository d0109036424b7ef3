"""Milestones against a plain second opinion, and the pace of goals against fractions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config.frameworks import load_framework_file
from mapping.framework import Framework, load_framework
from tests.unit.mapping.portfolio import Portfolio, shipped

TODAY = date(2026, 6, 30)
DUE = (5, 10, 30, 50, 70, 90, 120, None, 300)
STAGES = ("engage", "engage", "implement", "implement", "implement", "adopt", "adopt", "confirm_value", "confirm_value",
          "closed_out")  # fmt: skip
"""Stage of an engagement with so many milestones in a row."""


@cache
def engagement() -> Framework:
    """The shipped framework with recommended days."""
    data = shipped("net_new_engagement")
    for milestone, days in zip(data["milestones"], DUE, strict=True):
        milestone["recommended_days"] = days
    return load_framework(data, "timed")


@cache
def keys() -> tuple[str, ...]:
    spec = engagement().spec
    return (*(one.key for one in spec.milestones), *(one.key for one in spec.checklists))


def second_opinion(recorded: dict[str, date], start: date) -> dict[str, Any]:
    spec = engagement().spec
    on: dict[str, date | None] = {}
    for one in spec.milestones:
        lists = [recorded.get(item.key) for item in spec.checklists if one.key in item.serves]
        told = [day for day in lists if day is not None and day <= TODAY]
        own = recorded.get(one.key)
        derived = max(told) if len(told) == len(lists) else None
        on[one.key] = own if own is not None and own <= TODAY else derived or own
    done = [day is not None and day <= TODAY for day in on.values()]
    row = next((index for index, one in enumerate(done) if not one), len(done))
    words = []
    for one, is_done in zip(spec.milestones, done, strict=True):
        if one.recommended_days is not None:
            due, day = start + timedelta(days=one.recommended_days), on[one.key]
            if is_done and day is not None:
                words.append("on_time" if day <= due else "late")
            else:
                words.append("overdue" if due < TODAY else "pending")
    ahead = [one.label for index, one in enumerate(spec.milestones) if done[index] and index > row]
    return {
        **{f"{key}_on": day for key, day in on.items()},
        **{f"milestones_{word}": words.count(word) for word in ("on_time", "late", "overdue")},
        "milestones_done": sum(done),
        "milestones_in_row": row,
        "milestones_share": sum(done) / len(done),
        "milestones_out_of_order": len(ahead),
        "milestones_out_of_order_names": ", ".join(ahead) or None,
        "checklists_done": sum(recorded[one.key] <= TODAY for one in spec.checklists if one.key in recorded),
        "lifecycle_stage": STAGES[row],
    }


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_milestones_are_those_of_a_plain_second_opinion(data: st.DataObject) -> None:
    days = st.integers(-170, 20).map(lambda days: TODAY + timedelta(days=days))
    recorded = {key: data.draw(days) for key in keys() if data.draw(st.sampled_from([True, True, True, False]))}
    start = datetime(2026, 1, 12, 9, tzinfo=UTC)
    portfolio = Portfolio().account(csm_assigned_at=start).reached(**recorded)
    row = portfolio.on(TODAY.isoformat(), engagement()).evaluation.row("a")
    expected = second_opinion(recorded, start.date())
    assert {name: row[name] for name in expected} == expected


def test_a_goal_is_on_pace_exactly_from_the_expected_share_on() -> None:
    portfolio, expected = Portfolio(), {}
    for week in range(60):
        for reached in range(0, 101, 5):
            name = f"{week}:{reached}"
            started = (TODAY - timedelta(days=7 * week)).isoformat()
            portfolio.account(name, contract_start_at=started, leads_achieved=float(reached), leads_goal=100.0)
            due = min(max(Fraction(week - 12, 40), Fraction(0)), Fraction(1))
            expected[name] = "on_pace" if Fraction(reached, 100) >= due else "behind"
    evaluation = portfolio.on(TODAY.isoformat(), load_framework_file("onboarding_journey")).evaluation
    assert {name: evaluation.row(name)["lead_pace"] for name in expected} == expected
    assert set(expected.values()) == {"on_pace", "behind"}
