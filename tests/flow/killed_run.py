"""A run that dies: `python -m tests.flow.killed_run SETTINGS.json POINT NTH` kills itself at a fault point."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from config.settings import Settings
from sync import faults
from sync.assemble import assemble
from sync.deps import Timing
from sync.engine import run_sync


def main(settings_file: str, point: str, nth: str) -> int:
    settings = Settings(**json.loads(Path(settings_file).read_text(encoding="utf-8")))
    left = int(nth)

    def die(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    faults.arm(die)
    deps = assemble(settings, timing=Timing(deadline=0.2, grace=0.4, lease_ttl=1.0, heartbeat=0.3))
    return run_sync(deps).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
