"""Milestones and checklists: what is done, in a row, out of order, and in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mapping.framework import Framework, FrameworkError, load_framework
from mapping.framework.spec import Fact
from tests.unit.mapping.portfolio import Portfolio, Result, day, f4, shipped

Data = dict[str, Any]
STEPS = ("one", "two", "three", "four")


def flow(**changes: Any) -> Framework:
    """Cradle to grave with four milestones, each with a checklist `KEY_list`."""
    data = shipped()
    data |= {
        "milestones": [{"key": key, "label": key.capitalize()} for key in STEPS],
        "checklists": [{"key": f"{key}_list", "label": f"{key} list", "serves": [key]} for key in STEPS],
    }
    return load_framework({**data, **changes}, "flow")


def timed(days: int = 10, **changes: Any) -> Framework:
    milestones = [{"key": "one", "label": "One", "recommended_days": days}, {"key": "two", "label": "Two"}]
    return flow(**{"milestones": milestones, "checklists": [], "milestones_start": "csm_assigned_at", **changes})


def found(framework: Framework, when: str, account: Data | None = None, zone: str = "UTC", **days: str) -> Data:
    portfolio = Portfolio().account(**(account or {})).reached(**days)
    return portfolio.on(when, framework, zone).evaluation.row("a")


def counts(row: Data) -> tuple[object, ...]:
    names = ("milestones_done", "milestones_in_row", "milestones_out_of_order", "milestones_out_of_order_names")
    return tuple(row[name] for name in names)


@pytest.mark.parametrize(
    ("reached", "expected"),
    [
        ("", (0, 0, 0, None)),
        ("one", (1, 1, 0, None)),
        ("one two", (2, 2, 0, None)),
        ("two", (1, 0, 1, "Two")),
        ("one three", (2, 1, 1, "Three")),
        ("one three four", (3, 1, 2, "Three, Four")),
        ("two three four", (3, 0, 3, "Two, Three, Four")),
        ("one two three four", (4, 4, 0, None)),
    ],
)
def test_only_what_is_done_without_a_gap_counts_in_a_row(reached: str, expected: tuple[object, ...]) -> None:
    row = found(flow(), "2026-03-02", **dict.fromkeys(reached.split(), "2026-01-05"))
    assert counts(row) == expected
    assert row["milestones_share"] == expected[0] / 4  # type: ignore[operator]


def test_a_day_that_has_not_come_is_shown_but_nothing_is_done() -> None:
    for when, done in (("2026-01-04", 0), ("2026-01-05", 1), ("2026-01-06", 1)):
        row = found(flow(), when, one="2026-01-05", one_list="2026-01-05")
        assert (row["milestones_done"], row["checklists_done"]) == (done, done)
        assert row["one_on"] == day("2026-01-05")


def test_the_earliest_of_several_records_of_a_day_counts() -> None:
    portfolio = Portfolio().account().reached(one="2026-02-03").reached(one="2026-01-05")
    assert portfolio.on("2026-03-02", flow()).evaluation.row("a")["one_on"] == day("2026-01-05")


@pytest.mark.parametrize(
    ("derive", "days", "expected"),
    [
        (False, {"a": "2026-01-05", "b": "2026-01-09"}, None),
        (True, {"a": "2026-01-05"}, None),
        (True, {"a": "2026-01-05", "b": "2026-01-09"}, "2026-01-09"),
        (True, {"a": "2026-01-05", "b": "2026-03-03"}, None),
        (True, {"a": "2026-01-05", "b": "2026-01-09", "one": "2026-01-20"}, "2026-01-20"),
        (True, {"a": "2026-01-05", "b": "2026-01-09", "one": "2026-03-03"}, "2026-01-09"),
        (True, {"a": "2026-01-05", "one": "2026-03-03"}, "2026-03-03"),
    ],
)
def test_a_milestone_is_derived_from_all_of_its_checklists(derive: bool, days: Data, expected: str | None) -> None:
    checklists = [{"key": key, "label": key, "serves": ["one"]} for key in ("a", "b")]
    row = found(flow(checklists=checklists, derive_from_checklists=derive), "2026-03-02", **days)
    assert row["one_on"] == (day(expected) if expected else None)
    assert row["two_on"] is None, "a milestone without a checklist is never derived"


def test_a_checklist_serves_several_milestones() -> None:
    checklists = [
        {"key": "both", "label": "Both", "serves": ["one", "two"]},
        {"key": "second", "label": "Second", "serves": ["two"], "audience": "internal"},
    ]
    framework = flow(checklists=checklists, derive_from_checklists=True)
    assert counts(found(framework, "2026-03-02", both="2026-01-05"))[:2] == (1, 1)
    row = found(framework, "2026-03-02", both="2026-01-05", second="2026-01-02")
    assert (row["two_on"], row["checklists_done"], row["checklists_share"]) == (day("2026-01-05"), 2, 1.0)


@pytest.mark.parametrize(
    ("when", "reached", "timeliness", "late"),
    [
        ("2026-01-15", None, "pending", 0),
        ("2026-01-16", None, "overdue", 1),
        ("2026-02-15", None, "overdue", 31),
        ("2026-02-15", "2026-01-15", "on_time", 0),
        ("2026-02-15", "2026-01-16", "late", 1),
        ("2026-01-14", "2026-01-15", "pending", 0),
        ("2026-01-17", "2026-01-20", "overdue", 2),
        ("2026-02-15", "2025-12-24", "on_time", 0),
    ],
)
def test_recommended_days_count_from_the_start_and_the_last_is_in_time(
    when: str, reached: str | None, timeliness: str, late: int
) -> None:
    account = {"csm_assigned_at": datetime(2026, 1, 5, 9, tzinfo=UTC)}
    row = found(timed(), when, account, **({"one": reached} if reached else {}))
    assert row["one_due_on"] == day("2026-01-15")
    assert (row["one_timeliness"], row["one_days_late"]) == (timeliness, late)
    counted = {word: row[f"milestones_{word}"] for word in ("on_time", "late", "overdue")}
    assert counted == {word: int(word == timeliness) for word in counted}
    assert (row["two_due_on"], row["two_timeliness"]) == (None, None), "without a due day nothing is late"


def test_nothing_is_due_before_the_start_is_known() -> None:
    row = found(timed(), "2026-03-02", one="2026-02-02")
    assert (row["milestones_start_on"], row["one_due_on"], row["one_timeliness"], row["one_days_late"]) == (None,) * 4
    assert (row["milestones_done"], row["milestones_on_time"], row["milestones_overdue"]) == (1, 0, 0)


def test_a_due_day_that_is_recorded_counts_before_the_recommended_one() -> None:
    portfolio = Portfolio().account(csm_assigned_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
    portfolio.due(one="2026-02-02", two="2026-01-19").reached(two="2026-01-21")
    row = portfolio.on("2026-02-02", timed()).evaluation.row("a")
    assert (row["one_due_on"], row["one_timeliness"]) == (day("2026-02-02"), "pending")
    assert (row["two_due_on"], row["two_timeliness"], row["two_days_late"]) == (day("2026-01-19"), "late", 2)


def test_the_start_of_an_instant_is_its_day_where_the_tenant_is() -> None:
    account = {"csm_assigned_at": datetime(2026, 1, 4, 23, 30, tzinfo=UTC)}
    assert found(timed(), "2026-01-10", account)["one_due_on"] == day("2026-01-14")
    assert found(timed(), "2026-01-10", account, "Europe/Copenhagen")["one_due_on"] == day("2026-01-15")


def test_days_can_count_from_another_milestone_and_be_due_at_once() -> None:
    framework = timed(0, milestones_start="two_on")
    assert found(framework, "2026-01-06", two="2026-01-05")["one_timeliness"] == "overdue"
    assert found(framework, "2026-01-05", two="2026-01-05")["one_timeliness"] == "pending"


def test_rules_and_facts_see_what_milestones_tell() -> None:
    facts = {"left": {"value": "4 - milestones_in_row"}}
    overlays = [{"id": "late_start", "when": "days_since_one > 30 AND left > 2"}]
    row = found(flow(facts={**shipped()["facts"], **facts}, overlays=overlays), "2026-03-02", one="2026-01-05")
    assert (row["left"], row["late_start"]) == (3, True)


def test_without_milestones_there_is_nothing_to_tell() -> None:
    row = Portfolio().account().on("2026-03-02", f4()).evaluation.row("a")
    assert not [name for name in row if name.startswith(("milestones_", "checklists_"))]
    with pytest.raises(FrameworkError, match="there is no column 'milestones_done' here"):
        flow(milestones=[], checklists=[], overlays=[{"id": "begun", "when": "milestones_done > 0"}])


def test_an_explanation_shows_each_milestone_with_its_checklists() -> None:
    milestones = [{"key": "one", "label": "One", "stage": "adoption", "recommended_days": 10},
                  {"key": "two", "label": "Two"}]  # fmt: skip
    checklists = [{"key": "a", "label": "A", "serves": ["one"]}, {"key": "b", "label": "B", "serves": ["one"]}]
    framework = timed(milestones=milestones, checklists=checklists)
    portfolio = Portfolio().account(csm_assigned_at=datetime(2026, 1, 5, 9, tzinfo=UTC)).reached(a="2026-01-08")
    one, two = portfolio.on("2026-01-20", framework).detail()["milestones"]
    assert one == {
        "label": "One", "stage": "adoption", "key": "one", "done": False, "on": None, "due_on": "2026-01-15",
        "timeliness": "overdue", "days_late": 5,
        "checklists": [{"label": "A", "key": "a", "done": True, "on": "2026-01-08"},
                       {"label": "B", "key": "b", "done": False, "on": None}],
    }  # fmt: skip
    assert (two["stage"], two["due_on"], two["timeliness"], two["checklists"]) == (None, None, None, [])


def test_an_account_is_the_same_alone_and_among_others() -> None:
    framework = timed(milestones=[{"key": key, "label": key, "recommended_days": 7} for key in STEPS])
    many, start = Portfolio(), day("2026-01-05")
    for number in range(40):
        name = f"{number:02}"
        many.account(name, csm_assigned_at=datetime(2026, 1, 5, number % 24, tzinfo=UTC))
        steps = STEPS[: number % 5]
        many.reached(name, **{key: start + timedelta(days=number + place) for place, key in enumerate(steps)})
    everyone = many.on("2026-01-20", framework).evaluation
    for name in ("00", "07", "39"):
        alone = Portfolio()
        alone.rows = {entity: [row for row in rows if row["account_id"] == name] for entity, rows in many.rows.items()}
        evaluation = alone.on("2026-01-20", framework).evaluation
        assert evaluation.row(name) == everyone.row(name)
        assert dict(evaluation.details()) == dict(everyone.details([name]))


FAULTS: list[tuple[Callable[[Data], object], tuple[str | int, ...], str]] = [
    (lambda d: d["milestones"][1].update(key="one"), ("milestones", 1, "key"), "'one' is used twice"),
    (lambda d: d["milestones"][0].update(key="One"), ("milestones", 0, "key"), "pattern"),
    (lambda d: d["milestones"][0].update(key="created"), ("milestones", 0, "key"), "the name 'created_on' is taken"),
    (lambda d: d["milestones"][0].update(key="milestones_start"), ("milestones", 0, "key"), "is taken"),
    (lambda d: d["milestones"][0].update(stage="adapt"), ("milestones", 0, "stage"), "there is no stage 'adapt'"),
    (
        lambda d: d["milestones"][0].update(recommended_days=-1),
        ("milestones", 0, "recommended_days"),
        "greater than or equal to 0",
    ),
    (
        lambda d: d["milestones"][0].update(recommended_days=7),
        ("milestones", 0, "recommended_days"),
        "needs `milestones_start`",
    ),
    (
        lambda d: (
            d.update(milestones_start="closed_won_on"),
            d["milestones"][0].update(recommended_days=7),
            d["milestones"][1].update(key="one_due"),
        ),
        ("milestones", 0, "key"),
        "the name 'one_due_on' is taken",
    ),
    (lambda d: d.update(milestones_start="employees"), ("milestones_start",), "a date or instant is wanted"),
    (lambda d: d.update(milestones_start="signed_on"), ("milestones_start",), "'signed_on' is a fact that is not"),
    (lambda d: d["checklists"][0].update(key="two"), ("checklists", 0, "key"), "'two' is used twice"),
    (lambda d: d["checklists"][1].update(key="one_list"), ("checklists", 1, "key"), "'one_list' is used twice"),
    (lambda d: d["checklists"][0].update(serves=["five"]), ("checklists", 0, "serves", 0), "no milestone 'five'"),
    (lambda d: d["checklists"][0].update(serves=["one", "one"]), ("checklists", 0, "serves", 1), "named twice"),
    (lambda d: d["checklists"][0].update(serves=[]), ("checklists", 0, "serves"), "at least one"),
    (lambda d: d["checklists"][0].pop("serves"), ("checklists", 0, "serves"), "is required"),
    (
        lambda d: d["checklists"][0].update(audience="partner"),
        ("checklists", 0, "audience"),
        "'customer' or 'internal'",
    ),
    (lambda d: d["checklists"][0].update(due=3), ("checklists", 0, "due"), "unknown key"),
    (
        lambda d: (d.pop("checklists"), d.update(derive_from_checklists=True)),
        ("derive_from_checklists",),
        "needs `checklists`",
    ),
]


@pytest.mark.parametrize(("change", "path", "message"), FAULTS)
def test_a_fault_is_named_with_its_path(
    change: Callable[[Data], object], path: tuple[str | int, ...], message: str
) -> None:
    data = shipped()
    data["milestones"] = [{"key": key, "label": key} for key in STEPS]
    data["checklists"] = [{"key": f"{key}_list", "label": key, "serves": [key]} for key in STEPS]
    change(data)
    with pytest.raises(FrameworkError) as caught:
        load_framework(data, "broken")
    said = {problem.path: problem.message for problem in caught.value.problems}
    assert path in said, said
    assert message in said[path]
    assert len(caught.value.problems) == len(said), "a key is at fault once"


def test_an_explanation_without_milestones_has_none() -> None:
    result: Result = Portfolio().account().on("2026-03-02", f4())
    assert result.detail()["milestones"] == []


@pytest.mark.parametrize(
    ("fact", "interested"),
    [({"value": "COUNT(*)"}, True), ({"value": "COUNT(*)", "where": "key = 'two'"}, False),
     ({"value": "COUNT(*)", "where": "key IN ('one', 'two')"}, True),
     ({"value": "MIN(due_on)", "where": "key <> ''"}, False),
     ({"value": "COUNT(*)", "where": "completed_on <= today"}, True)],
)  # fmt: skip
def test_a_fact_looks_for_the_milestones_that_it_names_or_for_all(fact: dict[str, str], interested: bool) -> None:
    assert Fact.model_validate({"from": "milestones", **fact}).looks_for("one") is interested
    assert not Fact.model_validate({"from": "deals", **fact}).looks_for("one")
