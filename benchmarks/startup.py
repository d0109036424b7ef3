"""How long `--help` takes: a new process each time, beside the smallest program that the same library makes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
SMALLEST = """
import typer

app = typer.Typer(rich_markup_mode=None)


@app.callback()
def root(debug: bool = False) -> None:
    pass


@app.command()
def work(count: int = 1) -> None:
    pass


app()
"""
FLOORS: dict[str, tuple[str, ...]] = {"floor": ("--help",), "floor_command": ("work", "--help")}
HELP: dict[str, tuple[str, ...]] = {
    "help": ("--help",),
    "sync_help": ("sync", "--help"),
    "report_help": ("report", "kpis", "--help"),
}
TIMES = 21


def run(times: int = TIMES) -> dict[str, float]:
    """Milliseconds of each help, the median of the clock and the mean of the processor, and how often the floor's.

    The floor is the help of a Typer program, or of its command, that does nothing. One start of each comes first, so
    that every file is compiled and known to the system.
    """
    figures: dict[str, float] = {}
    for name, words in FLOORS.items():
        figures[f"{name}_ms"], figures[f"{name}_cpu_ms"] = _starts(("-c", SMALLEST, *words), times)
    for name, words in HELP.items():
        clock, processor = _starts((str(ROOT / "cli.py"), *words), times)
        floor = figures["floor_cpu_ms" if name == "help" else "floor_command_cpu_ms"]
        figures |= {f"{name}_ms": clock, f"{name}_cpu_ms": processor, f"{name}_times": processor / floor}
    return figures


def _starts(words: Sequence[str], times: int) -> tuple[float, float]:
    """Milliseconds of the clock and of the processor that a start takes."""
    _start(words)
    before, taken = _processor(), []
    for _ in range(times):
        began = time.perf_counter()
        _start(words)
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken), (_processor() - before) / times


def _start(words: Sequence[str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-P", *words], env=environment, check=True, capture_output=True)


def _processor() -> float:
    """Milliseconds of the processor that ended children took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (used.ru_utime + used.ru_stime)
