"""Loading a framework: what is wrong is said with the path of the key; what is right has a stable version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mapping.framework import FrameworkError, load_framework
from mapping.outputs import output_fields, override_fields
from mapping.records import ValueType
from tests.unit.mapping.portfolio import Portfolio, f4, shipped

Change = Callable[[dict[str, Any]], object]
METRIC = ("score", "components", 0, "metrics", 0)


def problems(change: Change) -> dict[tuple[str | int, ...], str]:
    data = shipped()
    change(data)
    with pytest.raises(FrameworkError) as caught:
        load_framework(data, "broken")
    return {problem.path: problem.message for problem in caught.value.problems}


def metric(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["score"]["components"][0]["metrics"][0]
    return found


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (
            lambda d: d["stages"][2].update(when="days_since_golive >= 365"),
            ("stages", 2, "when"),
            "there is no column 'days_since_golive' here; did you mean days_since_go_live",
        ),
        (
            lambda d: d["stages"][2].update(when="go_live_at"),
            ("stages", 2, "when"),
            "gives a date, but a condition is wanted",
        ),
        (lambda d: d["stages"][2].update(when="name > 3"), ("stages", 2, "when"), "not a valid SQL expression"),
        (lambda d: d["stages"][2].update(when="name = ("), ("stages", 2, "when"), "not a valid SQL expression"),
        (lambda d: d["stages"][2].update(when="MAX(employees) > 3"), ("stages", 2, "when"), "is an aggregate"),
        (lambda d: d["stages"][2].update(when="SUM(employees) OVER () > 3"), ("stages", 2, "when"), "may not be used"),
        (lambda d: d["stages"][-1].update(when="employees > 3"), ("stages", 6, "when"), "catch-all"),
        (lambda d: d["stages"][0].update(when="TRUE"), ("stages", 0, "when"), "no rule after it"),
        (lambda d: d["stages"][1].update(id="departed"), ("stages", 1, "id"), "used twice"),
        (lambda d: d["stages"][0].update(entered_on="name"), ("stages", 0, "entered_on"), "a date is wanted"),
        (lambda d: d["stages"][0].update(whem="x"), ("stages", 0, "whem"), "unknown key"),
        (lambda d: d["stages"][0].pop("when"), ("stages", 0, "when"), "is required"),
        (lambda d: metric(d).update(weight=0), (*METRIC, "weight"), "greater than 0"),
        (lambda d: metric(d).update(curve=[[0, 0], [0, 50]]), (*METRIC, "curve", 1), "x has to be greater"),
        (lambda d: metric(d).update(curve=[[0, 0], [1, 101]]), (*METRIC, "curve", 1), "points from 0 to 100"),
        (lambda d: metric(d).update(curve=[[0, 0]]), (*METRIC, "curve"), "at least two points"),
        (lambda d: metric(d).pop("curve"), METRIC, "either `curve`"),
        (lambda d: metric(d).update(missing="ignore"), (*METRIC, "missing"), "reweight"),
        (lambda d: metric(d).update(value="name"), (*METRIC, "value"), "gives text, but a number is wanted"),
        (lambda d: metric(d).update(fresh={"column": "name", "days": 3}), (*METRIC, "fresh", "column"), "not a date"),
        (
            lambda d: metric(d).update(id="roi_achievement"),
            ("score", "components", 1, "metrics", 0, "id"),
            "used twice",
        ),
        (lambda d: d["score"]["bands"][1].update(min=80), ("score", "bands", 1, "min"), "overlaps"),
        (lambda d: d["score"]["bands"][2].update(min=10), ("score", "bands", 2, "min"), "leaves a gap"),
        (lambda d: d["score"]["bands"][0].update(min=79.95), ("score", "bands", 0, "min"), "more decimals"),
        (lambda d: d["score"]["bands"][0].update(id="unknown"), ("score", "bands", 0, "id"), "without a score"),
        (lambda d: d["score"].update(min_coverage=1.5), ("score", "min_coverage"), "less than or equal to 1"),
        (
            lambda d: d["facts"]["sentiment_90d"].update(value="sentiment"),
            ("facts", "sentiment_90d", "value"),
            "aggregate",
        ),
        (
            lambda d: d["facts"]["sentiment_90d"].update(where="sentimen > 0"),
            ("facts", "sentiment_90d", "where"),
            "sentiment",
        ),
        (lambda d: d["facts"]["signed_on"].update(where="TRUE"), ("facts", "signed_on", "where"), "only belongs"),
        (lambda d: d["facts"].update(arr={"value": "1"}), ("facts", "arr"), "is taken"),
        (lambda d: d["facts"].update(health_score={"value": "1"}), ("facts", "health_score"), "is taken"),
        (
            lambda d: d["facts"].update(early={"value": "health_score + 1"}),
            ("facts", "early", "value"),
            "not computed yet",
        ),
        (
            lambda d: d["facts"].update(one={"value": "two + 1"}, two={"value": "one + 1"}),
            ("facts", "one", "value"),
            "'two' is a fact that is not computed yet",
        ),
        (
            lambda d: d["facts"].update(one={"value": "one + 1"}),
            ("facts", "one", "value"),
            "'one' is a fact that is not computed yet at this point: facts are, in their order, after milestones",
        ),
        (
            lambda d: d["facts"].update(one={"value": "days_since_two"}, two={"value": "go_live_at"}),
            ("facts", "one", "value"),
            "'days_since_two' is a fact that is not computed yet",
        ),
        (
            lambda d: d["stages"][2].update(when="Days_Since_Golive >= 365"),
            ("stages", 2, "when"),
            "there is no column 'Days_Since_Golive' here; did you mean days_since_go_live",
        ),
        (lambda d: d["stages"][2].update(when="NOT name"), ("stages", 2, "when"), "not a valid SQL expression"),
        (lambda d: d["stages"][2].update(when="CAST(name AS INT) > 1"), ("stages", 2, "when"), "not a valid SQL"),
        (lambda d: d["stages"][2].update(when="go_live_at > '2026-01-02'"), ("stages", 2, "when"), "write DATE '2026"),
        (lambda d: d["stages"][2].update(when="ROW_NUMBER() > 1"), ("stages", 2, "when"), "may not be used"),
        (lambda d: d["stages"][2].update(when="COLUMNS('.*') IS NULL"), ("stages", 2, "when"), "may not be used"),
        (lambda d: d["segments"][0].update(dimension="tier"), ("segments",), "named `segment`"),
        (lambda d: d["overlays"][0].update(id="arr"), ("overlays", 0, "id"), "is taken"),
        (lambda d: d["segments"][0].update(dimension="arr"), ("segments", 0, "dimension"), "is taken"),
        (lambda d: d["renewal"].update(red_bands=["crimson"]), ("renewal", "red_bands", 0), "no band 'crimson'"),
        (lambda d: d["renewal"].update(labels={"gone": "x"}), ("renewal", "labels", "gone"), "no renewal status"),
        (lambda d: d["renewal"].update(start_days=100), ("renewal", "start_days"), "window_days"),
        (lambda d: d["cadences"][0].update(within="soon"), ("cadences", 0, "within"), "a span such as"),
        (lambda d: d["cadences"][0].update(every="1mo"), ("cadences", 0), "either `within`"),
        (lambda d: d["cadences"][0].update(anchor="name"), ("cadences", 0, "anchor"), "a date is wanted"),
        (lambda d: d["escalation"]["levels"][1].update(rank=4), ("escalation", "levels"), "fall from level to level"),
        (lambda d: d["alerts"][0].update(when="now() > as_of"), ("alerts", 0, "when"), "may not be used"),
        (lambda d: d.update(surprise=1), ("surprise",), "unknown key"),
        (lambda d: d.pop("score"), ("score",), "is required"),
        (lambda d: d["alerts"][0].update(cool_down_days=10**7), ("alerts", 0, "cool_down_days"), "or equal to 36500"),
        (lambda d: d["alerts"][0].update(sla_hours=10**9), ("alerts", 0, "sla_hours"), "or equal to 876000"),
    ],
)
def test_a_fault_is_named_with_its_path(change: Change, path: tuple[str | int, ...], message: str) -> None:
    found = problems(change)
    assert path in found, found
    assert message in found[path]


def test_every_fault_is_reported_at_once() -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["stages"][2]["when"] = "nope"
        metric(data)["curve"] = [[1, 0], [0, 100]]
        data["alerts"][0]["when"] = "1 + 1"

    assert set(problems(spoil)) == {("stages", 2, "when"), (*METRIC, "curve", 1), ("alerts", 0, "when")}


def test_fault_is_not_reported_again_by_what_depends_on_it() -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["facts"]["sentiment_90d"]["value"] = "AVG(sentimnt)"
        data["facts"]["signed_on"]["value"] = "contract_signed"

    assert set(problems(spoil)) == {("facts", "sentiment_90d", "value"), ("facts", "signed_on", "value")}

    def misspell(data: dict[str, Any]) -> None:
        data["score"]["components"][0]["metrisc"] = data["score"]["components"][0].pop("metrics")

    path = ("score", "components", 0)
    assert problems(misspell) == {
        (*path, "metrics"): "is required",
        (*path, "metrisc"): "unknown key; did you mean metrics?",
    }


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (lambda d: d.update(stages=5), ("stages",), "has to be a list"),
        (lambda d: d.update(stages=[]), ("stages",), "needs at least one entry"),
        (lambda d: d["stages"][0].update(when=True), ("stages", 0, "when"), "has to be text, in quotes"),
        (lambda d: d["stages"][0].update(when=""), ("stages", 0, "when"), "must not be empty"),
        (lambda d: d["score"].update(min_coverage="50%"), ("score", "min_coverage"), "has to be a number"),
        (lambda d: d["score"].update(decimals=0.5), ("score", "decimals"), "has to be a whole number"),
        (lambda d: d["score"].update(trend=30), ("score", "trend"), "has to be a mapping"),
        (lambda d: d["cadences"][0].update(after_churn="perhaps"), ("cadences", 0, "after_churn"), "true or false"),
        (lambda d: metric(d).update(weight=-1), (*METRIC, "weight"), "has to be greater than 0"),
        (
            lambda d: d["parameters"].update(strict_handoff=[1]),
            ("parameters", "strict_handoff"),
            "has to be a number, a",
        ),
        (lambda d: d["facts"]["sentiment_90d"].update(empty="none"), ("facts", "sentiment_90d", "empty"), "'zero' or"),
    ],
)
def test_wrong_shape_is_said_in_plain_words(change: Change, path: tuple[str | int, ...], message: str) -> None:
    found = problems(change)
    assert message in found[path], found
    assert len(found) == 1


def test_version_follows_the_content() -> None:
    same = load_framework(dict(reversed(list(shipped().items()))), "same")
    assert same.version == f4().version
    data = shipped()
    data["score"]["components"][0]["weight"] = 31
    assert load_framework(data, "other").version != f4().version


def test_a_list_that_the_framework_leaves_empty_has_an_option_all_the_same() -> None:
    changed = shipped() | {"cadences": [], "escalation": None}
    changed["renewal"] = {**changed["renewal"], "phases": []}
    changed["alerts"] = [one for one in changed["alerts"] if one["id"] != "winback_due"]
    fields = {spec.name: spec for spec in output_fields(load_framework(changed, "changed"))}
    for name in ("escalation_level", "next_touch_type", "renewal_phase"):
        assert fields[name].options == (("none", "None"),)
    assert fields["health_score"].options == ()


def test_output_fields_are_those_of_the_design() -> None:
    fields = {spec.name: spec for spec in output_fields(f4())}
    assert list(fields) == [
        "health_score",
        "health_band",
        "health_trend",
        "health_coverage",
        "health_reasons",
        "lifecycle_stage",
        "tenure_stage",
        "stage_entered_on",
        "segment",
        "renewal_status",
        "renewal_sub_status",
        "renewal_phase",
        "next_touch_type",
        "next_touch_due_on",
        "escalation_level",
        "framework",
        "model_version",
        "scored_at",
    ]
    assert all(spec.writable for spec in fields.values())
    assert fields["health_score"].decimals == 1
    assert [value for value, _ in fields["health_band"].options] == ["green", "yellow", "red", "unknown"]
    assert dict(fields["renewal_status"].options)["projected_downsell"] == "Projected to churn - Down sell"
    assert "renewal_or_transition" not in dict(fields["tenure_stage"].options)
    for spec in fields.values():
        assert (spec.type is ValueType.ENUM) == bool(spec.options)
        assert spec.label
        assert spec.description


def test_override_fields_are_read_only() -> None:
    assert [spec.name for spec in override_fields()] == ["renewal_status_override", "override_reason", "override_until"]
    assert not any(spec.writable for spec in override_fields())


def test_facts_can_be_drawn_from_calls_and_surveys() -> None:
    data = shipped()
    data["facts"] |= {
        "calls_30d": {"from": "calls", "value": "COUNT(*)", "where": "days_since_starts <= 30", "empty": "zero"},
        "csat": {"from": "surveys", "value": "AVG((score - scale_min) / (scale_max - scale_min))",
                 "where": "type = 'csat'"},
    }  # fmt: skip
    framework = load_framework(data, "calls")
    portfolio = Portfolio()
    portfolio.account("a", has_calls=True, has_surveys=True).account("b", has_calls=True).account("c")
    portfolio.call(starts_at="2025-11-01", created_at="2025-11-01").call(
        starts_at="2025-11-20", created_at="2025-11-20"
    )
    for score, kind, on in ((4.0, "csat", "2025-11-01"), (9.0, "nps", "2025-11-01"), (1.0, "csat", "2025-12-01")):
        portfolio.survey(score=score, type=kind, scale_min=1.0, scale_max=5.0, answered_at=on)
    result = portfolio.on("2025-11-10", framework)
    facts = [result.detail(one)["facts"] for one in "abc"]
    assert [(one["calls_30d"], one["csat"]) for one in facts] == [(1, 0.75), (0, None), (None, None)]


def test_carry_forward_keeps_an_old_value_for_a_while() -> None:
    data = shipped()
    metric(data)["missing"] = {"carry_forward": 20}
    framework = load_framework(data, "carry")
    portfolio = Portfolio().account(logins_per_user_week=1.0, usage_as_of="2025-05-01")
    assert "login_frequency" not in portfolio.on("2025-05-21", framework).detail()["health"]["missing"]
    assert portfolio.on("2025-05-22", framework).detail()["health"]["missing"]["login_frequency"] == "stale"


def test_segments_overlays_and_parameters_can_use_each_other() -> None:
    data = shipped()
    data["parameters"]["elite_from"] = 500_000
    data["segments"] = [
        {
            "dimension": "spend",
            "rules": [{"id": "elite", "when": "acv >= elite_from"}, {"id": "other", "when": "TRUE"}],
        },
        {
            "dimension": "segment",
            "rules": [{"id": "strategic", "when": "spend = 'elite'"}, {"id": "standard", "when": "TRUE"}],
        },
    ]
    framework = load_framework(data, "two")
    portfolio = Portfolio().account("a", acv=500_000).account("b", acv="499999.99")
    rows = portfolio.on("2025-05-01", framework).rows
    assert (rows["a"]["segment"], rows["b"]["segment"]) == ("strategic", "standard")
