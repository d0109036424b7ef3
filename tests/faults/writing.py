"""A CRM that is written to, on either store, and what must hold whatever happens while writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from store.tables import intent, lease, run
from sync import faults
from sync.report import RunReport
from tests.faults.kit import Trouble
from tests.flow import start
from tests.flow.checker import assert_sound
from tests.flow.one_crm import Vendor, one_crm
from tests.flow.rig import Rig

SEGMENT: Mapping[str, tuple[str, str, str]] = {
    "hubspot": ("companies", "companies", "cs_segment"),
    "salesforce": ("accounts", "Account", "CS_Segment__c"),
}
"""Stream, object and property of a value that every account gets."""
WRITE: Mapping[str, dict[str, str]] = {
    "hubspot": {"method": "POST", "path": "*/companies/batch/update"},
    "salesforce": {"method": "PATCH", "path": "*/composite/sobjects*"},
}
"""The request that writes accounts."""
Values = dict[tuple[str, str], object]


class Writing(Trouble):
    """A CRM with Keepwell's properties in it."""

    def sync(self, **others: Any) -> RunReport:
        return self.made.sync(**others)

    def goes_wrong(self, kind: str, **where: Any) -> None:
        """Let a request that writes go wrong, the first one unless `where` says another."""
        self.made.fault(at=self.name, kind=kind, **{**WRITE[self.name], **where})

    def accounts(self) -> list[str]:
        """Ids of the accounts in the CRM."""
        return sorted(self.truth()[SEGMENT[self.name][0]])

    def person(self, verb: str, record: str, **body: Any) -> None:
        """Somebody does something to an account."""
        self.made.person(verb, at=self.name, object=SEGMENT[self.name][1], id=record, **body)

    def sets_segment(self, record: str, value: str) -> None:
        """Somebody changes a value that Keepwell writes."""
        self.person("edit", record, properties={SEGMENT[self.name][2]: value})

    def segment(self, record: str) -> object:
        """That value as the CRM has it."""
        if self.name == "hubspot":
            return self.made.company(record).get(SEGMENT["hubspot"][2])
        assert self.made.crm.salesforce is not None
        table = self.made.crm.salesforce.org.tables["Account"]
        return table.rows[record][table.columns[SEGMENT["salesforce"][2]]]

    def effects(self) -> list[dict[str, Any]]:
        """What Keepwell changed on accounts, in order."""
        return [one for one in self.made.ours(at=self.name) if one["object"] == SEGMENT[self.name][1]]

    def values(self) -> Values:
        """What Keepwell wrote last, by (record, property); the time stamps, which differ in each run, left out."""
        told = [one for one in self.effects() if "scored_at" not in one["property"].lower()]
        return {(str(one["id"]), one["property"]): one["new"] for one in told}

    def states(self) -> dict[str, int]:
        """Intents by state."""
        with self.made.deps() as deps, deps.store.read() as c:
            return {row[0]: row[1] for row in c.execute(select(intent.c.state, func.count()).group_by(intent.c.state))}

    def runs(self) -> list[tuple[str, str | None]]:
        """Status and reason of every run in the store, oldest first."""
        with self.made.deps() as deps, deps.store.read() as c:
            return [tuple(row) for row in c.execute(select(run.c.status, run.c.reason).order_by(run.c.started_at))]

    def assert_sound(self, *, quiet: bool = True) -> None:
        """The rig's checker finds nothing: every effect audited and intended, nothing twice, people's values kept."""
        assert_sound(self.made, quiet=quiet)

    def assert_ended(self, report: RunReport, status: str, code: str | None, *says: str) -> None:
        """The run ended in a named state, with a reason and, unless all is well, what to do."""
        assert (report.status, report.reason_code) == (status, code), report.reason
        report.check_buckets()
        told = f"{report.reason} {report.hint}"
        assert all(word.casefold() in told.casefold() for word in says), told

    def leases_end(self) -> None:
        """As if the time of a dead run's leases had passed."""
        with self.made.deps() as deps, deps.store.write() as c:
            c.execute(update(lease).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))

    def assert_caught_up(self, *, values: Values | None = None) -> None:
        """The next run completes what is left, and the one after it has nothing to do."""
        report = self.sync()
        assert report.status == "complete", report.reason
        self.assert_sound()
        if values is not None:
            assert self.values() == values
        before = len(self.effects())
        assert self.sync().buckets().planned == 0
        assert len(self.effects()) == before


@contextmanager
def written(
    folder: Path, vendor: Vendor, store: str | None = None, *, accounts: int = 10, synced: bool = False
) -> Iterator[Writing]:
    """A CRM of its own with Keepwell's properties, and an empty store or that of a first run."""
    with one_crm(folder, vendor, accounts=accounts, store=store) as made:
        begin = start.synced if synced else start.provisioned
        begin(made, (vendor, accounts))
        yield Writing(Rig(made.crm, made.settings), vendor)


@contextmanager
def once(point: str, act: Callable[[], object]) -> Iterator[list[str]]:
    """Do something when a fault point is passed for the first time; the list then holds it."""
    done: list[str] = []

    def hook(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    faults.arm(hook)
    try:
        yield done
    finally:
        faults.arm(None)
