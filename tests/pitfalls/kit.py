"""One CRM and one store whose time passes together, only when somebody sleeps or a test lets it pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from store.tables import ENTITY_TABLES
from tests.faults.kit import Trouble
from tests.flow.one_crm import SESSION, SkippingClock, Vendor, one_crm

START = datetime(2026, 11, 20, 18, tzinfo=UTC)
ACCOUNTS = {"hubspot": ("companies", "companies"), "salesforce": ("accounts", "Account")}
"""Stream and object of the accounts of each vendor."""
VENDORS: tuple[Vendor, ...] = ("hubspot", "salesforce")


@dataclass
class Crm(Trouble):
    """A CRM, a store, and a clock for both."""

    def pass_by(self, *, hours: float) -> None:
        """Let time pass."""
        self.clock.sleep(hours * 3600)

    def person(self, verb: str, **body: Any) -> dict[str, Any]:
        """A person does something to records."""
        return self.made.person(verb, at=self.name, **body)

    def account(self, number: int) -> str:
        """Id of the account with this number."""
        return sorted(self.truth()[ACCOUNTS[self.name][0]])[number]

    def entities(self, name: str) -> dict[str, dict[str, Any]]:
        """Normalised rows of an entity by id."""
        with self.made.deps() as deps, deps.store.read() as c:
            return {row.id: dict(row._mapping) for row in c.execute(select(ENTITY_TABLES[name]))}

    def calls(self) -> int:
        """Requests that the CRM has received so far."""
        state = self.made.crm.hubspot if self.vendor == "hubspot" else self.made.crm.salesforce
        assert state is not None
        return int(state.stats.requests)


@contextmanager
def crm(folder: Path, vendor: Vendor, *, accounts: int = 12, batch_size: int = 20, **connection: Any) -> Iterator[Crm]:
    """A fresh CRM with a store of its own; `connection` are further settings."""
    clock = SkippingClock(START)
    hubspot = HubSpotOptions(burst=10**6, searches_per_second=10**6, clock=clock.monotonic)
    salesforce = SalesforceOptions(session_ids=(SESSION,), batch_size=batch_size, clock=clock.now)
    options = {"hubspot_options": hubspot, "salesforce_options": salesforce}
    with one_crm(folder, vendor, accounts=accounts, **options, **connection) as made:
        clock.sleep(86_400)  # so that nothing of the beginning is in the overlap
        yield Crm(made, vendor, clock)
