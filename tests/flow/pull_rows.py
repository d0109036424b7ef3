"""`python -m tests.flow.pull_rows 5000`: pulls so many rows into a new SQLite store; prints the peak memory in KiB."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from connectors.base import Connector, Page, Stream, Window
from mapping.records import RawRecord
from store import leases, raw
from sync.pull import pull_streams
from sync.session import lease_key
from tests.machines.kit import BEGIN, WS, session_of, world

PAGE = 1_000
TEXT = "x" * 1_000
ROWS = Stream("accounts", "account", properties=("text",))


@dataclass
class Rows:
    """A CRM with so many records of a kilobyte, none of which is there before its page is asked for."""

    count: int
    name: str = "crm"

    def streams(self) -> Sequence[Stream]:
        return [ROWS]

    def pages(self, _stream: Stream, _window: Window) -> Iterator[Page]:
        for start in range(0, self.count, PAGE):
            numbers = range(start, min(start + PAGE, self.count))
            records = tuple(RawRecord(f"{n:07}", {"text": f"{n}{TEXT}"}, BEGIN - timedelta(days=1)) for n in numbers)
            yield Page(records, position=str(start), complete=numbers.stop == self.count, high_water=BEGIN)

    def lookup(self, _stream: Stream, _ids: Sequence[str]) -> Iterator[Page]:
        return iter(())

    def not_connected(self) -> dict[str, tuple[str, ...]]:
        return {}


def main(count: int) -> None:
    """Pull, and tell what it took."""
    with world("sqlite") as made:
        session = session_of(made, Rows(count), "run")
        session.held["crm"] = leases.acquire(made.store, WS, lease_key("crm"), "run", 1e9)
        pull_streams(session, cast("Connector", Rows(count)), [ROWS])
        with made.store.read() as c:
            assert raw.count_live(c, WS, "crm", "accounts") == count
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    sys.stdout.write(found[1])


if __name__ == "__main__":
    main(int(sys.argv[1]))
