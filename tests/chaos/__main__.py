"""`python -m tests.chaos --seeds 20 [--seed 1]`: whole runs over a bad line, with HubSpot and with Salesforce.

Exits with 1 when the checker found anything, and then prints the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.runs import VENDORS, Outcome, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Runs over a line that breaks bytes.")
    parser.add_argument("--seed", type=int, default=1, help="first seed (default: 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, each with both vendors (default: 1)")
    asked = parser.parse_args()
    begun, outcomes = time.monotonic(), []
    for seed in range(asked.seed, asked.seed + asked.seeds):
        for vendor in VENDORS:
            with tempfile.TemporaryDirectory(prefix="keepwell-chaos-") as folder:
                outcomes.append(run(seed, vendor, Path(folder)))
            told(outcomes[-1])
    broken, requests = sum(one.broken.total() for one in outcomes), sum(one.requests for one in outcomes)
    findings = sum(len(one.findings) for one in outcomes)
    sys.stdout.write(
        f"{len(outcomes)} histories, {requests} requests, {broken} broken ({broken / max(1, requests):.0%}), "
        f"{sum(one.confirmed for one in outcomes)} values confirmed, {findings} violations, "
        f"{time.monotonic() - begun:.0f} s\n"
    )
    return 1 if findings else 0


def told(one: Outcome) -> None:
    """Print what came of one seed."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(one.broken.items()))
    ends = ", ".join(f"{number} {status}" for status, number in sorted(one.endings.items()))
    sys.stdout.write(
        f"seed {one.seed} {one.vendor}: {one.requests} requests, {one.share:.0%} broken ({kinds}); runs: {ends}; "
        f"{one.confirmed} values confirmed, {one.edits} edits by people meanwhile, {len(one.findings)} violations\n"
    )
    for finding in one.findings:
        sys.stdout.write(f"  VIOLATED {finding}\n")
    if one.findings:
        sys.stdout.write(f"  repeat: python -m tests.chaos --seed {one.seed}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
