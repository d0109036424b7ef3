"""A full pull from Salesforce by Bulk API 2.0, against what reading and storing the same rows costs at the least.

The floor is measured in the same run, with the same rows: the same result pages read over loopback and thrown away, and
a bare `sqlite3` table of ids and documents filled in transactions of 2,000 rows that reach the disk like Keepwell's.
Nobody parses, compares or proves anything in it.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.local import Bench, served
from benchmarks.org import Org

PAGE = 2_000
STREAMS = {"accounts": "Account", "opportunities": "Opportunity"}


@dataclass(frozen=True, slots=True)
class _Pulled:
    """Seconds of the pull room and of normalising after it; peak memory of the whole command; calls."""

    rows: int
    pull: float
    normalise: float
    peak_mib: float
    calls: int


def run(accounts: int, opportunities: int, *, small: tuple[int, int] = (25_000, 25_000)) -> dict[str, float]:
    """A full pull of the two objects, and another one of a `small` org, to see whether memory grows with the rows."""
    with _served(*small) as bench:
        little = _pull(bench)
    with _served(accounts, opportunities) as bench:
        much = _pull(bench)
        read, stored = _read_and_discard(bench), _bare_sqlite(bench)
    return {
        "rows": much.rows,
        "pull_seconds": much.pull,
        "rows_a_second": much.rows / much.pull,
        "calls": much.calls,
        "floor_read_seconds": read,
        "floor_store_seconds": stored,
        "times_floor": much.pull / (read + stored),
        "normalised_a_second": much.rows / much.normalise,
        "small_rows": little.rows,
        "small_peak_mib": little.peak_mib,
        "peak_mib": much.peak_mib,
        "times_small_peak": much.peak_mib / little.peak_mib,
    }


def _served(accounts: int, opportunities: int) -> AbstractContextManager[Bench]:
    return served(hubspot=False, shape=f"salesforce:{accounts},{opportunities},0")


def _pull(bench: Bench) -> _Pulled:
    counts = bench.counts(salesforce=True)
    ran = bench.keepwell("pull")
    pulled = ran.answer["pull"]["salesforce"]
    for stream, name in STREAMS.items():
        if pulled[stream]["live"] != counts[name]:
            raise RuntimeError(f"{stream}: the org has {counts[name]}, the store {pulled[stream]['live']}")
    with closing(sqlite3.connect(bench.store)) as db:
        began, ended = db.execute("SELECT min(started_at) / 1e6, max(ended_at) / 1e6 FROM epoch").fetchone()
        ((finished,),) = db.execute("SELECT max(finished_at) / 1e6 FROM run")
    rows = sum(stream["read"] for stream in pulled.values())
    calls = ran.answer["api"]["salesforce"]["requests"]
    return _Pulled(rows, ended - began, finished - ended, ran.peak_mib, calls)


def _read_and_discard(bench: Bench) -> float:
    """Seconds in which the pages that Keepwell read come over loopback, both objects one after the other."""
    org = Org(bench.org)
    total = 0.0
    for stream, name in STREAMS.items():
        job = org.finished_job(name, dict.fromkeys(("Id", "SystemModstamp", *bench.properties(stream))))
        started = time.perf_counter()
        for _ in org.results(job):
            pass
        total += time.perf_counter() - started
    return total


def _bare_sqlite(bench: Bench) -> float:
    """Seconds in which SQLite stores the ids and documents that Keepwell stored, and nothing else."""
    total = 0.0
    with closing(_fresh(bench.folder / "bare.db")) as bare, closing(sqlite3.connect(bench.store)) as db:
        rows = db.execute("SELECT stream || id, payload FROM raw_record")
        while page := rows.fetchmany(PAGE):
            started = time.perf_counter()
            bare.execute("BEGIN IMMEDIATE")
            bare.executemany("INSERT INTO record VALUES (?, ?)", page)
            bare.execute("COMMIT")
            total += time.perf_counter() - started
    return total


def _fresh(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "CREATE TABLE record (id TEXT PRIMARY KEY, payload TEXT NOT NULL)",
    ):
        db.execute(statement)
    return db
