"""Prometheus metrics of a workspace, read from its store: the same for `/metrics`, the push gateway and the textfile.

Nothing is counted in a process: a run is a process of its own, and what it did is in the store when it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from sqlalchemy import Connection

from dashboard import budgets
from dashboard.answers import program_version
from store import Store, counts
from store.runs import Run
from store.sql import now as database_now

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "/metrics"
REFUSED = "Metrics are for who shows `metrics.scrape_token` as a bearer token.\n"
_THIS_MACHINE = frozenset({"127.0.0.1", "::1"})
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
FRESH = 10.0
"""Seconds for which an answer of the route serves those who ask again."""
BANDS = ("green", "yellow", "red", "unknown")
STATUSES = ("complete", "partial", "deferred", "interrupted", "busy", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Described:
    """One metric: what its value is, and its labels besides `workspace`."""

    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    meaning: str


METRICS: Mapping[str, Described] = MappingProxyType(
    {
        "keepwell_build_info": Described("gauge", ("version",), "Always 1; the version that made these metrics."),
        "keepwell_runs_total": Described("counter", ("command", "status"), "Runs that ended, since the store exists."),
        "keepwell_last_success_timestamp_seconds": Described(
            "gauge", ("command",), "When the last run ended that came to its end (complete or partial); 0: never."
        ),
        "keepwell_last_run_timestamp_seconds": Described("gauge", ("command",), "When the last run ended, however."),
        "keepwell_last_run_duration_seconds": Described("gauge", ("command",), "How long the last run took."),
        "keepwell_last_run_exit_code": Described("gauge", ("command",), "Exit code of the last run."),
        "keepwell_last_run_status": Described("gauge", ("command", "status"), "1 for how the last run ended, else 0."),
        "keepwell_last_run_room_seconds": Described(
            "gauge", ("command", "room"), "How long each part of the last run took."
        ),
        "keepwell_last_run_rows": Described(
            "gauge",
            ("command", "connection", "stream", "kind"),
            "Rows that the last run read, inserted, …",
        ),
        "keepwell_last_run_changes": Described(
            "gauge", ("command", "connection", "bucket"), "What became of the changes that the last run planned."
        ),
        "keepwell_last_run_api_requests": Described(
            "gauge", ("command", "connection"), "Requests of the last run to a CRM."
        ),
        "keepwell_last_run_api_throttled": Described(
            "gauge", ("command", "connection"), "Requests of the last run that were refused for their rate."
        ),
        "keepwell_last_run_api_retried": Described(
            "gauge", ("command", "connection"), "Requests of the last run that were repeated."
        ),
        "keepwell_api_quota_left": Described(
            "gauge", ("connection",), "Requests that the CRM's daily quota had left when a run last asked it."
        ),
        "keepwell_accounts": Described("gauge", ("band",), "Accounts by health band."),
        "keepwell_open_alerts": Described("gauge", ("alert", "state"), "Alerts that are open or acknowledged."),
        "keepwell_overdue_alerts": Described("gauge", ("alert",), "Open alerts that nobody answered in time."),
        "keepwell_outstanding_failures": Described("gauge", ("connection",), "Values that a CRM refuses."),
        "keepwell_outstanding_conflicts": Described(
            "gauge", ("connection",), "Values of somebody else that wait for a person's decision."
        ),
        "keepwell_values_in_doubt": Described("gauge", ("connection",), "Values whose answer was lost."),
        "keepwell_quarantined_values": Described("gauge", ("connection", "stream"), "Values that could not be read."),
        "keepwell_notifications": Described(
            "gauge", ("channel", "state"), "News to people: waiting, sending, sent or given_up."
        ),
        "keepwell_oldest_notification_timestamp_seconds": Described(
            "gauge", ("channel",), "When the oldest news was entered that is still to be sent; no sample without any."
        ),
    }
)

Samples = Iterator[tuple[str, tuple[str, ...], float]]
"""Name, values of its labels, value."""


def render_metrics(store: Store) -> bytes:
    """The metrics of the store's workspace in the text format of Prometheus; raises StoreError."""
    with store.read() as c:
        return rendered(c, store.workspace)


def rendered(c: Connection, ws: str) -> bytes:
    """The same of a transaction that is open."""
    return generate_latest(_registry(c, ws))


def registry(store: Store) -> CollectorRegistry:
    """The same, read once, for a client of Prometheus; raises StoreError."""
    with store.read() as c:
        return _registry(c, store.workspace)


def _registry(c: Connection, ws: str) -> CollectorRegistry:
    found = CollectorRegistry(auto_describe=False)
    found.register(_Read(families(c, ws)))
    return found


def families(c: Connection, ws: str) -> list[Metric]:
    """Every metric of METRICS with its samples."""
    made: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
    for name, about in METRICS.items():
        family = CounterMetricFamily if about.kind == "counter" else GaugeMetricFamily
        made[name] = family(name, about.meaning, labels=("workspace", *about.labels))
    for name, labels, value in _samples(c, ws, database_now(c)):
        made[name].add_metric((ws, *labels), value)
    return list(made.values())


