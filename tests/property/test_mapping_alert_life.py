"""Whatever the runs find: an alert is raised, escalated and resolved once, and a moment counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mapping.alert_life import Life, Sighting, begin, go_on, may_begin
from mapping.framework.spec import Alert, Level

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEVELS = tuple(Level(id=f"L{rank}", rank=rank) for rank in (4, 3, 2, 1))


@dataclass(frozen=True)
class Step:
    """What an evaluation made of an alert that stood."""

    before: Life
    seen: Sighting
    after: Life


@dataclass(frozen=True)
class Story:
    """A condition that comes and goes on one account: every alert that was raised, and every step of each."""

    rule: Alert
    lives: Sequence[Life]
    steps: Sequence[Sequence[Step]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    rule = Alert(
        id="red",
        when="TRUE",
        sla_hours=draw(st.none() | st.integers(1, 100)),
        resolve_after=draw(st.integers(1, 4)),
        until_answered=draw(st.booleans()),
        cool_down_days=draw(st.integers(0, 3)),
    )
    at, lives, steps = START, list[Life](), list[list[Step]]()
    held = st.booleans() | st.sampled_from([False, False, True])
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.integers(-30, 60)) * HOUR  # a run may be of an earlier moment than the one before it
        seen = Sighting(at, draw(held), churned=draw(st.integers(0, 9)) == 0)
        if lives and lives[-1].resolved_at is None:
            touched = draw(st.none() | st.integers(1, 50))
            if touched is not None and lives[-1].raised_at + touched * HOUR <= at:
                seen = replace(seen, touched_at=lives[-1].raised_at + touched * HOUR)
            after = go_on(lives[-1], seen, rule, LEVELS)
            steps[-1].append(Step(lives[-1], seen, after))
            lives[-1] = after
        elif seen.held and may_begin(lives[-1] if lives else None, at, rule):
            lives.append(begin(at, rule, draw(st.sampled_from([None, "L1", "L3", "L4"])), LEVELS))
            steps.append([])
    return Story(rule, lives, steps)


@given(stories())
def test_two_never_stand_at_once_and_what_cleared_cools_down(story: Story) -> None:
    for one, following in pairwise(story.lives):
        assert one.resolved_at is not None
        assert following.raised_at > one.resolved_at
        if one.why == "cleared":
            assert following.raised_at - one.resolved_at >= story.rule.cool_down_days * DAY


@given(stories())
def test_a_moment_counts_once_and_an_earlier_one_never(story: Story) -> None:
    for step in (step for steps in story.steps for step in steps):
        assert go_on(step.after, step.seen, story.rule, LEVELS) is step.after or step.after.judged_at < step.seen.at
        assert go_on(step.after, step.seen, story.rule, LEVELS) == step.after
        if step.seen.at <= step.before.judged_at:
            assert step.after is step.before


@given(stories())
def test_only_so_many_evaluations_in_a_row_clear_an_alert(story: Story) -> None:
    for steps in story.steps:
        misses = 0
        for step in steps:
            if step.seen.at > step.before.judged_at:
                misses = 0 if step.seen.held else misses + 1
            cleared = misses >= story.rule.resolve_after and (
                not story.rule.until_answered or step.after.answered_at is not None
            )
            assert (step.after.why == "cleared") <= cleared
            if step.seen.at > step.before.judged_at and not step.seen.held:
                assert (step.after.resolved_at is not None) == (cleared or step.seen.churned)


@given(stories())
def test_it_goes_up_a_level_once_and_only_when_nobody_answered_in_time(story: Story) -> None:
    for steps in story.steps:
        ups = [step for step in steps if step.after.escalated_at != step.before.escalated_at]
        assert len(ups) <= 1
        for up in ups:
            assert up.after.due_at is not None
            assert up.after.due_at <= up.seen.at
            assert up.after.answered_at is None
            assert up.before.level == "L4" or up.after.level != up.before.level
        for step in steps:
            if step not in ups:
                assert step.after.level == step.before.level


@given(stories())
def test_an_answer_stands(story: Story) -> None:
    for step in (step for steps in story.steps for step in steps):
        if step.before.answered_at is not None:
            assert step.after.answered_at is not None
            assert step.after.answered_at <= step.before.answered_at


@given(st.integers(1, 100), st.integers(0, 200), st.integers(0, 200))
def test_the_earlier_of_two_answers_decides(sla: int, touched: int, acknowledged: int) -> None:
    rule = Alert(id="red", when="TRUE", sla_hours=sla)
    life = replace(
        begin(START, rule, None, LEVELS),
        touched_at=START + touched * HOUR,
        acknowledged_at=START + acknowledged * HOUR,
    )
    assert life.response(START) == ("met" if min(touched, acknowledged) < sla else "breached")
