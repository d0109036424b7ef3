"""`python -m tests.machines` (`make machines`): many histories with every machine, on both stores, a line each.

`--examples` is how many on SQLite; PostgreSQL, where a step takes longer, gets a tenth. What goes wrong is printed with
the shortest history that shows it, its seed and the command that repeats it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from tests.machines.kit import Dialect
from tests.machines.table import MACHINES, try_out

EXAMPLES = 2_000
PART = {"sqlite": 1.0, "postgresql": 0.1}


@dataclass(frozen=True, slots=True)
class Job:
    """One machine on one store."""

    name: str
    dialect: Dialect
    examples: int
    seed: int

    def command(self) -> str:
        """What repeats it."""
        part = f"--only {self.name} --store {self.dialect} --seed {self.seed}"
        return f"python -m tests.machines {part} --examples {round(self.examples / PART[self.dialect])}"


def carry_out(job: Job) -> tuple[float, str]:
    """How many seconds it took, and what went wrong."""
    began, wrong = time.monotonic(), ""
    try:
        try_out(job.name, job.dialect, job.examples, job.seed)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        wrong = "".join(traceback.format_exception(error))
    return time.monotonic() - began, wrong


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns 1 when a history went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.machines", description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--only", choices=sorted(MACHINES))
    parser.add_argument("--store", choices=sorted(PART))
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args(arguments)
    jobs = [
        Job(name, dialect, max(1, round(asked.examples * PART[dialect])), asked.seed)
        for name, machine in MACHINES.items()
        for dialect in machine.stores
        if asked.only in (None, name) and asked.store in (None, dialect)
    ]
    failed = 0
    with ProcessPoolExecutor(max_workers=asked.jobs) as pool:
        futures = {pool.submit(carry_out, job): job for job in jobs}
        for future in as_completed(futures):
            job, (seconds, wrong) = futures[future], future.result()
            failed += bool(wrong)
            verdict = f"VIOLATED; repeat with: {job.command()}\n{wrong}" if wrong else "held"
            steps = job.examples * MACHINES[job.name].steps
            told = f"{job.examples} histories, up to {steps} steps, {seconds:.0f} s, seed {job.seed}"
            sys.stdout.write(f"{job.name} on {job.dialect}: {told}: {verdict}\n")
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
