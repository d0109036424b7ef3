"""The evaluation that stood at a moment is the last one up to it, whichever way it is found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from store import Store, evaluations
from store.evaluations import NewEvaluations
from store.types import dump_json
from sync.standing import standing_at
from tests.store.sample import kept

DAY = timedelta(days=1)


def save(store: Store, ws: str, as_of: datetime, *account_ids: str) -> None:
    """Store an evaluation of each account, whose hash says when it was."""
    places = len(account_ids)
    new = NewEvaluations(
        account_ids, [f"{as_of.day}"] * places, [dump_json({})] * places, [1.0] * places, ["red"] * places,
        [None] * places,
    )  # fmt: skip
    with store.write() as c:
        evaluations.save(c, ws, "run", "model", as_of, new, kept("a"))


@pytest.fixture
def filled(store: Store, ws: str, now: datetime) -> Store:
    """`a` evaluated on three days, `b` on the first, `gone` on the first two and retired then."""
    save(store, ws, now, "a", "b", "gone")
    save(store, ws, now + DAY, "a", "gone")
    with store.write() as c:
        evaluations.retire(c, ws, ["gone"])
    save(store, ws, now + 2 * DAY, "a")
    return store


@pytest.mark.parametrize(
    ("days", "before", "stood"),
    [
        (-1, False, {}),
        (0, False, {"a": 0, "b": 0, "gone": 0}),
        (0, True, {}),
        (1, False, {"a": 1, "b": 0, "gone": 1}),
        (1, True, {"a": 0, "b": 0, "gone": 0}),
        (2, False, {"a": 2, "b": 0, "gone": 1}),
        (2, True, {"a": 1, "b": 0, "gone": 1}),
        (9, True, {"a": 2, "b": 0, "gone": 1}),
    ],
)
def test_what_stood(filled: Store, ws: str, now: datetime, days: int, before: bool, stood: dict[str, int]) -> None:
    with filled.read() as c:
        found = standing_at(c, ws, ["a", "b", "gone", "new"], now + days * DAY, before=before)
    expected = {account_id: now + place * DAY for account_id, place in stood.items()}
    assert {account_id: one.as_of for account_id, one in found.items()} == expected
    assert all(one.values_hash == f"{one.as_of.day}" for one in found.values())


def test_the_history_of_an_account_that_is_there_is_not_read(filled: Store, ws: str, now: datetime) -> None:
    asked: list[str] = []

    def hear(*told: Any) -> None:
        asked.append(told[2])

    event.listen(filled._engine, "before_cursor_execute", hear)
    try:
        with filled.read() as c:
            assert standing_at(c, ws, ["a", "b"], now + 9 * DAY, before=True).keys() == {"a", "b"}
    finally:
        event.remove(filled._engine, "before_cursor_execute", hear)
    assert [("is_current" in one, "max(" in one) for one in asked if "evaluation" in one] == [(True, False)]
