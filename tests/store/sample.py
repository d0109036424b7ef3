"""One row of everything in a workspace, and what every query function answers about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Column, ColumnElement, Connection, select

from mapping.alert_life import Life
from mapping.decisions import Decision
from mapping.kept import KEPT
from mapping.records import Link, Quarantined, RawRecord
from store import (
    Store,
    alerts,
    aliases,
    audit,
    backfills,
    cursors,
    decisions,
    entities,
    epochs,
    evaluations,
    frames,
    identity,
    leases,
    ledger,
    links,
    marks,
    notifications,
    pins,
    plans,
    quarantine,
    raw,
    runs,
    writes,
)
from store.alerts import NewAlert, Wanted
from store.evaluations import NewEvaluations
from store.identity import AccountLink, Review
from store.intents import NewIntent, Settlement
from store.notifications import News
from store.plans import PlanHeader, PlanRecord
from store.tables import evaluation
from store.tables import quarantine as quarantine_table
from store.types import dump_json


def kept(account_id: str, metric: str = "usage", points: float = 50.0) -> pl.DataFrame:
    """What is kept of the health of an account that has one metric."""
    return pl.DataFrame([{"account_id": account_id, "metric": metric, "points": points}], schema=KEPT)


def book(
    c: Connection, ws: str, now: datetime, rows: Iterable[NewIntent], *, run: str, plan: str = "plan"
) -> writes.Booked:
    """Put `rows` into the outbox on their way, as a guard read that found what the plan had seen does."""
    found = {row: writes.Found("sent", row.base) for row in rows}
    claim = writes.Claim("b1", 1, now, now + timedelta(minutes=1))
    return writes.book(c, ws, plan_id=plan, run_id=run, model_version="m1", rows=found, claim=claim)


def fill(store: Store, ws: str, now: datetime, marker: str) -> None:
    """Put one row of everything under the same keys; only `marker` tells the workspaces apart."""
    with store.write() as c:
        epoch = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        raw.upsert_page(c, ws, "crm", "deals", epoch.id, [RawRecord("1", {"who": marker}, now)], now)
        links.upsert_links(c, ws, "crm", "deals>companies", epoch.id, ["1"], [Link("deals>companies", "1", marker)])
        aliases.apply_merges(c, ws, "crm", "deals", {"0": marker}, now)
        epochs.seal(c, epoch.id, proof={"who": marker}, cursor=now, now=now)
        epochs.open_epoch(c, ws, "crm", "tickets", "full", since=None, now=now)
        entities.replace_entities(c, ws, "account", "crm", [{"id": "1", "stream": "companies", "name": marker}])
        entities.replace_entities(
            c, ws, "deal", "crm", [{"id": "1", "stream": "d", "account_ref": "1", "name": marker}]
        )
        link = AccountLink("a", "crm", "companies", "1", marker)
        identity.replace_identity(c, ws, [link], [Review(marker, (), "")], now)
        about = Decision.about("split", [("crm", marker)])
        decisions.decide(c, ws, decisions.Made(about, marker, now))
        row = NewEvaluations(["a"], [marker], [dump_json({"who": marker})], [1.0], [marker], [marker])
        evaluations.save(c, ws, "run", marker, now, row, kept("a", marker))
        raised = NewAlert("a", marker, marker, marker, marker, ("crm", marker), 48, Life(now, now, now, marker))
        alerts.add(c, ws, "run", [raised])
        notifications.note(c, ws, [News(marker, "failed", about="run")], now)
        key = plans.create(c, ws, PlanHeader("run", now, now, "f", "m", {}))
        plans.add_records(c, ws, key, [PlanRecord("crm", "companies", "1", "a", ({"who": marker},))])
        plan_id = plans.finish(c, ws, key, cost={}, counts={plans.MADE: {"made_at": now.isoformat()}})
        plans.create(c, ws, PlanHeader("run", now, now, "f", "m", {}))
        asked = [NewIntent("crm", "companies", "1", "field", name, None, marker, "") for name in ("written", "waiting")]
        booked = book(c, ws, now, asked, run="run", plan=plan_id)
        first, second = booked.intents
        writes.settle(c, ws, [Settlement(first.id, "confirmed"), Settlement(second.id, "pending")], now)
        names = {"batch": "b", "run_id": "run", "connection": "crm", "object_name": "companies", "digest": marker}
        audit.append(c, ws, kind="intent", count=1, detail={}, now=now, **names)
        runs.start(c, ws, "run", "sync", as_of=now, version="1", now=now)
        runs.finish(c, ws, "run", status="complete", reason=marker, report=None, now=now)
        quarantine.put_many(c, ws, [Quarantined("crm", "deals", "1", None, marker)], now)
        pins.verify(c, ws, "crm", marker, now)
        marks.set_mark(c, ws, "who", marker)
        job = backfills.begin(c, ws, "crm", "deals", since=now, until=now, asked_until=None, expected=1, now=now)
        backfills.save(c, replace(job, position=marker, rows=1))
    leases.acquire(store, ws, "crm/companies", marker, 60)


def column(c: Connection, ws: str, name: Column[Any], *where: ColumnElement[bool]) -> list[Any]:
    """The values of one column in a workspace."""
    return list(c.execute(select(name).where(name.table.c.workspace == ws, *where)).scalars())


def everything(c: Connection, ws: str, now: datetime) -> dict[str, object]:
    """What every query function answers for a workspace, as text that shows the marker."""
    run_plan = plans.latest(c, ws)
    assert run_plan is not None
    assert run_plan.id is not None
    cursor = cursors.cursor(c, ws, "crm", "deals")
    assert cursor is not None
    job = backfills.unfinished(c, ws, "crm", "deals", since=now, asked_until=None)
    assert job is not None
    holder = leases.holder(c, ws, "crm/companies")
    assert holder is not None
    return {
        "changed": [row.payload for row in raw.iter_changed(c, ws, "crm", "deals")],
        "ids": list(raw.iter_ids(c, ws, "crm", "deals")),
        "payloads": raw.payloads(c, ws, "crm", "deals", ["1"]),
        "count": (raw.count_live(c, ws, "crm", "deals"), raw.last_seq(c, ws, "crm", "deals")),
        "links": [list(links.iter_links(c, ws, "crm", k)) for k in ("deals>companies",)],
        "links_from": links.links_from(c, ws, "crm", "deals>companies", ["1"]),
        "aliases": aliases.survivors(c, ws, "crm", "deals", ["0"]),
        "sealed": [e.proof for e in [epochs.latest_sealed(c, ws, "crm", "deals")] if e],
        "open": [e.stream for e in epochs.open_epochs(c, ws)],
        "accounts": frames.frame(c, ws, "account")["name"].to_list(),
        "slices": [part["name"].to_list() for part in frames.frames(c, ws, "deal")],
        "of_account": frames.frame(c, ws, "deal", account_ids=["a"])["name"].to_list(),
        "entity_count": entities.count(c, ws, "account"),
        "identity": (identity.links(c, ws), identity.links(c, ws, ["a"]), identity.find(c, ws, "1")),
        "link_frame": identity.link_frame(c, ws).rows(),
        "reviews": identity.reviews(c, ws),
        "named": identity.named(c, ws, [("crm", "1")]),
        "beginning": identity.beginning_with(c, ws, "crm", "1"),
        "decisions": decisions.decisions(c, ws),
        "decided_at": decisions.last_change(c, ws),
        "chunks": list(identity.account_chunks(c, ws, 10)),
        "standing": column(c, ws, evaluation.c.band, evaluation.c.is_current),
        "alerts": [(one.alert, one.person, one.life) for one in alerts.listed(c, ws, Wanted(), limit=9)],
        "notices": [one.channel for one in notifications.unsettled(c, ws)],
        "followed": [(one.alert, one.life) for one in alerts.followed(c, ws, ["a"], since=now)],
        "stood": [one.label for one in alerts.standing_at(c, ws, "a", now)],
        "raised": list(alerts.raised(c, ws, now, now + timedelta(days=1))),
        "alert_count": alerts.count(c, ws),
        "plan": list(plans.iter_records(c, ws, run_plan.id)),
        "open_intents": [(i.property, i.want) for i in writes.open_intents(c, ws, "crm")],
        "intents": [(i.property, i.want) for i in writes.intents(c, ws, "run")],
        "intent_counts": writes.counts(c, ws, "run"),
        "ledger": [row.written for row in ledger.ledger_for(c, ws, "crm", "companies", ["1"]).values()],
        "audit": [(row.seq, row.digest) for row in audit.entries(c, ws)],
        "runs": [(run.id, run.reason) for run in runs.list_runs(c, ws)],
        "last_good": [run.reason for run in [runs.last_good(c, ws)] if run],
        "quarantine": column(c, ws, quarantine_table.c.reason),
        "quarantined": quarantine.count(c, ws),
        "pin": [pin.identity for pin in [pins.get(c, ws, "crm")] if pin],
        "mark": marks.mark(c, ws, "who"),
        "lease": holder.owner,
        "backfill": (job.position, job.rows),
    }
