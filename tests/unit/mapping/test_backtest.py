"""Observations with their boundaries, the figures against results worked out by hand, the fit against known ones."""

from __future__ import annotations

import random
from datetime import date, timedelta
from math import log
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.backtest import (
    DEPARTURES,
    PAST,
    auc,
    calibration,
    days_between,
    logistic,
    observe,
    split,
    suggest,
    top_share,
)  # fmt: skip
from mapping.backtest.suggest import filled
from mapping.framework.spec import Component, Metric

DAY = date(2025, 3, 1)
TODAY = date(2026, 6, 1)
STAYED: dict[str, Any] = {"gone_on": None, "known_until": TODAY}


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def past(*rows: tuple[str, date, float | None, str]) -> pl.DataFrame:
    told = [(number, account, on, score, status, False) for number, (account, on, score, status) in enumerate(rows)]
    return pl.DataFrame(told, schema=PAST, orient="row")


def departures(**accounts: dict[str, Any]) -> pl.DataFrame:
    rows = [{"account_id": name, **STAYED, **fields} for name, fields in accounts.items()]
    return pl.DataFrame(rows, schema=DEPARTURES, orient="row")


def scored(*rows: tuple[float, bool], account: str = "") -> pl.DataFrame:
    told = [(account or str(number), float(score), event) for number, (score, event) in enumerate(rows)]
    return pl.DataFrame(told, schema={"account_id": pl.String, "score": pl.Float64, "event": pl.Boolean}, orient="row")


# Observations


@pytest.mark.parametrize(("left", "event"), [(1, True), (90, True), (91, False)])
def test_who_leaves_in_the_window_after_the_day_is_an_event(left: int, event: bool) -> None:
    found = observe(past(("a", DAY, 70.0, "not_due")), departures(a={"gone_on": after(left)}), [DAY], 90)
    assert found.frame["event"].to_list() == [event]


def test_who_left_by_the_day_is_left_out_even_where_it_was_noted_later() -> None:
    found = observe(past(("a", DAY, 70.0, "not_due")), departures(a={"gone_on": DAY}), [DAY], 90)
    assert found.frame.is_empty()
    assert found.left_out["already_gone"] == 1


def test_a_score_stands_until_the_next_one() -> None:
    rows = past(("a", DAY, 70.0, "not_due"), ("a", after(40), 50.0, "due"))
    found = observe(rows, departures(a={}), [after(-1), DAY, after(39), after(40), after(200)], 90)
    assert found.frame.select("day", "score").rows() == [
        (DAY, 70.0), (after(39), 70.0), (after(40), 50.0), (after(200), 50.0),
    ]  # fmt: skip


def test_a_customer_that_came_back_left_once() -> None:
    rows = past(
        ("a", DAY, 70.0, "overdue"), ("a", after(50), 20.0, "churned"), ("a", after(200), 80.0, "not_due"),
    )  # fmt: skip
    found = observe(rows, departures(a={}), [DAY, after(60), after(210)], 90)
    assert found.frame.select("day", "event").rows() == [(DAY, True), (after(210), False)]
    assert found.left_out["already_gone"] == 1


def test_what_cannot_be_judged_is_counted() -> None:
    rows = past(
        ("unscored", DAY, None, "not_due"), ("prospect", DAY, 60.0, "not_applicable"),
        ("deleted", DAY, 60.0, "not_due"), ("known", DAY, 60.0, "not_due"),
    )  # fmt: skip
    found = observe(rows, departures(unscored={}, prospect={}, deleted={"known_until": after(89)}, known={}), [DAY], 90)
    assert found.frame["account_id"].to_list() == ["known"]
    assert found.left_out == {"already_gone": 0, "no_contract_end": 1, "no_score": 1, "end_unknown": 1}


def test_a_first_evaluation_that_finds_a_customer_gone_is_no_departure() -> None:
    found = observe(past(("a", after(10), 70.0, "churned")), departures(a={}), [DAY, after(20)], 90)
    assert found.frame.is_empty()


def test_days_go_back_from_the_last_one() -> None:
    assert days_between(DAY, after(60)) == [DAY, after(30), after(60)]
    assert days_between(DAY, after(59)) == [after(29), after(59)]
    assert days_between(DAY, after(-1)) == []


def test_no_outcome_of_the_earlier_part_lies_in_the_later_one() -> None:
    days = [after(30 * number) for number in range(18)]
    rows = [(f"{name}", day, 50.0, name == "left") for day in days for name in ("left", "stayed")]
    schema = {"account_id": pl.String, "day": pl.Date, "score": pl.Float64, "event": pl.Boolean}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    parts = split(frame, 180)
    assert parts is not None
    assert parts.later["day"].unique().sort().to_list() == days[12:]
    assert parts.earlier["day"].max() == days[6]
    assert split(frame, 400) is None
    assert split(frame.filter(~pl.col("event")), 90) is None


