"""What runs leave for the dashboard to show, in a store of many accounts: a plan, conflicts, refusals, unread rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from benchmarks.evaluation import NOON
from benchmarks.stored import CRM, deps_on
from mapping.records import Quarantined
from store import plans, quarantine, runs
from store.plans import MADE, PlanHeader, PlanRecord
from store.tables import failure, ledger

HELD_EACH = 20
"""One account in so many has a value that a person changed."""
REFUSED, UNREADABLE, RUNS, WRITTEN = 1_000, 1_000, 500, 150_000
_A_WRITE = 1_000
_PROPERTIES = ("health_score", "health_band", "health_reasons")


def worked(path: Path, accounts: int) -> None:
    """Put them into the store at `path`."""
    deps = deps_on(path)
    with deps.store.write() as c:
        plan_id = _planned(c, deps.workspace, accounts)
        for number in range(RUNS):
            _ran(c, deps.workspace, number, plan_id, accounts)
        _written(c, deps.workspace, plan_id, accounts)
        odd = [Quarantined(CRM, "companies", str(n), "arr", f"no number {n % 7}", "?") for n in range(UNREADABLE)]
        quarantine.put_many(c, deps.workspace, odd, NOON)
    deps.close()


def _planned(c: Connection, ws: str, accounts: int) -> str:
    key = plans.create(c, ws, PlanHeader("plan", NOON, NOON, "cradle_to_grave", "v1", {"workspace": ws}))
    batch: list[PlanRecord] = []
    for record in _records(accounts):
        batch.append(record)
        if len(batch) == _A_WRITE:
            plans.add_records(c, ws, key, batch)
            batch = []
    plans.add_records(c, ws, key, batch)
    counts = {"records": accounts, "changes": 3 * accounts, "held": accounts // HELD_EACH, "cost": accounts // 100}
    names = sorted(f"cs_{name}" for name in (*_PROPERTIES, "segment"))
    made = {CRM: counts, "/properties": {CRM: names}, MADE: {"run_id": "bench-0", "made_at": NOON.isoformat()}}
    return plans.finish(c, ws, key, cost={CRM: accounts // 100}, counts=made)


def _records(accounts: int) -> Iterator[PlanRecord]:
    because = "The score fell by 12 points since logins fell and two tickets are open."
    changes = tuple(
        {"field": name, "property": f"cs_{name}", "before": "old", "after": "new", "because": because}
        for name in _PROPERTIES
    )
    told = {"by": "somebody", "of": "property", "kind": "user", "who": "77", "at": NOON.isoformat()}
    held = {"field": "segment", "property": "cs_segment", "seen": "a", "last_written": None, "want": "b",
            "reason": "human_edit", "told": told}  # fmt: skip
    for number in range(accounts):
        kept = (held,) if number % HELD_EACH == 0 else ()
        yield PlanRecord(CRM, "companies", str(number), f"hubspot:companies:{number}", changes, kept)


def _ran(c: Connection, ws: str, number: int, plan_id: str, accounts: int) -> None:
    at = NOON - timedelta(hours=12 * number)
    bands = {"green": accounts // 2, "yellow": accounts // 4, "red": accounts // 4, "unknown": 0}
    report = {
        "model_version": "v1",
        "evaluate": {"accounts": accounts, "bands": bands},
        "plan": {"plan_id": plan_id, "changes": 3 * accounts},
        "apply": {"confirmed": 3 * accounts},
        "api": {CRM: {"requests": 900, "throttled": 3, "retried": 1, "quota_left": 240_000}},
    }
    runs.start(c, ws, f"bench-{number}", "sync", as_of=at, version="1", now=at)
    runs.finish(c, ws, f"bench-{number}", status="complete", reason=None, report=report, now=at + timedelta(minutes=5))


def _written(c: Connection, ws: str, plan_id: str, accounts: int) -> None:
    place = {"workspace": ws, "connection": CRM, "object": "companies"}
    told = {"before": "old", "written": "new", "run_id": "bench-0", "plan_id": plan_id, "model_version": "v1",
            "because": "because", "written_at": NOON - timedelta(days=1), "is_current": True}  # fmt: skip
    rows: list[dict[str, Any]] = [
        {**place, **told, "record_id": str(number), "field": name, "property": f"cs_{name}"}
        for number in range(min(accounts, WRITTEN // len(_PROPERTIES)))
        for name in _PROPERTIES
    ]
    c.execute(insert(ledger), rows)
    times = {"first_at": NOON, "last_at": NOON, "due_at": NOON, "attempts": 2}
    refused = {"field": "segment", "property": "cs_segment", "want": "b", "reason": "no such option", "code": "INVALID",
               "run_id": "bench-0"}  # fmt: skip
    c.execute(insert(failure), [{**place, **times, **refused, "record_id": str(n)} for n in range(REFUSED)])
