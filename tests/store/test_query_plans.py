"""What runs once a page, a slice or a batch finds its rows by an index, whatever the size of the store.

SQLite plans without statistics here, as in production, so the plans of a nearly empty store are those of a full one.
It errs in three ways that cost a run hours: a partial index that is worded otherwise than the query, an index on
`workspace` taken for better than the key, an ORDER BY served by walking through the whole workspace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, event, select

from mapping.alert_life import Life
from mapping.records import ENTITIES, Link, Quarantined, RawRecord
from store import (
    Store,
    alerts,
    aliases,
    audit,
    backfills,
    budgets,
    cursors,
    entities,
    epochs,
    evaluations,
    failures,
    frames,
    identity,
    leases,
    ledger,
    links,
    marks,
    notifications,
    open_store,
    pins,
    plans,
    quarantine,
    raw,
    resolutions,
    runs,
    writes,
)
from store.alerts import Moved, NewAlert, Wanted
from store.evaluations import NewEvaluations
from store.identity import AccountLink
from store.intents import NewIntent, Settlement
from store.notifications import News
from store.plans import PlanHeader, PlanRecord
from store.tables import evaluation, metadata
from store.tables import ledger as ledger_table
from store.types import JsonText
from tests.store.sample import book, fill, kept

COARSE = frozenset({"workspace", "connection", "stream", "object", "kind", "plan_key", "holder"})
"""Columns that many rows share: an index narrowed down by these alone still reads all of a CRM's records."""

SMALL = frozenset({"audit_head", "backfill", "cursor", "epoch", "lease", "mark", "pin", "quota", "raw_seq"})
"""Tables of a few rows a workspace."""

READ = frozenset({*metadata.tables, "older"})
"""Tables, and the alias under which one is read a second time in one query."""


@dataclass
class Tracer:
    """Collects how SQLite carries out every statement of a store."""

    steps: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, c: Connection, _: object, statement: str, given: Any, _context: object, many: bool) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            cursor = c.connection.cursor()
            # Many rows are a list of parameters, or one statement with the parameters of all of them.
            rows = cursor.execute(
                f"EXPLAIN QUERY PLAN {statement}", given[0] if many and isinstance(given, list) else given
            ).fetchall()
            cursor.close()
            self.steps += [(str(row[3]), statement) for row in rows]


@pytest.fixture
def traced(tmp_path: Path, now: datetime) -> Iterator[tuple[Store, Tracer]]:
    """A SQLite store with one row of everything, and the tracer of what is asked of it from now on."""
    with closing(open_store(f"sqlite:///{tmp_path / 'plans.db'}", "w", create=True)) as store:
        fill(store, "w", now, "x")
        tracer = Tracer()
        event.listen(store._engine, "before_cursor_execute", tracer)
        yield store, tracer


