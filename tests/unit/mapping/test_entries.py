"""What counts as a fall of health, and what the entry about it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mapping.entries import AT, FIELDS, NOTES, SUBJECT, Fall, Seen, entry_key, entry_values, last_fall

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BANDS = ("green", "yellow", "red")


def history(*bands: str) -> list[Seen]:
    """One evaluation a day, the last one at noon of the 20th."""
    return [Seen(NOON - timedelta(days=len(bands) - 1 - day), 50.0, band) for day, band in enumerate(bands)]


@pytest.mark.parametrize(
    ("bands", "fall"),
    [
        ((), None),
        (("red",), None),
        (("green", "green"), None),
        (("green", "yellow"), ("green", "yellow")),
        (("green", "red", "red"), ("green", "red")),
        (("green", "yellow", "red"), ("yellow", "red")),
        (("green", "red", "yellow"), None),
        (("green", "red", "green", "yellow"), ("green", "yellow")),
        (("unknown", "red"), None),
        (("green", "unknown"), None),
        (("green", "unknown", "red"), None),
        (("green", "red", "unknown"), None),
        (("platinum", "red"), None),
    ],
)
def test_the_last_fall_that_still_stands(bands: tuple[str, ...], fall: tuple[str, str] | None) -> None:
    found = last_fall(history(*bands), BANDS, NOON - timedelta(days=14))
    assert (None if found is None else (found.before.band, found.after.band)) == fall


def test_a_fall_of_long_ago_is_no_news() -> None:
    fell = history("green", "red")
    assert last_fall(fell, BANDS, NOON) is not None
    assert last_fall(fell, BANDS, NOON + timedelta(microseconds=1)) is None


def test_a_key_is_the_same_however_often_it_is_asked_for_and_no_other_falls() -> None:
    key = entry_key("default", "a", NOON)
    assert key == entry_key("default", "a", NOON.astimezone(timezone(timedelta(hours=-8))))
    later = NOON.replace(hour=13)
    others = {entry_key("other", "a", NOON), entry_key("default", "b", NOON), entry_key("default", "a", later)}
    assert len(others | {key}) == 4
    assert len(key) <= 64


def test_an_entry_says_what_fell_when_and_why() -> None:
    fall = Fall(Seen(NOON - timedelta(days=1), 81.2, "green"), Seen(NOON, 44.0, "red"))
    values = entry_values(fall, reasons="Logins fell.", zone="America/Los_Angeles")
    assert values == {
        SUBJECT: "Health fell from green to red",
        NOTES: "Health fell from green to red on 2026-11-20: the score went from 81.2 to 44. "
        "Main reasons: Logins fell. Written by Keepwell.",
        AT: "2026-11-20T12:00:00Z",
    }
    plain = entry_values(Fall(Seen(NOON, None, "green"), Seen(NOON, None, "red")), reasons=None, zone="UTC")
    assert plain[NOTES] == "Health fell from green to red on 2026-11-20. Written by Keepwell."
    long = entry_values(fall, reasons="x" * 5_000, zone="UTC")
    assert all(len(long[spec.name]) <= spec.length for spec in FIELDS if spec.name in long)
