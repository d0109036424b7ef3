"""What an explanation adds to the rules: stages that nearly held, what comes next, what changed since before."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mapping.delta import change
from mapping.frames import AsOf
from mapping.framework import load_framework
from tests.unit.mapping.portfolio import Portfolio, day, excellent, f4, healthy, noon, shipped

AT = AsOf(noon("2025-11-10"))


def nearly(portfolio: Portfolio, when: str) -> list[dict[str, Any]]:
    return portfolio.on(when).evaluation.near_misses("a")


def test_a_stage_that_one_condition_keeps_away_is_named_with_what_it_saw() -> None:
    life = Portfolio().account(contract_signed_at="2025-01-10", go_live_at="2025-03-28", contract_end_at="2026-01-09")
    found = nearly(life, "2025-10-10")  # 91 days before the end
    assert [one["id"] for one in found] == ["renewal_or_transition"]  # not what needs one condition alone: departed
    assert found[0]["condition"] == "days to end is at most 90"
    assert found[0]["inputs"] == {"days_to_end": 91}
    assert "renewal_or_transition" not in {one["id"] for one in nearly(life, "2025-10-11")}


def test_a_stage_that_two_conditions_keep_away_is_not_near() -> None:
    nobody = Portfolio().account()
    assert "renewal_or_transition" not in {one["id"] for one in nearly(nobody, "2025-10-10")}
    # Nothing is known of the end of the contract, but the renewal status says what the rule wants of it.
    signed = Portfolio().account(contract_signed_at="2025-01-10")
    (found,) = [one for one in nearly(signed, "2025-10-10") if one["id"] == "renewal_or_transition"]
    assert found["inputs"] == {"days_to_end": None}


def test_conditions_without_words_are_shown_as_they_stand() -> None:
    data = shipped()
    data["stages"][2]["when"] = "days_since_go_live >= 90 AND name LIKE 'A%'"
    framework = load_framework(data, "ours")
    account = Portfolio().account(name="Beta", go_live_at="2025-01-10")
    (found,) = [
        one
        for one in account.on("2025-10-10", framework).evaluation.near_misses("a")
        if one["id"] == "growth_expansion"
    ]
    assert (found["condition"], found["inputs"], found["when"]) == (None, {"name": "Beta"}, data["stages"][2]["when"])


def lines(**second: Any) -> Portfolio:
    portfolio = excellent(Portfolio(), contract_signed_at="2024-01-01", go_live_at="2024-01-10")
    portfolio.contract(id="first", start_at="2025-01-01", end_at="2026-01-09", arr=10)
    return portfolio.contract(id="second", start_at="2025-02-01", end_at="2026-06-30", arr=10, **second)


def one_line(**fields: Any) -> Portfolio:
    given = {"contract_end_at": "2026-01-09", "contract_signed_at": "2024-01-01", "go_live_at": "2024-01-10"}
    return excellent(Portfolio(), **given | fields)


def with_renewal(state: str) -> Portfolio:
    return one_line().deal(kind="renewal", state=state, close_date="2025-11-01", amount=100_000)


@pytest.mark.parametrize(
    ("portfolio", "leaves"),
    [
        (one_line(), "2026-02-09"),
        (one_line(auto_renew=True), None),
        (one_line(auto_renew=True, churned_at="2025-12-01"), "2025-12-01"),
        (one_line(churned_at="2025-12-01"), "2025-12-01"),
        (with_renewal("lost"), "2026-01-10"),
        (with_renewal("open"), "2026-02-09"),
        (with_renewal("won"), None),
        (lines(), "2026-07-01"),  # by then the first line is lost
        (lines(auto_renew=True), None),
    ],
)
def test_the_day_of_departure_is_the_one_on_which_the_account_departs(portfolio: Portfolio, leaves: str | None) -> None:
    assert portfolio.on("2025-11-10").evaluation.row("a")["churns_on"] == (leaves and day(leaves))
    if leaves is None:
        assert portfolio.on("2027-12-31")["renewal_status"] != "churned"
        return
    before = portfolio.on((day(leaves) - timedelta(days=1)).isoformat()).detail()["lifecycle"]
    assert before["stage"] != "departed"
    assert (before["next_stage"], before["next_stage_on"]) == ("departed", leaves)
    assert portfolio.on(leaves)["lifecycle_stage"] == "departed"


def test_the_day_of_departure_goes_by_the_grace_period_of_the_framework() -> None:
    data = shipped()
    data["renewal"]["grace_days"] = 10
    evaluation = one_line().on("2025-11-10", load_framework(data, "ours")).evaluation
    assert evaluation.row("a")["churns_on"] == day("2026-01-20")


@pytest.mark.parametrize(
    ("fields", "when", "expected"),
    [
        ({}, "2025-10-10", ("due", "2025-10-11")),
        ({}, "2025-10-11", ("at_risk", "2025-11-10")),
        ({}, "2025-11-10", ("overdue", "2026-01-10")),
        ({}, "2026-01-10", ("churned", "2026-02-09")),
        ({}, "2026-02-09", None),
        ({"auto_renew": True}, "2025-11-10", ("renewed", "2026-01-10")),
        ({"cancel_notice_at": "2025-10-01"}, "2025-09-30", ("projected_churn", "2025-10-01")),
        ({"churned_at": "2025-10-01"}, "2025-09-30", ("churned", "2025-10-01")),
        (
            {"renewal_status_override": "on_track", "override_reason": "said so", "override_until": "2025-11-20"},
            "2025-11-10",
            ("at_risk", "2025-11-21"),
        ),
    ],
)
def test_the_next_renewal_status_is_the_one_that_comes(
    fields: dict[str, Any], when: str, expected: tuple[str, str] | None
) -> None:
    def on(day: str) -> Any:
        return excellent(Portfolio(), contract_end_at="2026-01-09", go_live_at="2024-01-10", **fields), day

    portfolio, day = on(when)
    evaluation = portfolio.on(day).evaluation
    found = evaluation.next_renewal("a", portfolio.frames())
    assert (found and (found.status, found.on.isoformat())) == expected
    if found is not None:
        assert portfolio.on(found.on.isoformat())["renewal_status"] == found.status
        eve = found.on.fromordinal(found.on.toordinal() - 1).isoformat()
        assert portfolio.on(eve)["renewal_status"] == portfolio.on(when)["renewal_status"]


def test_other_accounts_do_not_matter_to_what_comes_next() -> None:
    portfolio = excellent(Portfolio(), contract_end_at="2026-01-09")
    excellent(portfolio, "b", contract_end_at="2025-11-09")
    evaluation = portfolio.on("2025-10-10").evaluation
    coming = [evaluation.next_renewal(one, portfolio.frames()) for one in "ab"]
    assert [one and one.on.isoformat() for one in coming] == ["2025-10-11", "2025-11-10"]
    with pytest.raises(KeyError):
        evaluation.next_renewal("c", portfolio.frames())


def health(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = healthy(Portfolio(), **changes).on("2025-11-10").detail()["health"]
    return found


def test_one_goal_more_is_a_change_of_values() -> None:
    found = change(health(), health(goals_achieved=4.0), f4(), AT, same_model=True)
    assert (found["difference"], found["metrics"], found["configuration"], found["coverage"]) == (2.5, 2.5, 0, 0)
    (one,) = found["values"]
    assert (one["id"], one["value"], one["counted_points"]) == (
        "goal_completion",
        {"before": 0.75, "after": 1.0},
        {"before": 75.0, "after": 100.0},
    )


def test_a_figure_that_is_not_known_any_more_is_a_change_of_coverage() -> None:
    found = change(health(), health(data_volume=None, has_usage=False), f4(), AT, same_model=True)
    assert (found["metrics"], found["configuration"]) == (0, 0)
    assert found["coverage"] == found["difference"] == pytest.approx(78.083333333 - 79.333333333)
    (one,) = found["values"]
    assert one["missing"] == {"before": None, "after": "no_value"}


def test_other_weights_are_a_change_of_the_framework() -> None:
    data = shipped()
    data["score"]["components"][0]["weight"] = 60
    heavier = load_framework(data, "ours")
    after = healthy(Portfolio()).on("2025-11-10", heavier).detail()["health"]
    found = change(health(), after, heavier, AT, same_model=False)
    assert (found["metrics"], found["coverage"], found["values"]) == (0, 0, [])
    assert found["configuration"] == found["difference"] != 0


def test_without_a_score_there_is_nothing_to_split_but_values_are_named() -> None:
    empty = Portfolio().account(has_usage=False).on("2025-11-10").detail()["health"]
    found = change(empty, health(), f4(), AT, same_model=True)
    assert (found["difference"], found["score"]) == (None, {"before": None, "after": 79.3})
    assert len(found["values"]) > 5


def test_a_quotient_beyond_all_numbers_is_none_in_json() -> None:
    used: dict[str, Any] = {"usage_as_of": "2025-11-09", "data_volume": 1e300}
    portfolio = Portfolio().account(**used).reading(read_on="2025-09-30", data_volume=1e-300)
    detail = portfolio.on("2025-11-10").detail()
    assert json.loads(json.dumps(detail, allow_nan=False))["facts"]["usage_against_habit"] is None
