"""What loads but cannot be meant: each check finds its fault, and is silent where the fault is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from config.frameworks import lint_framework_file, shipped_frameworks
from mapping.framework import Framework, load_framework
from mapping.framework.errors import Path as KeyPath
from mapping.framework.tree import Node, conjuncts, tree
from mapping.lint import CHECKS, lint
from mapping.lint.lists import LONGEST_LABEL, MOST_OPTIONS
from mapping.lint.vocabulary import SUB_STATUSES
from tests.property.test_mapping_engine import AT, made_up
from tests.unit.mapping.portfolio import evaluate, f4, shipped

Data = dict[str, Any]
Change = Callable[[Data], object]
PAGE = (Path(__file__).parents[3] / "docs" / "frameworks" / "lint.md").read_text(encoding="utf-8")


def changed(change: Change) -> Framework:
    data = shipped()
    change(data)
    return load_framework(data, "ours")


def found(change: Change) -> list[tuple[str, KeyPath]]:
    return [(one.check, one.path) for one in lint(changed(change)).findings]


def metric(data: Data, name: str) -> Data:
    return next(one for item in data["score"]["components"] for one in item["metrics"] if one["id"] == name)


def alert(when: str) -> Change:
    return lambda data: data["alerts"].append({"id": "ours", "label": "Ours", "when": when, "owner": "csm"})


def nothing(data: Data) -> None:
    """The shipped framework as it is."""


SIZES = len(f4().spec.segments)
ALERT = ("alerts", len(f4().spec.alerts), "when")


def sizes(*rules: tuple[str, str]) -> Change:
    """A dimension of those rules, and a catch-all."""
    listed = [{"id": name, "when": when} for name, when in (*rules, ("rest", "TRUE"))]
    return lambda data: data["segments"].append({"dimension": "size", "rules": listed})


def size(index: int) -> KeyPath:
    return ("segments", SIZES, "rules", index, "when")


@dataclass(frozen=True)
class Case:
    """A change that trips one check at one place, and one beside it that does not."""

    check: str
    trips: Change
    where: KeyPath
    clean: Change


def _set(target: Callable[[Data], Data], **values: object) -> Change:
    return lambda data: target(data).update(values)


CASES = (
    Case("window_differs", _set(lambda d: d["renewal"], window_days=120), ("renewal", "window_days"),
         _set(lambda d: d["renewal"], window_days=60)),
    Case("window_differs", _set(lambda d: metric(d, "login_frequency"), fresh={"column": "usage_as_of", "days": 14}),
         ("score", "components", 0, "metrics", 0, "fresh", "days"),
         _set(lambda d: metric(d, "login_frequency"), fresh={"column": "value_as_of", "days": 120})),
    Case("unknown_value", alert("renewal_status = 'churnd'"), ALERT, alert("renewal_status = 'churned'")),
    Case("unknown_value", alert("health_band IN ('red', 'amber')"), ALERT, alert("health_band IN ('red', 'yellow')")),
    Case("unknown_value", alert("lifecycle_stage <> 'growth'"), ALERT, alert("lifecycle_stage <> 'adoption'")),
    Case("unknown_value", alert("renewal_sub_status = 'not started'"), ALERT, alert("renewal_sub_status = '-20.0%'")),
    Case("unknown_value", alert("escalation_level = 'L5'"), ALERT, alert("escalation_level = 'L4'")),
    Case(
        "unknown_value", _set(lambda data: data["cadences"][2], when="segment = 'stratgic'"), ("cadences", 2, "when"),
        _set(lambda data: data["cadences"][2], when="segment = 'strategic'"),
    ),
    Case(
        "unknown_value", _set(lambda data: data["facts"]["open_expansion_deals"], where="state = 'opened'"),
        ("facts", "open_expansion_deals", "where"),
        _set(lambda data: data["facts"]["open_expansion_deals"], where="state <> 'won'"),
    ),
    Case(
        "unknown_value", lambda data: metric(data, "reference_status")["points"].update(activ=100),
        ("score", "components", 3, "metrics", 1, "points", "activ"),
        lambda data: metric(data, "reference_status")["points"].update(not_asked=50),
    ),
    Case("never_holds", alert("arr > 10 AND arr < 5"), ALERT, alert("arr > 5 AND arr < 10")),
    Case("never_holds", alert("days_since_go_live > 90 AND go_live_at > today"), ALERT,
         alert("days_since_go_live > 90 AND go_live_at < today")),
    Case("never_holds", alert("strategic_flag IS NULL AND strategic_flag"), ALERT,
         alert("strategic_flag IS NULL OR strategic_flag")),
    Case("never_holds", alert("lifecycle_stage IS NULL"), ALERT, alert("segment <> 'standard'")),
    Case("never_holds", alert("LOWER(edition) = 'Pro'"), ALERT, alert("LOWER(edition) = 'pro'")),
    Case("never_holds", alert("stakeholders_90d < 0"), ALERT, alert("stakeholders_90d < 1")),
    Case("never_holds", alert("handoff_missing > 3"), ALERT, alert("handoff_missing >= 3")),
    Case("never_holds", alert("NOT (strategic_flag IS NULL) AND strategic_flag IS NULL"), ALERT,
         alert("renewal_steps_recorded AND arr > 5")),
    Case("never_holds", alert("health_score > 100"), ALERT, alert("health_score >= 100")),
    Case("never_holds", alert("go_live_at + INTERVAL '1 month' < today AND days_since_go_live < 20"), ALERT,
         alert("go_live_at + INTERVAL '1 month' < today AND days_since_go_live < 35")),
    Case("unreachable", sizes(("large", "arr >= 100"), ("huge", "arr >= 1000")), size(1),
         sizes(("huge", "arr >= 1000"), ("large", "arr >= 100"))),
    Case("unreachable", sizes(("known", "arr IS NOT NULL"), ("none", "arr = 0")), size(1),
         sizes(("none", "arr = 0"), ("known", "arr IS NOT NULL"))),
    Case("unreachable", sizes(("a", "employees < 10"), ("b", "employees > 5"), ("c", "employees = 7")), size(2),
         sizes(("a", "employees < 7"), ("b", "employees > 7"), ("c", "employees = 7"))),
    Case(
        "unreachable", lambda data: data["stages"].insert(3, data["stages"].pop(4)), ("stages", 4, "when"),
        nothing,
    ),
    Case(
        "unreachable", lambda data: data["renewal"]["phases"].insert(0, data["renewal"]["phases"].pop(3)),
        ("renewal", "phases", 2, "when"), nothing,
    ),
    Case(
        "unreachable", _set(lambda data: data["escalation"]["levels"][0], when="health_band = 'red'"),
        ("escalation", "levels", 1, "when"),
        _set(lambda data: data["escalation"]["levels"][0], when="health_band = 'red' AND arr > 0"),
    ),
    Case("curve_never_100", lambda data: metric(data, "roi_achievement").update(curve=[[0, 0], [1, 90]]),
         ("score", "components", 1, "metrics", 0, "curve"),
         lambda data: metric(data, "roi_achievement").update(curve=[[0, 100], [1, 0]])),
    Case("curve_never_100", lambda data: metric(data, "roi_achievement").update(
            value="CASE WHEN roi_realised > roi_target THEN 0.8 ELSE 0 END"),
         ("score", "components", 1, "metrics", 0, "curve"),
         lambda data: metric(data, "roi_achievement").update(
            value="CASE WHEN roi_realised > roi_target THEN 1.2 ELSE 0 END")),
    Case("curve_never_0", lambda data: metric(data, "stakeholder_engagement").update(curve=[[-1, 0], [3, 100]]),
         ("score", "components", 2, "metrics", 0, "curve"),
         lambda data: metric(data, "ticket_sentiment").update(curve=[[-1, 0], [3, 100]])),
    Case("curve_never_0", lambda data: metric(data, "reference_status").update(points={"willing": 80, "active": 100}),
         ("score", "components", 3, "metrics", 1, "points"),
         lambda data: metric(data, "reference_status").update(
             points={"willing": 80, "active": 100}, missing="zero")),
    Case("irrelevant_metric", lambda data: metric(data, "goal_completion").update(weight=0.05),
         ("score", "components", 1, "metrics", 1, "weight"),
         lambda data: metric(data, "goal_completion").update(weight=0.1)),
    Case("unused_parameter", lambda data: data["parameters"].update(limit=5), ("parameters", "limit"),
         lambda data: (data["parameters"].update(limit=5), alert("arr < limit")(data))),
    Case("unused_fact", lambda data: data["facts"].update(sum={"value": "arr + acv"}), ("facts", "sum"),
         lambda data: (data["facts"].update(sum={"value": "arr + acv"}), alert("sum > 5")(data))),
    Case("unused_fact", lambda data: data["facts"].update(one={"value": "arr"}, two={"value": "one + 1"}),
         ("facts", "one"),
         lambda data: (data["facts"].update(one={"value": "arr"}, two={"value": "one + 1"}), alert("two > 5")(data))),
    Case("unused_milestone", lambda data: data.update(milestones=[{"key": "kick_off", "label": "Kick-off"}]),
         ("milestones", 0),
         lambda data: (data.update(milestones=[{"key": "kick_off", "label": "Kick-off"}]),
                       alert("days_since_kick_off > 5")(data))),
    Case("unused_milestone", lambda data: data.update(milestones=[{"key": "kick_off", "label": "Kick-off"}]),
         ("milestones", 0),
         lambda data: (data.update(milestones=[{"key": "kick_off", "label": "Kick-off"}]),
                       alert("milestones_overdue > 0")(data))),
    Case("unknown_value", lambda data: (data.update(milestones=[{"key": "kick_off", "label": "Kick-off"}]),
                                        alert("kick_off_timeliness = 'on time'")(data)), ALERT,
         lambda data: (data.update(milestones=[{"key": "kick_off", "label": "Kick-off"}]),
                       alert("kick_off_timeliness = 'on_time'")(data))),
    Case("alert_without_owner", lambda data: data["alerts"][0].pop("owner"), ("alerts", 0), nothing),
    Case("alert_without_owner", lambda data: data["alerts"][0].update(owner=" "), ("alerts", 0), nothing),
    Case("label_twice", _set(lambda data: data["stages"][4], label="departed"), ("stages", 4),
         _set(lambda data: data["stages"][4], label="departed since")),
    Case("label_twice", _set(lambda data: data["score"]["bands"][2], label="Unknown"), ("score", "bands", 3),
         _set(lambda data: data["score"]["bands"][2], label="Not known")),
    Case("label_twice", lambda data: data["renewal"].update(labels={"due": "At risk"}), ("renewal", "labels", 5),
         lambda data: data["renewal"].update(labels={"due": "At stake"})),
    Case("label_too_long", _set(lambda data: data["stages"][4], label="x" * (LONGEST_LABEL + 1)), ("stages", 4),
         _set(lambda data: data["stages"][4], label="x" * LONGEST_LABEL)),
    Case("category_twice", lambda data: data["escalation"]["levels"][2]["categories"].append("legal"),
         ("escalation", "levels", 2, "categories", 4),
         lambda data: data["escalation"]["levels"][2]["categories"].append("illegal")),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check} {'.'.join(map(str, case.where))}")
def test_a_check_finds_its_fault_and_nothing_else(case: Case) -> None:
    assert (case.check, case.where) in found(case.trips)
    assert found(case.clean) == []


def test_options_beyond_what_a_crm_takes_are_found() -> None:
    def segments(count: int) -> Change:
        rules = [{"id": f"s{number}", "when": f"arr = {number}"} for number in range(count - 1)]
        return lambda data: data["segments"][0].update(rules=[*rules, {"id": "standard", "when": "TRUE"}])

    assert ("too_many_options", ("segments", 0, "rules")) in found(segments(MOST_OPTIONS + 1))
    assert "too_many_options" not in {check for check, _path in found(segments(MOST_OPTIONS))}


def test_a_band_that_no_score_reaches_is_found() -> None:
    def curves(top: float) -> Change:
        def change(data: Data) -> None:
            for component in data["score"]["components"]:
                for one in component["metrics"]:
                    if "curve" in one:
                        one["curve"] = [[0, 0], [1, top]]
                    else:
                        one["points"] = {"refused": 0, "active": top}

        return change

    assert ("unreachable_band", ("score", "bands", 0, "min")) in found(curves(79.9))
    assert "unreachable_band" not in {check for check, _path in found(curves(80))}


def test_a_window_is_named_by_a_parameter_or_by_the_first_day_after_it_too() -> None:
    def asks(when: str, **parameters: int) -> Change:
        def change(data: Data) -> None:
            data["renewal"]["window_days"] = 120
            data["parameters"] |= parameters
            alert(when)(data)

        return change

    for clean in (asks("days_to_end < 121"), asks("days_to_end <= near", near=120), asks("120 >= days_to_end")):
        assert "window_differs" not in {check for check, _path in found(clean)}
    assert "window_differs" in {check for check, _path in found(asks("days_to_end <= near", near=119))}


def test_every_check_is_tried_and_documented() -> None:
    assert {case.check for case in CASES} | {"too_many_options", "unreachable_band"} == set(CHECKS)
    assert [check for check in CHECKS if f"`{check}`" not in PAGE] == []


@pytest.mark.parametrize("name", shipped_frameworks())
def test_the_shipped_frameworks_are_clean_and_nothing_of_them_is_left_undecided(name: str) -> None:
    linted = lint_framework_file(name)
    assert [str(problem) for _check, problem in linted.findings] == []
    assert linted.undecided == ()


@pytest.mark.parametrize(
    "when",
    [
        "arr * 12 >= 100 AND arr * 12 < 90 AND arr > 0",  # calculated with a column
        "days_to_end - 30 <= 60",
        "EXTRACT(MONTH FROM go_live_at) = 13",
        "name LIKE 'a%'",
        "name > 'a' AND name < 'b'",
        "today > DATE '2030-01-01'",  # holds on another day
        "go_live_at < DATE '9999-12-31'",  # has no day after it
        "go_live_at + INTERVAL '9000 years' < today",
    ],
)
def test_what_cannot_be_told_is_said_and_not_guessed(when: str) -> None:
    linted = lint(changed(alert(when)))
    assert (linted.findings, linted.undecided) == ((), (ALERT,))


def test_too_many_combinations_are_said_and_not_sampled() -> None:
    names = ("employees", "features_used", "features_licensed", "data_volume", "hours_saved", "roi_realised", "acv")
    when = " AND ".join(f"{name} > {number}" for number, name in enumerate(names)) + " AND employees < 0"
    linted = lint(changed(alert(when)))
    assert (linted.findings, linted.undecided) == ((), (ALERT,))


def test_a_rule_that_cannot_be_told_hides_no_later_one() -> None:
    rules = sizes(("a", "name LIKE 'a%'"), ("b", "arr > 5"), ("c", "arr > 10"))
    linted = lint(changed(rules))
    assert [(one.check, one.path) for one in linted.findings] == [("unreachable", size(2))]
    assert linted.undecided == (size(0),)


def test_a_moved_date_that_is_moved_or_counted_again_is_no_reason_for_a_finding() -> None:
    def counted(data: Data) -> None:
        data["facts"]["review_on"] = {"value": "go_live_at + INTERVAL '24 months'"}
        sizes(("late", "days_since_review >= 90"), ("reviewed", "days_since_review >= 0"))(data)
        alert("go_live_at + INTERVAL '1 month' + INTERVAL '1 month' < today AND go_live_at > today")(data)

    linted = lint(changed(counted))
    assert (linted.findings, linted.undecided) == ((), (ALERT,))


def test_the_words_of_a_finding_help() -> None:
    (one,) = lint(changed(alert("renewal_status = 'Projected to Churn'"))).findings
    assert one.why == "`renewal_status` is never 'Projected to Churn'."
    assert one.advice.startswith("Did you mean 'projected_churn'? It can be churned, projected_churn, ")
    (one,) = lint(changed(sizes(("large", "arr >= 100"), ("huge", "arr >= 1000")))).findings
    assert one.why == "huge never decides: whenever it holds, large above it holds too."


def test_every_sub_status_is_known() -> None:
    rows = evaluate(made_up(3, 400), f4(), AT).frame.get_column("renewal_sub_status").drop_nulls().unique()
    assert len(rows) > 5
    assert {one for one in rows if not one.endswith("%")} <= set(SUB_STATUSES)


def test_a_tree_has_the_words_of_the_expression() -> None:
    size_of, kind, rest = conjuncts(tree(pl.sql_expr("a >= 0.5 AND b IN ('x', 'y') AND (c IS NULL OR NOT d)")))
    assert size_of == Node(">=", (Node("column", value="a"), Node("constant", value=Decimal("0.5"))))
    assert kind == Node("in", (Node("column", value="b"),), ("x", "y"))
    empty, unset = Node("is null", (Node("column", value="c"),)), Node("not", (Node("column", value="d"),))
    assert rest == Node("or", (empty, unset))
    assert not tree(pl.sql_expr("LENGTH(a) > 3")).clear
    assert tree(pl.sql_expr("LENGTH(a) > 3")).columns == ("a",)
