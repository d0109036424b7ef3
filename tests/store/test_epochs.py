"""Epochs resume where they stood, are sealed once, and alone move cursors."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from store import Store, cursors, epochs, marks
from store.errors import StateConflict, StoreCorrupt
from store.tables import cursor as cursor_table
from store.tables import epoch as epoch_table


def test_an_open_epoch_is_resumed_where_it_stood(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        begun = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        epochs.advance(c, begun.id, position="after=100", high_water=now, rows=100)
        epochs.advance(c, begun.id, position="after=200", high_water=now - timedelta(days=1), rows=70)
    with store.read() as c:
        (resumed,) = epochs.open_epochs(c, ws)
    assert (resumed.id, resumed.position, resumed.rows, resumed.pages) == (begun.id, "after=200", 170, 2)
    assert resumed.high_water == now  # a later page never takes the mark back


def test_a_new_epoch_ends_the_one_that_was_open_of_its_stream(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        full = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        beside = epochs.open_epoch(c, ws, "crm", "tickets", "full", since=None, now=now)
        increment = epochs.open_epoch(c, ws, "crm", "deals", "increment", since=now, now=now)
        assert (increment.mode, increment.since, increment.position) == ("increment", now, None)
        assert [epoch.id for epoch in epochs.open_epochs(c, ws)] == [beside.id, increment.id]
        ended = epochs.get(c, full.id)
        assert (ended.state, ended.proof) == ("abandoned", {"abandoned": "begun anew"})


def test_sealing_moves_the_cursor_and_happens_once(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        epoch = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        assert cursors.cursor(c, ws, "crm", "deals") is None
        sealed = epochs.seal(c, epoch.id, proof={"expected": 3, "rows": 3}, cursor=now, now=now)
        assert (sealed.state, sealed.sealed_at, sealed.proof) == ("sealed", now, {"expected": 3, "rows": 3})
        found = cursors.cursor(c, ws, "crm", "deals")
        assert found is not None
        assert (found.at, found.epoch_id) == (now, epoch.id)
        assert epochs.latest_sealed(c, ws, "crm", "deals") == sealed
        assert epochs.latest_sealed(c, ws, "crm", "deals", "increment") is None
    for step in (
        lambda c: epochs.seal(c, epoch.id, proof={}, cursor=None, now=now),
        lambda c: epochs.advance(c, epoch.id, position=None, high_water=None, rows=1),
        lambda c: epochs.abandon(c, epoch.id, reason="", now=now),
    ):
        with pytest.raises(StateConflict, match="sealed already"), store.write() as c:
            step(c)


def test_a_sealed_epoch_without_cursor_leaves_the_cursor_alone(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        first = epochs.open_epoch(c, ws, "crm", "owners", "full", since=None, now=now)
        epochs.seal(c, first.id, proof={}, cursor=now, now=now)
        second = epochs.open_epoch(c, ws, "crm", "owners", "full", since=None, now=now)
        epochs.seal(c, second.id, proof={}, cursor=None, now=now)
        found = cursors.cursor(c, ws, "crm", "owners")
        assert found is not None
        assert found.epoch_id == first.id
        cursors.forget(c, ws, "crm", "owners")
        assert cursors.cursor(c, ws, "crm", "owners") is None


def test_a_position_that_somebody_edited_is_refused(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        epoch = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        epochs.advance(c, epoch.id, position="after=1", high_water=now, rows=1)
        c.execute(update(epoch_table).where(epoch_table.c.id == epoch.id).values(position="after=999"))
        with pytest.raises(StoreCorrupt, match="deals"):
            epochs.get(c, epoch.id)
        c.rollback()


def test_a_cursor_that_somebody_edited_is_refused(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        epoch = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        epochs.seal(c, epoch.id, proof={}, cursor=now, now=now)
        future = now + timedelta(days=9)
        c.execute(update(cursor_table).where(cursor_table.c.workspace == ws).values(at=future))
        with pytest.raises(StoreCorrupt, match="cursor of crm deals"):
            cursors.cursor(c, ws, "crm", "deals")
        c.rollback()


def test_an_unknown_epoch_is_a_conflict(store: Store) -> None:
    with pytest.raises(StateConflict, match="no epoch"), store.read() as c:
        epochs.get(c, 999_999_999)


def test_marks_keep_json_between_runs(store: Store, ws: str) -> None:
    with store.write() as c:
        assert marks.mark(c, ws, "normalised") is None
        marks.set_mark(c, ws, "normalised", {"deals": 7})
        marks.set_mark(c, ws, "normalised", {"deals": 8})
    with store.read() as c:
        assert marks.mark(c, ws, "normalised") == {"deals": 8}
