"""A run that is paused: `python -m tests.faults.paused_run` stops itself with SIGSTOP at a fault point of the order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.settings import Settings
from sync.assemble import assemble
from sync.deps import Timing
from sync.engine import run_sync
from tests.children import child
from tests.faults.writing import once

ROOT = Path(__file__).resolve().parents[2]
TIMING = Timing(deadline=0.2, grace=0.4, lease_ttl=6.0, heartbeat=2.0)


@contextmanager
def paused(order: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A run that stands still while the block runs; it wakes up, and is waited for, by `wake`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.faults.paused_run", json.dumps(order)]
    with child(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), "the run ended before it came to the fault point"
            yield process
        finally:
            process.send_signal(signal.SIGCONT)


def wake(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Let the run go on, and return its report."""
    process.send_signal(signal.SIGCONT)
    told, _ = process.communicate(timeout=60)
    return dict(json.loads(told))


def stand_still() -> None:
    """Stop the whole process; the signal may take a moment to reach the thread that sent it."""
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.3)


def main() -> None:
    order = json.loads(sys.argv[1])
    deps = assemble(Settings(**order["settings"]), timing=TIMING)
    with once(order["point"], stand_still):
        report = run_sync(deps)
    sys.stdout.write(json.dumps(report.to_dict()))


if __name__ == "__main__":
    main()
