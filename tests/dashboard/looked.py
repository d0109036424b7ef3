"""A workspace to look at: runs, plans and what could not be read, with text as hostile as a CRM can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert
from starlette.applications import Starlette

from config.frameworks import load_framework_file
from config.settings import Settings
from dashboard.web.access import Access
from dashboard.web.app import Parts, create_app
from dashboard.web.catalogue import Catalogue
from dashboard.web.page import Engine
from dashboard.web.reckoned import Reckoner
from dashboard.web.shelf import Shelf
from mapping.records import Quarantined
from mapping.reports.document import Chart, Column, Document, Section, Series, Table, count, share
from store import Store, epochs, identity, open_store, plans, quarantine, runs
from store.identity import AccountLink, Review
from store.plans import MADE, PlanHeader, PlanRecord
from store.tables import ENTITY_TABLES, failure, ledger
from sync.report import AlertCounts, ApiUse, Buckets, ConnectionPlan, PlanSummary, RunReport, StreamCounts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WS = "default"
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\u202e\x1b[2J=cmd|x"
"""Markup, the end of a script, a mark that turns the line around, a terminal's escape, a formula."""
CONNECTIONS = {"hubspot": {"type": "hubspot", "access_token": "pat-test"}}


def settings(folder: Path) -> Settings:
    return Settings.model_validate({"connections": CONNECTIONS, "store": f"sqlite:///{folder / 'keepwell.db'}"})


@contextmanager
def dashboard(folder: Path, make: Callable[[str], Document] | None = None, *, fill: bool = True) -> Iterator[Starlette]:
    """The application over a store that is filled, or empty; `make` makes its reports."""
    own = settings(folder)
    store = open_store(own.store, WS, create=True)
    if fill:
        filled(store)
    store.close()
    shelf, framework = Shelf(own.store, WS), load_framework_file("cradle_to_grave")
    engine = Engine(reports=None if make is None else Reckoner(make, patience=30))
    catalogue = Catalogue(shelf, own, framework)
    try:
        yield create_app(Parts(own, framework, shelf, Access(own.dashboard), catalogue, engine=engine, now=lambda: NOW))
    finally:
        shelf.close()


def filled(store: Store) -> str:
    """Put one of everything into a store; returns the id of its plan."""
    with store.write() as c:
        c.execute(insert(ENTITY_TABLES["account"]), _accounts())
        links = [AccountLink(f"a{place}", "hubspot", "companies", str(place), "alone") for place in range(3)]
        review = Review("duplicate_domain", (["hubspot", "1"], ["hubspot", "2"]), f"both say {HOSTILE}")
        identity.replace_identity(c, WS, links, [review], NOW)
        plan_id = _planned(c)
        _ran(c, plan_id)
        odd = [Quarantined("hubspot", "companies", str(n), "arr", f"no number {HOSTILE}", HOSTILE) for n in range(60)]
        quarantine.put_many(c, WS, odd, NOW - timedelta(days=2))
        _read(c)
    return plan_id


def _accounts() -> list[dict[str, Any]]:
    names = [HOSTILE, "Acme", "Bolt"]
    return [
        {"workspace": WS, "connection": "hubspot", "id": str(place), "stream": "companies", "name": name,
         "domain": f"d{place}.example"}
        for place, name in enumerate(names)
    ]  # fmt: skip


def _planned(c: Connection) -> str:
    header = PlanHeader("plan", NOW, NOW, "cradle_to_grave", "v1", {"workspace": WS, "timezone": "UTC"})
    key = plans.create(c, WS, header)
    band = {"field": "health_band", "property": "cs_health_band", "before": HOSTILE, "after": "red", "because": HOSTILE}
    stage = {"field": "lifecycle_stage", "property": "cs_lifecycle_stage", "before": None, "after": None, "because": ""}
    held = {"field": "segment", "property": "cs_segment", "seen": HOSTILE, "last_written": "a", "want": "b",
            "reason": "human_edit"}  # fmt: skip
    records = [PlanRecord("hubspot", "companies", "0", "a0", (band, stage), (held,)),
               PlanRecord("hubspot", "companies", "1", "a1", (stage,), ())]  # fmt: skip
    many = [PlanRecord("hubspot", "companies", f"x{n:03}", "a2", (stage,), ()) for n in range(60)]
    plans.add_records(c, WS, key, [*records, *many])
    counts = {"hubspot": {"records": 62, "changes": 63, "held": 1, "accepted": 0, "refused": 0, "cost": 2},
              "/properties": {"hubspot": ["cs_health_band", "cs_lifecycle_stage", "cs_segment"]},
              MADE: {"run_id": "run-1", "made_at": NOW.isoformat()}}  # fmt: skip
    return plans.finish(c, WS, key, cost={"hubspot": 2}, counts=counts)


