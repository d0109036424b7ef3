"""Lifecycle: the stage an account is in, its stage by tenure, since when, and what comes next."""

from __future__ import annotations

import polars as pl

from mapping.framework import Framework
from mapping.rules import compiled, first_match
from mapping.table import Table


def place(table: Table, framework: Framework, stage_history: pl.DataFrame) -> None:
    """Add `lifecycle_stage`, `tenure_stage`, `stage_entered_on`, `·next_stage` and `·next_stage_on`."""
    stages = framework.spec.stages
    rules = compiled(framework, ("stages",), stages)
    first_match(table, "lifecycle_stage", rules)
    first_match(table, "tenure_stage", [rule for rule, stage in zip(rules, stages, strict=True) if stage.tenure])
    _dates(table, framework)
    _entered(table, framework, stage_history)
    _expected(table, framework)


def _dates(table: Table, framework: Framework) -> None:
    stages = list(enumerate(framework.spec.stages))
    entered = {
        f"·entered:{s.id}": framework.at("stages", n, "entered_on") for n, s in stages if s.entered_on is not None
    }
    expected = {
        f"·expected:{s.id}": framework.at("stages", n, "expected_on") for n, s in stages if s.expected_on is not None
    }
    table.compute({**entered, **expected})


def _entered(table: Table, framework: Framework, stage_history: pl.DataFrame) -> None:
    """The dated fact behind the rule; else what was reported when the stage was first seen; else today on a change.

    An account that was never seen before keeps null: nobody knows since when it is there.
    """
    today = pl.lit(table.at.date)
    dated = pl.lit(None, dtype=pl.Date)
    for stage in framework.spec.stages:
        if stage.entered_on is not None:
            fact = pl.col(f"·entered:{stage.id}")
            here = (pl.col("lifecycle_stage") == stage.id) & (fact <= today)
            dated = pl.when(here).then(fact).otherwise(dated)
    seen = stage_history.filter(pl.col("at") < table.at.utc).group_by("account_id", maintain_order=True).last()
    table.attach(seen.select("account_id", **{"·stage_before": "stage", "·entered_before": "entered_on"}))
    before = (
        pl.when(pl.col("·stage_before") == pl.col("lifecycle_stage"))
        .then("·entered_before")
        .when(pl.col("·stage_before").is_not_null())
        .then(today)
    )
    table.add(stage_entered_on=pl.coalesce(dated, before))


def _expected(table: Table, framework: Framework) -> None:
    """The earliest coming day on which a rule higher up than the matching one comes true."""
    order = [stage.id for stage in framework.spec.stages]
    position = pl.col("lifecycle_stage").replace_strict(order, range(len(order)), return_dtype=pl.Int64)
    coming: dict[str, pl.Expr] = {}
    for index, stage in enumerate(framework.spec.stages):
        name = f"·expected:{stage.id}" if stage.expected_on is not None else f"·entered:{stage.id}"
        if name in table.frame.columns:
            ahead = (pl.col(name) > pl.lit(table.at.date)) & (position > index)
            coming[stage.id] = pl.when(ahead).then(pl.col(name))
    nothing = pl.lit(None, dtype=pl.Date)
    table.add(**{"·next_stage_on": pl.min_horizontal(*coming.values(), nothing)})
    named = (pl.when(day == pl.col("·next_stage_on")).then(pl.lit(name)) for name, day in coming.items())
    table.add(**{"·next_stage": pl.coalesce(*named, pl.lit(None, dtype=pl.String))})