def wasteful(steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The steps that read a table whole, or all rows of a workspace, connection or stream."""
    return [(step, statement) for step, statement in steps if _reads_too_much(step, statement)]


def _reads_too_much(step: str, statement: str) -> bool:
    verb, name, *rest = step.split()
    if not rest and verb == "SEARCH" and "WHERE" not in statement:
        return False  # the highest key, asked for without a condition: one row at the end of the table
    if verb not in {"SCAN", "SEARCH"} or name not in READ or name in SMALL:
        return False
    narrowed = set(re.findall(r"[a-z_]+(?=[=<>,)])", step[step.find("(") :]))
    return verb == "SCAN" or "AUTOMATIC" in rest or not narrowed - COARSE


def page(c: Connection, now: datetime) -> None:
    for content in ("changed", "changed", "again"):
        raw.upsert_page(c, "w", "crm", "deals", 1, [RawRecord("1", {"who": content}, now)], now)
    raw.distrust(c, "w", "crm", "deals", [RawRecord("1", {"who": "again"}, now)])
    job = backfills.unfinished(c, "w", "crm", "deals", since=now, asked_until=None)
    assert job is not None
    backfills.save(c, job)
    backfills.drop(c, "w", "crm", "deals", since=now, asked_until=None, now=now)
    backfills.finish(c, "w", [job.id], now)
    raw.mark_gone(c, "w", "crm", "deals", ["1"], now)
    for target in ("2", "3"):
        links.upsert_links(c, "w", "crm", "deals>companies", 1, ["1"], [Link("deals>companies", "1", target)])
    aliases.apply_merges(c, "w", "crm", "deals", {"5": "1", "1": "7"}, now)
    (standing,) = epochs.open_epochs(c, "w")
    epochs.advance(c, standing.id, position="p", high_water=now, rows=1)
    epochs.seal(c, standing.id, proof={}, cursor=now, now=now)
    for mode in ("full", "increment"):
        epochs.open_epoch(c, "w", "crm", "tickets", mode, since=None, now=now)
    cursors.cursor(c, "w", "crm", "tickets")
    epochs.latest_sealed(c, "w", "crm", "tickets", "full")


def normalise(c: Connection, now: datetime) -> None:
    list(raw.iter_changed(c, "w", "crm", "deals"))
    raw.last_seq(c, "w", "crm", "deals")
    raw.payloads(c, "w", "crm", "deals", ["1"])
    list(raw.iter_ids(c, "w", "crm", "deals"))
    list(links.iter_links(c, "w", "crm", "deals>companies"))
    links.links_from(c, "w", "crm", "deals>companies", ["1"])
    aliases.survivors(c, "w", "crm", "deals", ["1"])
    entities.replace_entities(c, "w", "deal", "crm", [{"id": "1", "stream": "deals"}])
    entities.delete_entities(c, "w", "deal", "crm", ["1"], stream="deals")
    quarantine.put_many(c, "w", [Quarantined("crm", "deals", "1", None, "unreadable")], now)
    quarantine.clear(c, "w", "crm", "deals", ["1"])
    marks.set_mark(c, "w", "name", 1)
    marks.mark(c, "w", "name")


def evaluate(c: Connection, now: datetime) -> None:
    list(identity.account_chunks(c, "w", 10))
    identity.links(c, "w", ["a"])
    identity.named(c, "w", [("crm", "1")])
    identity.beginning_with(c, "w", "crm", "1")
    identity.children(c, "w", [AccountLink("a", "crm", "companies", "1", "alone")])
    for entity in {*ENTITIES} - {"owner", "stage"}:
        frames.frame(c, "w", entity, account_ids=["a"])
    for values_hash in ("one", "two"):
        new = NewEvaluations(["a"], [values_hash], [JsonText("{}")], [1.0], ["red"], [None])
        evaluations.differing(c, "w", now, {"a": values_hash})
        evaluations.save(c, "w", "r", "m", now, new, kept("a"))
    list(evaluations.healths(c, "w", [one.id for one in evaluations.newest_before(c, "w", "a", now, limit=1)] or [1]))
    evaluations.retire(c, "w", ["a"])
    alerts.add(c, "w", "r", [NewAlert("a", "red", "Red", "", "csm", None, None, Life(now, now))])
    stands, other = alerts.followed(c, "w", ["a"], since=now)
    alerts.move(c, "w", "r", [Moved(stands.id, stands.life, "call crm:1")])
    alerts.acknowledge(c, "w", other.id, by="Anna", note=None, at=now)
    alerts.get(c, "w", other.id)
    alerts.standing_at(c, "w", "a", now)
    alerts.listed(c, "w", Wanted(account_id="a"), limit=9)
    list(alerts.raised(c, "w", now, now))
    alerts.vanished(c, "w", now, now)
    alerts.followed_owners(c, "w", since=now)


def tell(c: Connection, now: datetime) -> None:
    notifications.note(c, "w", [News("team", "opened", 1), News("team", "failed", about="r")], now)
    notifications.noted(c, "w", [1])
    one = notifications.last_about_runs(c, "w", "team")
    assert one is not None
    notifications.claim(c, "w", "m", [one.id], now)
    notifications.move(c, "w", "sending", [(one.id, one.life)])
    alerts.of_ids(c, "w", [1])
    evaluations.current(c, "w", ["a"])


def plan_and_write(c: Connection, now: datetime) -> None:
    key = plans.create(c, "w", PlanHeader("r", now, now, "f", "m", {}))
    plans.add_records(c, "w", key, [PlanRecord("crm", "companies", "1", "a")])
    plan_id = plans.finish(c, "w", key, cost={}, counts={})
    list(plans.iter_records(c, "w", plan_id, connection="crm", after=("crm", "companies", "0")))
    plans.set_state(c, "w", plan_id, "applied")
    rows = [NewIntent("crm", "companies", "2", "f", "p", None, "1", "")]
    (item,) = book(c, "w", now, rows, run="r", plan=plan_id).intents
    assert [one.id for one in writes.intents(c, "w", "r", ["sent"])] == [item.id]
    writes.settle(c, "w", [Settlement(item.id, "confirmed")], now)
    (bad,) = book(c, "w", now, [NewIntent("crm", "companies", "3", "f", "p", None, "1", "")], run="r").intents
    writes.settle(c, "w", [Settlement(bad.id, "rejected")], now)
    assert failures.make_due(c, "w", now, [("crm", "companies", "3")]) == 1
    assert [*failures.of_records(c, "w", "crm", "companies", ["3"])] == [("3", "p")]
    failures.drop(c, "w", [("crm", "companies", "3", "p")])
    assert [*identity.of_records(c, "w", "crm", "companies", ["1", "3"])] == ["1"]
    writes.counts(c, "w", "r")
    ids = [row.id for row in ledger.ledger_for(c, "w", "crm", "companies", ["1", "2"]).values()]
    assert ledger.mark_verified(c, "w", ids, now) == 2
    assert len(ledger.standing(c, "w", "crm", "companies", after=("1", ""))) == 2
    raw.live_ids(c, "w", "crm", "companies", ["1"])
    assert resolutions.of_records(c, "w", "crm", "companies", ["1"]) == {}
    names = {"batch": "b", "run_id": "r", "connection": "crm", "object_name": "companies", "digest": ""}
    audit.append(c, "w", kind="intent", count=1, detail={}, now=now, **names)
    list(audit.entries(c, "w", batch="b"))
    list(audit.entries(c, "w", run_id="r"))
    pins.verify(c, "w", "crm", "x", now)
    runs.start(c, "w", "r", "sync", as_of=now, version="1", now=now)
    runs.finish(c, "w", "r", status="complete", reason=None, report={}, now=now)


@pytest.mark.parametrize("room", [page, normalise, evaluate, tell, plan_and_write], ids=lambda room: room.__name__)
def test_no_room_reads_more_than_its_rows(
    traced: tuple[Store, Tracer], now: datetime, room: Callable[[Connection, datetime], None]
) -> None:
    store, tracer = traced
    with store.write() as c:
        room(c, now)
    assert len(tracer.steps) > 10
    assert wasteful(tracer.steps) == []


def test_what_stands_is_compared_with_without_the_history_before_it(
    traced: tuple[Store, Tracer], now: datetime
) -> None:
    store, tracer = traced
    with store.read() as c:
        assert evaluations.differing(c, "w", now + timedelta(days=1), {"a": "another"}) == ["a"]
    compared = [step for step, statement in tracer.steps if "values_hash" in statement]
    assert any("uq_evaluation_current" in step for step in compared)
    assert not any("uq_evaluation_workspace" in step or "autoindex_evaluation" in step for step in compared), compared


def test_leases_and_budgets_touch_their_own_row_only(traced: tuple[Store, Tracer]) -> None:
    store, tracer = traced
    held = leases.acquire(store, "w", "hubspot", "run", 60)
    leases.renew(store, held)
    leases.release(store, held)
    keys = [("app", "burst"), ("portal", "daily")]
    for _ in range(2):
        with budgets.QuotaShelf(store).open(keys) as opened:
            opened.states[keys[0]].slots.append([1, 1])
    budgets.QuotaShelf(store).look(keys[0])
    assert {step for step, _ in tracer.steps if step.startswith("SCAN")} <= {"SCAN CONSTANT ROW"}


def test_the_tracer_knows_waste_when_it_sees_it(traced: tuple[Store, Tracer]) -> None:
    store, tracer = traced
    with store.read() as c:
        entities.count(c, "w", "account")
        frames.frame(c, "w", "deal", connection="crm")
        c.exec_driver_sql("SELECT * FROM ledger")
    assert len(wasteful(tracer.steps)) == 3


@pytest.mark.parametrize("table", [evaluation, ledger_table], ids=lambda table: table.name)
def test_the_index_of_standing_rows_is_worded_as_queries_are(store: Store, table: Table) -> None:
    (index,) = (one for one in table.indexes if (one.name or "").endswith("_current"))
    worded = str(index.dialect_options[store.dialect]["where"])
    with store.read() as c:
        asked = str(select(table.c.id).where(table.c.is_current).compile(c.engine)).replace(f"{table.name}.", "")
    assert asked.split("WHERE ")[1] == worded
