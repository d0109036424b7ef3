"""`python -m tests.rig.crash` (`make crash`): kills runs wherever they can die, on both stores, with both CRMs.

Prints a table of kills and violations, each violation with the command that repeats it; exits with 1 when there is
one. `--long` is the long form, `--repeat TRIAL` one trial. It needs Linux and, for its half, PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from tests.rig.campaign import LONG, PARTS, SLICE, Extent, goal, trials
from tests.rig.clock import SharedClock
from tests.rig.kin import die_with_parent
from tests.rig.recovery import BOUND, POINTS, TIMING, recover
from tests.rig.stages import Ground, prepare
from tests.rig.stores import StoreName, fast_folder, trial_store
from tests.rig.trials import Bench, Outcome, Trial
from tests.rig.watched import Vendor

BENCHES: tuple[tuple[Vendor, StoreName], ...] = (
    ("hubspot", "sqlite"),
    ("salesforce", "sqlite"),
    ("salesforce", "postgresql"),
    ("hubspot", "postgresql"),
    ("gainsight", "sqlite"),
    ("gainsight", "postgresql"),
    ("gainsight_beside", "sqlite"),
)
"""In this order two workers have a vendor's and a store's work each, whatever takes longer."""
Grounds = dict[Vendor, Ground]
PROGRESS_EVERY = 100
Say = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Tally:
    """What came of a part on a bench."""

    trials: int = 0
    kills: int = 0
    doubles: int = 0  # trials in which the recovery from a kill was killed too
    violations: int = 0
    seconds: float = 0.0


@contextmanager
def bench_of(ground: Ground, store: StoreName, folder: Path) -> Iterator[Bench]:
    """A bench of one's own: its own store, its own time, and its own addresses of the CRMs."""
    with trial_store(store, folder) as made:
        ground.clock.part()
        for stage in ground.stages.values():
            stage.crm.listen()
        yield Bench(ground, store, made)


def work(bench: Bench, parts: Sequence[str], extent: Extent, seed: int, say: Say) -> None:
    """Everything that a bench is for; tells each outcome as it comes."""
    reached: Counter[str] = Counter()
    for part in PARTS:
        if part not in parts:
            continue
        wanted = goal(part, extent)
        for trial in () if _done(reached[part], wanted) else trials(bench, part, extent, seed):
            outcome = bench.carry_out(trial)
            say({"part": part, **_told(outcome)})
            reached["doubles"] += _twice(outcome.places)
            if part == "random":
                reached[part] += len(outcome.places)
            if _done(reached[part], wanted):
                break
    if "recovery" in parts:
        for point in POINTS:
            began = time.perf_counter()
            try:
                found = recover(bench, point)
                late = found.seconds > BOUND
                violations = [f"decided after {found.seconds:.1f} s, allowed are {BOUND:g} s"] if late else []
                took = found.seconds
            except (AssertionError, TimeoutError) as error:
                violations, took = [str(error)], 0.0
            name = f"{bench.ground.vendor}/{bench.name}/recovery@{point}"
            spent = time.perf_counter() - began
            told = {"trial": name, "places": [point], "violations": violations, "seconds": spent, "took": took}
            say({"part": "recovery", **told})


def _done(reached: int, wanted: int | None) -> bool:
    return wanted is not None and reached >= wanted


def _twice(places: Sequence[str]) -> int:
    """Whether the recovery from a kill was killed as well, as a number."""
    return int(len(places) > 1)


def _told(outcome: Outcome) -> dict[str, Any]:
    found = [str(one) for one in outcome.violations]
    return {"trial": str(outcome.trial), "places": outcome.places, "violations": found, "seconds": outcome.seconds}


def _worker(
    grounds: Grounds, benches: Sequence[tuple[Vendor, StoreName]], given: argparse.Namespace, pipe: int
) -> None:
    """A process that works through its benches and writes a line of JSON an outcome; it never returns."""

    def say(told: dict[str, Any]) -> None:
        data = (json.dumps(told) + "\n").encode()
        while data:
            data = data[os.write(pipe, data) :]

    code = 1
    try:
        die_with_parent()
        for vendor, store in benches:
            with fast_folder() as folder, bench_of(grounds[vendor], store, folder) as bench:
                work(
                    bench,
                    given.parts,
                    _extent(given),
                    given.seed,
                    lambda told, at=(vendor, store): say({**told, "at": at}),
                )
        code = 0
    except BaseException as error:  # noqa: BLE001 - it is told, and the process ends here
        say({"part": "rig", "trial": "", "places": [], "violations": [f"{type(error).__name__}: {error}"], "seconds": 0,
             "at": ("", "")})  # fmt: skip
    finally:
        os._exit(code)


