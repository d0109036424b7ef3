"""`python -m benchmarks`: every figure once, with the machine it was measured on. `--large` adds 50,000 accounts."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from benchmarks import evaluation, pull, whole


def machine() -> str:
    """Processor, cores, memory and Python, as docs/performance.md wants them."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def show(title: str, figures: dict[str, float]) -> None:
    """One block of figures, whole numbers without decimals."""
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:18} {value:>12,.0f}" if float(value).is_integer() else f"  {name:18} {value:>12,.2f}")


def main() -> None:
    """Run the benchmarks that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Keepwell's figures on this machine.")
    parser.add_argument("--large", action="store_true", help="also sync 50,000 accounts with both CRMs")
    parser.add_argument("--only", choices=("pull", "evaluation", "whole"), help="one of them")
    wanted = parser.parse_args()
    print(machine())
    if wanted.only in (None, "evaluation"):
        show("evaluation: 200,000 accounts with 1,400,000 child rows", evaluation.run(200_000))
    if wanted.only in (None, "pull"):
        show("full pull from HubSpot: 190 requests/10 s, 120 ms median latency", pull.run(20_000, 40_000, 40_000, 120))
    if wanted.only in (None, "whole"):
        show("whole job, both CRMs, quota lifted", whole.run(5_000))
        if wanted.large:
            show("whole job, both CRMs, quota lifted", whole.run(50_000))


if __name__ == "__main__":
    main()
