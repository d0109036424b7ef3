"""Answers to questions about what the store holds, as plain data: plans, conflicts, the age of the last good run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from config.settings import Settings
from dashboard.reasons import REASONS
from dashboard.text import so_many
from store import Store, open_store, runs
from store.names import Names, names_by_account
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
    """Changes and held values of the first `rows` records of a plan (None: all), and how many records come after.

    Records that it makes are shown before the others, as many again.
    """
    rest = iter(records)
    listed = list(islice(rest, rows))
    made: list[PlanRecord] = []
    hidden = 0
    for record in rest:
        if record.kind == "create" and len(made) < (rows or 0):
            made.append(record)
        else:
            hidden += 1
    listed = [*made, *sorted(listed, key=lambda one: one.kind != "create")]
    with store.read() as c:
        names = names_by_account(c, store.workspace, (record.account_id for record in listed))
    shown = [line for record in listed for line in _change_lines(record, names)]
    conflicts = [line for one in listed for line in _held_lines(one, names)]
    return {"shown": shown, "conflicts": conflicts, "hidden_records": hidden}


def last_good_run(store: Store, max_age: float | None = None, *, complete: bool = False) -> Page:
    """When the last good run ended, by the store's clock; `fresh` unless that is over `max_age` seconds ago, or ahead.

    `state` is fresh, stale or never; `status` how that run ended, `last_run` what the last one came to if that is
    another. With `complete` a run that left values behind is not good enough.
    """
    with store.read() as c:
        run = runs.last_good(c, store.workspace, statuses=("complete",) if complete else runs.GOOD)
        last = runs.last_ended(c, store.workspace)
    later = last if last is not None and (run is None or last.id != run.id) else None
    seconds = (store.now() - run.finished_at).total_seconds() if run is not None and run.finished_at else None
    # A run of a machine whose clock was ahead must not keep a probe quiet until that day has come.
    fresh = max_age is None or (seconds is not None and abs(seconds) <= max_age)
    return {
        "run_id": run.id if run is not None else None,
        "status": run.status if run is not None else None,
        "age_seconds": seconds,
        "fresh": fresh,
        "state": "never" if seconds is None else "fresh" if fresh else "stale",
        "last_run": {key: getattr(later, key) for key in ("id", "status", "reason")} if later is not None else None,
        "text": " ".join([_good_in_words(run, seconds, complete=complete), *_later_in_words(later)]),
    }


def _good_in_words(run: Run | None, seconds: float | None, *, complete: bool) -> str:
    if run is None or seconds is None:
        return f"There was no {'complete' if complete else 'good'} run yet."
    left = f" It was partial: {run.reason}" if run.status == "partial" else ""
    if seconds < -runs.AHEAD.total_seconds():
        wrong = "a clock is wrong, or was when it ran: `keepwell doctor` compares this machine's."
        return f"Run {run.id} ended well, but is dated {_duration(-seconds)} ahead: {wrong}{left}"
    return f"Run {run.id} ended well {_duration(max(0.0, seconds))} ago.{left}"


def _later_in_words(later: Run | None) -> list[str]:
    return [f"The last run, {later.id}, ended {later.status}: {later.reason or 'no reason was kept.'}"] if later else []


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return so_many(int(seconds), "second")


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
        "object": record.object,
        "record_id": record.record_id,
        "kind": record.kind,
        "account_id": record.account_id,
        "account": names.get((record.connection, record.record_id))
        or names.get((record.connection, record.account_id)),
    }
