"""Examples beside a framework: how they are read, what they are compared with, and what is wrong in them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml

from config.frameworks import load_framework_file, load_framework_tests, shipped_frameworks
from mapping.examples import ExampleFile, Verdict, judge, read_examples
from mapping.framework import FrameworkError
from tests.altered import ROOT
from tests.unit.mapping.portfolio import f4

LIFE = {"contract_signed_at": date(2025, 1, 10), "go_live_at": "2025-03-28", "contract_end_at": "2026-01-09"}


def tried(*tests: dict[str, Any]) -> list[Verdict]:
    named = [{"name": f"test {number}", "as_of": date(2025, 6, 25), **one} for number, one in enumerate(tests)]
    return list(judge(read_examples({"tests": named}, f4(), "ours"), f4()))


def misses(**test: Any) -> dict[str, tuple[object, object]]:
    (verdict,) = tried(test)
    return {miss.what: (miss.expected, miss.found) for miss in verdict.misses}


def wrong(**test: Any) -> dict[str, str]:
    with pytest.raises(FrameworkError) as caught:
        tried(test)
    return {".".join(map(str, problem.path)): problem.message for problem in caught.value.problems}


@pytest.mark.parametrize("name", shipped_frameworks())
def test_the_tests_of_every_shipped_framework_pass(name: str) -> None:
    framework = load_framework_file(name)
    verdicts = list(judge(load_framework_tests(name, framework), framework))
    assert len(verdicts) >= 5
    assert [verdict for verdict in verdicts if verdict.misses] == []


def test_a_value_that_came_out_otherwise_is_named_with_both() -> None:
    assert misses(account=LIFE, expect={"lifecycle_stage": "pre_sale", "implementation_took": 77}) == {
        "lifecycle_stage": ("pre_sale", "adoption")
    }


@pytest.mark.parametrize(
    ("expected", "same"),
    [
        ({"health_score": None}, True),
        ({"health_score": 0}, False),
        ({"contract_ends_on": date(2026, 1, 9)}, True),
        ({"contract_ends_on": "2026-01-09"}, True),
        ({"contract_ends_on": "2026-01-10"}, False),
        ({"arr": 100}, True),
        ({"arr": 100.001}, False),
        ({"strategic_flag": True}, True),
        ({"strategic_flag": 1}, False),
        ({"strategic_flag": "true"}, False),
        ({"alerts": ["handoff_incomplete"]}, False),
        ({"alerts": []}, False),
    ],
)
def test_what_is_the_same(expected: dict[str, Any], same: bool) -> None:
    account = {**LIFE, "arr": Decimal(100), "strategic_flag": True}
    assert (misses(account=account, connected=[], expect=expected) == {}) is same


def test_alerts_are_all_that_hold_in_any_order() -> None:
    found = misses(account=LIFE, connected=[], expect={"alerts": ["nothing"]})["alerts"][1]
    assert isinstance(found, list)
    assert len(found) > 1
    assert misses(account=LIFE, connected=[], expect={"alerts": found[::-1]}) == {}


def test_a_day_is_its_end_and_an_instant_itself() -> None:
    asked = {"created_at": "2025-06-25T18:00:00Z", "category": "Feature request"}
    for as_of, number in (
        (date(2025, 6, 25), 1),
        (datetime(2025, 6, 25, 18, tzinfo=UTC), 1),
        (datetime(2025, 6, 25, 17, 59), 0),  # noqa: DTZ001 - as a YAML file has it
    ):
        assert misses(as_of=as_of, tickets=[asked], expect={"feature_requests_90d": number}) == {}
    assert misses(tickets=[asked], timezone="Asia/Tokyo", expect={"feature_requests_90d": 0}) == {}


def test_what_is_connected_is_said_or_guessed() -> None:
    silent = {"stakeholders_90d": None, "open_expansion_deals": None}
    assert misses(connected=["tickets"], expect={**silent, "feature_requests_90d": 0}) == {}
    assert misses(expect={"stakeholders_90d": 0, "open_expansion_deals": 0, "has_usage": False}) == {}
    assert misses(account={"features_used": 3}, expect={"has_usage": True}) == {}


def test_people_of_a_meeting_are_its_contacts() -> None:
    meeting = {"starts_at": "2025-06-20", "outcome": "completed", "contacts": ["anna", "ben"]}
    again = {"starts_at": "2025-06-21", "outcome": "completed", "contacts": ["anna"]}
    assert misses(meetings=[meeting, again], expect={"stakeholders_90d": 2, "meetings_held_90d": 2}) == {}


def test_one_example_knows_nothing_of_another() -> None:
    one, two = tried(
        {"account": LIFE, "expect": {"lifecycle_stage": "adoption"}}, {"expect": {"lifecycle_stage": "pre_sale"}}
    )
    assert (one.misses, two.misses) == ((), ())


@pytest.mark.parametrize(
    ("test", "path", "said"),
    [
        ({"account": {"go_live": 1}}, "tests.0.account.go_live", "did you mean go_live_at?"),
        ({"account": {"go_live_at": "soon"}}, "tests.0.account.go_live_at", "is not a date in the form 2026-01-02"),
        ({"deals": [{"amount": "much"}]}, "tests.0.deals.0.amount", "is not a number"),
        ({"meetings": [{"contacts": "anna"}]}, "tests.0.meetings.0.contacts", "has to be a list of names"),
        ({"expect": {"healt_score": 1}}, "tests.0.expect.healt_score", "did you mean health_score?"),
        ({"expect": {}}, "tests.0.expect", "at least"),
        ({"milestones": {"golive": "2025-01-02"}}, "tests.0.milestones.0", "the framework has no milestone 'golive'"),
        ({"timezone": "Mars/Olympus"}, "tests.0.timezone", "there is no time zone 'Mars/Olympus'"),
        ({"connected": ["fax"]}, "tests.0.connected.0", "has to be"),
        ({"dealz": []}, "tests.0.dealz", "unknown key; did you mean deals?"),
        ({"as_of": "tomorrow"}, "tests.0.as_of", ""),
    ],
)
def test_what_is_wrong_is_named(test: dict[str, Any], path: str, said: str) -> None:
    problems = wrong(**{"expect": {"lifecycle_stage": "pre_sale"}, **test})
    assert any(where.startswith(path) and said in message for where, message in problems.items()), problems


def test_a_name_is_used_once() -> None:
    problems = [{"name": "one", "as_of": date(2025, 6, 25), "expect": {"segment": "standard"}}] * 2
    with pytest.raises(FrameworkError, match="'one' is used twice"):
        read_examples({"tests": problems}, f4(), "ours")


def test_every_key_is_documented_and_the_example_of_the_docs_passes() -> None:
    page = (ROOT / "docs" / "frameworks" / "format.md").read_text(encoding="utf-8").partition("## Tests\n")[2]
    example = page.partition("```yaml\n")[2].partition("```")[0]
    (verdict,) = judge(read_examples(yaml.safe_load(example), f4(), "docs"), f4())
    assert verdict.misses == ()
    (keys,) = [field.annotation.__args__[0].model_fields for field in ExampleFile.model_fields.values()]  # type: ignore[union-attr]
    assert {key for key in keys if f"`{key}`" not in page} == set()
