"""A batch enters the outbox with what its guard read showed; requests that got lost are counted across plans."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from store import Store, ledger, writes
from store.errors import StateConflict
from store.intents import NewIntent, Settlement


def value(record: int, want: str | None = "2") -> NewIntent:
    return NewIntent("hubspot", "companies", str(record), "health_score", "cs_health_score", "1", want, "usage fell")


def book(store: Store, ws: str, now: datetime, rows: dict[NewIntent, writes.Found], run: str = "run1") -> writes.Booked:
    claim = writes.Claim("b1", 1, now, now + timedelta(minutes=1))
    with store.write() as c:
        return writes.book(c, ws, plan_id="plan", run_id=run, model_version="m1", rows=rows, claim=claim)


def test_every_row_has_its_state_at_once_and_is_what_the_store_has(store: Store, ws: str, now: datetime) -> None:
    rows = {
        value(1): writes.Found("sent", "1"),
        value(2): writes.Found("unchanged", "2", "is there"),
        value(3): writes.Found("conflict", "9", "somebody"),
        value(4): writes.Found("gone", None, "deleted"),
    }
    booked = book(store, ws, now, rows)
    with store.read() as c:
        assert tuple(writes.intents(c, ws, "run1")) == booked.intents
        assert [one.id for one in writes.open_intents(c, ws, "hubspot")] == [booked.intents[0].id]
    assert [(one.record_id, one.state, one.seen, one.reason) for one in booked.intents] == [
        ("1", "sent", "1", ""),
        ("2", "unchanged", "2", "is there"),
        ("3", "conflict", "9", "somebody"),
        ("4", "gone", None, "deleted"),
    ]
    assert [(one.batch, one.token, one.sent_at) for one in booked.intents] == [("b1", 1, now)] + [
        (None, None, None)
    ] * 3


def test_what_is_on_its_way_blocks_and_what_waits_gives_way(store: Store, ws: str, now: datetime) -> None:
    (first,) = book(store, ws, now, {value(1): writes.Found("sent", "1")}).intents
    again = book(store, ws, now, {value(1, "3"): writes.Found("sent", "1")}, run="run2")
    assert (again.intents, again.blocked) == ((), (value(1, "3"),))
    with store.write() as c:
        writes.settle(c, ws, [Settlement(first.id, "pending", reason="throttled")], now, [first])
    (second,) = book(store, ws, now, {value(1, "3"): writes.Found("sent", "1")}, run="run2").intents
    assert (second.seq, second.attempt) == (2, 0)
    with store.read() as c:
        assert writes.counts(c, ws, "run1") == {"superseded": 1}


@pytest.mark.parametrize(("want", "attempts"), [("2", 1), ("3", 0)])
def test_a_lost_request_counts_for_the_next_plan_of_the_same_value(
    store: Store, ws: str, now: datetime, want: str, attempts: int
) -> None:
    (first,) = book(store, ws, now, {value(1): writes.Found("sent", "1")}).intents
    with store.write() as c:
        writes.recover(c, ws, "hubspot", now)
        writes.settle(c, ws, [Settlement(first.id, "pending")], now)
    (second,) = book(store, ws, now, {value(1, want): writes.Found("sent", "1")}, run="run2").intents
    assert second.attempt == attempts


def test_settling_with_intents_at_hand_still_sees_what_changed_meanwhile(store: Store, ws: str, now: datetime) -> None:
    (sent,) = book(store, ws, now, {value(1): writes.Found("sent", "1")}).intents
    with store.write() as c:
        writes.settle(c, ws, [Settlement(sent.id, "rejected")], now, [sent])
    with pytest.raises(StateConflict), store.write() as c:
        writes.settle(c, ws, [Settlement(sent.id, "confirmed")], now, [sent])
    with store.read() as c:
        assert ledger.ledger_for(c, ws, "hubspot", "companies", ["1"]) == {}


def test_what_no_plan_wants_any_more_does_not_wait_for_ever(store: Store, ws: str, now: datetime) -> None:
    (first,) = book(store, ws, now, {value(1): writes.Found("sent", "1")}).intents
    book(store, ws, now, {value(2): writes.Found("sent", "1")}, run="run2")
    with store.write() as c:
        writes.settle(c, ws, [Settlement(first.id, "pending")], now)
        assert writes.drop_waiting(c, ws, "hubspot", except_run="run1", now=now) == 0
        assert writes.drop_waiting(c, ws, "hubspot", except_run="run2", now=now) == 1
        assert writes.counts(c, ws, "run1") == {"superseded": 1}
        assert writes.counts(c, ws, "run2") == {"sent": 1}