def report(plan_id: str) -> RunReport:
    """What a run of every room says."""
    made = RunReport("run-1", "sync", "2026-11-20", NOW.isoformat(), status="partial", reason=HOSTILE, hint="Look.")
    made.pull = {"hubspot": {"companies": StreamCounts(read=3, inserted=3, live=3, mode="full", note=HOSTILE)}}
    made.plan = PlanSummary(plan_id, {"hubspot": ConnectionPlan(records=2, changes=3, held=1, cost=2)})
    made.apply = {"hubspot": Buckets(planned=3, confirmed=1, rejected=1, conflict=1)}
    made.api = {"hubspot": ApiUse(requests=7, throttled=1, retried=2, quota_left=249_993)}
    made.alerts, made.seconds, made.notes, made.accounts = AlertCounts(raised=1), {"pull": 1.5}, [HOSTILE], 3
    return made


def _ran(c: Connection, plan_id: str) -> None:
    for number in range(60):
        begun = NOW - timedelta(hours=1, minutes=60 - number)
        runs.start(c, WS, f"old-{number:02}", "plan", as_of=NOW, version="1", now=begun)
        runs.finish(c, WS, f"old-{number:02}", status="complete", reason=None, report={}, now=begun)
    runs.start(c, WS, "run-1", "sync", as_of=NOW, version="1", now=NOW - timedelta(minutes=5))
    made = report(plan_id).to_dict()
    runs.finish(c, WS, "run-1", status="partial", reason=HOSTILE, report=made, now=NOW)
    place = {"workspace": WS, "connection": "hubspot", "object": "companies", "record_id": "0"}
    value = {"field": "health_band", "property": "cs_health_band", "run_id": "run-1"}
    times = {"first_at": NOW, "last_at": NOW, "due_at": NOW, "attempts": 1}
    c.execute(insert(failure), {**place, **value, **times, "want": HOSTILE, "reason": HOSTILE, "code": "INVALID"})
    told = {"before": HOSTILE, "written": "red", "plan_id": plan_id, "model_version": "v1", "because": HOSTILE}
    c.execute(insert(ledger), {**place, **value, **told, "written_at": NOW, "is_current": True})


def _read(c: Connection) -> None:
    for stream, days in (("companies", 0), ("deals", 3)):
        at = NOW - timedelta(days=days, hours=1)
        begun = epochs.open_epoch(c, WS, "hubspot", stream, "full", since=None, now=at)
        epochs.advance(c, begun.id, position=None, high_water=at, rows=3)
        epochs.seal(c, begun.id, proof={}, cursor=at, now=at)


def document(name: str) -> Document:
    """A report with every kind of part, in the shape of the one that is asked for."""
    rows = [{"account_id": f"a{n}", "term_id": str(n), "end": f"2026-{12 - n % 2}-01", "account": HOSTILE,
             "value": 10.0 * n, "status": "due" if n % 2 else "at_risk", "band": "red", "chance": 0.5, "expected": None}
            for n in range(130)]  # fmt: skip
    columns = (Column("end", "Last day", "date"), Column("account", "Account"), Column("value", "ARR", "money"),
               Column("status", "Status", "word"), Column("band", "Health", "band"),
               Column("chance", "Probability", "share"), Column("expected", "Expected", "money"))  # fmt: skip
    figures = (
        share("nrr", HOSTILE, 1, 2, before=(1, 3), made_of=HOSTILE),
        share("grr", "None", 0, 0),
        count("n", "N", 3),
    )
    chart = Chart("c", HOSTILE, "stacked", "money", [HOSTILE, "b"], (Series(HOSTILE, [1, None], "red"),), "month")
    listed = Table("calendar", "Contracts", columns, rows, len(rows), "None.")
    sections = (Section("forecast", "Forecast", HOSTILE, figures, (chart,)),
                Section("calendar", "Calendar", tables=(listed,)),
                Section("odds", "Odds", tables=(Table("odds", "Odds", columns, [], 0, HOSTILE),)))  # fmt: skip
    return Document(
        name, "Title", HOSTILE, "2026-11-20", {"from": None, "to": "2026-11-20"}, 3, "EUR", (HOSTILE,), sections
    )
