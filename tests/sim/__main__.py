"""`python -m tests.sim --days 30 --seed 1 [--seeds 5]`: lives in virtual time and prints what happened.

Exits with 1 when an invariant was violated, and then prints the command that repeats it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

# Frames of a dozen rows are handed around for longer than they are worked on; Polars reads this when it is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from tests.sim.world import Figures, simulate

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory: what is tested is no disk
FEWEST_FAULTS = 0.30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="Lives in virtual time.")
    parser.add_argument("--days", type=float, default=30.0, help="virtual days (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (default: 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other (default: 1)")
    asked = parser.parse_args()
    failed = False
    for seed in range(asked.seed, asked.seed + asked.seeds):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="keepwell-sim-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
            figures = simulate(seed, asked.days, Path(folder))
        failed |= not told(figures, time.monotonic() - begun)
    return 1 if failed else 0


def told(figures: Figures, seconds: float) -> bool:
    """Print the figures; whether everything held."""
    out = sys.stdout
    out.write(
        f"seed {figures.seed}: {figures.days:g} virtual days, {figures.runs} runs, {figures.calls} calls, "
        f"{figures.share:.1%} of them faulted, {figures.kills} kills, {figures.pauses} pauses, "
        f"{figures.edits} edits of our values by people, {figures.effects} values written, "
        f"{len(figures.violations)} violations, {seconds:.1f} s; history {figures.digest}\n"
    )
    out.write(f"  runs: {_listed(figures.endings)}\n  faults: {_listed(figures.faults)}\n")
    for violation in figures.violations:
        out.write(f"  VIOLATED {violation}\n")
    enough = figures.share >= FEWEST_FAULTS
    if not enough:
        out.write(f"  TOO CALM: fewer than {FEWEST_FAULTS:.0%} of the calls were faulted\n")
    if figures.violations:
        out.write(f"  repeat: python -m tests.sim --days {figures.days:g} --seed {figures.seed}\n")
    out.flush()
    return enough and not figures.violations


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
