"""What people write into examples by mistake or by whim: numbers for days, texts for numbers, zones, and worse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigFileError
from config.frameworks import load_framework_file
from dashboard.tested import show_tests
from dashboard.tested import tests_page as page_of
from mapping.examples import judge, read_examples
from tests.unit.cli.test_terminal import screen
from tests.unit.mapping.portfolio import f4
from tests.unit.mapping.test_examples import misses, tried, wrong

ANY = {"expect": {"segment": "standard"}}


def test_null_stands_for_no_alerts() -> None:
    assert misses(connected=["usage"], account={"contract_signed_at": None}, expect={"alerts": None}) == {}


@pytest.mark.parametrize(
    "given",
    [20260601, 2026, 0.5, "2026", True, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))), date(9999, 12, 31)],
)
def test_a_number_is_no_day_and_a_year_is_a_real_one(given: object) -> None:
    assert list(wrong(as_of=given, **ANY)) == ["tests.0.as_of"]
    assert list(wrong(history=[{"at": given, "band": "red"}], **ANY)) == ["tests.0.history.0.at"]


def test_an_instant_in_quotes_is_an_instant() -> None:
    assert misses(as_of="2026-06-01T00:00:00Z", expect={"as_of": "2026-06-01T00:00:00Z"}) == {}
    assert misses(as_of="2026-06-01", expect={"as_of": datetime(2026, 6, 1, 23, 59, 59)}) == {}  # noqa: DTZ001 - as in a YAML file


@pytest.mark.parametrize(
    "expected",
    [
        "2025-06-25T09:00:00Z",
        datetime(2025, 6, 25, 9),  # noqa: DTZ001 - as in a YAML file
        datetime(2025, 6, 25, 18, tzinfo=timezone(timedelta(hours=9))),
    ],
)
def test_an_instant_is_the_same_with_any_offset(expected: object) -> None:
    account = {"created_at": datetime(2025, 6, 25, 9, tzinfo=UTC)}
    assert misses(account=account, expect={"created_at": expected}) == {}
    assert misses(account=account, expect={"created_at": "2025-06-25T09:00:01Z"}) != {}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_is_that_day_in_the_zone_of_the_example(zone: str) -> None:
    meeting = {"starts_at": date(2026, 5, 20), "outcome": "completed"}
    for as_of, number in (
        (date(2026, 8, 17), 1),
        (date(2026, 8, 18), 0),
        (date(2026, 5, 20), 1),
        (date(2026, 5, 19), 0),
    ):
        assert misses(as_of=as_of, timezone=zone, meetings=[meeting], expect={"meetings_held_90d": number}) == {}, as_of
    assert (
        misses(
            timezone=zone,
            deals=[{"kind": "new", "state": "won", "closed_won_at": "2025-06-20"}],
            expect={"closed_won_on": "2025-06-20"},
        )
        == {}
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400])
def test_what_no_number_equals_is_named(number: object) -> None:
    assert list(wrong(account={"roi_realised": 1}, expect={"roi_realised": number})) == ["tests.0.expect.roi_realised"]


def test_a_score_before_is_a_score() -> None:
    assert list(wrong(history=[{"at": date(2025, 5, 1), "score": float("nan"), "band": "red"}], **ANY)) == [
        "tests.0.history.0.score"
    ]


@pytest.mark.parametrize(
    ("rate", "key"),
    [
        ({"currency": "usd", "on": "2026-01-01", "rate": 1}, "currency"),
        ({"currency": "USD", "on": "soon", "rate": 1}, "on"),
        ({"currency": "USD", "on": "2026-01-01", "rate": 0}, "rate"),
        ({"currency": "USD", "on": "2026-01-01", "rate": float("nan")}, "rate"),
        ({"currency": "USD", "on": "2026-01-01", "rate": "0.00000000001"}, "rate"),
    ],
)
def test_a_rate_of_an_example_is_one(rate: dict[str, Any], key: str) -> None:
    assert list(wrong(currency="EUR", rates=[rate], **ANY)) == [f"tests.0.rates.0.{key}"]


def test_money_is_compared_to_the_cent() -> None:
    assert misses(account={"arr": 200_000_000}, expect={"arr": 200_000_000.10}) != {}
    assert misses(account={"arr": "199999.99"}, expect={"arr": 199999.99}) == {}


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory/x", ""])
def test_a_zone_that_only_this_machine_knows_is_none(zone: str) -> None:
    assert list(wrong(timezone=zone, account={"created_at": "2025-06-01"}, **ANY)) == ["tests.0.timezone"]


def test_what_is_said_about_feeds_can_be_written() -> None:
    (said,) = wrong(connected=["has_deals"], **ANY).values()
    assert "'deals', 'tickets'" in said
    assert "has_deals" not in said


def test_an_empty_figure_is_no_usage_feed() -> None:
    assert misses(account={"features_used": None}, expect={"has_usage": False}) == {}


@pytest.mark.parametrize("expect", [{"strategic_flag": "True"}, {"alerts": "coverage_low"}])
def test_a_miss_never_says_the_same_twice(expect: dict[str, Any]) -> None:
    account = {
        "strategic_flag": True,
        "contract_signed_at": date(2025, 6, 1),
        **dict.fromkeys(
            ("implementation_team_assigned_at", "success_criteria_documented_at", "project_manager_identified_at"),
            date(2025, 6, 1),
        ),
        "contract_end_at": date(2028, 1, 1),
    }
    shown = screen(show_tests, page_of(f4(), tried({"account": account, "connected": [], "expect": expect})))
    line = next(one for one in shown.splitlines() if " is " in one)
    said, _, wanted = line.partition(" is ")[2].partition(", expected ")
    assert said.strip() != wanted.strip()


def framework(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "ours.yaml").write_text(text)
    with pytest.raises(ConfigFileError) as caught:
        load_framework_file(str(tmp_path / "ours.yaml"))
    return [str(one) for one in caught.value.problems]


def test_a_key_is_not_its_own_suggestion(tmp_path: Path) -> None:
    (said,) = framework(tmp_path, "framework: ours\ntitle: O\nextends: cradle_to_grave\ntests: []\n")
    assert "did you mean tests" not in said


@pytest.mark.parametrize("path", ["./a\\0b", "./a\\uD800"])
def test_what_can_be_no_path_is_said(tmp_path: Path, path: str) -> None:
    (said,) = framework(tmp_path, f'framework: ours\ntitle: O\nextends: "{path}"\n')
    assert "is no path" in said


def test_extending_nothing_stands_alone(tmp_path: Path) -> None:
    text = Path("config/frameworks/cradle_to_grave.yaml").read_text() + "\nextends: null\n"
    (tmp_path / "base.yaml").write_text(text)
    (tmp_path / "ours.yaml").write_text("framework: ours\ntitle: O\nextends: ./base.yaml\n")
    assert load_framework_file(str(tmp_path / "ours.yaml")).name == "ours"


def test_a_fault_that_the_extending_file_made_names_it(tmp_path: Path) -> None:
    said = framework(
        tmp_path, "framework: ours\ntitle: O\nextends: cradle_to_grave\nparameters: {implementation_days: soon}\n"
    )
    assert said
    assert all("ours.yaml" in one for one in said)


@pytest.mark.parametrize("key", ["title", "type"])
@pytest.mark.parametrize(("arr", "size"), [(60_000, "mid_market"), (300_000, "enterprise")])
def test_a_touch_by_its_own_name_counts(key: str, arr: int, size: str) -> None:
    framework = load_framework_file("portfolio_management")
    mine = [one for one in framework.spec.cadences if one.id.startswith(size)]
    if key == "type":  # nobody has a meeting type called "Check-in every two weeks"
        mine = [one for one in mine if "two weeks" not in one.label]
    account = {
        "arr": arr,
        "contract_signed_at": "2025-01-10",
        "go_live_at": "2025-01-20",
        "contract_end_at": "2028-01-09",
    }
    held = [{key: one.label, "starts_at": "2025-12-29", "outcome": "completed"} for one in mine]
    held += [{"type": "Check-in", "starts_at": "2025-12-29", "outcome": "completed"}]
    test = {
        "name": "a",
        "as_of": "2025-12-30",
        "account": account,
        "meetings": held,
        "expect": {"touch_overdue": False},
    }
    (verdict,) = judge(read_examples({"tests": [test]}, framework, "x"), framework)
    assert verdict.misses == ()


def test_a_milestone_that_no_fact_looks_for_is_a_mistake() -> None:
    said = wrong(milestones={"renewal_proposed": "2026-01-01", "renewal_proposd": "2026-01-01"}, **ANY)
    assert list(said) == ["tests.0.milestones.1"]
    assert "the framework has no milestone 'renewal_proposd'" in str(said)
