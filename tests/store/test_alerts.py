"""Alerts are kept with their answers: what runs write and what people write never gets in each other's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mapping.alert_life import Life
from store import Store, alerts, identity
from store.alerts import OWNER, Moved, NewAlert, Wanted
from store.errors import StoreError
from store.identity import AccountLink

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def new(at: datetime, account: str = "a", alert: str = "red", **others: Any) -> NewAlert:
    life = Life(at, at, others.pop("due_at", None), "L1")
    given: dict[str, Any] = {"label": "Health is red", "because": "health band: red", "owner": "csm", "sla_hours": None}
    return NewAlert(account, alert, life=life, person=others.pop("person", None), **given | others)


def put(store: Store, ws: str, *rows: NewAlert) -> list[alerts.Tracked]:
    with store.write() as c:
        alerts.add(c, ws, "run1", rows)
        return alerts.followed(c, ws, {row.account_id for row in rows}, since=rows[0].life.raised_at)


def moved(store: Store, ws: str, one: alerts.Tracked, *, touch: str | None = None, **changes: Any) -> alerts.Alert:
    with store.write() as c:
        alerts.move(c, ws, "run2", [Moved(one.id, replace(one.life, **changes), touch)])
        found = alerts.get(c, ws, one.id)
    assert found is not None
    return found


def listed(store: Store, ws: str, limit: int = 100, **wanted: Any) -> list[tuple[str, str]]:
    with store.read() as c:
        asked = Wanted(**wanted)
        found = alerts.listed(c, ws, asked, limit=limit)
        assert alerts.count(c, ws, asked) >= len(found)
    return [(one.account_id, one.alert) for one in found]


def test_an_alert_comes_back_as_it_was_raised(store: Store, ws: str, now: datetime) -> None:
    row = new(now, due_at=now + 2 * DAY, sla_hours=48, person=("hubspot", "7"))
    (one,) = put(store, ws, row)
    assert (one.account_id, one.alert, one.life) == ("a", "red", row.life)
    with store.read() as c:
        found = alerts.get(c, ws, one.id)
    assert found == alerts.Alert(
        id=one.id,
        account_id="a",
        alert="red",
        label="Health is red",
        because="health band: red",
        owner="csm",
        owner_connection="hubspot",
        owner_ref="7",
        run_id="run1",
        last_run_id="run1",
        sla_hours=48,
        touch=None,
        acknowledged_by=None,
        note=None,
        life=row.life,
    )
    assert found.person == ("hubspot", "7")
    assert found.life.state == "open"


def test_one_alert_of_a_kind_stands_on_an_account(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    with pytest.raises(StoreError, match="refused a statement"), store.write() as c:
        alerts.add(c, ws, "run2", [new(now + HOUR)])
    put(store, ws, new(now, account="b"), new(now, account="b", alert="blue"))
    moved(store, ws, one, resolved_at=now + HOUR, why="cleared")
    put(store, ws, new(now + 2 * HOUR))
    assert listed(store, ws, account_id="a", states=alerts.STATES) == [("a", "red"), ("a", "red")]


def test_runs_follow_what_stands_and_what_was_resolved_lately(store: Store, ws: str, now: datetime) -> None:
    one, other = put(store, ws, new(now), new(now + HOUR, alert="blue"))
    moved(store, ws, one, resolved_at=now + DAY, why="cleared")
    with store.read() as c:
        for since, ids in ((now + DAY - HOUR, [one.id, other.id]), (now + DAY, [other.id])):
            assert [row.id for row in alerts.followed(c, ws, ["a"], since=since)] == ids
        assert alerts.followed(c, ws, ["b"], since=now) == []


def test_a_run_leaves_an_acknowledgement_alone(store: Store, ws: str, now: datetime) -> None:
    (seen,) = put(store, ws, new(now, due_at=now + DAY))
    with store.write() as c:
        assert alerts.acknowledge(c, ws, seen.id, by="Anna", note="Monday", at=now + HOUR)
    after = moved(store, ws, seen, misses=1, judged_at=now + 2 * HOUR, level="L2", escalated_at=now + 2 * HOUR)
    assert (after.acknowledged_by, after.note, after.life.acknowledged_at) == ("Anna", "Monday", now + HOUR)
    assert (after.life.state, after.life.misses, after.life.level, after.last_run_id) == (
        "acknowledged",
        1,
        "L2",
        "run2",
    )
    assert listed(store, ws, states=["acknowledged"]) == [("a", "red")]
    ended = moved(store, ws, seen, resolved_at=now + DAY, why="cleared")
    assert (ended.life.state, ended.acknowledged_by) == ("resolved", "Anna")


def test_the_first_acknowledgement_stands_and_a_resolved_alert_takes_none(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    with store.write() as c:
        assert alerts.acknowledge(c, ws, one.id, by="Anna", note=None, at=now + HOUR)
        assert not alerts.acknowledge(c, ws, one.id, by="Ben", note="me too", at=now + 2 * HOUR)
        assert not alerts.acknowledge(c, f"{ws}-other", one.id, by="Ben", note=None, at=now)
        found = alerts.get(c, ws, one.id)
    assert found is not None
    assert (found.acknowledged_by, found.note, found.life.answered_at) == ("Anna", None, now + HOUR)
    (other,) = put(store, ws, new(now, account="b"))
    moved(store, ws, other, resolved_at=now + HOUR, why="churned")
    with store.write() as c:
        assert not alerts.acknowledge(c, ws, other.id, by="Anna", note=None, at=now + 2 * HOUR)


def test_a_touch_answers_and_a_person_may_still_say_who_takes_it_up(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    found = moved(store, ws, one, touch="meeting hubspot:9", touched_at=now + HOUR)
    assert (found.life.state, found.touch, found.life.answered_at) == ("acknowledged", "meeting hubspot:9", now + HOUR)
    with store.write() as c:
        assert alerts.acknowledge(c, ws, one.id, by="Anna", note=None, at=now + 2 * HOUR)
        after = alerts.get(c, ws, one.id)
    assert after is not None
    assert (after.acknowledged_by, after.life.answered_at) == ("Anna", now + HOUR)


def test_a_resolved_alert_is_over(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    moved(store, ws, one, resolved_at=now + HOUR, why="cleared")
    again = moved(store, ws, one, misses=2, judged_at=now + DAY)
    assert (again.life.state, again.life.misses, again.life.resolved_at) == ("resolved", 0, now + HOUR)


def test_what_is_due_first_comes_first(store: Store, ws: str, now: datetime) -> None:
    rows = (
        new(now + HOUR, alert="undated_late"),
        new(now, alert="undated"),
        new(now, alert="later", due_at=now + 3 * DAY),
        new(now, alert="sooner", due_at=now + DAY),
    )
    put(store, ws, *rows)
    order = ["sooner", "later", "undated", "undated_late"]
    assert [alert for _, alert in listed(store, ws)] == order
    assert [alert for _, alert in listed(store, ws, limit=2)] == order[:2]


def test_lists_are_narrowed(store: Store, ws: str, now: datetime) -> None:
    due = now + DAY
    a, b, c_ = put(
        store, ws,
        new(now, "a", "red", due_at=due, person=("hubspot", "7")),
        new(now, "b", "red", due_at=due, owner="sales"),
        new(now, "c", "red", owner="operations"),
    )  # fmt: skip
    with store.write() as c:
        alerts.acknowledge(c, ws, b.id, by="Anna", note=None, at=now)
    moved(store, ws, c_, resolved_at=now + HOUR, why="cleared")
    assert a.id
    assert listed(store, ws) == [("a", "red"), ("b", "red")]
    assert listed(store, ws, states=["open"]) == [("a", "red")]
    assert listed(store, ws, states=["resolved"]) == [("c", "red")]
    assert len(listed(store, ws, states=alerts.STATES)) == 3
    assert listed(store, ws, account_id="b") == [("b", "red")]
    assert listed(store, ws, owner="sales") == [("b", "red")]
    assert listed(store, ws, owner="Anna", people=[("hubspot", "7")]) == [("a", "red")]
    assert listed(store, ws, owner="Anna", people=[("salesforce", "7")]) == []
    assert listed(store, ws, overdue_at=due) == [("a", "red")], "the other one was answered"
    assert listed(store, ws, overdue_at=due - timedelta(seconds=1)) == []


def test_alerts_of_accounts_that_are_gone_are_resolved(store: Store, ws: str, now: datetime) -> None:
    put(store, ws, new(now, "here"), new(now, "gone"))
    link = AccountLink("here", "hubspot", "companies", "1", "alone")
    with store.write() as c:
        identity.replace_identity(c, ws, [link], [], now)
        assert alerts.resolve_gone(c, ws, "run2", now) == 0, "the moment that raised it"
        assert alerts.resolve_gone(c, ws, "run2", now + HOUR) == 1
        assert alerts.resolve_gone(c, ws, "run3", now + DAY) == 0
        (found,) = alerts.listed(c, ws, Wanted(states=["resolved"]), limit=9)
    assert (found.account_id, found.life.why, found.life.resolved_at) == ("gone", "gone", now + HOUR)
    assert found.last_run_id == "run2"


def test_accounts_that_vanished_are_known_by_the_alerts_of_a_period(store: Store, ws: str, now: datetime) -> None:
    put(store, ws, new(now, "here"), new(now, "z"), new(now, "b"), new(now, "b", "score_drop"), new(now + DAY, "later"))
    link = AccountLink("here", "hubspot", "companies", "1", "alone")
    with store.write() as c:
        identity.replace_identity(c, ws, [link], [], now)
        assert alerts.vanished(c, ws, now, now + DAY) == ["b", "z"]
        assert alerts.vanished(c, ws, now + HOUR, now + DAY) == []
        assert alerts.vanished(c, "another", now, now + DAY) == []


def test_alerts_about_owners_are_apart_from_those_about_accounts(store: Store, ws: str, now: datetime) -> None:
    put(
        store, ws, new(now, f"{OWNER}anna@example.com"), new(now, "owner"), new(now, "ownership:1"), new(now, "zebra:1")
    )
    with store.write() as c:
        (owner,) = alerts.followed_owners(c, ws, since=now)
        assert owner.account_id == f"{OWNER}anna@example.com"
        assert alerts.vanished(c, ws, now, now + DAY) == ["owner", "ownership:1", "zebra:1"]
        assert alerts.resolve_gone(c, ws, "run2", now + HOUR) == 3
        assert alerts.followed_owners(c, ws, since=now + DAY) == [owner]
        assert alerts.followed_owners(c, "another", since=now) == []


def test_what_stood_at_a_moment(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    moved(store, ws, one, resolved_at=now + DAY, why="cleared")
    with store.read() as c:
        found = [
            len(alerts.standing_at(c, ws, "a", now + offset)) for offset in (-HOUR, 0 * HOUR, DAY - HOUR, DAY, 2 * DAY)
        ]
        assert alerts.standing_at(c, ws, "b", now) == []
    assert found == [0, 1, 1, 0, 0]


def test_the_kpi_gets_every_alert_of_a_period_with_its_answer(store: Store, ws: str, now: datetime) -> None:
    timed = new(now, due_at=now + 2 * DAY, sla_hours=48)
    found = put(store, ws, timed, new(now + DAY, "b"), new(now - HOUR, "c"), new(now, "d"))
    answered = next(one for one in found if one.account_id == "a")
    with store.write() as c:
        alerts.acknowledge(c, ws, answered.id, by="Anna", note=None, at=now + HOUR)
    with store.read() as c:
        day = [(row.account_id, row.answered_at, row.sla) for row in alerts.raised(c, ws, now, now + DAY)]
        everything = [row.account_id for row in alerts.raised(c, ws, now - DAY, now + 2 * DAY)]
    assert day == [("a", now + HOUR, 48), ("d", None, None)]
    assert everything == ["c", "a", "d", "b"]
