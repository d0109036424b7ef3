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


KPI_EXPRESSIONS: Mapping[str, Want] = {
    "where": "condition", "anchor": "date", "having": "condition", "of": "condition", "value": "number",
}  # fmt: skip
"""Keys of a KPI that are expressions over the account, everything that was computed of it included."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A checked framework.

    `expressions` has the compiled form of each SQL text by its path in the file; `columns` every column that one of
    them may name at some step, in the order of the evaluation, day counts aside.
    """

    spec: FrameworkSpec
    version: str
    expressions: Mapping[Path, Checked] = field(repr=False)
    columns: Mapping[str, pl.DataType] = field(repr=False)

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
    return Framework(spec, _version(spec), compiler.found, compiler.known)


_REPORTED = frozenset({"kpis", "capacity", "capacity_alert"})
"""Parts that say what is reported: no account gets another value by them, so they make no other version."""


def _version(spec: FrameworkSpec) -> str:
    content = spec.model_dump(mode="json", by_alias=True, exclude=set(_REPORTED))
    body = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{ENGINE_VERSION}\n{body}".encode()).hexdigest()[:12]


class _Compiler:
    """Walks the file in the order of evaluation, so that an expression sees what is computed before it."""

    def __init__(self, spec: FrameworkSpec) -> None:
        self.spec = spec
        self.found: dict[Path, Checked] = {}
        self.problems: list[Problem] = []
        self.known: dict[str, pl.DataType] = columns.account_columns()
        self.broken: set[str] = set()
        self.facts = {*spec.facts, *(count for name in spec.facts for count in columns.counted_as(name))}

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
        for index, entry in enumerate(spec.kpis):
            for key, want in KPI_EXPRESSIONS.items():
                if (sql := getattr(entry, key)) is not None:
                    self._one(("kpis", index, key), sql, want)

    def _parameters(self) -> None:
        for name, value in self.spec.parameters.items():
            self._new_name(("parameters", name), name)
            self.known[name] = pl.Series([value]).dtype

    def _milestones(self) -> None:
        spec = self.spec
        paths: dict[str, Path] = {}  # a key that is used twice is a fault of the file's structure, and reported there
        milestones, checklists = [one.key for one in spec.milestones], [one.key for one in spec.checklists]
        for group, keys in (("milestones", milestones), ("checklists", checklists)):
            for index, key in enumerate(keys):
                paths.setdefault(key, (group, index, "key"))
        self._add({columns.milestone_column(key): (path, pl.Date()) for key, path in paths.items()})
        if spec.milestones_start is not None:
            self._one(("milestones_start",), spec.milestones_start, "date or instant")
        for key in dict.fromkeys(milestones):
            self._add({name: (paths[key], dtype) for name, dtype in columns.timing_columns(key).items()})
        if spec.milestones:
            self.known |= columns.PROGRESS

    def _add(self, named: Mapping[str, tuple[Path, pl.DataType]]) -> None:
        for name, (path, dtype) in named.items():
            self._new_name(path, name)
            self.known[name] = dtype

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
            facts = self.facts if known is None else ()
            self.found[path] = check(sql, available, want, aggregate=aggregate, facts=facts)
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
        columns.PROGRESS,
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
