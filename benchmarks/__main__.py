"""`python -m benchmarks`: every figure once, with the machine it was measured on. `--large` adds 50,000 accounts."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from benchmarks import bulk, dashboard, evaluation, increment, naive, pull, startup, stored, whole


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
        print(f"  {name:19} {value:>12,.0f}" if float(value).is_integer() else f"  {name:19} {value:>12,.2f}")


def _pull() -> None:
    show("full pull from HubSpot: 190 requests/10 s, 120 ms median latency", pull.run(20_000, 40_000, 40_000, 120))


def _increment() -> None:
    show("increment from HubSpot: nothing changed, 1 % changed", increment.run(20_000, 40_000, 40_000))


def _bulk() -> None:
    show("full pull from Salesforce by Bulk API 2.0", bulk.run(200_000, 400_000))


def _naive() -> None:
    show("beside a loop over hubspot-api-client, same quota", naive.hubspot(20_000, 40_000, 40_000, 120))
    show("beside a loop over simple-salesforce", naive.salesforce(200_000, 400_000))


def _evaluation() -> None:
    show("evaluation: 200,000 accounts with 1,600,000 child rows in memory", evaluation.run(200_000))


def _stored() -> None:
    show("evaluation out of an SQLite store, kept there, explained", stored.run(1_000_000))


def _dashboard() -> None:
    show("dashboard over 50,000 accounts, milliseconds a page", dashboard.run(50_000))


def _help() -> None:
    show("--help beside the smallest Typer program, milliseconds", startup.run())


def _whole() -> None:
    show("whole job, both CRMs, quota lifted", whole.run(5_000))


ALL = {
    "evaluation": _evaluation,
    "stored": _stored,
    "dashboard": _dashboard,
    "help": _help,
    "pull": _pull,
    "increment": _increment,
    "bulk": _bulk,
    "naive": _naive,
    "whole": _whole,
}


def main() -> None:
    """Run the benchmarks that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Keepwell's figures on this machine.")
    parser.add_argument("--large", action="store_true", help="also sync 50,000 accounts with both CRMs")
    parser.add_argument("--only", choices=tuple(ALL), help="one of them")
    wanted = parser.parse_args()
    print(machine())
    for name in [wanted.only] if wanted.only else ALL:
        ALL[name]()
    if wanted.large and wanted.only in (None, "whole"):
        show("whole job, both CRMs, quota lifted", whole.run(50_000))


if __name__ == "__main__":
    main()
