"""Two workspaces on one store never see, change or block each other's rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Table, func, select

from store import (
    Store,
    alerts,
    backfills,
    cursors,
    entities,
    evaluations,
    identity,
    leases,
    ledger,
    links,
    pins,
    plans,
    quarantine,
    raw,
    runs,
    writes,
)
from store.alerts import Moved
from store.errors import PinMismatch, StateConflict
from store.intents import Settlement
from store.leases import Lease
from store.ledger import LedgerRow
from store.tables import metadata
from tests.store.sample import everything, fill


def test_every_answer_is_about_one_workspace(store: Store, ws: str, now: datetime) -> None:
    fill(store, f"{ws}-a", now, "alpha")
    with store.read() as c:
        alone = everything(c, f"{ws}-a", now)
    fill(store, f"{ws}-b", now, "beta")
    with store.read() as c:
        beside, other = everything(c, f"{ws}-a", now), everything(c, f"{ws}-b", now)
    assert beside == alone
    assert "beta" not in str(beside)
    assert "alpha" not in str(other)
    assert str(other) == str(alone).replace("alpha", "beta")


def written(c: Connection, ws: str) -> list[LedgerRow]:
    return list(ledger.ledger_for(c, ws, "crm", "companies", ["1"]).values())


def rows_of(c: Connection, table: Table, ws: str) -> int:
    return c.execute(select(func.count()).select_from(table).where(table.c.workspace == ws)).scalar_one()


def test_every_table_but_the_quotas_has_a_workspace() -> None:
    assert {name for name, table in metadata.tables.items() if "workspace" not in table.c} == {"quota"}


def test_what_one_workspace_deletes_or_ends_stays_in_the_other(store: Store, ws: str, now: datetime) -> None:
    mine, theirs = f"{ws}-a", f"{ws}-b"
    fill(store, mine, now, "alpha")
    fill(store, theirs, now, "beta")
    with store.read() as c:
        before = everything(c, theirs, now)
        foreign = writes.open_intents(c, theirs, "crm")[0].id
        foreign_job = backfills.unfinished(c, theirs, "crm", "deals", since=now, asked_until=None)
        assert foreign_job is not None
        (foreign_alert,) = alerts.followed(c, theirs, ["a"], since=now)
        foreign_rows = [row.id for row in written(c, theirs)]
        foreign_plan = plans.latest(c, theirs)
        assert foreign_plan is not None
    steps: tuple[Callable[[Connection], object], ...] = (
        lambda c: raw.mark_unseen_gone(c, mine, "crm", "deals", 0, now),
        lambda c: raw.mark_gone(c, mine, "crm", "deals", ["1"], now),
        lambda c: links.upsert_links(c, mine, "crm", "deals>companies", 9, ["1"], []),
        lambda c: entities.delete_entities(c, mine, "account", "crm", ["1"]),
        lambda c: entities.clear_entities(c, mine, "deal", "crm", "d"),
        lambda c: identity.replace_identity(c, mine, [], [], now),
        lambda c: evaluations.retire(c, mine, ["a"]),
        lambda c: alerts.resolve_gone(c, mine, "run", now + timedelta(days=1)),
        lambda c: alerts.move(c, mine, "run", [Moved(foreign_alert.id, foreign_alert.life, "meeting crm:1")]),
        lambda c: alerts.acknowledge(c, mine, foreign_alert.id, by="Anna", note=None, at=now),
        lambda c: quarantine.clear(c, mine, "crm", "deals", ["1"]),
        lambda c: cursors.forget(c, mine, "crm", "deals"),
        lambda c: writes.recover(c, mine, "crm", now),
        lambda c: pins.repin(c, mine, "crm", "new", now),
        lambda c: plans.discard_drafts(c, mine),
        lambda c: backfills.drop(c, mine, "crm", "deals", since=now, asked_until=None, now=now),
        lambda c: backfills.finish(c, mine, [foreign_job.id], now),
        lambda c: ledger.mark_verified(c, mine, foreign_rows, now),
    )
    for step in steps:
        with store.write() as c:
            step(c)
    with pytest.raises(StateConflict), store.write() as c:
        writes.settle(c, mine, [Settlement(foreign, "held")], now)
    with pytest.raises(PinMismatch, match="leads to beta"), store.write() as c:
        pins.verify(c, mine, "crm", "beta", now)
    for reach in (
        lambda c: plans.discard(c, mine, foreign_plan.key + 1),
        lambda c: plans.set_state(c, mine, foreign_plan.id or "", "stale"),
        lambda c: runs.finish(c, mine, "theirs", status="failed", reason=None, report=None, now=now),
    ):
        with pytest.raises(StateConflict), store.write() as c:
            reach(c)
    leases.release(store, Lease(mine, "crm/companies", "beta", 1, 60))
    with store.write() as c:
        assert everything(c, theirs, now) == before
        assert [row.verified_at for row in written(c, theirs)] == [None]
        assert plans.discard_drafts(c, theirs) == 1
