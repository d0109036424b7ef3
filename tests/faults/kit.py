"""One CRM that goes wrong, a fresh store, and the three things that must hold whatever happens while reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from config.settings import Settings
from sandbox.hubspot.clock import instant
from sandbox.hubspot.state import HubSpotState
from store.tables import cursor, epoch, evaluation, quota, raw_record
from sync.deps import RunOptions
from sync.engine import run_plan, run_pull
from sync.report import RunReport
from tests.faults.proxy import ChaosProxy, chaos
from tests.flow.one_crm import SESSION, SkippingClock, Vendor, settings_data
from tests.flow.rig import Rig

PAGE_TWO: Mapping[str, dict[str, Any]] = {
    "hubspot": {"method": "GET", "path": "/crm/v3/objects/tickets", "nth": 2},
    "salesforce": {"method": "GET", "path": "/services/data/v*/query*", "nth": 6},
}
"""A request in the middle of a first pull: the second page of tickets, or one of Salesforce's."""
OBJECTS = {
    "accounts": "Account",
    "opportunities": "Opportunity",
    "cases": "Case",
    "contracts": "Contract",
    "events": "Event",
}
_HUBSPOT = ("companies", "deals", "tickets", "meetings")


@dataclass
class Trouble:
    """A CRM with a fresh store; time passes when somebody sleeps."""

    made: Rig
    vendor: Vendor
    clock: SkippingClock = field(default_factory=SkippingClock)

    @property
    def name(self) -> str:
        """Name of the connection."""
        return "hubspot" if self.vendor == "hubspot" else "salesforce"

    def pull(self, *, full: bool = False) -> RunReport:
        """Read and normalise."""
        work = RunOptions(full=full)
        return self.made.run(lambda deps: run_pull(deps, work), clock=self.clock, sleep=self.clock.sleep)

    def plan(self) -> RunReport:
        """Read, compute and plan."""
        return self.made.run(run_plan, clock=self.clock, sleep=self.clock.sleep)

    def fault(self, kind: str, **where: Any) -> None:
        """Let a request of the pull go wrong; one in its middle unless `where` says another."""
        self.made.fault(at=self.name, kind=kind, **{**PAGE_TWO[self.name], **where})

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.made.heal(self.name)

    def a_day_passes(self) -> None:
        """Time goes on for the clock and for the quotas, which the store counts by the time of its database."""
        self.clock.sleep(86_400)
        with self.made.deps() as deps, deps.store.write() as c:
            c.execute(delete(quota))

    @contextmanager
    def proxy(self, **connection: Any) -> Iterator[ChaosProxy]:
        """A proxy between Keepwell and the CRM during the block."""
        before = self.made.settings
        upstream = self.made.crm.hubspot_url if self.vendor == "hubspot" else str(self.made.crm.salesforce_url)
        with chaos(upstream) as between:
            address: dict[str, Any] = {"base_url": between.url}
            if self.vendor != "hubspot":
                address = {"auth": {"flow": "token", "access_token": SESSION, "instance_url": between.url}}
            self.connect(**address, **connection)
            try:
                yield between
            finally:
                self.made.settings = before

    def connect(self, **connection: Any) -> None:
        """Use other settings of the connection from now on."""
        self.made.settings = Settings(
            **settings_data(self.made.crm, self.vendor, self.made.settings.store, **connection)
        )

    def truth(self) -> dict[str, dict[str, str]]:
        """Live records of the CRM: stream → id → stamp."""
        if self.vendor == "hubspot":
            stores = self.made.crm.hubspot.portal.stores
            return {
                name: {str(one.id): instant(one.updated_ms) for one in stores[name].live.values()} for name in _HUBSPOT
            }
        assert self.made.crm.salesforce is not None
        found = {}
        for stream, name in OBJECTS.items():
            table = self.made.crm.salesforce.org.tables[name]
            deleted, stamp = table.columns["IsDeleted"], table.columns["SystemModstamp"]
            found[stream] = {key: str(row[stamp]) for key, row in table.rows.items() if not row[deleted]}
        return found

    def struck(self) -> int:
        """How many requests the faults have hit."""
        state = self.made.crm.hubspot if self.vendor == "hubspot" else self.made.crm.salesforce
        assert state is not None
        script = state.faults.faults if isinstance(state, HubSpotState) else state.faults._script
        return sum(max(0, min(fault.seen - fault.nth + 1, fault.times or fault.seen)) for fault in script)

    def cursors(self) -> dict[str, datetime]:
        """Cursors of the store by stream."""
        with self.made.deps() as deps, deps.store.read() as c:
            return {row.stream: row.at for row in c.execute(select(cursor))}

    def sealed(self) -> set[str]:
        """Streams that were read to their proven end."""
        with self.made.deps() as deps, deps.store.read() as c:
            return set(c.execute(select(epoch.c.stream).where(epoch.c.state == "sealed")).scalars())

    def assert_no_cursor_passed_unread_data(self) -> None:
        """Whatever the CRM has up to a cursor is in the store, as new as it is there."""
        truth = self.truth()
        with self.made.deps() as deps, deps.store.read() as c:
            rows = c.execute(select(raw_record)).all()
        stored = {(row.stream, row.id): row.modified_at for row in rows}
        for stream, at in self.cursors().items():
            for record, stamp in truth.get(stream, {}).items():
                moment = _moment(stamp)
                if moment <= at:
                    assert (stream, record) in stored, f"{stream} {record} of {stamp} is before the cursor {at}"
                    assert stored[stream, record] >= moment, f"{stream} {record}: {stored[stream, record]} is old"

    def assert_stopped(self, report: RunReport, status: str, exit_code: int) -> None:
        """The run ended as documented, with a reason; nothing was computed, no cursor passed what was not read."""
        assert (report.status, report.exit_code) == (status, exit_code), report.reason
        assert report.reason
        assert report.plan is None
        assert report.accounts == 0
        with self.made.deps() as deps, deps.store.read() as c:
            assert c.execute(select(evaluation.c.id)).all() == []
        self.assert_no_cursor_passed_unread_data()

    def assert_held(self, report: RunReport, kept: dict[str, datetime]) -> None:
        """A pull that every answer failed moved no cursor: at HubSpot tickets are concerned, at Salesforce all."""
        assert (report.status, report.exit_code) == ("failed", 1), report.reason
        concerned = kept.keys() & {"tickets"} if self.vendor == "hubspot" else kept.keys()
        assert concerned
        now = self.cursors()
        assert {one: now[one] for one in concerned} == {one: kept[one] for one in concerned}
        self.assert_no_cursor_passed_unread_data()

    def assert_whole(self, report: RunReport) -> None:
        """The pull came to its end and the store shows what the CRM has."""
        assert report.status == "complete", report.reason
        with self.made.deps() as deps, deps.store.read() as c:
            rows = c.execute(select(raw_record).where(~raw_record.c.gone, ~raw_record.c.archived)).all()
        stored: dict[str, dict[str, datetime]] = {}
        for row in rows:
            stored.setdefault(row.stream, {})[row.id] = row.modified_at
        for stream, truth in self.truth().items():
            assert stored.get(stream, {}) == {record: _moment(stamp) for record, stamp in truth.items()}, stream
        self.assert_no_cursor_passed_unread_data()


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def fresh(served: Rig, vendor: Vendor, folder: Path) -> Trouble:
    """A served CRM with a store of its own."""
    settings = Settings(**settings_data(served.crm, vendor, f"sqlite:///{folder}/keepwell.db"))
    return Trouble(Rig(served.crm, settings), vendor)
