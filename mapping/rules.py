"""Ordered rule lists over the whole table: the first that holds wins; a comparison with null does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mapping.framework import Framework
from mapping.framework.errors import Path
from mapping.framework.expressions import Checked
from mapping.framework.spec import RuleSpec
from mapping.table import Table


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its condition."""

    id: str
    when: Checked


def compiled(framework: Framework, path: Path, rules: Sequence[RuleSpec]) -> list[CompiledRule]:
    """The rules found at `path` of the file."""
    return [CompiledRule(rule.id, framework.at(*path, index, "when")) for index, rule in enumerate(rules)]


def first_match(table: Table, name: str, rules: Sequence[CompiledRule]) -> None:
    """Add column `name` with the id of the first rule that holds, null when none does."""
    table.prepare(rule.when for rule in rules)
    matched = pl.coalesce(
        *(pl.when(rule.when.expr).then(pl.lit(rule.id)) for rule in rules), pl.lit(None, dtype=pl.String)
    )
    table.add(**{name: matched})


def flags(table: Table, rules: Sequence[CompiledRule], prefix: str = "") -> None:
    """Add one column a rule: whether it holds."""
    table.prepare(rule.when for rule in rules)
    table.add(**{prefix + rule.id: pl.lit(value=True) & rule.when.expr.fill_null(value=False) for rule in rules})
