"""What the entry point sets for the whole process; in a process of its own, for it would hold for all other tests."""

from __future__ import annotations

import subprocess
import sys


def test_the_entry_point_tunes_its_process() -> None:
    shown = "print(gc.get_threshold()[0], sys.getswitchinterval())"
    assert run(f"import gc, sys; from config import process; process.tune(); {shown}") == "20000 0.001"


def test_a_platform_without_the_switch_is_left_alone() -> None:
    assert (
        run("import sys; sys.platform = 'darwin'; from config import process; process.tune(); print('fine')") == "fine"
    )


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
