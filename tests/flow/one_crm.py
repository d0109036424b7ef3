"""Runs that only read, against one vendor: how it is connected, and what the store holds afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Column, Table, select

from config.settings import Settings
from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from sandbox.serve import Portfolio, Running, running
from store import Store
from store.tables import ENTITY_TABLES, cursor, quarantine, raw_alias, raw_link, raw_record
from tests.flow.rig import ROOMY, TODAY, ZONE, Rig

Vendor = Literal["hubspot", "salesforce", "bulk"]
"""`bulk` is Salesforce with every object read by bulk jobs, in small pieces."""

SESSION = "00Dxx!a.session.that.does.not.end"
BULK = {"bulk_from": 1, "bulk_page": 20, "rows_a_page": 8}
_BOOKKEEPING = frozenset(
    {"workspace", "seq", "last_epoch", "epoch_id", "checksum", "times", "first_seen_at", "last_seen_at", "changed_at",
     "merged_at", "updated_at"}
)  # fmt: skip
"""Columns that tell how and when something was read, not what."""


class SkippingClock:
    """The machine's clock, or one that stands; sleeping moves it on instead of waiting."""

    def __init__(self, stands_at: datetime | None = None) -> None:
        self._stands_at = stands_at
        self.skipped = timedelta(0)

    def now(self) -> datetime:
        return (self._stands_at or datetime.now(UTC)) + self.skipped

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.skipped += timedelta(seconds=seconds)


@contextmanager
def one_crm(
    folder: Path,
    vendor: Vendor,
    *,
    accounts: int = 14,
    store: str | None = None,
    hubspot_options: HubSpotOptions | None = None,
    salesforce_options: SalesforceOptions | None = None,
    **connection: Any,
) -> Iterator[Rig]:
    """One CRM with a portfolio and settings that connect it; `connection` are further settings of it."""
    salesforce = salesforce_options or SalesforceOptions(session_ids=(SESSION,), batch_size=20)
    with running(
        Portfolio(accounts, 7, TODAY),
        salesforce=vendor != "hubspot",
        state_dir=folder,
        hubspot_options=hubspot_options or HubSpotOptions(burst=100_000, searches_per_second=1_000),
        salesforce_options=salesforce,
    ) as crm:
        data = settings_data(crm, vendor, store or f"sqlite:///{folder}/keepwell.db", **connection)
        yield Rig(crm, Settings(**data))


def settings_data(crm: Running, vendor: Vendor, store: str, **connection: Any) -> dict[str, Any]:
    """Settings as JSON-able data."""
    own: dict[str, Any] = {"type": "hubspot", "access_token": crm.hubspot_token, "base_url": crm.hubspot_url}
    own["limits"] = ROOMY
    if vendor != "hubspot":
        auth = {"flow": "token", "access_token": SESSION, "instance_url": crm.salesforce_url}
        own = {"type": "salesforce", "auth": auth, "pull": BULK if vendor == "bulk" else {}}
    name = own["type"]
    return {"store": store, "timezone": ZONE, "connections": {name: {**own, **connection}}}


def content(store: Store) -> Mapping[str, list[tuple[Any, ...]]]:
    """What was read, table by table: raw rows, links, merged ids, cursors, and the entities made of them."""
    tables = {"raw_record": raw_record, "raw_link": raw_link, "raw_alias": raw_alias, "cursor": cursor}
    tables |= {"quarantine": quarantine} | {table.name: table for table in ENTITY_TABLES.values()}
    with store.read() as c:
        return {
            name: sorted((tuple(row) for row in c.execute(select(*_told(table)))), key=repr)
            for name, table in tables.items()
        }


def _told(table: Table) -> list[Column[Any]]:
    return [one for one in table.columns if one.name not in _BOOKKEEPING or table.name.startswith("entity_")]
