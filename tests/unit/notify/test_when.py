"""Quiet hours and digests: over midnight, over weekends, over the turning of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from notify.settings import Channel, QuietHours
from notify.when import digest_due, is_quiet

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
NIGHT = QuietHours(since="19:00", until="07:30")
HOOK = "https://receiver.example.com/hook"


def at(text: str) -> datetime:
    """A local time of Copenhagen, as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=COPENHAGEN).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "moment", "quiet"),
    [
        (NIGHT, "2026-11-20 18:59", False),
        (NIGHT, "2026-11-20 19:00", True),
        (NIGHT, "2026-11-21 00:00", True),
        (NIGHT, "2026-11-21 07:29", True),
        (NIGHT, "2026-11-21 07:30", False),
        (QuietHours(since="12:00", until="13:00"), "2026-11-20 12:30", True),
        (QuietHours(since="12:00", until="13:00"), "2026-11-20 13:00", False),
        (QuietHours(days=("saturday", "sunday")), "2026-11-20 23:59", False),
        (QuietHours(days=("saturday", "sunday")), "2026-11-21 00:00", True),
        (QuietHours(days=("saturday", "sunday")), "2026-11-22 23:59", True),
        (QuietHours(days=("saturday", "sunday")), "2026-11-23 00:00", False),
        (QuietHours(since="02:15", until="02:45"), "2026-03-29 03:00", False),
        (None, "2026-11-20 23:00", False),
    ],
)
def test_quiet_hours_are_local(hours: QuietHours | None, moment: str, quiet: bool) -> None:
    assert is_quiet(hours, at(moment), COPENHAGEN) is quiet


@given(st.datetimes(datetime(2026, 3, 25), datetime(2026, 4, 2), timezones=st.just(UTC)))  # noqa: DTZ001
def test_quiet_hours_always_end_within_a_day(moment: datetime) -> None:
    ahead = (moment + timedelta(minutes=30 * step) for step in range(50))
    assert any(not is_quiet(NIGHT, one, COPENHAGEN) for one in ahead)


def test_a_digest_is_due_once_its_time_has_come() -> None:
    channel = TypeAdapter(Channel).validate_python({"type": "teams", "webhook_url": HOOK, "send": "daily 08:30"})
    noted = at("2026-11-20 08:30")
    for moment, due in [
        ("2026-11-20 08:30", True),
        ("2026-11-20 08:31", True),
        ("2026-11-20 23:00", True),
    ]:
        assert digest_due(channel, noted, at(moment), COPENHAGEN) is due
    later = at("2026-11-20 08:31")
    for moment, due in [("2026-11-20 23:00", False), ("2026-11-21 08:29", False), ("2026-11-21 08:30", True)]:
        assert digest_due(channel, later, at(moment), COPENHAGEN) is due


@given(st.datetimes(datetime(2026, 3, 25), datetime(2026, 4, 2), timezones=st.just(UTC)), st.integers(0, 23))  # noqa: DTZ001
def test_a_digest_waits_no_longer_than_a_day(noted: datetime, hour: int) -> None:
    channel = TypeAdapter(Channel).validate_python(
        {"type": "teams", "webhook_url": HOOK, "send": f"daily {hour:02}:15"}
    )
    assert digest_due(channel, noted, noted + timedelta(hours=25), COPENHAGEN)


@pytest.mark.parametrize(
    ("given_hours", "wrong"),
    [
        ({"since": "19:00"}, "belong together"),
        ({}, "give `since` and `until`"),
        ({"since": "19:00", "until": "19:00"}, "the same time"),
        ({"since": "24:00", "until": "07:00"}, "a time such as 08:30"),
        ({"days": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]}, "nothing would"),
    ],
)
def test_quiet_hours_that_make_no_sense(given_hours: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        QuietHours.model_validate(given_hours)


def test_a_time_without_quotation_marks_is_what_it_looks_like() -> None:
    assert QuietHours.model_validate({"since": 19 * 60, "until": 450}) == NIGHT
