"""What a framework may say about KPIs and capacity, and what is said back where it may not."""

from __future__ import annotations

from typing import Any

import pytest

from mapping.framework import FrameworkError, load_framework
from mapping.kpis.catalogue import CATALOGUE
from mapping.kpis.measures import MEASURES
from tests.unit.mapping.kpi_kit import SMALL, every_kpi, framework, whole
from tests.unit.mapping.portfolio import Portfolio

ROLE: dict[str, Any] = {"id": "csm", "segment": "enterprise", "accounts": {"min": 15, "max": 20}, "arr": {"min": 1}}


def problems(**parts: Any) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(FrameworkError) as caught:
        load_framework(SMALL | parts, "small")
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"id": "nnr"}, ("id",), "there is no KPI 'nnr'; did you mean nrr?"),
        ({"id": "zzzzzz"}, ("id",), "there are nrr, grr, "),
        ({"id": "nrr", "target": {"op": ">=", "value": 95}}, ("target", "value"), "is a share: write 0.95 for 95 %"),
        (
            {"id": "nrr", "target": {"op": "<", "value": 1}},
            ("target", "op"),
            "higher is better, so that a target has >= or >",
        ),
        ({"id": "red_share", "target": {"op": ">", "value": 1}}, ("target", "op"), "lower is better"),
        ({"id": "nrr", "target": {"op": "=", "value": 1}}, ("target", "op"), "has to be '>=', '>', '<=' or '<'"),
        ({"id": "nrr", "target": 1.2}, ("target",), "has to be a mapping"),
        ({"id": "nrr", "target": {"op": ">=", "value": float("nan")}}, ("target", "value"), "finite number"),
        ({"id": "nrr", "period": "month"}, ("period",), "has to be '12mo' or 'quarter'"),
        ({"id": "green_share", "period": "quarter"}, ("period",), "says how things stand"),
        ({"id": "nrr", "where": "segmnt = 'x'"}, ("where",), "did you mean segment"),
        ({"id": "nrr", "where": "arr"}, ("where",), "gives a number, but a condition is wanted"),
        ({"id": "nrr", "anchor": "go_live_at"}, ("anchor",), "does not belong to nrr"),
        ({"id": "ttfv_days", "anchor": "arr"}, ("anchor",), "a date is wanted"),
        ({"id": "account_share"}, (), "account_share needs `having`"),
        ({"id": "account_mean", "value": "segment"}, ("value",), "gives text, but a number is wanted"),
        ({"id": "plan_coverage", "milestones": ["plan"]}, ("milestones", 0), "the framework has no milestone 'plan'"),
        ({"id": "expansion_pipeline", "min_probability": 2}, ("min_probability",), "less than or equal to 1"),
        ({"id": "nrr", "aim": 1}, ("aim",), "unknown key"),
    ],
)
def test_a_kpi_that_cannot_be_is_refused(entry: dict[str, Any], path: tuple[str | int, ...], message: str) -> None:
    found = problems(kpis=[entry])
    assert message in found["kpis", 0, *path], found
    assert len(found) == 1


def test_the_same_kpi_twice_needs_two_names() -> None:
    assert problems(kpis=[{"id": "nrr"}, {"id": "nrr", "where": "TRUE"}]) == {
        ("kpis", 1, "name"): "'nrr' is used twice"
    }
    assert framework(kpis=[{"id": "nrr"}, {"id": "nrr", "name": "other"}]).spec.kpis[1].key == "other"


def test_milestone_kpis_want_milestones() -> None:
    found = problems(milestones=[], kpis=[{"id": "milestones_completed"}])
    assert "the framework has none" in found["kpis", 0, "id"]


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"segment": "enterprize"}, ("segment",), "those are enterprise, other"),
        ({"accounts": {"min": 20, "max": 15}}, ("accounts", "max"), "is less than `min`"),
        ({"arr": {"max": "many"}}, ("arr", "max"), "number"),
        ({"by": "friend"}, ("by",), "'owner' or 'sponsor'"),
        ({"arr": {"min": -1}}, ("arr", "min"), "greater than or equal to 0"),
    ],
)
def test_a_norm_that_cannot_be_is_refused(change: dict[str, Any], path: tuple[str, ...], message: str) -> None:
    assert message in problems(capacity=[ROLE | change])["capacity", 0, *path]


def test_what_is_reported_makes_no_other_model_version() -> None:
    plain = load_framework(SMALL, "small").version
    assert framework(kpis=[{"id": "nrr"}], capacity=[ROLE]).version == plain


def test_every_measure_is_made_and_has_the_columns_that_its_kpis_name() -> None:
    assert {one.measure for one in CATALOGUE.values()} == set(MEASURES)
    chosen = framework(kpis=every_kpi())
    part = whole(Portfolio().account("A", arr=1), "2025-12-31", chosen)
    for index, entry in enumerate(chosen.spec.kpis):
        kpi = CATALOGUE[entry.id]
        rows = MEASURES[kpi.measure](part, kpi.period, index, entry)
        named = {kpi.top, kpi.bottom, kpi.evidence, *(column for _, *pair in kpi.also for column in pair)} - {None}
        assert named <= set(rows.columns), kpi.id
