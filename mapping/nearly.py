"""Stages that an account is not in for a single condition."""

from __future__ import annotations

from typing import Any

import polars as pl

from mapping.details import json_value
from mapping.framework import Framework
from mapping.framework.tree import conditions, tree
from mapping.wording import wording


def near_misses(row: pl.DataFrame, framework: Framework) -> list[dict[str, Any]]:
    """Stages above the account's own of which all of several conditions but one hold, the nearest to its own first.

    `row` is one evaluated account. Each has the condition in words (null where it has none) and the values that it
    saw; conditions that an "or" joins count as one.
    """
    words, found = wording(framework), list[dict[str, Any]]()
    for index, stage in enumerate(framework.spec.stages):
        if stage.id == row.item(0, "lifecycle_stage"):
            break
        when = framework.at("stages", index, "when")
        every = conditions(when.expr)
        failing = [one for one in every if row.select(one.alias("holds")).item() is not True]
        # A rule of one condition would be near for everybody.
        if len(every) > 1 and len(failing) == 1:
            node = tree(failing[0])
            inputs = {name: json_value(row.item(0, name)) for name in node.columns}
            label = words.label("lifecycle_stage", stage.id)
            said = words.say(node)
            found.append({"id": stage.id, "label": label, "when": stage.when, "condition": said, "inputs": inputs})
    return found[::-1]