@pytest.mark.parametrize(("number", "later"), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 2)])
def test_the_later_part_is_the_last_third_and_at_least_one_day(number: int, later: int) -> None:
    days = [after(30 * place) for place in range(number)]
    rows = [(1, name, one, 50.0, name == "a", False) for one in days for name in ("a", "b")]
    columns = ["evaluation", "account_id", "day", "score", "event", "afterwards"]
    parts = split(pl.DataFrame(rows, schema=columns, orient="row"), 0)
    assert parts is not None
    assert parts.later["day"].unique().sort().to_list() == days[-later:]


# Figures


def test_auc_counts_pairs_and_half_of_the_ties() -> None:
    # Pairs: 10<20, 10<30, 10<40; 30>20, 30=30 (a half), 30<40: 3 + 0 + 0.5 + 1 of 6.
    found = auc(scored((10, True), (30, True), (20, False), (30, False), (40, False)), 0)
    assert found is not None
    assert found.value == pytest.approx(4.5 / 6)
    assert (found.low, found.high) == (None, None)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=25))
def test_auc_is_the_share_of_pairs(rows: list[tuple[int, bool]]) -> None:
    left, stayed = ([score for score, event in rows if event is which] for which in (True, False))
    found = auc(scored(*rows), 0)
    if not left or not stayed:
        assert found is None
        return
    pairs = sum(1.0 if a < b else 0.5 if a == b else 0.0 for a in left for b in stayed)
    assert found is not None
    assert found.value == pytest.approx(pairs / len(left) / len(stayed))


def test_the_interval_is_the_same_every_time_and_narrows_with_more_accounts() -> None:
    dice = random.Random(4)

    def drawn(number: int) -> pl.DataFrame:
        return scored(*((dice.gauss(50 if number % 4 else 40, 12), number % 4 == 0) for number in range(number)))

    few, many = drawn(80), drawn(1600)
    one, again = auc(few), auc(few.sample(fraction=1, shuffle=True, seed=3))
    assert one == again
    wide, narrow = one, auc(many)
    assert wide is not None
    assert narrow is not None
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.low < wide.value < wide.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_the_interval_is_over_accounts_not_over_their_scores() -> None:
    rows = [(40.0, True), (60.0, False), (55.0, True), (70.0, False), (45.0, False), (50.0, True)] * 3
    accounts = scored(*rows)
    repeated = pl.concat([accounts] * 20)
    assert auc(repeated) == auc(accounts)


def test_the_lowest_tenth() -> None:
    frame = scored(*((number, number in (0, 1, 50)) for number in range(100)))
    found = top_share(frame)
    assert found is not None
    assert (found.n, found.events) == (10, 2)
    assert found.capture == pytest.approx(2 / 3)
    assert found.lift == pytest.approx((2 / 10) / (3 / 100))


def test_of_scores_that_tie_at_the_edge_a_part_counts() -> None:
    found = top_share(scored(*((50.0, number < 20) for number in range(100))))
    assert found is not None
    assert (found.lift, found.capture) == (pytest.approx(1.0), pytest.approx(0.1))
    assert top_share(scored((1, False), (2, False))) is None


def test_calibration_compares_bin_by_bin() -> None:
    rows = scored(*((number, number % 2 == 0) for number in range(20)), *((50 + number, False) for number in range(20)))
    found = calibration(rows.with_columns(expected=pl.when(pl.col("score") < 30).then(0.4).otherwise(0.05)), bins=2)
    assert [(one["from"], one["to"], one["n"], one["events"], one["observed"]) for one in found.bins] == [
        (0, 19, 20, 10, 0.5), (50, 69, 20, 0, 0.0),
    ]  # fmt: skip
    assert found.error == pytest.approx((0.1 * 20 + 0.05 * 20) / 40)


def test_equal_scores_are_in_one_bin() -> None:
    rows = scored(*((7, number < 3) for number in range(30)), (9, False)).with_columns(expected=pl.lit(0.1))
    assert [one["n"] for one in calibration(rows).bins] == [30, 1]


# Fit


def table(**counts: tuple[int, int]) -> pl.DataFrame:
    """Feature x of 0 or 1: (with the event, without)."""
    rows = [(float(x[1:]), event) for x, both in counts.items() for event, n in zip((True, False), both, strict=True)
            for _ in range(n)]  # fmt: skip
    return pl.DataFrame(rows, schema={"x": pl.Float64, "event": pl.Boolean}, orient="row")


