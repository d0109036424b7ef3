"""Which trials there are: at named points, at edges, kills by chance in a mix of faults, and kills of the recovery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Literal, get_args

from tests.rig.edges import Kill
from tests.rig.trials import Bench, Trial

Part = Literal["points", "edges", "random", "doubles"]
PARTS: tuple[Part, ...] = get_args(Part)
IDLE_EVERY = 4
"""One trial of so many ends with a run that has nothing to do."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is tried on each bench: scenarios a named point, sampled edges, double kills, kills by chance.

    None means all there are. A double kill counts wherever it happens; the part of that name makes those still missing.
    """

    scenarios: int | None = 2
    edges: int | None = 30
    doubles: int = 50
    kills: int = 50


SLICE = Extent()
LONG = Extent(scenarios=None, edges=None, doubles=1_250, kills=2_500)
"""On four benches (two CRMs, two stores): 5,000 double kills and 10,000 kills by chance."""


def trials(bench: Bench, part: Part, extent: Extent, seed: int) -> Iterator[Trial]:
    """The trials of a part on a bench; of `random` and `doubles` more than will be needed, the caller counts kills."""
    dice = Random(f"{seed} {bench.ground.vendor} {bench.name} {part}")
    return {"points": _points, "edges": _edges, "doubles": _doubles, "random": _random}[part](bench, extent, dice)


def goal(part: Part, extent: Extent) -> int | None:
    """After so many kills by chance, or double kills in all parts, a part is done; None: after all its trials."""
    return {"points": None, "edges": None, "doubles": extent.doubles, "random": extent.kills}[part]


def _trial(bench: Bench, scenario: str, kills: Sequence[Kill], *, idle: bool) -> Trial:
    return Trial(bench.ground.vendor, bench.name, scenario, tuple(kills), idle and bench.ground.goes_idle(scenario))


def _points(bench: Bench, extent: Extent, dice: Random) -> Iterator[Trial]:
    """Each named point in several scenarios, at its first and at its last passing; by turns all scenarios come up."""
    passings: dict[str, dict[str, int]] = {}
    for name, scenario in bench.ground.scenarios.items():
        log = [edge.removeprefix("fp ") for edge in bench.unbroken(scenario).edges if edge.startswith("fp ")]
        for point in log:
            at = passings.setdefault(point, {})
            at[name] = at.get(name, 0) + 1
    for number, (point, found) in enumerate(passings.items()):
        names = sorted(found)
        wanted = len(names) if extent.scenarios is None else min(extent.scenarios, len(names))
        for name in islice(cycle(names), number, number + wanted):
            for nth in sorted({1, found[name]}):
                yield _trial(bench, name, [Kill(nth, point)], idle=number % IDLE_EVERY == 0)


def _edges(bench: Bench, extent: Extent, dice: Random) -> Iterator[Trial]:
    """Every edge of every scenario, or an even sample of them."""
    every = [
        (name, number)
        for name, scenario in bench.ground.scenarios.items()
        for number in range(1, _count(bench, name) + 1)
        if scenario.mischief or scenario.verb != "sync" or extent.edges is None or number % 5 == 0
    ]
    step = 1 if extent.edges is None else max(1, len(every) // extent.edges)
    for turn, (name, number) in enumerate(every[dice.randrange(step) :: step]):
        yield _trial(bench, name, [Kill(number)], idle=turn % IDLE_EVERY == 0)


def _doubles(bench: Bench, extent: Extent, dice: Random) -> Iterator[Trial]:
    """A kill, and another one while the next run recovers from it."""
    names = list(bench.ground.scenarios)
    for turn in range(extent.doubles * 10):
        name = dice.choice(names)
        kills = [Kill(dice.randint(1, _count(bench, name))) for _ in range(2)]
        yield _trial(bench, name, kills, idle=turn % IDLE_EVERY == 0)


def _random(bench: Bench, extent: Extent, dice: Random) -> Iterator[Trial]:
    """One to three kills by chance in a mix of faults and people."""
    for turn in range(extent.kills * 10):
        name = f"mix:{dice.randrange(10**9)}"
        last = _count(bench, bench.ground.scenario(name).baseline())
        kills = [Kill(dice.randint(1, last)) for _ in range(dice.choice((1, 2, 2, 3)))]
        yield _trial(bench, name, kills, idle=turn % IDLE_EVERY == 0)


def _count(bench: Bench, name: str) -> int:
    return sum(1 for edge in bench.unbroken(bench.ground.scenario(name)).edges if not edge.startswith("fp "))
