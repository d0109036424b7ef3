"""A framework file becomes a framework: shape, numbers and expressions are checked before anything is computed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from pydantic import ValidationError

from mapping.framework import columns
from mapping.framework.errors import FrameworkError, Path, Problem
from mapping.framework.expressions import Checked, ExpressionError, Want, check
from mapping.framework.shape import shape_problems
from mapping.framework.spec import Cadence, FrameworkSpec, RuleSpec
from mapping.framework.structure import structural_problems

ENGINE_VERSION = 1
"""Goes up when the engine computes something else from the same framework file."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A checked framework; `expressions` has the compiled form of each SQL text by its path in the file."""

    spec: FrameworkSpec
    version: str
    expressions: Mapping[Path, Checked] = field(repr=False)

    @property
    def name(self) -> str:
        """The framework's own name."""
        return self.spec.framework

    def at(self, *path: str | int) -> Checked:
        """The compiled expression at `path`."""
        return self.expressions[path]


def load_framework(data: Mapping[str, object], name: str) -> Framework:
    """Check `data`, a parsed framework file, and compile its expressions.

    Raises `FrameworkError` with every problem that could be found in one pass; `name` is for its message.
    """
    try:
        spec = FrameworkSpec.model_validate(data)
    except ValidationError as error:
        raise FrameworkError(name, shape_problems(error)) from None
    compiler = _Compiler(spec)
    compiler.compile()
    problems = [*structural_problems(spec), *compiler.problems]
    if problems:
        raise FrameworkError(name, problems)
    return Framework(spec, _version(spec), compiler.found)


def _version(spec: FrameworkSpec) -> str:
    body = json.dumps(spec.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{ENGINE_VERSION}\n{body}".encode()).hexdigest()[:12]


class _Compiler:
    """Walks the file in the order of evaluation, so that an expression sees what is computed before it."""

    def __init__(self, spec: FrameworkSpec) -> None:
        self.spec = spec
        self.found: dict[Path, Checked] = {}
        self.problems: list[Problem] = []
        self.known: dict[str, pl.DataType] = columns.account_columns()
        self.broken: set[str] = set()

    def compile(self) -> None:
        spec = self.spec
        self._parameters()
        self._milestones()
        self._facts()
        self._metrics()
        self.known |= columns.SCORED
        self.known |= columns.RENEWED
        self._rules(("renewal", "phases"), spec.renewal.phases)
        self.known |= columns.PHASED
        self._stages()
        self.known |= columns.STAGED
        for index, overlay in enumerate(spec.overlays):
            self._free_name(("overlays", index, "id"), overlay.id)
        self._rules(("overlays",), spec.overlays)
        self.known |= {item.id: pl.Boolean() for item in spec.overlays}
        for index, dimension in enumerate(spec.segments):
            self._free_name(("segments", index, "dimension"), dimension.dimension)
            self._rules(("segments", index, "rules"), dimension.rules)
            self.known[dimension.dimension] = pl.String()
        for index, cadence in enumerate(spec.cadences):
            self._cadence(("cadences", index), cadence)
        self.known |= columns.TOUCHED
        for index, level in enumerate(spec.escalation.levels if spec.escalation else ()):
            if level.when:
                self._one(("escalation", "levels", index, "when"), level.when, "condition")
        self.known |= columns.ESCALATED
        self.known |= columns.TRENDED
        self._rules(("alerts",), spec.alerts)

    def _parameters(self) -> None:
        for name, value in self.spec.parameters.items():
            self._new_name(("parameters", name), name)
            self.known[name] = pl.Series([value]).dtype

    def _milestones(self) -> None:
        for index, milestone in enumerate(self.spec.milestones):
            name = columns.milestone_column(milestone.key)
            self._new_name(("milestones", index, "key"), name)
            self.known[name] = pl.Date()

    def _facts(self) -> None:
        parameters = {name: self.known[name] for name in self.spec.parameters}
        for name, fact in self.spec.facts.items():
            path: Path = ("facts", name)
            self._new_name(path, name)
            if fact.from_ is None:
                if fact.where is not None:
                    self.problems.append(Problem((*path, "where"), "only belongs to a fact with `from`"))
                value = self._one((*path, "value"), fact.value, "anything")
            else:
                stream = columns.stream_columns(fact.from_) | parameters
                value = self._one((*path, "value"), fact.value, "anything", stream, aggregate=True)
                if fact.where is not None:
                    self._one((*path, "where"), fact.where, "condition", stream)
                if fact.empty == "zero" and value is not None and not value.dtype.is_numeric():
                    self.problems.append(Problem((*path, "empty"), "zero needs a value that is a number"))
            if value is None:
                self.broken |= {name, *columns.day_counts({name: pl.Date()})}
            else:
                self.known[name] = value.dtype

    def _metrics(self) -> None:
        for c, component in enumerate(self.spec.score.components):
            for m, metric in enumerate(component.metrics):
                path: Path = ("score", "components", c, "metrics", m)
                want: Want = "text" if metric.points is not None else "number"
                self._one((*path, "value"), metric.value, want)
                if metric.zero_when is not None:
                    self._one((*path, "zero_when"), metric.zero_when, "condition")
                if metric.fresh is not None and self.known.get(metric.fresh.column) != pl.Date:
                    self.problems.append(
                        Problem((*path, "fresh", "column"), f"{metric.fresh.column!r} is not a date column")
                    )

    def _stages(self) -> None:
        self._rules(("stages",), self.spec.stages)
        for index, stage in enumerate(self.spec.stages):
            for key, sql in (("entered_on", stage.entered_on), ("expected_on", stage.expected_on)):
                if sql is not None:
                    self._one(("stages", index, key), sql, "date")

    def _cadence(self, path: Path, cadence: Cadence) -> None:
        self._one((*path, "when"), cadence.when, "condition")
        self._one((*path, "anchor"), cadence.anchor, "date")
        if cadence.until is not None:
            self._one((*path, "until"), cadence.until, "date")

    def _rules(self, path: Path, rules: Sequence[RuleSpec]) -> None:
        for index, rule in enumerate(rules):
            self._one((*path, index, "when"), rule.when, "condition")

    def _one(
        self,
        path: Path,
        sql: str,
        want: Want,
        known: Mapping[str, pl.DataType] | None = None,
        *,
        aggregate: bool = False,
    ) -> Checked | None:
        if self.broken.intersection(re.findall(r"\w+", sql)):
            return None  # the fault is in the fact that it names, and is reported there
        try:
            available = columns.with_day_counts(self.known if known is None else known)
            self.found[path] = check(sql, available, want, aggregate=aggregate)
        except ExpressionError as problem:
            self.problems.append(Problem(path, str(problem)))
            return None
        return self.found[path]

    def _free_name(self, path: Path, name: str) -> None:
        if name in columns.with_day_counts(self.known):
            self.problems.append(Problem(path, f"the name {name!r} is taken by another column"))

    def _new_name(self, path: Path, name: str) -> None:
        taken = set(columns.with_day_counts(self.known)) | set(_later_names(self.spec))
        if name in taken:
            self.problems.append(Problem(path, f"the name {name!r} is taken by a column of the account"))


def _later_names(spec: FrameworkSpec) -> Iterable[str]:
    for group in (
        columns.SCORED,
        columns.RENEWED,
        columns.PHASED,
        columns.STAGED,
        columns.TOUCHED,
        columns.ESCALATED,
        columns.TRENDED,
    ):
        yield from group
    yield from (item.dimension for item in spec.segments)
    yield from (item.id for item in spec.overlays)
