"""Runs: the list, and one run with everything that it reported."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from dashboard import budgets
from dashboard.failures import failure_lines
from dashboard.web.crmpages import CrmPages
from dashboard.web.page import Asked, Look, NotFound, Page, View
from dashboard.web.pages.shared import RunLine, run_line
from store import browsing, counts, failures, ledger, runs
from store.ledger import LedgerRow
from store.runs import Run

LIMIT = 50
WRITTEN = 100
"""So many of the values that a run wrote are shown."""
BUCKETS = ("confirmed", "unchanged", "conflict", "gone", "rejected", "pending", "in_doubt")
STATUSES = ("complete", "partial", "deferred", "interrupted", "busy", "refused", "failed", "running")
COMMANDS = ("sync", "plan", "apply", "pull", "backfill", "undo")


class Line(RunLine):
    """A run in the list, with what it came to."""

    seconds: float | None
    accounts: int
    changes: int
    confirmed: int
    conflict: int
    rejected: int
    requests: int


class Filter(Asked):
    """Which runs; `before` is the id of the last one of the page before."""

    status: Annotated[str, Field(max_length=20)] = ""
    command: Annotated[str, Field(max_length=20)] = ""
    before: Annotated[str, Field(max_length=100)] = ""


class Budget(View):
    """What a CRM's daily quota had left, reserve included, when the run that ended then asked."""

    connection: str
    left: int
    at: datetime


class Runs(View):
    """The page; `conflicts` counts values that wait for a person's decision, `failures` those that stand refused."""

    runs: tuple[Line, ...]
    statuses: tuple[str, ...] = STATUSES
    commands: tuple[str, ...] = COMMANDS
    conflicts: int
    failures: int
    budgets: tuple[Budget, ...]
    next: str | None = None


def listed(look: Look, asked: Filter) -> Runs:
    """Newest first."""
    found = browsing.runs_before(
        look.c, look.ws, asked.before or None, LIMIT + 1,
        statuses=[asked.status] if asked.status else (), commands=[asked.command] if asked.command else (),
    )  # fmt: skip
    more = len(found) > LIMIT
    return Runs(
        runs=tuple(map(_line, found[:LIMIT])),
        conflicts=look.held.waiting,
        failures=failures.count(look.c, look.ws),
        budgets=tuple(
            Budget(connection=name, left=one.requests, at=one.at)
            for name, one in budgets.left(counts.newest_runs(look.c, look.ws)).items()
        ),
        next=found[LIMIT - 1].id if more else None,
    )


class Connection(View):
    """What a run did with one CRM: how many planned values ended in each bucket, and what it asked for.

    `quota_left` is what the CRM's daily quota had left at the run's end, None where it does not tell.
    """

    name: str
    records: int
    changes: int
    held: int
    cost: int
    buckets: Mapping[str, int]
    records_written: int
    requests: int
    throttled: int
    retried: int
    quota_left: int | None


class Stream(View):
    """What a run read of one stream."""

    connection: str
    stream: str
    mode: str
    read: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    quarantined: int
    live: int
    note: str


class Refused(View):
    """A value that a CRM refused in this run and that stands refused still."""

    connection: str
    object: str
    record_id: str
    url: str | None
    account_id: str | None
    account: str | None
    property: str
    want: str | None
    reason: str
    code: str
    attempts: int
    due_at: str


class Written(View):
    """A value that a run wrote."""

    connection: str
    object: str
    record_id: str
    url: str | None
    property: str
    before: str | None
    written: str | None
    because: str
    written_at: datetime
    verified_at: datetime | None


class Room(View):
    """How long a run was in one room."""

    name: str
    seconds: float


class OneRun(View):
    """The page of one run."""

    run: Line
    hint: str | None
    as_of: str | None
    framework: str | None
    model_version: str | None
    plan_id: str | None
    bands: Mapping[str, int]
    alerts: Mapping[str, int]
    connections: tuple[Connection, ...]
    streams: tuple[Stream, ...]
    rooms: tuple[Room, ...]
    notes: tuple[str, ...]
    refused: tuple[Refused, ...]
    written: tuple[Written, ...]
    buckets: tuple[str, ...] = BUCKETS


