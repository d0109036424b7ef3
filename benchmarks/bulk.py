"""A full pull from Salesforce by Bulk API 2.0, against what reading and storing the same rows costs at the least.

The floor is measured in the same run, with the same rows: the same result pages read over loopback and thrown away, and
a bare `sqlite3` table of ids and documents filled in transactions of 5,000 rows that reach the disk like Keepwell's.
Nobody parses, compares or proves anything in it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from benchmarks.local import Bench, served
from benchmarks.org import Org

PAGE = 5_000
STREAMS = {"accounts": "Account", "opportunities": "Opportunity"}


class _Watcher:
    """Peak memory when the store held each of `marks` rows for the first time; nothing where it cannot be told.

    The lower mark also waits until both streams brought half of it: before, the pull holds the pages of one stream and
    not of two, whatever the number of rows. `first` is when the first rows were seen, and how many they were.
    """

    def __init__(self, store: Path, marks: tuple[int, int]) -> None:
        self._store = store
        self._marks = marks
        self.peaks: dict[int, float] = {}
        self.first: tuple[float, int] | None = None

    def __call__(self, peak_mib: float) -> None:
        """Look how many rows there are."""
        try:
            with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as db:
                query = "SELECT stream, value FROM raw_seq WHERE stream IN (?, ?)"
                streams = dict(db.execute(query, tuple(STREAMS)).fetchall())
        except sqlite3.OperationalError:  # not there yet
            return
        rows, low = sum(streams.values()), self._marks[0]
        if rows and self.first is None:
            self.first = time.time(), rows
        both = len(streams) == len(STREAMS) and min(streams.values()) >= low / 2
        for mark in self._marks:
            if rows >= mark and (both or mark > low):
                self.peaks.setdefault(mark, peak_mib)


def run(accounts: int, opportunities: int, *, marks: tuple[int, int] = (50_000, 500_000)) -> dict[str, float]:
    """A full pull of the two objects; peak memory is noted when so many rows are stored, and at the end.

    `rows_a_second` begins with the first call, and so contains the time in which the org finds the rows;
    `stored_a_second` begins when the first rows are in the store.
    """
    with served(hubspot=False, shape=f"salesforce:{accounts},{opportunities},0") as bench:
        counts = bench.counts(salesforce=True)
        watcher = _Watcher(bench.store, marks)
        ran = bench.keepwell("pull", watch=watcher)
        pulled = ran.answer["pull"]["salesforce"]
        _nothing_missing(pulled, counts)
        rows = sum(stream["read"] for stream in pulled.values())
        began, ended, finished = _rooms(bench)
        read, stored = _read_and_discard(bench), _bare_sqlite(bench)
    pull = ended - began
    seen_at, seen = watcher.first or (began, 0)
    low, high = (watcher.peaks.get(mark, float("nan")) for mark in marks)
    return {
        "rows": rows,
        "pull_seconds": pull,
        "rows_a_second": rows / pull,
        "stored_a_second": (rows - seen) / (ended - seen_at) if ended > seen_at else float("nan"),
        "calls": ran.answer["api"]["salesforce"]["requests"],
        "floor_read_seconds": read,
        "floor_store_seconds": stored,
        "times_floor": pull / (read + stored),
        "normalised_a_second": rows / (finished - ended),
        "low_peak_mib": low,
        "high_peak_mib": high,
        "high_times_low": high / low,
        "peak_mib": ran.peak_mib,
    }


def _nothing_missing(pulled: Mapping[str, Mapping[str, int]], counts: Mapping[str, int]) -> None:
    for stream, name in STREAMS.items():
        if pulled[stream]["live"] != counts[name]:
            raise RuntimeError(f"{stream}: the org has {counts[name]}, the store {pulled[stream]['live']}")


def _rooms(bench: Bench) -> tuple[float, float, float]:
    """When the first stream began, when the last one was sealed, and when the run ended; seconds since 1970."""
    with closing(sqlite3.connect(bench.store)) as db:
        began, ended = db.execute("SELECT min(started_at) / 1e6, max(ended_at) / 1e6 FROM epoch").fetchone()
        ((finished,),) = db.execute("SELECT max(finished_at) / 1e6 FROM run")
    return began, ended, finished


def _read_and_discard(bench: Bench) -> float:
    """Seconds in which the pages that Keepwell read come over loopback, both objects one after the other."""
    org = Org(bench.org)
    total = 0.0
    for stream, name in STREAMS.items():
        job = org.finished_job(name, dict.fromkeys(("Id", "SystemModstamp", *bench.columns(stream))))
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
        "PRAGMA wal_autocheckpoint=16000",
        "CREATE TABLE record (id TEXT PRIMARY KEY, payload TEXT NOT NULL)",
    ):
        db.execute(statement)
    return db
