"""Answers to questions about what the store holds, as plain data: plans, conflicts, the age of the last good run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from config.settings import Settings
from dashboard.names import Names, account_names
from dashboard.reasons import REASONS
from store import Store, open_store, runs
from store.plans import PlanRecord
from store.runs import Run

Page = dict[str, Any]
PLAN_ROWS = {"terminal": 6, "json": 2000}
"""Records of a plan that are shown; `plan --out` has them all."""


@contextmanager
def reading(settings: Settings) -> Iterator[Store]:
    """The store of these settings, for commands that only look; raises StoreError when there is none."""
    store = open_store(settings.store, settings.workspace)
    try:
        yield store
    finally:
        store.close()


def plan_page(store: Store, records: Iterable[PlanRecord], rows: int | None = None) -> Page:
    """Changes and held values of the first `rows` records of a plan (None: all), and how many records come after."""
    rest = iter(records)
    listed = list(islice(rest, rows))
    hidden = sum(1 for _ in rest)
    with store.read() as c:
        names = account_names(c, store.workspace, (record.account_id for record in listed))
    shown = [line for record in listed for line in _change_lines(record, names)]
    conflicts = [line for one in listed for line in _held_lines(one, names)]
    return {"shown": shown, "conflicts": conflicts, "hidden_records": hidden}


def last_good_run(store: Store, max_age: float | None = None) -> Page:
    """When the last good run ended, by the store's clock; `fresh` unless that is over `max_age` seconds ago."""
    with store.read() as c:
        run = runs.last_good(c, store.workspace)
    if run is None or run.finished_at is None:
        return {"run_id": None, "age_seconds": None, "fresh": max_age is None, "text": "There was no good run yet."}
    seconds = (store.now() - run.finished_at).total_seconds()
    text = f"Run {run.id} ended well {_duration(seconds)} ago."
    return {"run_id": run.id, "age_seconds": seconds, "fresh": max_age is None or seconds <= max_age, "text": text}


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} seconds"


def runs_page(store: Store, limit: int) -> Page:
    """The last runs, newest first."""
    with store.read() as c:
        return {"runs": [_run_line(run) for run in runs.list_runs(c, store.workspace, limit)]}


def run_page(store: Store, run_id: str) -> Page | None:
    """The report of one run, or None; `latest` means the newest."""
    with store.read() as c:
        if run_id == "latest":
            newest = runs.list_runs(c, store.workspace, 1)
            run = newest[0] if newest else None
        else:
            run = runs.get(c, store.workspace, run_id)
    if run is None:
        return None
    return {"run_id": run.id, "status": run.status, "reason": run.reason} | dict(run.report or {})


def _run_line(run: Run) -> Page:
    report = dict(run.report or {})
    return {
        "run_id": run.id,
        "command": run.command,
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "finished_at": run.finished_at.isoformat(timespec="seconds") if run.finished_at else None,
        "status": run.status or "running",
        "reason": run.reason,
        "changes": report.get("plan", {}).get("changes", 0),
        "confirmed": report.get("apply", {}).get("confirmed", 0),
    }


def _change_lines(record: PlanRecord, names: Names) -> Iterator[Page]:
    place = _place(record, names)
    for change in record.changes:
        yield place | change


def _held_lines(record: PlanRecord, names: Names) -> Iterator[Page]:
    place = _place(record, names)
    for held in record.held:
        yield place | held | {"reason": REASONS.get(held["reason"], held["reason"])}


def _place(record: PlanRecord, names: Names) -> Page:
    return {
        "connection": record.connection,
        "record_id": record.record_id,
        "account_id": record.account_id,
        "account": names.get((record.connection, record.record_id)),
    }
