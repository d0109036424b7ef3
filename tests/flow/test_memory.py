"""A pull takes no more memory for more records (invariant 15 of the write path)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.altered import ROOT

FEW, MANY = 10_000, 60_000
MOST = 1.15
"""The records in between weigh 50 MB, which is much more than this share of what a process takes anyway."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process")
def test_a_pull_of_more_records_takes_no_more_memory() -> None:
    few, many = (_peak(count) for count in (FEW, MANY))
    assert many <= few * MOST, f"{many} KiB for {MANY} records, {few} KiB for {FEW}"


def _peak(count: int) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.flow.pull_rows", str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
