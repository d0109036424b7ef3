"""Refused values: entered by the outbox, counted in a row, left alone longer each time, gone when they are over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from store import Store, failures, identity, ledger, writes
from store.failures import Failure
from store.identity import AccountLink
from store.intents import Intent, IntentState, NewIntent, Settlement
from tests.store.sample import book

HALF_AN_HOUR = timedelta(minutes=30)


def value(record: str = "1", want: str | None = "2", name: str = "cs_segment", crm: str = "hubspot") -> NewIntent:
    return NewIntent(crm, "companies", record, "segment", name, "1", want, "usage fell")


def ended(
    store: Store, ws: str, now: datetime, *rows: NewIntent, state: IntentState = "rejected", reason: str = "no"
) -> list[Intent]:
    """Send values and let the CRM answer."""
    with store.write() as c:
        sent = book(c, ws, now, rows, run="run").intents
    with store.write() as c:
        writes.settle(c, ws, [Settlement(one.id, state, reason, "CODE") for one in sent], now)
    return list(sent)


def standing(store: Store, ws: str) -> list[Failure]:
    with store.read() as c:
        return failures.listed(c, ws)


def places(store: Store, ws: str) -> list[tuple[str, str, str]]:
    return [(one.connection, one.record_id, one.property) for one in standing(store, ws)]


def test_a_refusal_is_entered_with_everything_that_a_person_asks(store: Store, ws: str, now: datetime) -> None:
    ended(store, ws, now, value(), reason="not an option")
    assert standing(store, ws) == [
        Failure(
            connection="hubspot",
            object="companies",
            record_id="1",
            field="segment",
            property="cs_segment",
            want="2",
            reason="not an option",
            code="CODE",
            run_id="run",
            first_at=now,
            last_at=now,
            attempts=1,
            due_at=now + HALF_AN_HOUR,
        )
    ]
    with store.read() as c:
        assert failures.count(c, ws) == 1
        assert ledger.ledger_for(c, ws, "hubspot", "companies", ["1"]) == {}, "a refused value was never written"


def test_the_same_value_waits_longer_each_time_and_a_day_at_most(store: Store, ws: str, now: datetime) -> None:
    pauses = []
    for attempt in range(8):
        at = now + timedelta(days=attempt)
        ended(store, ws, at, value(), reason=f"no {attempt}")
        (one,) = standing(store, ws)
        assert (one.attempts, one.first_at, one.last_at, one.reason) == (attempt + 1, now, at, f"no {attempt}")
        pauses.append((one.due_at - at) / HALF_AN_HOUR)
    assert pauses == [1, 2, 4, 8, 16, 32, 48, 48]


def test_however_often_a_value_is_refused_its_pause_is_a_day_at_most() -> None:
    assert failures.pause(1) == HALF_AN_HOUR
    assert failures.pause(1_000_000) == failures.LONGEST_PAUSE


@pytest.mark.parametrize("other", ["3", None])
def test_another_value_begins_anew(store: Store, ws: str, now: datetime, other: str | None) -> None:
    ended(store, ws, now, value())
    later = now + timedelta(hours=5)
    ended(store, ws, later, value(want=other))
    (one,) = standing(store, ws)
    assert (one.want, one.attempts, one.first_at, one.due_at) == (other, 1, later, later + HALF_AN_HOUR)


@pytest.mark.parametrize(("state", "is_over"), [("confirmed", True), ("gone", True), ("conflict", False)])
def test_what_became_of_the_next_attempt_decides(
    store: Store, ws: str, now: datetime, state: IntentState, is_over: bool
) -> None:
    ended(store, ws, now, value(), value(name="cs_band"), value("2"))
    ended(store, ws, now, value(), state=state)
    rest = [("hubspot", "1", "cs_band"), ("hubspot", "2", "cs_segment")]
    assert places(store, ws) == (rest if is_over else sorted([*rest, ("hubspot", "1", "cs_segment")]))


def test_a_value_that_is_found_there_is_over(store: Store, ws: str, now: datetime) -> None:
    ended(store, ws, now, value())
    (throttled,) = ended(store, ws, now, value(), state="pending")
    with store.write() as c:
        writes.settle(c, ws, [Settlement(throttled.id, "unchanged")], now)
    assert standing(store, ws) == []


def test_a_value_that_got_lost_too_often_is_a_failure_too(store: Store, ws: str, now: datetime) -> None:
    (lost,) = ended(store, ws, now, value(), state="in_doubt")
    with store.write() as c:
        writes.settle(c, ws, [Settlement(lost.id, "stuck", "the answer was lost")], now)
    (one,) = standing(store, ws)
    assert (one.reason, one.attempts) == ("the answer was lost", 1)


def test_what_only_went_along_is_no_failure_of_its_own(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        first, stamp = book(c, ws, now, [value(), value(name="cs_scored_at")], run="run").intents
        writes.settle(c, ws, [Settlement(first.id, "rejected"), Settlement(stamp.id, "rejected", along=True)], now)
        assert writes.counts(c, ws, "run") == {"rejected": 2}
    assert places(store, ws) == [("hubspot", "1", "cs_segment")]


def test_dropping_takes_exactly_what_is_named(store: Store, ws: str, now: datetime) -> None:
    rows = [value(record, name=name, crm=crm) for record in "12" for name in ("a", "b") for crm in ("x", "y")]
    ended(store, ws, now, *[one for one in rows if one.connection == "x"])
    ended(store, ws, now, *[one for one in rows if one.connection == "y"])
    gone = [("x", "companies", "1", "a"), ("y", "companies", "2", "b"), ("x", "companies", "9", "a")]
    with store.write() as c:
        failures.drop(c, ws, gone)
    left = sorted({one.key() for one in rows} - set(gone))
    assert [one.key() for one in standing(store, ws)] == left
    with store.write() as c:
        failures.drop(c, ws, [])
    assert len(standing(store, ws)) == len(left)


def test_records_without_an_account_have_no_failures(store: Store, ws: str, now: datetime) -> None:
    ended(store, ws, now, value("1"), value("2"))
    ended(store, ws, now, value("1", crm="other"))
    with store.write() as c:
        identity.replace_identity(c, ws, [AccountLink("a", "hubspot", "companies", "1", "domain")], [], now)
        assert failures.drop_unlinked(c, ws) == 2
        assert failures.drop_unlinked(c, ws) == 0
    assert places(store, ws) == [("hubspot", "1", "cs_segment")]


def test_a_workspace_knows_its_own_only(store: Store, ws: str, now: datetime) -> None:
    other = f"{ws}-other"
    ended(store, ws, now, value())
    ended(store, other, now, value())
    with store.write() as c:
        assert failures.make_due(c, other, now) == 1
        failures.drop(c, other, [("hubspot", "companies", "1", "cs_segment")])
        failures.drop_unlinked(c, other)
        assert (failures.count(c, ws), failures.count(c, other)) == (1, 0)
    (one,) = standing(store, ws)
    assert one.due_at == now + HALF_AN_HOUR


def test_all_or_some_can_be_made_due_without_forgetting_their_history(store: Store, ws: str, now: datetime) -> None:
    ended(store, ws, now, value("1"), value("1", name="cs_band"), value("2"), value("3"))
    later = now + timedelta(minutes=1)
    with store.write() as c:
        records = [("hubspot", "companies", "1"), ("hubspot", "companies", "7"), ("other", "companies", "2")]
        assert failures.make_due(c, ws, later, records) == 2
        due = {(one.record_id, one.property): one.due_at for one in failures.listed(c, ws)}
        assert due == {
            ("1", "cs_band"): later,
            ("1", "cs_segment"): later,
            ("2", "cs_segment"): now + HALF_AN_HOUR,
            ("3", "cs_segment"): now + HALF_AN_HOUR,
        }
        assert failures.make_due(c, ws, later, []) == 0
        assert failures.make_due(c, ws, later) == 4
        assert {(one.due_at, one.attempts, one.last_at) for one in failures.listed(c, ws)} == {(later, 1, now)}


def test_pages_follow_each_other_without_gap_or_overlap(store: Store, ws: str, now: datetime) -> None:
    names = [(str(record), name) for record in range(4) for name in ("a", "b", "c")]
    ended(store, ws, now, *[value(record, name=name) for record, name in names])
    found: list[Failure] = []
    with store.read() as c:
        while page := failures.listed(c, ws, after=found[-1].key() if found else ("", "", "", ""), limit=5):
            assert len(page) <= 5
            found += page
    assert [(one.record_id, one.property) for one in found] == names
