"""Kills a first pull at its fault points, one at a time, runs it again, and compares the store with an unbroken one.

`python -m tests.flow.crash_pull` (`make crash-pull`) does it at every point, on both stores, for each way of reading,
and prints how many. The tests take a sample of the same points. Time stands still in the CRMs and in the runs, so
that even the cursors have to be equal.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import update

from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from store import Store, open_store
from store.tables import lease
from sync import faults
from sync.engine import run_pull
from tests.flow.databases import fresh_schemas
from tests.flow.killed_run import Kill, killing
from tests.flow.one_crm import SESSION, SkippingClock, Vendor, content, one_crm, settings_data
from tests.flow.rig import Rig

SEEDED = datetime(2026, 11, 20, 18, tzinfo=UTC)
NOW = SEEDED + timedelta(days=2)
"""When the pulls are: nothing has happened for so long that the second one's increments find nothing."""
ACCOUNTS: Mapping[Vendor, int] = {"hubspot": 150, "salesforce": 60, "bulk": 60}
"""Enough for several pages of each stream; HubSpot's have a hundred rows."""
POINTS = ("pull.page_read", "pull.page_stored", "pull.sealed")
Content = Mapping[str, list[tuple[Any, ...]]]
MakeStore = Callable[[], str]


@dataclass
class Crashes:
    """A CRM that stands still, what an unbroken pull of it leaves in a store, and how often it passes each point."""

    made: Rig
    vendor: Vendor
    expected: Content
    passes: dict[str, int] = field(default_factory=dict)

    def points(self, at_most: int | None = None) -> list[tuple[str, int]]:
        """Each passing of each point, or an even sample of them."""
        every = [(point, nth) for point in POINTS for nth in range(1, self.passes[point] + 1)]
        step = 1 if at_most is None else -(-len(every) // at_most)
        return every[step // 2 :: step]

    def survive(self, kill: Kill, store: str, point: str, nth: int) -> None:
        """Kill a pull into an empty store at a point, pull again, and compare; raises `AssertionError`."""
        where = f"{self.vendor}: killed at passing {nth} of {point}"
        order = {
            "settings": settings_data(self.made.crm, self.vendor, store),
            "command": "pull",
            "now": NOW.isoformat(),
        }
        ended = kill({**order, "point": point, "nth": nth})
        assert ended == -signal.SIGKILL, f"{where}: the run ended with {ended} instead"
        opened = open_store(store, "default")
        try:
            with opened.write() as c:  # as if the time of the dead run's lease had passed
                c.execute(update(lease).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
            again = kill({**order, "point": "", "nth": 0})
            assert again == 0, f"{where}: the next run ended with {again}"
            self._compare(opened, where)
        finally:
            opened.close()

    def _compare(self, store: Store, where: str) -> None:
        found = content(store)
        for table, rows in self.expected.items():
            lost = [row for row in rows if row not in found[table]][:3]
            more = [row for row in found[table] if row not in rows][:3]
            assert found[table] == rows, f"{where}: {table} differs: lost {lost}, besides {more}"


@contextmanager
def crashes(folder: Path, vendor: Vendor) -> Iterator[Crashes]:
    """A portfolio with archived, deleted and merged records, pulled once without a stop."""
    instants = [SEEDED]

    def now() -> datetime:
        return instants[-1]

    hubspot = HubSpotOptions(burst=10**6, searches_per_second=10**6, clock=lambda: now().timestamp())
    salesforce = SalesforceOptions(session_ids=(SESSION,), batch_size=20, clock=now)
    with one_crm(
        folder, vendor, accounts=ACCOUNTS[vendor], hubspot_options=hubspot, salesforce_options=salesforce
    ) as made:
        _people_at_work(made, vendor)
        instants.append(NOW)
        passed: list[str] = []
        faults.arm(passed.append)
        try:
            with made.deps(clock=SkippingClock(NOW), sleep=lambda _seconds: None) as deps:
                report = run_pull(deps)
                assert report.status == "complete", report.reason
                expected = content(deps.store)
        finally:
            faults.arm(None)
        assert expected["raw_record"]
        assert expected["raw_alias"]
        assert expected["cursor"]
        yield Crashes(made, vendor, expected, {point: passed.count(point) for point in POINTS})


def _people_at_work(made: Rig, vendor: Vendor) -> None:
    at, name = ("hubspot", "companies") if vendor == "hubspot" else ("salesforce", "Account")
    if vendor == "hubspot":
        ids = [str(one) for one in sorted(made.crm.hubspot.portal.stores["companies"].live)]
    else:
        assert made.crm.salesforce is not None
        ids = sorted(made.crm.salesforce.org.tables["Account"].rows)
    made.person("archive", at=at, object=name, id=ids[3])
    made.person("merge", at=at, object=name, id=ids[5], other=ids[8])


def sqlite_files(folder: Path) -> MakeStore:
    """A maker of addresses of stores that are not there yet."""
    return lambda: f"sqlite:///{tempfile.mkdtemp(dir=folder)}/keepwell.db"


def main() -> int:
    """Every point, both stores, every way of reading; prints a line each."""
    with killing() as kill, tempfile.TemporaryDirectory() as scratch, fresh_schemas() as postgresql:
        for vendor in get_args(Vendor):
            folder = Path(scratch) / vendor
            with crashes(folder, vendor) as one:
                for name, make in {"sqlite": sqlite_files(folder), "postgresql": postgresql}.items():
                    began = time.monotonic()
                    for point, nth in one.points():
                        one.survive(kill, make(), point, nth)
                    counts = ", ".join(f"{number} at {point}" for point, number in one.passes.items())
                    seconds = time.monotonic() - began
                    sys.stdout.write(f"{vendor} on {name}: {len(one.points())} kills ({counts}), {seconds:.0f} s\n")
                    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
