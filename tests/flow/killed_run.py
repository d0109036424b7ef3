"""Runs that die: `python -m tests.flow.killed_run` takes JSON orders, a line each, and answers with how each run ended.

An order names the settings, a fault point, its how-manieth passing and a limit. Every run is a fork of this process,
which has imported everything and started no thread, because starting an interpreter takes longer than the run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import connectors.hubspot.connector
import connectors.salesforce.connector  # noqa: F401 - both are imported by name when a run connects; here it is early
from config.settings import Settings
from sync import faults
from sync.assemble import assemble
from sync.deps import RunOptions, Timing
from sync.engine import run_sync


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(order: dict[str, Any]) -> int:
    """Sync until the fault point; returns the exit code of a run that came through."""
    left = int(order["nth"])

    def die(name: str) -> None:
        nonlocal left
        if name == order["point"]:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    faults.arm(die)
    deps = assemble(Settings(**order["settings"]), timing=Timing(deadline=0.2, grace=0.4))
    return run_sync(deps, RunOptions(limit=order["limit"])).exit_code


if __name__ == "__main__":
    main()
