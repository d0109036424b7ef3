"""Explanations in words: what rules, values and marks are called, for every shipped framework."""

from __future__ import annotations

from typing import Any

import pytest

from config.frameworks import load_framework_file, shipped_frameworks
from mapping.framework import load_framework
from mapping.spoken import spoken
from tests.unit.mapping.portfolio import Portfolio, f4, shipped


def told(portfolio: Portfolio, when: str, framework: Any = None) -> dict[str, Any]:
    chosen = framework or f4()
    return spoken(portfolio.on(when, chosen).detail(), chosen)


def signed() -> Portfolio:
    return Portfolio().account(
        contract_signed_at="2025-01-10", go_live_at="2025-03-28", contract_end_at="2026-01-09", strategic_flag=True
    )


def test_a_rule_says_what_it_wants_and_what_it_saw_by_name() -> None:
    life = told(signed(), "2025-10-11")["lifecycle"]
    gone, here = life["rules"][:2]
    assert (life["label"], life["next_label"]) == ("Renewal or transition", "Departed")
    assert (gone["label"], gone["says"]) == ("Departed", "renewal status is Churned")
    assert gone["saw"] == [{"name": "renewal status", "value": "Due"}]
    assert {"name": "days to end", "value": 90} in here["saw"]
    assert "today" not in {one["name"] for one in here["saw"]}, "the clock is no finding"
    assert here["inputs"]["renewal_status"] == "due", "ids stay for programs"


def test_numbers_of_the_framework_are_in_the_words_and_not_repeated_beside_them() -> None:
    framework = load_framework_file("portfolio_management")
    account = Portfolio().account(arr=50_000, contract_signed_at="2025-01-10")
    segment = told(account, "2025-10-11", framework)["segments"]["segment"]
    here = segment["rules"][-1]
    assert (segment["label"], here["says"]) == ("Mid-market", "arr in force is at least 50000")
    assert [one["name"] for one in here["saw"]] == ["arr in force"]


def test_a_condition_without_words_says_nothing() -> None:
    data = shipped()
    data["stages"][0]["when"] = "name LIKE 'A%'"
    rule = told(signed(), "2025-10-11", load_framework(data, "ours"))["lifecycle"]["rules"][0]
    assert (rule["says"], rule["when"]) == (None, "name LIKE 'A%'")


def test_a_list_of_one_rule_is_for_everybody() -> None:
    rules = told(signed(), "2025-10-11", load_framework_file("net_new_engagement"))["segments"]["segment"]["rules"]
    assert [one["says"] for one in rules] == ["every account"]


def test_what_is_computed_has_the_name_that_the_crm_shows() -> None:
    found = told(signed().ticket(category="legal", created_at="2025-10-01"), "2025-10-11")
    assert found["renewal"]["label"] == "Due"
    assert found["escalation"]["label"].startswith("L4 ")
    assert {one["label"] for one in found["cadences"]} == {one.label for one in f4().spec.cadences}
    assert found["next_touch"]["label"] in {one["label"] for one in found["cadences"]}
    assert [one["label"] for one in found["marks"]] == [one.label for one in f4().spec.overlays]


def test_what_ends_a_stage_and_what_it_waits_for_is_said() -> None:
    begun = Portfolio().account(csm_assigned_at="2025-01-10").reached(project_kick_off="2025-01-20", iic="2025-01-21")
    f1 = load_framework_file("net_new_engagement")
    life = told(begun, "2025-10-11", f1)["lifecycle"]
    assert (life["label"], life["ends_when"]) == ("Implement", "milestones in row is at least 5")
    nobody = told(Portfolio().account(), "2025-10-11", f1)["lifecycle"]
    assert (nobody["ends_when"], nobody["waits_for"]) == (None, ["csm assigned"])
    waiting = told(Portfolio().account(contract_signed_at="2025-01-10"), "2025-10-11")["lifecycle"]
    assert (waiting["label"], waiting["ends_when"]) == ("Implementation", None)
    assert "go live" in waiting["waits_for"]
    grown = told(signed(), "2025-10-10")["lifecycle"]
    assert (grown["ends_when"], grown["waits_for"]) == (None, []), "time alone ends it"


@pytest.mark.parametrize("name", shipped_frameworks())
def test_every_rule_of_a_shipped_framework_has_words_and_a_label(name: str) -> None:
    framework = load_framework_file(name)
    found = told(Portfolio().account(), "2025-10-11", framework)
    rules = found["lifecycle"]["rules"] + [one for part in found["segments"].values() for one in part["rules"]]
    assert len(rules) > len(found["segments"])
    assert [one["id"] for one in rules if not one["says"] or not one["label"]] == []
