"""Runs: when, with which version, how they ended and what they reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, insert, or_, select, update

from store.errors import StateConflict
from store.tables import ledger, run

_R = run.c

AHEAD = timedelta(minutes=5)
"""So far may a run be dated ahead of the clock of who looks, before that is worth a word: no two clocks agree."""
GOOD = ("complete", "partial")
"""How a run ends that came to its end."""
WRITING = ("sync", "apply")
"""Commands that write; pulling or planning by hand says nothing about the schedule."""
SILENT = "The process ended without a word; the next run went on from there."


@dataclass(frozen=True, slots=True)
class Run:
    """A run; `status` is `running` until it ended, and stays so when the process died."""

    id: str
    command: str
    status: str
    reason: str | None
    version: str
    as_of: datetime | None
    started_at: datetime
    finished_at: datetime | None
    report: dict[str, Any] | None


_COLUMNS = tuple(_R[name] for name in Run.__dataclass_fields__)


def start(
    c: Connection, ws: str, run_id: str, command: str, *, as_of: datetime | None, version: str, now: datetime
) -> Run:
    """Note that a run begins."""
    fresh = Run(run_id, command, "running", None, version, as_of, now, None, None)
    values = {name: getattr(fresh, name) for name in Run.__dataclass_fields__}
    c.execute(insert(run).values(workspace=ws, **values))
    return fresh


def finish(
    c: Connection,
    ws: str,
    run_id: str,
    *,
    status: str,
    reason: str | None,
    report: Mapping[str, Any] | None,
    now: datetime,
) -> Run:
    """Note how a run ended; it ends once. Raises StateConflict when it has.

    A run that was taken for dead may still come back to say so: its own word counts.
    """
    values = {"status": status, "reason": reason, "report": report, "finished_at": now}
    if not _end(c, ws, run_id, values, or_(_R.status == "running", _R.reason == SILENT)):
        raise StateConflict(f"The run {run_id} is not running.", "List runs with `keepwell runs list`.")
    ended = get(c, ws, run_id)
    if ended is None:
        raise StateConflict(f"The run {run_id} vanished.", "Check the store with `keepwell db check`.")
    return ended


def amend(c: Connection, ws: str, run_id: str, report: Mapping[str, Any]) -> bool:
    """Add to the report of a run that ended what happened after its end; False when it did not end."""
    here = and_(_R.workspace == ws, _R.id == run_id, _R.status != "running")
    return c.execute(update(run).where(here).values(report=report)).rowcount == 1


def take_for_dead(c: Connection, ws: str, run_id: str, *, now: datetime) -> bool:
    """Note that a run holds no lease any more and never said how it ended; False when it has said so meanwhile.

    A run gives back its leases before it says how it ended, so that another one may look just between the two.
    """
    values = {"status": "interrupted", "reason": SILENT, "finished_at": now}
    return _end(c, ws, run_id, values, _R.status == "running")


def _end(c: Connection, ws: str, run_id: str, values: Mapping[str, Any], may_end: ColumnElement[bool]) -> bool:
    here = and_(_R.workspace == ws, _R.id == run_id, may_end)
    return c.execute(update(run).where(here).values(values)).rowcount == 1


def get(c: Connection, ws: str, run_id: str) -> Run | None:
    """Return a run by id."""
    return next(iter(_select(c, (_R.workspace == ws) & (_R.id == run_id), 1)), None)


def list_runs(c: Connection, ws: str, limit: int = 20) -> list[Run]:
    """Return the latest runs, newest first."""
    return _select(c, _R.workspace == ws, limit)


def that_wrote(c: Connection, ws: str, limit: int = 20) -> list[Run]:
    """Return the latest runs that wrote a value, newest first."""
    wrote = exists().where(ledger.c.workspace == ws, ledger.c.run_id == _R.id)
    return _select(c, and_(_R.workspace == ws, wrote), limit)


def latest_told(c: Connection, ws: str, commands: tuple[str, ...] = WRITING) -> Run | None:
    """Return the last run of these commands that says how things stand: not one that had to wait or was stopped."""
    ended = _R.status.not_in(("running", "busy", "interrupted"))
    return next(iter(_select(c, and_(_R.workspace == ws, _R.command.in_(commands), ended), 1)), None)


def last_good(
    c: Connection, ws: str, commands: tuple[str, ...] = WRITING, statuses: tuple[str, ...] = GOOD
) -> Run | None:
    """Return the last run of these commands that came to its end, by default of those that bring the CRMs up to date.

    A partial run counts, unless `statuses` says otherwise: it came to its end, and what it left is a value that a
    person or the CRM refused it.
    """
    here = and_(_R.workspace == ws, _R.command.in_(commands), _R.status.in_(statuses))
    return next(iter(_select(c, here, 1)), None)


def last_ended(c: Connection, ws: str, commands: tuple[str, ...] = WRITING) -> Run | None:
    """Return the last run of these commands that ended, however it did."""
    here = and_(_R.workspace == ws, _R.command.in_(commands), _R.finished_at.is_not(None))
    return next(iter(_select(c, here, 1)), None)


def _select(c: Connection, here: ColumnElement[bool], limit: int) -> list[Run]:
    query = select(*_COLUMNS).where(here).order_by(_R.started_at.desc(), _R.id.desc()).limit(limit)
    return [Run(*row) for row in c.execute(query)]
