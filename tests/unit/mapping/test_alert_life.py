"""The life of an alert, each rule on both sides of its edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mapping.alert_life import Life, Sighting, begin, go_on, may_begin
from mapping.framework.spec import Alert, Level
from tests.unit.mapping.portfolio import Portfolio, f4, healthy, noon

T0 = datetime(2025, 5, 1, 9, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
LEVELS = (Level(id="L4", rank=4), Level(id="L3", rank=3), Level(id="L1", rank=1))


def rule(**fields: Any) -> Alert:
    return Alert(id="red", when="TRUE", **fields)


def lived(life: Life, held: str, kind: Alert | None = None, **seen: Any) -> Life:
    """A life after an evaluation a day: `+` found that the condition holds, `-` that it does not."""
    for number, holds in enumerate(held, start=1):
        sighting = Sighting(life.raised_at + number * DAY, holds == "+", **seen)
        life = go_on(life, sighting, kind or rule(), LEVELS)
    return life


@pytest.mark.parametrize(
    ("answered", "response"),
    [
        (datetime(2025, 5, 3, 8, 59, 59, tzinfo=UTC), "met"),
        (datetime(2025, 5, 3, 9, 0, 0, tzinfo=UTC), "breached"),
    ],
)
@pytest.mark.parametrize("way", ["touched_at", "acknowledged_at"])
def test_example_32_an_answer_has_to_come_before_48_hours_are_over(answered: datetime, response: str, way: str) -> None:
    life = replace(begin(T0, rule(sla_hours=48), None, LEVELS), **{way: answered})
    assert life.response(answered) == response


def test_example_08_the_band_falls_though_the_trend_is_stable() -> None:
    on = "2025-11-10"
    portfolio = healthy(Portfolio(), on).scored(noon(on) - timedelta(days=30), 84.0, "green")
    result = portfolio.on(on)
    assert (result["health_score"], result["health_trend"]) == (79.3, "stable")
    assert "band_drop" in result.alerts()
    band_drop = next(one for one in f4().spec.alerts if one.id == "band_drop")
    life = begin(noon(on), band_drop, result["escalation_level"], f4().spec.escalation.levels)  # type: ignore[union-attr]
    assert (life.state, life.level, life.due_at) == ("open", "L1", noon(on) + timedelta(hours=48))


def test_nobody_answered_is_pending_until_the_time_is_up() -> None:
    life = begin(T0, rule(sla_hours=48), None, LEVELS)
    assert life.response(T0 + 2 * DAY - SECOND) == "pending"
    assert life.response(T0 + 2 * DAY) == "breached"
    assert begin(T0, rule(), None, LEVELS).response(T0 + 100 * DAY) is None


def test_what_was_resolved_in_time_needs_no_answer_any_more() -> None:
    life = begin(T0, rule(sla_hours=48), None, LEVELS)
    assert replace(life, resolved_at=T0 + 2 * DAY - SECOND).response(T0 + 9 * DAY) is None
    assert replace(life, resolved_at=T0 + 2 * DAY).response(T0 + 9 * DAY) == "breached"


def test_the_first_answer_counts_whichever_it_is() -> None:
    life = replace(begin(T0, rule(), None, LEVELS), touched_at=T0 + 2 * DAY, acknowledged_at=T0 + DAY)
    assert life.answered_at == T0 + DAY
    assert replace(life, acknowledged_at=None).answered_at == T0 + 2 * DAY
    assert replace(life, acknowledged_at=T0 + 3 * DAY).answered_at == T0 + 2 * DAY


def test_a_condition_that_is_gone_in_two_runs_in_a_row_resolves() -> None:
    life = begin(T0, rule(), None, LEVELS)
    assert lived(life, "-").state == "open"
    after = lived(life, "--")
    assert (after.state, after.why, after.resolved_at) == ("resolved", "cleared", T0 + 2 * DAY)
    assert lived(life, "-+-").misses == 1
    assert lived(life, "-+--").resolved_at == T0 + 4 * DAY
    assert lived(life, "-", kind=rule(resolve_after=1)).why == "cleared"
    assert lived(life, "--", kind=rule(resolve_after=3)).state == "open"


def test_the_same_moment_again_changes_nothing() -> None:
    life = begin(T0, rule(), None, LEVELS)
    assert go_on(life, Sighting(T0, held=False), rule(), LEVELS) is life
    missed = go_on(life, Sighting(T0 + DAY, held=False), rule(), LEVELS)
    assert missed.misses == 1
    for at in (T0 + DAY, T0 + DAY - SECOND):
        assert go_on(missed, Sighting(at, held=False), rule(), LEVELS) is missed


def test_an_event_stays_until_somebody_answers() -> None:
    event = rule(until_answered=True, sla_hours=48)
    waiting = lived(begin(T0, event, None, LEVELS), "----", kind=event)
    assert (waiting.state, waiting.misses) == ("open", 2)
    answered = replace(waiting, acknowledged_at=T0 + 4 * DAY)
    assert go_on(answered, Sighting(T0 + 5 * DAY, held=False), event, LEVELS).why == "cleared"
    touched = Sighting(T0 + 5 * DAY, held=False, touched_at=T0 + 4 * DAY)
    assert go_on(waiting, touched, event, LEVELS).why == "cleared"
    assert go_on(waiting, Sighting(T0 + 5 * DAY, held=False, churned=True), event, LEVELS).why == "churned"


def test_nobody_answers_in_time_and_the_alert_goes_up_a_level_once() -> None:
    slow = rule(sla_hours=48)
    life = begin(T0, slow, None, LEVELS)
    assert (life.level, lived(life, "+", kind=slow)) == ("L1", life)
    up = lived(life, "++", kind=slow)
    assert (up.level, up.escalated_at, up.state) == ("L3", T0 + 2 * DAY, "open")
    assert lived(life, "+" * 9, kind=slow) == up
    in_time = replace(life, acknowledged_at=T0 + DAY)
    assert lived(in_time, "+++", kind=slow).escalated_at is None
    late = replace(life, acknowledged_at=T0 + 2 * DAY)
    assert lived(late, "+++", kind=slow).escalated_at is None, "somebody has it already"


@pytest.mark.parametrize(("level", "above"), [("L1", "L3"), ("L3", "L4"), ("L4", "L4"), ("L9", "L3")])
def test_one_level_up(level: str, above: str) -> None:
    slow = rule(sla_hours=1)
    assert lived(begin(T0, slow, level, LEVELS), "+", kind=slow).level == above


def test_a_framework_without_levels_marks_what_nobody_answered() -> None:
    slow = rule(sla_hours=1)
    life = begin(T0, slow, None, ())
    up = go_on(life, Sighting(T0 + DAY, held=True), slow, ())
    assert (up.level, up.escalated_at) == (None, T0 + DAY)


def test_a_customer_who_left_is_nobodys_alert_unless_the_framework_says_so() -> None:
    life = begin(T0, rule(), None, LEVELS)
    assert lived(life, "-", churned=True).why == "churned"
    assert lived(life, "++", churned=True) == life


def test_an_alert_that_the_framework_lost_is_withdrawn() -> None:
    after = go_on(begin(T0, rule(), None, LEVELS), Sighting(T0 + DAY, held=False), None, LEVELS)
    assert (after.why, after.resolved_at) == ("withdrawn", T0 + DAY)


def test_raised_again_only_when_the_cool_down_is_over() -> None:
    cleared = replace(begin(T0, rule(), None, LEVELS), resolved_at=T0, why="cleared")
    assert may_begin(None, T0, rule())
    assert not may_begin(cleared, T0 + 7 * DAY - SECOND, rule())
    assert may_begin(cleared, T0 + 7 * DAY, rule())
    assert may_begin(cleared, T0 + SECOND, rule(cool_down_days=0))
    assert not may_begin(cleared, T0, rule(cool_down_days=0)), "the moment that resolved it"
    assert not may_begin(replace(cleared, resolved_at=None, why=None), T0 + 99 * DAY, rule()), "it stands"


@pytest.mark.parametrize("why", ["churned", "gone", "withdrawn"])
def test_only_what_cleared_cools_down(why: Any) -> None:
    ended = replace(begin(T0, rule(), None, LEVELS), resolved_at=T0, why=why)
    assert may_begin(ended, T0 + SECOND, rule())


@pytest.mark.parametrize(
    ("fields", "person"),
    [
        ({}, "csm"),
        ({"owner": "sales"}, "owner"),
        ({"owner": "operations"}, "nobody"),
        ({"owner": "customer value", "person": "csm"}, "csm"),
        ({"person": "nobody"}, "nobody"),
    ],
)
def test_who_answers_by_a_meeting(fields: dict[str, Any], person: str) -> None:
    assert rule(**fields).answered_by() == person
