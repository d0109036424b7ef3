"""The pages about frameworks name every key of the format and every rule of the shipped framework."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from config.frameworks import load_framework_file, shipped_frameworks
from mapping.framework import columns
from mapping.framework import spec as parts
from tests.unit.mapping.portfolio import f4

DOCS = Path(__file__).parents[3] / "docs" / "frameworks"
FORMAT = (DOCS / "format.md").read_text(encoding="utf-8")
F4 = (DOCS / "cradle_to_grave.md").read_text(encoding="utf-8")


def test_every_key_of_the_format_is_documented() -> None:
    models = [item for item in vars(parts).values() if isinstance(item, type) and issubclass(item, BaseModel)]
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()} - {"months"}
    assert {key for key in keys if not re.search(rf"\b{key}\b", FORMAT)} == set()


def test_every_column_of_the_evaluation_is_documented() -> None:
    groups = (columns.CLOCK, columns.DERIVED, columns.SCORED, columns.RENEWED, columns.PHASED, columns.STAGED,
              columns.TOUCHED, columns.ESCALATED, columns.TRENDED)  # fmt: skip
    assert {name for group in groups for name in group if f"`{name}`" not in FORMAT} == set()


@pytest.mark.parametrize("name", shipped_frameworks())
def test_every_rule_of_a_framework_is_documented(name: str) -> None:
    spec, page = load_framework_file(name).spec, (DOCS / f"{name}.md").read_text(encoding="utf-8")
    labels = [stage.label for stage in spec.stages] + [item.label for item in spec.cadences]
    labels += [rule.label.lower() for item in spec.segments for rule in item.rules]
    if name == "cradle_to_grave" or spec.score != f4().spec.score:
        labels += [metric.label for component in spec.score.components for metric in component.metrics]
    labels += [alert.id for alert in spec.alerts] + [
        level.label for level in (spec.escalation.levels if spec.escalation else ())
    ]
    assert {label for label in labels if label not in page and label not in page.lower()} == set()


def test_bands_and_weights_are_those_of_the_framework() -> None:
    score = f4().spec.score
    assert all(f"{item.id} from {item.min:.1f}" in F4 for item in score.bands[:1])
    assert all(f"| {item.label}, {item.weight:g} % |" in F4 for item in score.components)
