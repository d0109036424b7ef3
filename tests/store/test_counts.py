"""What is counted for the metrics, on both stores: this workspace's rows and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection
from starlette.requests import Request

from dashboard.metrics import METRICS, metrics_route, render_metrics
from mapping.notification_life import STATES, Delivery, State
from store import Store, counts, notifications, runs
from store.errors import StoreUnusable
from store.notifications import News
from tests.store.sample import fill

REPORT = {
    "exit_code": 3,
    "seconds": {"pull": 1.5},
    "pull": {"crm": {"deals": {"read": 7, "mode": "full"}}},
    "connections": {"crm": {"apply": {"confirmed": 5, "rejected": 2}}},
    "api": {"crm": {"requests": 9, "throttled": 1, "retried": 2, "quota_left": 800}},
}


def run(store: Store, ws: str, run_id: str, command: str, status: str, at: datetime) -> None:
    """A run of a minute that ended so."""
    with store.write() as c:
        runs.start(c, ws, run_id, command, as_of=at, version="1", now=at)
        runs.finish(c, ws, run_id, status=status, reason=None, report=REPORT, now=at + timedelta(minutes=1))


def samples(store: Store, ws: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Metric → values of its labels besides the workspace → value."""
    other = open_workspace(store, ws)
    found: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in METRICS}
    for family in text_string_to_metric_families(render_metrics(other).decode()):
        for sample in family.samples:
            assert sample.labels.pop("workspace") == ws
            found[sample.name][tuple(sample.labels[label] for label in METRICS[sample.name].labels)] = sample.value
    return found


def open_workspace(store: Store, ws: str) -> Store:
    """The same store as another workspace sees it."""
    other = Store.__new__(Store)
    other.__dict__.update(store.__dict__)
    other.workspace = ws
    return other


def test_of_each_command_the_last_run_and_the_last_good_one(store: Store, ws: str, now: datetime) -> None:
    run(store, ws, "r1", "sync", "complete", now)
    run(store, ws, "r2", "sync", "failed", now + timedelta(hours=1))
    run(store, ws, "r3", "pull", "partial", now + timedelta(hours=2))
    with store.read() as c:
        assert counts.runs(c, ws) == {("pull", "partial"): 1, ("sync", "complete"): 1, ("sync", "failed"): 1}
        assert [one.id for one in counts.newest_runs(c, ws)] == ["r3", "r2"]
        assert [one.id for one in counts.newest_good_runs(c, ws)] == ["r3", "r1"]
    found = samples(store, ws)
    good = found["keepwell_last_success_timestamp_seconds"]
    assert good[("sync",)] == pytest.approx((now + timedelta(minutes=1)).timestamp())
    assert found["keepwell_last_run_status"][("sync", "failed")] == 1
    assert found["keepwell_last_run_status"][("sync", "complete")] == 0
    assert found["keepwell_last_run_duration_seconds"][("sync",)] == 60
    assert found["keepwell_last_run_exit_code"][("sync",)] == 3
    assert found["keepwell_last_run_room_seconds"][("sync", "pull")] == 1.5
    assert found["keepwell_last_run_rows"] == {("sync", "crm", "deals", "read"): 7, ("pull", "crm", "deals", "read"): 7}
    assert found["keepwell_last_run_changes"][("sync", "crm", "rejected")] == 2
    assert found["keepwell_last_run_api_throttled"][("sync", "crm")] == 1
    assert found["keepwell_api_quota_left"] == {("crm",): 800}
    assert found["keepwell_outstanding_failures"] == {("crm",): 0}, "none, not unknown"


def test_a_workspace_that_never_ran_says_so(store: Store, ws: str) -> None:
    found = samples(store, ws)
    assert found["keepwell_last_success_timestamp_seconds"] == {("sync",): 0}
    assert found["keepwell_runs_total"] == {}
    assert found["keepwell_accounts"] == {("green",): 0, ("yellow",): 0, ("red",): 0, ("unknown",): 0}


