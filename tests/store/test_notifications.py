"""The outbox of notifications: a change is entered once, sent by one process, and moved on by who has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mapping.notification_life import Delivered, Later, again, claim, settle
from store import Store, notifications
from store.errors import StateConflict
from store.notifications import News, Notice

HOUR = timedelta(hours=1)


def put(store: Store, ws: str, now: datetime, *news: News) -> list[Notice]:
    with store.write() as c:
        notifications.note(c, ws, news, now)
        return notifications.unsettled(c, ws)


def test_a_change_is_entered_once_for_a_channel(store: Store, ws: str, now: datetime) -> None:
    news = [News("a", "opened", 1), News("b", "opened", 1), News("a", "failed", about="run1", critical=True)]
    with store.write() as c:
        assert notifications.note(c, ws, [*news, news[0]], now) == 3
        assert notifications.note(c, ws, [*news, News("a", "resolved", 1)], now + HOUR) == 1
        assert notifications.note(c, ws, [], now) == 0
        assert notifications.noted(c, ws, [1, 2]) == {("a", 1): {"opened", "resolved"}, ("b", 1): {"opened"}}
        found = notifications.unsettled(c, ws)
        last = notifications.last_about_runs(c, ws, "a")
        assert notifications.last_about_runs(c, ws, "b") is None
        assert notifications.unsettled(c, f"{ws}-other") == []
    assert [(one.channel, one.alert_id, one.about, one.change) for one in found] == [
        ("a", 1, "", "opened"), ("b", 1, "", "opened"), ("a", 0, "run1", "failed"), ("a", 1, "", "resolved")
    ]  # fmt: skip
    assert last == found[2]
    assert last is not None
    assert (last.critical, last.noted_at, last.life.state, last.life.next_at) == (True, now, "waiting", now)


def test_many_are_entered_at_once(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        assert notifications.note(c, ws, (News("a", "opened", number) for number in range(1, 2_502)), now) == 2_501
        assert notifications.counts(c, ws)["waiting"] == 2_501


def test_of_two_processes_one_sends(store: Store, ws: str, now: datetime) -> None:
    one, two = put(store, ws, now, News("a", "opened", 1), News("a", "opened", 2))
    with store.write() as c:
        notifications.claim(c, ws, "m1", [one.id], now)
    with pytest.raises(StateConflict), store.write() as c:
        notifications.claim(c, ws, "m2", [one.id, two.id], now)
    with store.read() as c:
        found = notifications.unsettled(c, ws)
    assert [(row.message, row.life) for row in found] == [("m1", claim(one.life, now)), (None, two.life)], (
        "nothing of a message is sent when a part of it is"
    )


def test_lives_come_back_as_they_were_left(store: Store, ws: str, now: datetime) -> None:
    one, two = put(store, ws, now, News("a", "opened", 1), News("a", "opened", 2))
    with store.write() as c:
        notifications.claim(c, ws, "m", [one.id, two.id], now)
        later = settle(claim(one.life, now), Later("answered 500", 60), now, repeatable=False)
        sent = settle(claim(two.life, now), Delivered("one refused"), now + HOUR, repeatable=False)
        notifications.move(c, ws, "sending", [(one.id, later), (two.id, sent)])
        assert [row.life for row in notifications.listed(c, ws)] == [sent, later]
        assert [row.id for row in notifications.unsettled(c, ws)] == [one.id]
        assert notifications.counts(c, ws) == {"waiting": 1, "sending": 0, "sent": 1, "given_up": 0}
        assert [row.id for row in notifications.listed(c, ws, ["sent"], limit=5)] == [two.id]


def test_who_comes_late_changes_nothing(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, now, News("a", "opened", 1))
    with store.write() as c:
        notifications.move(c, ws, "sending", [(one.id, replace(one.life, state="sent"))])
        notifications.move(c, f"{ws}-other", "waiting", [(one.id, replace(one.life, state="sent"))])
        notifications.move(c, ws, "waiting", [])
        assert notifications.listed(c, ws) == [one]
        over = replace(one.life, state="given_up", error="answered 400")
        notifications.move(c, ws, "waiting", [(one.id, over)])
        notifications.move(c, ws, "given_up", [(one.id, again(over, now + HOUR))])
        assert notifications.listed(c, ws)[0].life.due(now + HOUR)