def _extent(given: argparse.Namespace) -> Extent:
    extent = LONG if given.long else SLICE
    kills, doubles = given.kills, given.doubles
    extent = extent if given.scenarios is None else replace(extent, scenarios=given.scenarios)
    extent = extent if kills is None else replace(extent, kills=-(-kills // len(given.benches)))
    return extent if doubles is None else replace(extent, doubles=-(-doubles // len(given.benches)))


def campaign(given: argparse.Namespace) -> int:
    """All benches on so many workers; returns the number of violations."""
    began = time.monotonic()
    tallies: defaultdict[tuple[str, str, str], Tally] = defaultdict(Tally)
    slowest = 0.0
    with fast_folder() as folder:
        grounds = {v: prepare(v, folder, SharedClock()) for v in dict.fromkeys(vendor for vendor, _ in given.benches)}
        pipes: dict[int, int] = {}
        for number in range(given.jobs):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                _worker(grounds, given.benches[number :: given.jobs], given, writer)
            os.close(writer)
            pipes[reader] = child
        try:
            for number, told in enumerate(_lines(pipes), start=1):
                slowest = max(slowest, float(told.get("took", 0.0)))
                _count(tallies[told["part"], *told["at"]], told)
                _tell(told)
                if number % PROGRESS_EVERY == 0:
                    kills = sum(tally.kills for tally in tallies.values())
                    sys.stderr.write(f"{number} trials, {kills} kills, {time.monotonic() - began:.0f} s\n")
        finally:  # after Ctrl-C too: it tells how far it came
            _table(tallies, time.monotonic() - began, slowest)
    return sum(tally.violations for tally in tallies.values())


def _lines(pipes: dict[int, int]) -> Iterator[dict[str, Any]]:
    """What the workers say, until all of them have ended."""
    rests = dict.fromkeys(pipes, b"")
    while rests:
        ready, _, _ = select.select(list(rests), [], [])
        for pipe in ready:
            data = os.read(pipe, 1 << 16)
            if not data:
                del rests[pipe]
                os.close(pipe)
                os.waitpid(pipes[pipe], 0)
                continue
            *lines, rests[pipe] = (rests[pipe] + data).split(b"\n")
            yield from (json.loads(line) for line in lines)


def _count(tally: Tally, told: dict[str, Any]) -> None:
    tally.trials += 1
    tally.kills += len(told["places"])
    tally.doubles += _twice(told["places"])
    tally.violations += len(told["violations"])
    tally.seconds += told["seconds"]


def _tell(told: dict[str, Any]) -> None:
    if told["violations"]:
        sys.stdout.write(f"VIOLATION in {told['trial']}, killed at {', then at '.join(told['places']) or 'nothing'}\n")
        sys.stdout.writelines(f"  {finding}\n" for finding in told["violations"])
        if told["part"] in PARTS:
            sys.stdout.write(f"  repeat it with: python -m tests.rig.crash --repeat '{told['trial']}'\n")
        sys.stdout.flush()


def _table(tallies: dict[tuple[str, str, str], Tally], seconds: float, slowest: float) -> None:
    total = Tally()
    _row("part", "CRM", "store", "trials", "kills", "twice", "kills/s", "violations")
    for (part, vendor, store), tally in sorted(tallies.items()):
        _tally_row((part, vendor, store), tally, tally.seconds)
        total.trials, total.kills = total.trials + tally.trials, total.kills + tally.kills
        total.doubles, total.violations = total.doubles + tally.doubles, total.violations + tally.violations
    _tally_row(("all", "", ""), total, seconds)
    if slowest:
        sys.stdout.write(
            f"from a kill to the last doubt decided: {slowest:.1f} s at most; lease {TIMING.lease_ttl:g} s and grace "
            f"{TIMING.grace:g} s allow {BOUND:g} s\n"
        )


def _tally_row(place: tuple[str, str, str], tally: Tally, seconds: float) -> None:
    rate = f"{tally.kills / seconds if seconds else 0.0:.1f}"
    _row(*place, tally.trials, tally.kills, tally.doubles, rate, tally.violations)


def _row(*cells: object) -> None:
    sys.stdout.write("{:<10} {:<11} {:<11} {:>7} {:>7} {:>7} {:>8} {:>11}\n".format(*cells))


def repeat(text: str) -> int:
    """One trial; returns the number of violations."""
    trial = Trial.parse(text)
    with fast_folder() as folder:
        ground = prepare(trial.vendor, folder, SharedClock())
        with bench_of(ground, trial.store, folder) as bench:
            outcome = bench.carry_out(replace(trial, idle=ground.goes_idle(trial.scenario)))
    sys.stdout.write(f"{trial}: killed at {', then at '.join(outcome.places) or 'nothing'}\n")
    sys.stdout.writelines(f"  {finding}\n" for finding in outcome.violations)
    sys.stdout.write(f"{len(outcome.violations)} violations, {outcome.seconds:.1f} s\n")
    return len(outcome.violations)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig.crash", description=__doc__)
    parser.add_argument("--long", action="store_true", help="every edge, 10,000 kills by chance, 5,000 double kills")
    parser.add_argument("--seed", type=int, default=7, help="of the kills and mixes by chance")
    parser.add_argument("--repeat", metavar="TRIAL", help="one trial, as a violation names it")
    parser.add_argument("--parts", default=",".join((*PARTS, "recovery")), help="some of them, with commas")
    parser.add_argument("--stores", default=",".join(get_args(StoreName)), help="some of them")
    parser.add_argument("--crms", default=",".join(get_args(Vendor)), help="some of them")
    parser.add_argument("--scenarios", type=int, help="a named point in so many scenarios instead")
    parser.add_argument("--kills", type=int, help="so many kills by chance instead")
    parser.add_argument("--doubles", type=int, help="so many double kills instead, those by chance included")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args(arguments)
    if given.repeat:
        return int(repeat(given.repeat) > 0)
    given.parts = given.parts.split(",")
    given.benches = [(v, s) for v, s in BENCHES if v in given.crms.split(",") and s in given.stores.split(",")]
    try:
        return int(campaign(given) > 0)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