def metrics_route(
    reading: Callable[[], AbstractContextManager[Connection]],
    workspace: str,
    *,
    token: str | None = None,
    open_here: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Route:
    """A route of Starlette that answers with the metrics of a workspace; `reading` opens a transaction on its store.

    Whoever asks shows `token` as a bearer; without one, only this machine may ask, and nobody unless `open_here`:
    behind a proxy everybody comes from this machine. Without a store that can be read it answers 503, so that
    Prometheus shows the target as down.
    """
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from store.errors import StoreError

    lock = Lock()
    kept: tuple[float, bytes] | None = None

    def answer(request: Request) -> Response:  # not async: Starlette runs it in a thread
        nonlocal kept
        if not _may_read(request, token, open_here=open_here):
            return PlainTextResponse(REFUSED, status_code=401, headers={"WWW-Authenticate": "Bearer"})
        try:
            with lock:
                if kept is None or clock() - kept[0] >= FRESH:
                    with reading() as c:
                        kept = (clock(), rendered(c, workspace))
                return PlainTextResponse(kept[1], headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE)
        except StoreError:  # whose words may tell where the store is
            return PlainTextResponse("The store cannot be read.\n", status_code=503)

    return Route(PATH, answer, methods=["GET"], name="metrics")


def _may_read(request: Request, token: str | None, *, open_here: bool) -> bool:
    if token is not None:
        return compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode())
    return open_here and request.client is not None and request.client.host in _THIS_MACHINE


class _Read(Collector):
    """Metrics that are read already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def _samples(c: Connection, ws: str, now: datetime) -> Samples:
    yield "keepwell_build_info", (program_version(),), 1
    yield from _counted("keepwell_runs_total", counts.runs(c, ws))
    successes = {run.command: run for run in counts.newest_good_runs(c, ws)}
    for command in sorted({"sync", *successes}):
        good = successes.get(command)
        yield "keepwell_last_success_timestamp_seconds", (command,), _ended(good) if good is not None else 0
    newest = counts.newest_runs(c, ws)
    for run in newest:
        yield from _of_run(run)
    for connection, left in budgets.left(newest).items():
        yield "keepwell_api_quota_left", (connection,), left.requests
    bands = dict(counts.bands(c, ws))
    yield from _counted("keepwell_accounts", {(band,): 0 for band in BANDS} | bands)
    yield from _counted("keepwell_open_alerts", counts.standing_alerts(c, ws))
    yield from _counted("keepwell_overdue_alerts", counts.overdue_alerts(c, ws, now))
    connections = {(name,): 0 for run in newest for name in _part(run, "api")}
    for name, found in (
        ("keepwell_outstanding_failures", counts.failures(c, ws)),
        ("keepwell_outstanding_conflicts", counts.undecided(c, ws)),
        ("keepwell_values_in_doubt", counts.in_doubt(c, ws)),
    ):
        yield from _counted(name, connections | dict(found))
    yield from _counted("keepwell_quarantined_values", counts.quarantined(c, ws))
    yield from _counted("keepwell_notifications", counts.notices(c, ws))
    for labels, noted_at in counts.oldest_notices(c, ws).items():
        yield "keepwell_oldest_notification_timestamp_seconds", labels, noted_at.timestamp()


def _of_run(run: Run) -> Samples:
    command = run.command
    yield "keepwell_last_run_timestamp_seconds", (command,), _ended(run)
    yield "keepwell_last_run_duration_seconds", (command,), _ended(run) - run.started_at.timestamp()
    for status in STATUSES:
        yield "keepwell_last_run_status", (command, status), status == run.status
    if run.report and "exit_code" in run.report:
        yield "keepwell_last_run_exit_code", (command,), run.report["exit_code"]
    yield from _of_rooms(run)
    for connection, part in _part(run, "connections").items():
        for bucket, number in part["apply"].items():
            yield "keepwell_last_run_changes", (command, connection, bucket), number
    for connection, use in _part(run, "api").items():
        for what in ("requests", "throttled", "retried"):
            yield f"keepwell_last_run_api_{what}", (command, connection), use[what]


def _of_rooms(run: Run) -> Samples:
    command = run.command
    for room, seconds in _part(run, "seconds").items():
        yield "keepwell_last_run_room_seconds", (command, room), seconds
    for connection, streams in _part(run, "pull").items():
        for stream, rows in streams.items():
            for kind, number in rows.items():
                if isinstance(number, int):
                    yield "keepwell_last_run_rows", (command, connection, stream, kind), number


def _counted(name: str, found: counts.Counts) -> Samples:
    for labels, number in found.items():
        yield name, labels, number


def _ended(run: Run) -> float:
    return (run.finished_at or run.started_at).timestamp()


def _part(run: Run, name: str) -> Mapping[str, Any]:
    """A part of a run's report; a run that died, or one of an older version, lacks it."""
    return (run.report or {}).get(name) or {}
