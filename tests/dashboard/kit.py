"""A small portfolio whose CRM texts are as hostile as they can be, and the dashboard over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, insert

from config.frameworks import load_framework_file
from config.settings import Settings
from dashboard.web.access import Access
from dashboard.web.app import Parts
from dashboard.web.catalogue import Catalogue
from dashboard.web.page import Engine
from dashboard.web.shelf import Shelf
from mapping.alert_life import Life
from mapping.kept import KEPT
from store import alerts, entities, evaluations, identity, marks, open_store, runs
from store.alerts import NewAlert
from store.evaluations import NewEvaluations
from store.identity import AccountLink
from store.tables import ledger
from store.types import dump_json

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
HOSTILE = "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=1>\u202e{{7*7}}=1+1 javascript:alert(1)"
"""Markup, the end of an attribute, a mark that turns the line around, a template, a formula, an address."""
SCORES: dict[str, tuple[float | None, str, str, str]] = {
    "crm:1": (31.5, "red", "adoption", "at_risk"),
    "crm:2": (68.0, "yellow", "value_realization", "on_track"),
    "crm:3": (91.2, "green", "growth_expansion", "not_due"),
    "crm:4": (None, "unknown", "implementation", "not_due"),
    "crm:5": (22.0, "red", "departed", "churned"),
}
"""Account → score, band, stage and renewal status of now."""
METRICS = {"login_frequency": 7.5, "feature_utilization": 3.0}


@dataclass(frozen=True, slots=True)
class World:
    """What a test has in hand: the parts of the application, and the store's address."""

    parts: Parts
    url: str

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction in which something in the store is changed, as a run does beside the server."""
        store = open_store(self.url)
        with closing(store), store.write() as c:
            yield c


def fill(url: str) -> None:
    """Make a store with the portfolio."""
    store = open_store(url, create=True)
    with closing(store), store.write() as c:
        put_portfolio(c)


def world(url: str, **settings: Any) -> World:
    """The dashboard over the store at `url`."""
    return World(parts(url, **settings), url)


def parts(url: str, **settings: Any) -> Parts:
    """The application's parts over the store at `url`, with the clock at NOW."""
    own = Settings.model_validate(
        {"store": url, "connections": {"crm": {"type": "hubspot", "access_token": "t"}}, **settings}
    )
    framework = load_framework_file(own.framework)
    shelf = Shelf(own.store, own.workspace)
    return Parts(
        own, framework, shelf, Access(own.dashboard), Catalogue(shelf, own, framework), engine=Engine(), now=lambda: NOW
    )


def put_portfolio(c: Connection, ws: str = "default") -> None:
    """Five accounts with everything that the pages show: two evaluations, runs, tickets, meetings, terms."""
    put_records(c, ws)
    put_evaluations(c, ws)
    put_work(c, ws)
    marks.set_mark(c, ws, marks.EVALUATED_LAST, NOW.isoformat())
    for ago in (40, 0):
        put_run(c, ws, NOW - timedelta(days=ago), model="m1" if ago else "m2")


def put_records(c: Connection, ws: str) -> None:
    """Accounts, their owner, tickets, meetings and contracts."""
    names = {"1": HOSTILE, "2": "Bolt & Sons", "3": "Crane", "4": "Dune", "5": "Elm 50%_off"}
    accounts = [
        {"id": one, "stream": "companies", "name": name, "domain": f"d{one}.example", "owner_ref": "o1"}
        for one, name in names.items()
    ]
    own = {"account_ref": "1"}
    entities.replace_entities(c, ws, "account", "crm", accounts)
    entities.replace_entities(c, ws, "owner", "crm", [{"id": "o1", "stream": "owners", "name": f"Olga {HOSTILE}"}])
    ticket = {"id": "t1", "stream": "tickets", "subject": HOSTILE, "priority": HOSTILE, "created_at": NOW}
    closed = {"id": "t2", "stream": "tickets", "subject": "Closed", "created_at": NOW, "closed_at": NOW}
    entities.replace_entities(c, ws, "ticket", "crm", [ticket | own, closed | own])
    meeting = {"id": "m1", "stream": "meetings", "title": HOSTILE, "starts_at": NOW, "outcome": HOSTILE}
    entities.replace_entities(c, ws, "meeting", "crm", [meeting | own])
    term = {"id": "c1", "stream": "contracts", "status": HOSTILE, "start_at": NOW.date(), "currency": HOSTILE}
    entities.replace_entities(c, ws, "contract", "crm", [term | own])
    links = [AccountLink(f"crm:{one}", "crm", "companies", one, "first") for one in names]
    identity.replace_identity(c, ws, links, [], NOW)


