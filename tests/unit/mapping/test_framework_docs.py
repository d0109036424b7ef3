"""The pages about frameworks name every key of the format and every rule of the shipped framework."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from config.frameworks import load_framework_file, shipped_frameworks
from mapping.framework import columns
from mapping.framework import spec as parts
from mapping.kpis.catalogue import CATALOGUE
from tests.unit.mapping.portfolio import f4

DOCS = Path(__file__).parents[3] / "docs" / "frameworks"
FORMAT = (DOCS / "format.md").read_text(encoding="utf-8")
KPIS = (DOCS.parent / "kpis.md").read_text(encoding="utf-8")
F4 = (DOCS / "cradle_to_grave.md").read_text(encoding="utf-8")


def test_every_key_of_the_format_is_documented() -> None:
    models = [item for item in vars(parts).values() if isinstance(item, type) and issubclass(item, BaseModel)]
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()} - {"months"}
    assert {key for key in keys if not re.search(rf"\b{key}\b", FORMAT)} == set()


def test_every_column_of_the_evaluation_is_documented() -> None:
    groups = (columns.CLOCK, columns.DERIVED, columns.PROGRESS, columns.SCORED, columns.RENEWED, columns.PHASED,
              columns.STAGED, columns.TOUCHED, columns.ESCALATED, columns.TRENDED)  # fmt: skip
    assert {name for name in columns.timing_columns("KEY") if f"`{name}`" not in FORMAT} == set()
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


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_kpi_is_documented_with_what_it_is_made_of(name: str) -> None:
    kpi = CATALOGUE[name]
    (row,) = re.findall(rf"^\| `{name}` \|.*$", KPIS, re.MULTILINE)
    said = [kpi.label, kpi.made_of, *(f"`{key}`" for key in kpi.takes), f"`figures.{kpi.figure}`" if kpi.figure else ""]
    assert [words for words in said if words not in row] == []
    assert ("12 months" in row, "3 months" in row) == (
        not kpi.of_the_moment and kpi.period == "12mo",
        not kpi.of_the_moment and kpi.period == "quarter",
    )


def test_no_kpi_is_invented() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", KPIS, re.MULTILINE)) == set(CATALOGUE)


@pytest.mark.parametrize("name", shipped_frameworks())
def test_kpis_and_norms_of_a_framework_are_on_its_page(name: str) -> None:
    spec, page = load_framework_file(name).spec, (DOCS / f"{name}.md").read_text(encoding="utf-8")
    page = page.partition("<!-- generated")[0]
    for entry in spec.kpis:
        kpi = CATALOGUE[entry.id]
        (row,) = re.findall(rf"^\| {re.escape(entry.label or kpi.label)} \|(.*)$", page, re.MULTILINE)
        if entry.target is not None:
            share = kpi.unit == "share"
            aim = (
                f"{entry.target.value * (100 if share else 1):,g}"
                if entry.target.value < 1000
                else f"{entry.target.value:,.0f}"
            )
            assert aim + (" %" if share else "") in row or (entry.target.value == 0 and "none" in row), entry.key
    for role in spec.capacity:
        bound = f"{role.accounts.min or role.accounts.max:g}"
        assert re.search(rf"^\| {re.escape(role.label)}\b.*\b{bound}\b", page, re.MULTILINE), role.id
