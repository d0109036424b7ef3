"""Freeze windows as people write them: days and local times, read strictly, refused with the place of the mistake."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from config.describe import effective, json_schema
from config.errors import ConfigFileError
from config.freeze import Freeze, moment_text, parse_moment
from tests.unit.config.conftest import MINIMAL, Load

BERLIN = ZoneInfo("Europe/Berlin")


def with_freeze(*windows: str) -> str:
    lines = "".join(f"      - {window}\n" for window in windows)
    return f"{MINIMAL}policy:\n  guards:\n    freeze:\n{lines}"


def span(since: str, until: str, zone: ZoneInfo = BERLIN) -> tuple[str, str]:
    begin, over = Freeze(since=parse_moment(since), until=parse_moment(until), reason="r").span(zone)
    return begin.isoformat(), over.isoformat()


@pytest.mark.parametrize(
    ("since", "until", "begin", "over"),
    [
        # days are whole ones, of the tenant's zone
        ("2026-12-24", "2026-12-24", "2026-12-23T23:00:00+00:00", "2026-12-24T23:00:00+00:00"),
        ("2026-12-21", "2027-01-03", "2026-12-20T23:00:00+00:00", "2027-01-03T23:00:00+00:00"),
        ("2026-07-01 18:00", "2026-07-02 06:30:15", "2026-07-01T16:00:00+00:00", "2026-07-02T04:30:15+00:00"),
        ("2026-12-24T18:00", "2026-12-24", "2026-12-24T17:00:00+00:00", "2026-12-24T23:00:00+00:00"),
        # the day on which clocks go back has 25 hours
        ("2026-10-25", "2026-10-25", "2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00"),
        # 02:30 comes twice: from the first to the second
        ("2026-10-25 02:30", "2026-10-25 02:31", "2026-10-25T00:30:00+00:00", "2026-10-25T01:31:00+00:00"),
        # 02:30 does not come at all: the longer reading
        ("2026-03-29 02:30", "2026-03-29 02:31", "2026-03-29T00:30:00+00:00", "2026-03-29T01:31:00+00:00"),
        ("2028-02-29", "2028-02-29", "2028-02-28T23:00:00+00:00", "2028-02-29T23:00:00+00:00"),
    ],
)
def test_a_window_in_the_tenants_zone(since: str, until: str, begin: str, over: str) -> None:
    assert span(since, until) == (begin, over)


def test_a_file_says_days_and_times_in_every_spelling_of_yaml(load: Load) -> None:
    settings = load(
        with_freeze(
            "{since: 2026-12-21, until: 2027-01-03, reason: close of the year}",
            "{since: 2026-12-24 18:00, until: 2026-12-24 20:00:30, reason: release}",
            '{since: "2026-12-24", until: "2026-12-24T20:00", reason: release}',
        )
    )
    assert [str(one) for one in settings.policy.guards.freeze] == [
        "2026-12-21 to 2027-01-03",
        "2026-12-24 18:00 to 2026-12-24 20:00:30",
        "2026-12-24 to 2026-12-24 20:00",
    ]
    assert load().policy.guards.freeze == ()


def test_the_environment_can_say_it_too(load: Load) -> None:
    given = json.dumps([{"since": "2026-12-21", "until": "2027-01-03", "reason": "close"}])
    (one,) = load(KEEPWELL_POLICY__GUARDS__FREEZE=given).policy.guards.freeze
    assert (one.since, one.until, one.reason) == (date(2026, 12, 21), date(2027, 1, 3), "close")
    with pytest.raises(ConfigFileError, match=r"KEEPWELL_POLICY__GUARDS__FREEZE: policy.guards.freeze\[0\].since: "):
        load(KEEPWELL_POLICY__GUARDS__FREEZE='[{"since": "soon", "until": "2027-01-03", "reason": "close"}]')


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("{since: 2026-12-21, reason: r}", ":8: policy.guards.freeze[0].until: is required. Add it."),
        ("{since: 2026-12-21, until: 2026-12-24}", ":8: policy.guards.freeze[0].reason: is required. Add it."),
        (
            "{since: 2026-12-21, until: 2026-12-24, reason: ''}",
            ":8: policy.guards.freeze[0].reason: must not be empty.",
        ),
        ("{since: 2026-12-21, until: 2026-12-24, reason: 7}", ":8: policy.guards.freeze[0].reason: must be text."),
        (
            "{since: 2026-12-21, till: 2026-12-24, until: 2026-12-24, reason: r}",
            ":8: policy.guards.freeze[0].till: there is no such key. Did you mean `until`?",
        ),
        ("{since: soon, until: 2026-12-24, reason: r}", ":8: policy.guards.freeze[0].since: must be a day such as"),
        ("{since: 20261221, until: 2026-12-24, reason: r}", ":8: policy.guards.freeze[0].since: must be a day such as"),
        (
            "{since: '2026-02-30', until: 2026-12-24, reason: r}",
            "or a local time such as 2026-12-24 18:00: day is out of range for month.",
        ),
        (
            "{since: '2026-12-21 25:00', until: 2026-12-24, reason: r}",
            "or a local time such as 2026-12-24 18:00: hour must be in 0..23.",
        ),
        (
            "{since: 2026-12-24T18:00:00Z, until: 2026-12-25, reason: r}",
            "it is one of the time zone that `timezone` names, so leave the offset out.",
        ),
        (
            "{since: '2026-12-24 18:00+01:00', until: 2026-12-25, reason: r}",
            ":8: policy.guards.freeze[0].since: must be",
        ),
        (
            "{since: 2026-12-24, until: 2026-12-21, reason: r}",
            ":8: policy.guards.freeze[0]: `until` (2026-12-21) is before `since` (2026-12-24).",
        ),
        ("2026-12-24", ":8: policy.guards.freeze[0]: must be a mapping of keys to values."),
    ],
)
def test_a_bad_window_is_a_mistake_with_a_place(load: Load, window: str, message: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        load(with_freeze(window))
    assert message in str(caught.value)
    assert "keepwell.yaml:8: policy.guards.freeze[0]" in str(caught.value)


def test_an_empty_window_is_a_mistake_too(load: Load) -> None:
    with pytest.raises(ConfigFileError, match="is before"):
        load(with_freeze("{since: 2026-12-24 18:00, until: 2026-12-24 18:00, reason: r}"))


def test_windows_are_a_list(load: Load) -> None:
    with pytest.raises(ConfigFileError, match=r"policy\.guards\.freeze: must be a list"):
        load(f"{MINIMAL}policy:\n  guards:\n    freeze: {{since: 2026-12-24, until: 2026-12-24, reason: r}}\n")


@pytest.mark.parametrize("value", [None, True, 5, 1.5, [], datetime(2026, 12, 24, tzinfo=UTC), "9999-12-31"])
def test_nothing_else_is_a_moment(value: object) -> None:
    with pytest.raises(ValueError, match="must be a day such as"):
        parse_moment(value)


def test_an_aware_time_is_refused_whatever_its_offset() -> None:
    with pytest.raises(ValueError, match="leave the offset out"):
        parse_moment(datetime(2026, 12, 24, 18, tzinfo=timezone(timedelta(hours=1))))


@pytest.mark.parametrize("text", ["2026-12-24", "2026-12-24 18:00", "2026-12-24 18:00:01"])
def test_moments_are_shown_as_they_are_written(text: str) -> None:
    assert moment_text(parse_moment(text)) == text
    assert moment_text(parse_moment(text.replace(" ", "T"))) == text


def test_windows_are_shown_and_in_the_schema(load: Load) -> None:
    shown = {one.key: one for one in effective(load(with_freeze("{since: 2026-12-21, until: 2027-01-03, reason: r}")))}
    one = shown["policy.guards.freeze"]
    assert one.value == [{"since": "2026-12-21", "until": "2027-01-03", "reason": "r"}]
    assert one.origin.endswith("keepwell.yaml:7")
    schema = json_schema()["$defs"]["Freeze"]
    assert schema["required"] == ["since", "until", "reason"]
    assert schema["properties"]["since"]["pattern"].startswith("^[12]")


def test_settings_survive_a_round_trip(load: Load) -> None:
    guards = load(with_freeze("{since: 2026-12-24 18:00, until: 2027-01-03, reason: r}")).policy.guards
    assert type(guards)(**json.loads(guards.model_dump_json())) == guards
