"""A run whose disk fails: `python -m tests.faults.struck_run` takes an order as JSON and prints how the run ended.

The order names the settings, a fault point, and what strace makes of the system calls on the store's log from there on:
an expression of its `inject=`. So the fault hits the very step that follows the point, in the kernel's own words. The
index of the log is left out: where that cannot grow SQLite says the same of a full disk as of a broken one.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.settings import Settings
from store import address
from sync import faults
from sync.assemble import assemble
from sync.engine import run_sync
from tests.flow.rig import BRISK
from tests.services import absent

_SET_PTRACER, _ANY = 0x59616D61, -1
"""prctl: let a process that is no ancestor look at this one."""
ROOT = Path(__file__).resolve().parents[2]


def struck(order: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out an order in a process of its own; skips where strace is not there."""
    if shutil.which("strace") is None:
        absent("strace is not installed, with which system calls are made to fail")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.faults.struck_run", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@contextmanager
def _traced(point: str, injection: str, log: str) -> Iterator[None]:
    """Attach strace to this process when it passes the point for the first time."""
    ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(_ANY), 0, 0, 0)
    tracers: list[subprocess.Popen[bytes]] = []
    first = threading.Lock()
    calls = injection.partition(":")[0]

    def strike(name: str) -> None:
        if name != point or not first.acquire(blocking=False):
            return
        chosen = ["-P", log, "-e", f"trace={calls}", "-e", f"inject={injection}"]
        command = ["strace", "-f", "-p", str(os.getpid()), *chosen]
        with tempfile.TemporaryFile() as told:
            tracers.append(subprocess.Popen(command, stderr=told))
            while b"attached" not in os.pread(told.fileno(), 4096, 0):
                time.sleep(0.01)

    faults.arm(strike)
    try:
        yield
    finally:
        faults.arm(None)
        for tracer in tracers:
            tracer.terminate()
            tracer.wait(10)


def main() -> None:
    order = json.loads(sys.argv[1])
    deps = assemble(Settings(**order["settings"]), timing=BRISK)
    log = f"{address.file_of(address.parse(order['settings']['store']))}-wal"
    with _traced(order["point"], order["injection"], log):
        report = run_sync(deps)
    sys.stdout.write(json.dumps(report.to_dict()))


if __name__ == "__main__":
    main()