def put_evaluations(c: Connection, ws: str) -> None:
    """An evaluation forty days ago, in which everybody was at 60, and that of now."""
    then = NOW - timedelta(days=40)
    evaluations.save(
        c, ws, "run-40", "m1", then, _evaluations(dict.fromkeys(SCORES, (60.0, "yellow", "adoption", "due"))), _kept()
    )
    evaluations.save(c, ws, "run-0", "m2", NOW, _evaluations(SCORES), _kept())


def _evaluations(found: dict[str, tuple[float | None, str, str, str]]) -> NewEvaluations:
    documents = [
        dump_json(
            {
                "values": {
                    "segment": "standard", "renewal_status": status, "health_coverage": "80", "lifecycle_stage": stage,
                    "health_reasons": f"{HOSTILE} (-5 points); Logins: 1 (-2 points)", "health_band": band,
                },
                "told": {"arr": "12000", "currency": "EUR"},
            }
        )
        for _, band, stage, status in found.values()
    ]  # fmt: skip
    scores, bands, stages, _ = zip(*found.values(), strict=True)
    return NewEvaluations(list(found), [str(one) for one in found.values()], documents, scores, bands, stages)


def _kept() -> pl.DataFrame:
    rows = [
        {"account_id": account, "metric": name, "unrounded": 100 - sum(METRICS.values()), "value": 1.0, "points": 50.0,
         "counted_points": 50.0, "weight": 10.0, "loss": loss}
        for name, loss in METRICS.items()
        for account in SCORES
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=KEPT)


def put_work(c: Connection, ws: str) -> None:
    """An overdue alert on the first account, and a value written to its record."""
    life = Life(raised_at=NOW - timedelta(days=3), judged_at=NOW, due_at=NOW - timedelta(days=1))
    alert = NewAlert("crm:1", "red", f"Health is red {HOSTILE}", HOSTILE, "csm", ("crm", "o1"), 24, life)
    alerts.add(c, ws, "run-0", [alert])
    row = {
        "workspace": ws, "connection": "crm", "object": "companies", "record_id": "1", "field": "health_score",
        "property": "cs_health_score", "before": HOSTILE, "written": "31.5", "run_id": "run-0", "plan_id": "p",
        "model_version": "m2", "because": HOSTILE, "written_at": NOW, "is_current": True,
    }  # fmt: skip
    c.execute(insert(ledger), [row])


def put_run(c: Connection, ws: str, at: datetime, *, model: str = "m2", status: str = "partial") -> None:
    """A run that counted the bands of its day."""
    run_id = f"run-{(NOW - at).days}"
    bands = {"green": 1, "yellow": 1, "red": 2, "unknown": 1}
    runs.start(c, ws, run_id, "sync", as_of=at, version="1", now=at)
    report = {"evaluate": {"accounts": 5, "bands": bands}, "model_version": model}
    runs.finish(c, ws, run_id, status=status, reason=HOSTILE, report=report, now=at + timedelta(minutes=1))


def with_engine(made: Parts, engine: Engine) -> Parts:
    """The same parts with something to ask."""
    return replace(made, engine=engine)
