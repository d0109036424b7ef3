"""The outbox moves along allowed steps only; what is confirmed enters the ledger; the audit chain tells on changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from store import Store, audit, ledger, writes
from store.errors import StateConflict
from store.intents import FINAL, OPEN, Intent, IntentState, NewIntent, Settlement
from store.tables import audit as audit_table
from store.tables import audit_head, intent
from store.tables import ledger as ledger_table
from tests.store.sample import book


def value(record: int, want: str | None = "2", base: str | None = "1", name: str = "cs_health_score") -> NewIntent:
    return NewIntent("hubspot", "companies", str(record), "health_score", name, base, want, "usage fell")


def send(store: Store, ws: str, now: datetime, *rows: NewIntent, run: str = "run1") -> tuple[Intent, ...]:
    with store.write() as c:
        return book(c, ws, now, rows, run=run).intents


def waiting(store: Store, ws: str, states: Sequence[IntentState] = OPEN) -> list[Intent]:
    with store.read() as c:
        return writes.open_intents(c, ws, "hubspot", states=states)


def settle(store: Store, ws: str, now: datetime, *settlements: Settlement) -> None:
    with store.write() as c:
        writes.settle(c, ws, settlements, now)


def test_from_plan_to_ledger(store: Store, ws: str, now: datetime) -> None:
    sent = send(store, ws, now, value(1), value(2, want=None))
    assert [(item.state, item.seen, item.batch, item.token) for item in sent] == [("sent", "1", "b1", 1)] * 2
    done = [Settlement(sent[0].id, "confirmed", verified=True), Settlement(sent[1].id, "confirmed")]
    settle(store, ws, now + timedelta(seconds=1), *done)
    with store.read() as c:
        rows = ledger.ledger_for(c, ws, "hubspot", "companies", ["1", "2", "3"])
        one, two = rows["1", "cs_health_score"], rows["2", "cs_health_score"]
        assert (one.before, one.written, one.run_id, one.because) == ("1", "2", "run1", "usage fell")
        assert (one.written_at, one.verified_at) == (now, now + timedelta(seconds=1))
        assert (two.written, two.verified_at) == (None, None)
        assert writes.counts(c, ws, "run1") == {"confirmed": 2}
    with store.write() as c:
        assert ledger.mark_verified(c, ws, [two.id], now) == 1
        rows = ledger.ledger_for(c, ws, "hubspot", "companies", ["1", "2"])
        assert [row.verified_at for row in rows.values()] == [now + timedelta(seconds=1), now]


def test_the_ledger_keeps_every_value_and_knows_the_last(store: Store, ws: str, now: datetime) -> None:
    for run, base, want in (("run1", "1", "2"), ("run2", "2", "3")):
        sent = send(store, ws, now, value(1, want, base), run=run)
        settle(store, ws, now, Settlement(sent[0].id, "confirmed"))
    with store.read() as c:
        assert ledger.ledger_for(c, ws, "hubspot", "companies", ["1"])["1", "cs_health_score"].written == "3"
        entered = select(ledger_table.c.run_id, ledger_table.c.before).where(ledger_table.c.workspace == ws)
        assert [tuple(row) for row in c.execute(entered.order_by(ledger_table.c.id))] == [("run1", "1"), ("run2", "2")]
        assert [item.seq for item in writes.intents(c, ws, "run2")] == [2]


def test_a_newer_plan_replaces_what_waits_but_not_what_is_on_its_way(store: Store, ws: str, now: datetime) -> None:
    throttled, _, lost = send(store, ws, now, value(1), value(2), value(3))
    settle(store, ws, now, Settlement(throttled.id, "pending"), Settlement(lost.id, "in_doubt"))
    newer = [value(1, "9"), value(2, "9"), value(3, "9"), value(4, "9")]
    with store.write() as c:
        booked = book(c, ws, now, newer, run="run2")
        assert writes.counts(c, ws, "run1") == {"in_doubt": 1, "sent": 1, "superseded": 1}
    assert booked.blocked == (newer[1], newer[2])
    assert [(item.record_id, item.want, item.state) for item in waiting(store, ws)] == [
        ("2", "2", "sent"),
        ("3", "2", "in_doubt"),
        ("1", "9", "sent"),
        ("4", "9", "sent"),
    ]


def test_one_value_cannot_be_on_its_way_twice(store: Store, ws: str, now: datetime) -> None:
    with pytest.raises(ValueError, match="same record and property"):
        send(store, ws, now, value(1), value(1, "3"))
    send(store, ws, now, value(1))
    with store.read() as c:
        row = c.execute(select(intent).where(intent.c.workspace == ws)).one()._asdict()
    del row["id"]
    with pytest.raises(IntegrityError), store._writer.begin() as c:
        c.execute(insert(intent).values(row))


def test_settling_is_all_or_nothing(store: Store, ws: str, now: datetime) -> None:
    items = send(store, ws, now, value(1), value(2))
    settle(store, ws, now, Settlement(items[1].id, "rejected"))
    done = [Settlement(item.id, "confirmed") for item in items]
    with pytest.raises(StateConflict, match="is rejected and cannot become confirmed"):
        settle(store, ws, now, *done)
    with pytest.raises(StateConflict, match="1 intents changed"), store.write() as c:
        writes.settle(c, ws, done, now, items)
    with store.read() as c:
        assert writes.counts(c, ws, "run1") == {"rejected": 1, "sent": 1}
        assert ledger.ledger_for(c, ws, "hubspot", "companies", ["1", "2"]) == {}


def test_a_lost_answer_is_in_doubt_and_counts_as_an_attempt(store: Store, ws: str, now: datetime) -> None:
    first, second = send(store, ws, now, value(1), value(2))
    settle(store, ws, now, Settlement(second.id, "pending", reason="throttled"))
    with store.write() as c:
        assert writes.recover(c, ws, "hubspot", now) == 1
        assert writes.recover(c, ws, "hubspot", now) == 0
    assert [item.id for item in waiting(store, ws, ["in_doubt"])] == [first.id]
    settle(store, ws, now, Settlement(first.id, "pending", reason="still the old value"))
    assert [(item.id, item.attempt) for item in waiting(store, ws)] == [(first.id, 1), (second.id, 0)]


def test_a_late_request_found_by_the_guard_read_was_ours(store: Store, ws: str, now: datetime) -> None:
    sent, never_sent = send(store, ws, now, value(1), value(2))
    with store.write() as c:
        c.execute(update(intent).where(intent.c.id == never_sent.id).values(state="pending", sent_at=None))
    settle(store, ws, now, Settlement(sent.id, "in_doubt"))
    settle(store, ws, now, Settlement(sent.id, "pending"))
    settle(store, ws, now, Settlement(sent.id, "unchanged"), Settlement(never_sent.id, "unchanged"))
    with store.read() as c:
        assert writes.counts(c, ws, "run1") == {"confirmed": 1, "unchanged": 1}
        assert list(ledger.ledger_for(c, ws, "hubspot", "companies", ["1", "2"])) == [("1", "cs_health_score")]


ALLOWED = {
    "pending": {"unchanged", "rejected", "gone", "conflict", "held", "stuck", "superseded"},
    "sent": {"pending", "in_doubt", "confirmed", "unchanged", "rejected", "gone", "conflict"},
    "in_doubt": {"pending", "confirmed", "unchanged", "gone", "conflict", "stuck"},
}
STATES: tuple[IntentState, ...] = (*OPEN, *sorted(FINAL))


@pytest.mark.parametrize("before", STATES)
def test_every_step_is_allowed_or_refused_as_the_diagram_says(
    store: Store, ws: str, now: datetime, before: IntentState
) -> None:
    items = send(store, ws, now, *(value(number) for number in range(len(STATES))))
    sent_at = None if before == "pending" else now
    with store.write() as c:
        c.execute(update(intent).where(intent.c.workspace == ws).values(state=before, sent_at=sent_at))
    done: list[IntentState] = []
    for item, after in zip(items, STATES, strict=True):
        try:
            settle(store, ws, now, Settlement(item.id, after))
        except StateConflict:
            continue
        done.append(after)
    # What was sent and is found unchanged is a confirmation, so `unchanged` is allowed wherever `confirmed` is.
    assert set(done) == ALLOWED.get(before, set())
    with store.read() as c:
        found = writes.counts(c, ws, "run1")
    assert found.get(before, 0) == len(STATES) - len(done), "what was refused is as it was"
    assert sum(found.values()) == len(STATES)


def test_an_unknown_intent_is_a_conflict(store: Store, ws: str, now: datetime) -> None:
    with pytest.raises(StateConflict, match="no intent"):
        settle(store, ws, now, Settlement(999_999_999, "confirmed"))


def test_the_intents_of_a_run_are_read_by_state(store: Store, ws: str, now: datetime) -> None:
    one, two, three = send(store, ws, now, value(1), value(2), value(3))
    bad = [
        Settlement(one.id, "rejected", "too long", "INVALID"),
        Settlement(three.id, "conflict", "a person changed it"),
    ]
    settle(store, ws, now, *bad)
    send(store, ws, now, value(1, "5"), run="run2")
    with store.read() as c:
        found = list(writes.intents(c, ws, "run1", ["rejected", "conflict"], chunk=1))
        assert [item.id for item in writes.intents(c, ws, "run1", chunk=2)] == [one.id, two.id, three.id]
    assert [(item.id, item.reason, item.code) for item in found] == [
        (one.id, "too long", "INVALID"),
        (three.id, "a person changed it", ""),
    ]


def chain(store: Store, ws: str, now: datetime, length: int) -> None:
    for number in range(length):
        with store.write() as c:
            audit.append(
                c,
                ws,
                kind="intent" if number % 2 == 0 else "outcome",
                batch=f"b{number // 2}",
                run_id="run1",
                connection="hubspot",
                object_name="companies",
                count=number,
                digest="0" * 32,
                detail={"note": "Ä\x00\ud800", "n": number},
                now=now,
            )


def test_a_whole_chain_is_found_whole(store: Store, ws: str, now: datetime) -> None:
    with store.read() as c:
        assert audit.verify_chain(c, ws) == []
    chain(store, ws, now, 5)
    with store.read() as c:
        assert audit.verify_chain(c, ws) == []
        assert [row.seq for row in audit.entries(c, ws, batch="b1")] == [3, 4]
        assert [row.count for row in audit.entries(c, ws, run_id="run1")] == [0, 1, 2, 3, 4]
        assert list(audit.entries(c, ws, run_id="another")) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (update(audit_table).where(audit_table.c.seq == 3).values(count=99), "3 .* was changed"),
        (update(audit_table).where(audit_table.c.seq == 3).values(prev_hash="f" * 64), "3 .* does not follow"),
        (delete(audit_table).where(audit_table.c.seq == 3), "3 to 3 .* missing"),
        (delete(audit_table).where(audit_table.c.seq == 5), "cut off"),
        (delete(audit_head), "cut off"),
    ],
)
def test_every_change_of_the_chain_is_found(store: Store, ws: str, now: datetime, damage: object, words: str) -> None:
    chain(store, ws, now, 5)
    table = damage.table  # type: ignore[attr-defined]
    with store.write() as c:
        c.execute(damage.where(table.c.workspace == ws))  # type: ignore[attr-defined]
        findings = audit.verify_chain(c, ws)
        c.rollback()
    assert re.search(words, findings[0])
