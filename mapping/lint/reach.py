"""Rules that can never hold, and rules that never decide because an earlier one always holds too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
from polars.exceptions import PolarsError

from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.framework.expressions import Checked
from mapping.framework.spec import RuleSpec
from mapping.framework.tree import Node, tree
from mapping.lint.findings import Finding
from mapping.lint.grid import Grid, TooLarge, decided
from mapping.lint.vocabulary import unknown_texts

_CERTAIN = Node("constant", value=True)


class Reach:
    """Tries the conditions of a framework on synthetic accounts; about those in `undecided` that says nothing."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._grid = Grid(framework)
        self._mistyped = {finding.path for finding in unknown_texts(framework)}
        self.undecided: list[Path] = []

    def findings(self) -> Iterator[Finding]:
        """What can never hold or never decide."""
        spec = self._framework.spec
        yield from self._ordered(("renewal", "phases"), spec.renewal.phases)
        yield from self._ordered(("stages",), spec.stages)
        yield from self._apart(("overlays",), [rule.id for rule in spec.overlays])
        for index, dimension in enumerate(spec.segments):
            yield from self._ordered(("segments", index, "rules"), dimension.rules)
        yield from self._apart(("cadences",), [cadence.id for cadence in spec.cadences])
        levels = spec.escalation.levels if spec.escalation else ()
        named = [(index, level.id) for index, level in enumerate(levels) if level.when is not None]
        yield from self._list(("escalation", "levels"), named)
        yield from self._apart(("alerts",), [alert.id for alert in spec.alerts])

    def _ordered(self, path: Path, rules: Sequence[RuleSpec]) -> Iterator[Finding]:
        """A list of which the first that holds wins; its catch-all has to be there, needed or not."""
        yield from self._list(path, [(index, rule.id) for index, rule in enumerate(rules[:-1])])

    def _apart(self, path: Path, names: Sequence[str]) -> Iterator[Finding]:
        """Conditions that have nothing to do with one another."""
        for index, name in enumerate(names):
            yield from self._list(path, [(index, name)])

    def _list(self, path: Path, named: Sequence[tuple[int, str]]) -> Iterator[Finding]:
        places = [(*path, index, "when") for index, _name in named]
        conditions = [self._framework.at(*place) for place in places]
        nodes = [tree(condition.expr) for condition in conditions]
        judged = [place for place, node in zip(places, nodes, strict=True) if decided(node)]
        self.undecided += [place for place in places if place not in judged]
        if not judged or all(node == _CERTAIN for node in nodes):
            return
        wanted = [self._framework.at(*place) for place in judged]
        try:
            held = self._held(wanted)
        except (TooLarge, OverflowError, PolarsError):  # numbers and days beyond what can be calculated with
            self.undecided += judged
            return
        names = dict(zip(places, (name for _index, name in named), strict=True))
        covered = pl.repeat(value=False, n=held.height, dtype=pl.Boolean, eager=True)
        for position, place in enumerate(judged):
            if place in self._mistyped:  # what it holds for is not what is meant
                continue
            mine = held.get_column(str(position))
            if not (mine & ~covered).any() and (mine.any() or not self._switched(place)):
                before = [names[one] for number, one in enumerate(judged[:position])
                          if (held.get_column(str(number)) & mine).any()]  # fmt: skip
                yield _finding(place, names[place], before)
            covered |= mine

    def _switched(self, place: Path) -> bool:
        """Whether a true/false parameter plays a part: what it has turned off can still be meant."""
        parameters = self._framework.spec.parameters
        return any(isinstance(parameters.get(name), bool) for name in self._framework.at(*place).inputs)

    def _held(self, conditions: Sequence[Checked]) -> pl.DataFrame:
        """One column a condition, one row a synthetic account: whether it holds."""
        accounts = self._grid.accounts(conditions)
        return accounts.select(
            (pl.lit(value=True) & condition.expr.fill_null(value=False)).alias(str(number))
            for number, condition in enumerate(conditions)
        )


def _finding(place: Path, name: str, before: Sequence[str]) -> Finding:
    """Of a rule that decides nothing; `before` are those that hold wherever it does, none where it never holds."""
    if not before:
        advice = "Look at how its conditions go together: no account can meet all of them."
        return Finding("never_holds", place, f"the condition of {name} can never hold.", advice)
    why = f"{name} never decides: whenever it holds, {' or '.join(before)} above it holds too."
    return Finding("unreachable", place, why, "Move it up, or take it out.")