def test_weight_of_one_mark_is_the_log_of_the_odds_ratio() -> None:
    fit = logistic(table(x0=(10, 90), x1=(40, 60)), ["x"], ridge=0)
    assert fit.intercept == pytest.approx(log(10 / 90), abs=1e-6)
    assert fit.weights["x"] == pytest.approx(log(40 / 60) - log(10 / 90), abs=1e-6)


def test_a_mark_that_speaks_against_leaving_has_no_weight_when_none_may_be_negative() -> None:
    frame = table(x0=(40, 60), x1=(10, 90))
    assert logistic(frame, ["x"], ridge=0).weights["x"] < -1
    fit = logistic(frame, ["x"], nonnegative=True, ridge=0)
    assert fit.weights["x"] == 0.0
    assert fit.intercept == pytest.approx(log(50 / 150), abs=1e-6)


def test_what_separates_perfectly_still_has_a_finite_weight() -> None:
    fit = logistic(table(x0=(0, 50), x1=(50, 0)), ["x"])
    assert 1 < fit.weights["x"] < 20


def test_two_copies_of_one_mark_share_its_weight() -> None:
    frame = table(x0=(10, 90), x1=(40, 60)).with_columns(again=pl.col("x"))
    fit = logistic(frame, ["x", "again"], nonnegative=True)
    assert fit.weights["x"] == pytest.approx(fit.weights["again"], abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_small_move_that_is_allowed_makes_the_fit_better(seed: int) -> None:
    dice = random.Random(seed)
    rows = [[dice.random() for _ in range(3)] for _ in range(150)]
    events = [dice.random() < 0.2 + 0.5 * row[0] - 0.2 * row[1] for row in rows]
    frame = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row").with_columns(event=pl.Series(events))
    fit = logistic(frame, ["a", "b", "c"], nonnegative=True, ridge=0.5)
    weights = [fit.intercept, *fit.weights.values()]

    def loss(tried: list[float]) -> float:
        total = 0.25 * sum(one * one for one in tried[1:])
        for row, event in zip(rows, events, strict=True):
            eta = tried[0] + sum(x * one for x, one in zip(row, tried[1:], strict=True))
            total += log(1 + 2.718281828459045**eta) - event * eta
        return total

    best = loss(weights)
    for place in range(4):
        for move in (0.01, -0.01):
            tried = [one + move * (index == place) for index, one in enumerate(weights)]
            if place == 0 or tried[place] >= 0:
                assert loss(tried) >= best


def test_a_fit_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="with and without"):
        logistic(table(x0=(5, 0)), ["x"])


# Suggestion


def component(name: str, *metrics: str, weight: float = 50) -> Component:
    made = tuple(Metric(id=one, label=one, value=one, curve=((0, 0), (1, 100))) for one in metrics)
    return Component(id=name, label=name, weight=weight, metrics=made)


def test_what_is_missing_loses_what_its_neighbours_lose() -> None:
    parts = [component("a", "x", "y"), component("b", "z")]
    points = pl.DataFrame({"x": [80.0, None], "y": [None, None], "z": [None, 10.0], "score": [80.0, 40.0]},
                          schema_overrides={"y": pl.Float64})  # fmt: skip
    lost = filled(points, parts)
    assert [round(one, 9) for one in lost.row(0)[:3]] == [0.2, 0.2, 0.2]
    assert [round(one, 9) for one in lost.row(1)[:3]] == [0.6, 0.6, 0.9]


def test_metrics_that_say_nothing_give_no_weights() -> None:
    frame = table(x0=(40, 60), x1=(10, 90))
    with pytest.raises(ValueError, match="no metric was lower"):
        suggest(frame, [component("a", "x")], churned=50)


def test_a_metric_without_weight_is_dropped() -> None:
    dice = random.Random(2)
    rows = [(dice.random(), dice.random()) for _ in range(400)]
    frame = pl.DataFrame(rows, schema=["x", "y"], orient="row")
    frame = frame.with_columns(event=pl.Series([dice.random() < 0.7 * x - 0.3 * y + 0.2 for x, y in rows]))
    made = suggest(frame, [component("a", "x"), component("b", "y")], churned=100)
    assert made.weights == {"a": (100.0, {"x": 1.0})}
    assert made.dropped == ("y",)
    assert made.score(frame).to_list() == pytest.approx([100 - 100 * x for x, _ in rows])