class Named(Asked):
    """A run by its id; `latest` is the newest."""

    run_id: Annotated[str, Field(max_length=100)]


def one(look: Look, asked: Named) -> OneRun:
    """One run."""
    if asked.run_id == "latest":
        run = next(iter(runs.list_runs(look.c, look.ws, 1)), None)
    else:
        run = runs.get(look.c, look.ws, asked.run_id)
    if run is None:
        raise NotFound(f"There is no run {asked.run_id!r}.", "The page /runs lists them.")
    report = run.report or {}
    rows = ledger.of_run(look.c, look.ws, run.id, limit=WRITTEN)
    pages = CrmPages(look.c, look.settings)
    return OneRun(
        run=_line(run),
        hint=report.get("hint"),
        as_of=report.get("as_of"),
        framework=report.get("framework"),
        model_version=report.get("model_version"),
        plan_id=(report.get("plan") or {}).get("plan_id"),
        bands=(report.get("evaluate") or {}).get("bands", {}),
        alerts=report.get("alerts") or {},
        connections=tuple(_connection(name, part, report) for name, part in report.get("connections", {}).items()),
        streams=_streams(report.get("pull", {})),
        rooms=tuple(Room(name=name, seconds=spent) for name, spent in report.get("seconds", {}).items()),
        notes=tuple(report.get("notes", ())),
        refused=_refused(look, run.id, pages),
        written=tuple(_written(row, pages) for row in rows),
    )


def _line(run: Run) -> Line:
    report = run.report or {}
    apply, seconds = report.get("apply") or {}, None
    if run.finished_at is not None:
        seconds = (run.finished_at - run.started_at).total_seconds()
    return Line(
        **dict(run_line(run)),
        seconds=seconds,
        accounts=(report.get("evaluate") or {}).get("accounts", 0),
        changes=(report.get("plan") or {}).get("changes", 0),
        confirmed=apply.get("confirmed", 0),
        conflict=apply.get("conflict", 0),
        rejected=apply.get("rejected", 0),
        requests=sum(one.get("requests", 0) for one in (report.get("api") or {}).values()),
    )


def _connection(name: str, part: Mapping[str, Any], report: Mapping[str, Any]) -> Connection:
    plan, api = part.get("plan", {}), (report.get("api") or {}).get(name, {})
    return Connection(
        name=name,
        **{key: plan.get(key, 0) for key in ("records", "changes", "held", "cost")},
        buckets={bucket: part.get("apply", {}).get(bucket, 0) for bucket in BUCKETS},
        records_written=part.get("records_written", 0),
        **{key: api.get(key, 0) for key in ("requests", "throttled", "retried")},
        quota_left=api.get("quota_left"),
    )


_COUNTS = ("read", "inserted", "updated", "unchanged", "deleted", "quarantined", "live")


def _streams(pull: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[Stream, ...]:
    return tuple(
        Stream(connection=connection, stream=name, mode=counts.get("mode", ""), note=counts.get("note", ""),
               **{key: counts.get(key, 0) for key in _COUNTS})
        for connection, streams in pull.items()
        for name, counts in streams.items()
    )  # fmt: skip


def _written(row: LedgerRow, pages: CrmPages) -> Written:
    told = {name: getattr(row, name) for name in Written.model_fields.keys() - {"url"}}
    return Written(**told, url=pages.of(row.connection, row.object, row.record_id))


def _refused(look: Look, run_id: str, pages: CrmPages) -> tuple[Refused, ...]:
    found = failures.listed(look.c, look.ws, limit=WRITTEN, run_id=run_id)
    lines = failure_lines(look.c, look.ws, found, look.now)
    return tuple(
        Refused(
            **{name: line[name] for name in Refused.model_fields.keys() - {"url"}},
            url=pages.of(line["connection"], line["object"], line["record_id"]),
        )
        for line in lines
    )


PAGE = Page("/runs", "Runs", "runs.html", listed, Filter, nav="Runs")
ONE = Page("/runs/{run_id}", "Run", "run.html", one, Named)
