"""Runs that die: `python -m tests.flow.killed_run` takes JSON orders, a line each, and answers with how each run ended.

An order names the settings, a fault point and its how-manieth passing; besides, the command (`sync` or `pull`) or the
streams of a backfill, a limit, and an instant at which the clock stands. Every run is a fork of this process, which has
imported everything and started no thread, because starting an interpreter takes longer than the run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from itertools import count
from typing import Any

import connectors.hubspot.connector
import connectors.salesforce.connector  # noqa: F401 - both are imported by name when a run connects; here it is early
from config.settings import Settings
from sync import faults
from sync.assemble import assemble
from sync.backfill import BackfillOptions
from sync.deps import RunOptions, Timing
from sync.engine import run_backfill, run_pull, run_sync
from tests.flow.one_crm import SkippingClock

Kill = Callable[[Mapping[str, Any]], int]
"""Carries out an order; returns the exit code of the run, or the negative number of the signal that ended it."""


@contextmanager
def killing() -> Iterator[Kill]:
    """Runs that may die, in a process of their own."""
    command = [sys.executable, "-m", "tests.flow.killed_run"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        orders, answers = server.stdin, server.stdout

        def kill(order: Mapping[str, Any]) -> int:
            print(json.dumps(order), file=orders, flush=True)
            return int(answers.readline())

        yield kill
        orders.close()


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(order: dict[str, Any]) -> int:
    """Run until the fault point; returns the exit code of a run that came through."""
    passed = count(1)  # counts correctly in any number of threads

    def die(name: str) -> None:
        if name == order["point"] and next(passed) == order["nth"]:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.arm(die)
    others: dict[str, Any] = {}
    if "now" in order:
        others = {"clock": SkippingClock(datetime.fromisoformat(order["now"])), "sleep": lambda _seconds: None}
    deps = assemble(Settings(**order["settings"]), timing=Timing(deadline=0.2, grace=0.4), **others)
    if "backfill" in order:
        return run_backfill(deps, BackfillOptions(order["backfill"], date.fromisoformat(order["since"]))).exit_code
    verb = run_pull if order.get("command") == "pull" else run_sync
    return verb(deps, RunOptions(limit=order.get("limit"))).exit_code


if __name__ == "__main__":
    main()