def test_a_run_that_died_has_no_end_and_counts_as_none(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        runs.start(c, ws, "r1", "sync", as_of=now, version="1", now=now)
    assert samples(store, ws)["keepwell_last_run_timestamp_seconds"] == {}


def test_what_an_operator_watches_is_counted_and_only_in_its_own_workspace(
    store: Store, ws: str, now: datetime
) -> None:
    fill(store, ws, now, "marker")
    fill(store, ws + "-other", now, "other")
    found = samples(store, ws)
    assert found["keepwell_open_alerts"] == {("marker", "open"): 1}
    assert found["keepwell_accounts"][("marker",)] == 1
    assert found["keepwell_quarantined_values"] == {("crm", "deals"): 1}
    with store.read() as c:
        assert counts.overdue_alerts(c, ws, now) == {}
        assert counts.overdue_alerts(c, ws, now + timedelta(days=30)) == {("marker",): 1}


def test_news_to_people_is_counted_by_channel_and_the_oldest_that_waits_is_dated(
    store: Store, ws: str, now: datetime
) -> None:
    def settle(number: int, state: State, at: datetime) -> None:
        """Let a message that waits be sent, and be over."""
        with store.write() as c:
            notifications.claim(c, ws, f"m{number}", [number], at)
            notifications.move(c, ws, "sending", [(number, Delivery(state, at, attempts=1, settled_at=at))])

    for hours, news in enumerate([News("team", "opened", 1), News("team", "opened", 2), News("mail", "opened", 1)]):
        with store.write() as c:
            notifications.note(c, ws, [news], now + timedelta(hours=hours))
            notifications.note(c, ws + "-other", [news], now - timedelta(days=9))
            first, *_ = notifications.unsettled(c, ws)
    settle(first.id, "given_up", now)
    found = samples(store, ws)
    team, mail = (
        {state: found["keepwell_notifications"][(name, state)] for state in STATES} for name in ("team", "mail")
    )
    assert team == {"waiting": 1, "sending": 0, "sent": 0, "given_up": 1}
    assert mail == {"waiting": 1, "sending": 0, "sent": 0, "given_up": 0}, "none, not unknown"
    oldest = found["keepwell_oldest_notification_timestamp_seconds"]
    hours_ago = {name: (at - now.timestamp()) / 3600 for (name,), at in oldest.items()}
    assert hours_ago == {"team": pytest.approx(1), "mail": pytest.approx(2)}
    with store.read() as c:
        (last,) = (one for one in notifications.unsettled(c, ws) if one.channel == "mail")
    settle(last.id, "sent", now)
    assert ("mail",) not in samples(store, ws)["keepwell_oldest_notification_timestamp_seconds"], "nothing is old"


def asking(client: str, **headers: str) -> Request:
    """A request as Starlette hands it on."""
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "client": (client, 1), "headers": named})


def test_who_may_read_is_this_machine_or_whoever_has_the_token(store: Store, ws: str) -> None:
    open_here = metrics_route(store.read, ws).endpoint
    assert open_here(asking("127.0.0.1")).status_code == 200
    assert open_here(asking("10.0.0.7")).status_code == 401
    behind_a_proxy = metrics_route(store.read, ws, open_here=False).endpoint
    assert behind_a_proxy(asking("127.0.0.1")).status_code == 401
    with_token = metrics_route(store.read, ws, token="canary-token").endpoint
    assert with_token(asking("127.0.0.1")).status_code == 401
    assert with_token(asking("10.0.0.7", authorization="Bearer canary")).status_code == 401
    assert with_token(asking("10.0.0.7", authorization="Bearer canary-tok\xe9n")).status_code == 401
    assert with_token(asking("10.0.0.7", authorization="Bearer canary-token")).status_code == 200


def test_a_route_answers_from_memory_for_a_moment_and_503_without_a_store(store: Store, ws: str) -> None:
    class Opened:
        times, broken = 0, False

    @contextmanager
    def reading() -> Iterator[Connection]:
        Opened.times += 1
        if Opened.broken:
            raise StoreUnusable("The store db.example.com cannot be reached.", "")
        with store.read() as c:
            yield c

    moment = [0.0]
    ask = metrics_route(reading, ws, clock=lambda: moment[0]).endpoint
    here = asking("127.0.0.1")
    first, second = ask(here), ask(here)
    assert (first.status_code, Opened.times) == (200, 1)
    assert first.body == second.body
    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    moment[0], Opened.broken = 11.0, True
    third = ask(here)
    assert third.status_code == 503
    assert b"example.com" not in third.body
