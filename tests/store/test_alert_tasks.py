"""Tasks that stand for alerts: one an alert and connection, followed until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from store import Store, alert_tasks, failures
from store.alert_tasks import AlertTask, TaskAlert
from store.alerts import OWNER
from store.tables import failure
from tests.store.test_alerts import moved, new, put

HOUR = timedelta(hours=1)


def due(store: Store, ws: str, names: Sequence[str] | None = None, **others: int) -> list[TaskAlert]:
    with store.read() as c:
        return alert_tasks.due(c, ws, "hubspot", names, **others)


def want(store: Store, ws: str, alert_id: int, key: str) -> None:
    with store.write() as c:
        alert_tasks.want(c, ws, [AlertTask("hubspot", alert_id, "tasks", key)])


def made(store: Store, ws: str, now: datetime, **keys: str | None) -> None:
    with store.write() as c:
        alert_tasks.note_made(c, ws, "hubspot", keys, run_id="run2", now=now)


def test_due_are_standing_alerts_of_accounts_that_are_asked_for_page_by_page(
    store: Store, ws: str, now: datetime
) -> None:
    put(store, ws, new(now), new(now, account="b"), new(now, alert="late"), new(now, account=f"{OWNER}hubspot 7"))
    assert [(one.account_id, one.alert) for one in due(store, ws)] == [("a", "red"), ("b", "red"), ("a", "late")]
    first, second = due(store, ws, ["red"])
    assert [one.id for one in due(store, ws, ["red"], limit=1)] == [first.id]
    assert [one.id for one in due(store, ws, ["red"], after=first.id)] == [second.id]
    assert due(store, ws, ["nothing"]) == []
    assert (first.task, first.because) == (None, "health band: red")


def test_what_was_made_is_followed_after_its_alert_is_resolved_until_it_ends(
    store: Store, ws: str, now: datetime
) -> None:
    one, other = put(store, ws, new(now), new(now, account="b"))
    want(store, ws, one.id, "kw-1")
    want(store, ws, other.id, "kw-2")
    want(store, ws, one.id, "kw-another")
    made(store, ws, now, **{"kw-1": "79"})
    for each in (one, other):
        moved(store, ws, each, resolved_at=now + HOUR, why="cleared")
    (left,) = due(store, ws, [])
    assert left.task == AlertTask("hubspot", one.id, "tasks", "kw-1", "79", "run2", now)
    assert left.life.resolved_at == now + HOUR
    with store.write() as c:
        alert_tasks.end(c, ws, "hubspot", {one.id: "closed"}, now + HOUR)
    assert due(store, ws) == []
    with store.read() as c:
        assert [task.ended for task in alert_tasks.of_alerts(c, ws, [one.id, other.id])[one.id]] == ["closed"]
        assert alert_tasks.accounts_of(c, ws, "hubspot") == {"kw-1": "a"}


def test_a_task_is_made_once_and_may_learn_its_id_later(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    want(store, ws, one.id, "kw-1")
    made(store, ws, now, **{"kw-1": None})
    made(store, ws, now + HOUR, **{"kw-1": "79"})
    made(store, ws, now + HOUR, **{"kw-1": "80", "kw-unknown": "81"})
    with store.read() as c:
        found = alert_tasks.by_key(c, ws, "hubspot", ["kw-1", "kw-unknown"])
    assert {key: (task.record_id, task.made_at) for key, task in found.items()} == {"kw-1": ("79", now)}


def test_each_connection_has_its_own(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    want(store, ws, one.id, "kw-1")
    made(store, ws, now, **{"kw-1": "79"})
    with store.read() as c:
        (elsewhere,) = alert_tasks.due(c, ws, "salesforce", None)
        assert elsewhere.task is None
        assert alert_tasks.by_key(c, ws, "salesforce", ["kw-1"]) == {}


def test_a_refused_task_is_remembered_as_long_as_its_alert_stands(store: Store, ws: str, now: datetime) -> None:
    (one,) = put(store, ws, new(now))
    want(store, ws, one.id, "kw-1")
    values = {
        "workspace": ws, "connection": "hubspot", "object": "tasks", "record_id": "kw-1", "property": "hs_task_subject",
        "field": "task_subject", "want": "Red", "reason": "no", "code": "", "run_id": "run2", "first_at": now,
        "last_at": now, "attempts": 1, "due_at": now,
    }  # fmt: skip
    with store.write() as c:
        c.execute(failure.insert().values(values))
        assert failures.drop_unlinked(c, ws) == 0
    moved(store, ws, one, resolved_at=now + HOUR, why="cleared")
    with store.write() as c:
        assert failures.drop_unlinked(c, ws) == 1
