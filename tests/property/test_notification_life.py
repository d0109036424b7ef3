"""The life of a message: whatever receivers and processes do, it ends, and arrives at most as often as promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mapping.notification_life import (
    ATTEMPTS,
    RESENDS,
    SILENCE,
    Delivered,
    Delivery,
    Later,
    Lost,
    Outcome,
    Refused,
    again,
    claim,
    pause_after,
    settle,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
WAITS = st.none() | st.floats(0, 86_400)
OUTCOMES = st.one_of(
    st.builds(Delivered, st.sampled_from(["", "one address refused"])),
    st.builds(Later, st.just("answered 500"), WAITS),
    st.builds(Refused, st.just("answered 400")),
    st.builds(Lost, st.just("no answer")),
)
STEPS = st.lists(st.tuples(OUTCOMES, st.booleans()), min_size=1, max_size=30)


@given(STEPS, st.booleans())
def test_it_ends_and_arrives_no_oftener_than_promised(steps: list[tuple[Outcome, bool]], repeatable: bool) -> None:
    """`True` beside an outcome: the process dies instead of settling it, and the next one finds the message."""
    life, now = Delivery("waiting", START), START
    arrived = 0
    for outcome, dies in steps:
        if life.state != "waiting":
            break
        now = max(now, life.next_at)
        assert life.due(now)
        life = claim(life, now)
        assert not life.silent(now)
        arrived += isinstance(outcome, Delivered | Lost)
        met: Outcome = Lost("whoever was sending it ended") if dies else outcome
        now += SILENCE
        assert life.silent(now)
        life = settle(life, met, now, repeatable=repeatable)
        assert life.attempts <= ATTEMPTS
        assert life.state in ("sent", "waiting", "given_up")
        if life.state == "waiting":
            assert life.next_at >= now
            wait = met.wait if isinstance(met, Later) else None
            assert life.next_at == now + (pause_after(life.attempts) if wait is None else timedelta(seconds=wait))
        elif life.state == "given_up":
            assert life.error
        if isinstance(met, Delivered):
            assert life.state == "sent"
        if isinstance(met, Refused):
            assert life.state == "given_up"
    if not repeatable:
        assert arrived <= RESENDS + 1
    assert life.attempts <= ATTEMPTS


@given(st.integers(1, 50))
def test_pauses_grow_up_to_six_hours(attempts: int) -> None:
    assert timedelta(minutes=5) <= pause_after(attempts) <= pause_after(attempts + 1) <= timedelta(hours=6)


@given(OUTCOMES, st.booleans())
def test_what_was_sent_is_never_sent_again(outcome: Outcome, repeatable: bool) -> None:
    life = settle(claim(Delivery("waiting", START), START), Delivered(), START, repeatable=repeatable)
    for step in (
        lambda: claim(life, START),
        lambda: settle(life, outcome, START, repeatable=repeatable),
        lambda: again(life, START),
    ):
        try:
            step()
        except ValueError:
            continue
        raise AssertionError(f"{life.state} went on")


@given(st.integers(0, ATTEMPTS), st.integers(0, RESENDS))
def test_a_person_begins_anew(attempts: int, lost: int) -> None:
    over = Delivery("given_up", START, attempts, lost, error="answered 500")
    life = again(over, START)
    assert (life.state, life.attempts, life.lost) == ("waiting", 0, 0)
    assert life.due(START)
