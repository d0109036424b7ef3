"""A killed writer leaves a whole page or none of it, and writers wait for each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from threading import Thread

import pytest

from mapping.records import RawRecord
from store import Store, cursors, epochs, open_store, raw

ROOT = Path(__file__).resolve().parents[2]

# For each job, a child stores a page and its position step by step, and kills itself with SIGKILL before step number
# `fatal`; forked, because starting Python anew for each would cost more than the rest of the test.
WRITER = """
import os, signal, sys
from datetime import UTC, datetime
from sqlalchemy import event
from mapping.records import RawRecord
from store import epochs, open_store, raw

now = datetime(2026, 3, 14, tzinfo=UTC)
steps = 0

def write(url, ws, fatal):
    def step(*_):
        global steps
        steps += 1
        if steps == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(url)
    event.listen(store._writer, "before_cursor_execute", step)
    event.listen(store._writer, "commit", step)
    with store.write() as c:
        epoch = epochs.open_epoch(c, ws, "crm", "deals", "full", since=None, now=now)
        records = [RawRecord(str(n), {"version": 2}, now) for n in range(200)]
        raw.upsert_page(c, ws, "crm", "deals", epoch.id, records, now)
        epochs.advance(c, epoch.id, position="after=200", high_water=now, rows=200)
        epochs.seal(c, epoch.id, proof={"rows": 200}, cursor=now, now=now)
    store.close()

for job in sys.argv[2:]:
    ws, fatal = job.split(":")
    child = os.fork()
    if child == 0:
        write(sys.argv[1], ws, int(fatal))
        os._exit(steps)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def run_writer(url: str, *jobs: tuple[str, int]) -> list[int]:
    """Run a child for each job (workspace, fatal step) and return how it ended: steps taken, or minus the signal."""
    command = [sys.executable, "-c", WRITER, url, *(f"{ws}:{fatal}" for ws, fatal in jobs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.stderr == ""
    return [int(line) for line in done.stdout.split()]


def state(store: Store, ws: str) -> tuple[int, bool, int]:
    with store.read() as c:
        cursor = cursors.cursor(c, ws, "crm", "deals")
        return raw.count_live(c, ws, "crm", "deals"), cursor is not None, len(epochs.open_epochs(c, ws))


def test_a_page_is_stored_whole_or_not_at_all(url: str, store: Store, ws: str) -> None:
    (steps,) = run_writer(url, (f"{ws}-whole", 0))
    assert steps >= 10
    assert state(store, f"{ws}-whole") == (200, True, 0)
    # Before the first statement, in the middle, between the last statement and the commit.
    fatal = (1, steps // 2, steps - 1, steps)
    assert run_writer(url, *((f"{ws}-{step}", step) for step in fatal)) == [-signal.SIGKILL] * 4
    assert [state(store, f"{ws}-{step}") for step in fatal] == [(0, False, 0)] * 4
    assert run_writer(url, (f"{ws}-{steps}", 0)) == [steps]
    assert state(store, f"{ws}-{steps}") == (200, True, 0)


def test_writers_wait_for_each_other(url: str, ws: str, now: datetime) -> None:
    failures: list[BaseException] = []

    def work(stream: str) -> None:
        own = open_store(url)
        try:
            for number in range(15):
                with own.write() as c:
                    records = [RawRecord(f"{number}-{n}", {}, now) for n in range(20)]
                    raw.upsert_page(c, ws, "crm", stream, 1, records, now)
        except BaseException as error:  # noqa: BLE001 - whatever a thread dies of belongs into the test's verdict
            failures.append(error)
        finally:
            own.close()

    threads = [Thread(target=work, args=(stream,)) for stream in ("deals", "deals", "tickets", "companies")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    reader = open_store(url)
    with reader.read() as c:
        for stream in ("deals", "tickets", "companies"):
            seqs = [row.seq for row in raw.iter_changed(c, ws, "crm", stream)]
            assert len(seqs) == 300
            assert seqs == sorted(set(seqs))
    reader.close()


@pytest.mark.parametrize("chunk", [1, 7])
def test_a_reader_that_remembers_its_place_misses_nothing(store: Store, ws: str, now: datetime, chunk: int) -> None:
    seen: list[str] = []
    place = 0
    for number in range(5):
        with store.write() as c:
            records = [RawRecord(f"{number}-{n}", {}, now) for n in range(3)]
            raw.upsert_page(c, ws, "crm", "deals", 1, records, now)
        with store.read() as c:
            for row in raw.iter_changed(c, ws, "crm", "deals", place, chunk=chunk):
                seen.append(row.id)
                place = row.seq
    assert len(seen) == len(set(seen)) == 15


def test_opening_a_store_twice_keeps_the_locks_of_the_first(url: str, store: Store, ws: str) -> None:
    """SQLite's locks end when any descriptor of the file is closed; then another process takes the log away."""
    with store.read() as c:
        assert raw.count_live(c, ws, "crm", "deals") == 0
    open_store(url).close()
    (steps,) = run_writer(url, (ws, 0))  # the last one out resets the log, unless it sees our locks
    assert steps >= 10
    assert state(store, ws) == (200, True, 0)
