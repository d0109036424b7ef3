"""`python -m tests.machines` (`make machines`): many histories with every machine, on both stores, in batches.

`--examples` is how many on SQLite; PostgreSQL, where a step takes longer, gets a tenth. Each batch has a seed of its
own, the first one `--seed`. So many can be collected in several sittings: `--minutes` or Ctrl-C ends one, the seed
behind its last one begins the next. What goes wrong is printed with the shortest history that shows it and the command
that repeats it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from tests.machines.kit import Dialect
from tests.machines.table import MACHINES, try_out

EXAMPLES = 2_000
BATCH = 1_000
"""Histories in one go: Hypothesis remembers all of them, and with many more it takes longer and longer."""
PART = {"sqlite": 1.0, "postgresql": 0.1}


@dataclass(frozen=True, slots=True)
class Job:
    """A batch of histories of one machine on one store."""

    name: str
    dialect: Dialect
    examples: int
    seed: int

    def command(self) -> str:
        """What repeats it."""
        part = f"--only {self.name} --store {self.dialect} --seed {self.seed}"
        return f"python -m tests.machines {part} --examples {round(self.examples / PART[self.dialect])}"


@dataclass(slots=True)
class Tally:
    """What came of one machine on one store: histories that held, of how many, and the seeds of their batches."""

    wanted: int
    held: int = 0
    seconds: float = 0.0
    seeds: list[int] = field(default_factory=list)

    def told(self, name: str) -> str:
        steps = MACHINES[name].steps
        seeds = f", seeds {min(self.seeds)} to {max(self.seeds)}" if self.seeds else ""
        return f"{self.held} of {self.wanted} histories held, up to {steps} steps, {self.seconds:.0f} s{seeds}"


def carry_out(job: Job) -> tuple[float, str]:
    """How many seconds it took, and what went wrong."""
    began, wrong = time.monotonic(), ""
    try:
        try_out(job.name, job.dialect, job.examples, job.seed)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        wrong = "".join(traceback.format_exception(error))
    return time.monotonic() - began, wrong


def batches(chosen: Mapping[tuple[str, Dialect], int], seed: int) -> Iterator[Job]:
    """So many histories of each, a batch of all of them with one seed after the other."""
    left = dict(chosen)
    while any(left.values()):
        for (name, dialect), examples in left.items():
            size = min(round(BATCH * PART[dialect]), examples)
            left[name, dialect] -= size
            if size:
                yield Job(name, dialect, size, seed)
        seed += 1


def carry_out_all(jobs: Iterator[Job], tallies: dict[tuple[str, Dialect], Tally], at_once: int, until: float) -> int:
    """Begin no job after `until`; tells of each that ends, and returns how many went wrong."""
    failed = 0
    running: dict[Future[tuple[float, str]], Job] = {}
    with ProcessPoolExecutor(max_workers=at_once) as pool:
        while True:
            more = islice(jobs, at_once - len(running)) if time.monotonic() < until else ()
            running |= {pool.submit(carry_out, job): job for job in more}
            if not running:
                return failed
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, (seconds, wrong) = running.pop(future), future.result()
                tally = tallies[job.name, job.dialect]
                failed += bool(wrong)
                tally.held += 0 if wrong else job.examples
                tally.seconds += seconds
                tally.seeds.append(job.seed)
                verdict = f"VIOLATED; repeat with: {job.command()}\n{wrong}" if wrong else "held"
                told = f"{job.examples} histories, {seconds:.0f} s, seed {job.seed}: {verdict}"
                sys.stdout.write(f"{job.name} on {job.dialect}: {told} ({tally.held} of {tally.wanted})\n")
                sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns 1 when a history went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.machines", description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--only", choices=sorted(MACHINES))
    parser.add_argument("--store", choices=sorted(PART))
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of the first batch")
    parser.add_argument("--jobs", type=int, default=2, help="batches at once")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no batch after so many")
    asked = parser.parse_args(arguments)
    chosen = {
        (name, dialect): max(1, round(asked.examples * PART[dialect]))
        for name, machine in MACHINES.items()
        for dialect in machine.stores
        if asked.only in (None, name) and asked.store in (None, dialect)
    }
    tallies = {key: Tally(examples) for key, examples in chosen.items()}
    until = time.monotonic() + 60 * asked.minutes
    try:
        code = min(1, carry_out_all(batches(chosen, asked.seed), tallies, asked.jobs, until))
    except KeyboardInterrupt:
        code = 130
    for (name, dialect), tally in tallies.items():
        sys.stdout.write(f"In all: {name} on {dialect}: {tally.told(name)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
