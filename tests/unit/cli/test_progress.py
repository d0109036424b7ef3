"""Progress follows a run on a terminal and is silent elsewhere."""

import io

import pytest
from rich.console import Console

from dashboard.backfilled import time_left
from dashboard.progress import Bars
from sync import events


def followed(*, terminal: bool) -> str:
    stream = io.StringIO()
    out = Console(file=stream, force_terminal=terminal, width=100, color_system=None, legacy_windows=False)
    with Bars(out) as bars:
        for event in (
            events.RoomEntered("pull"),
            events.PageStored("hubspot", "companies", 100, 100),
            events.Noted("tickets are not connected \x1b[2J"),
            events.StreamSealed("hubspot", "companies", "full", 100),
            events.RoomEntered("apply"),
            events.BatchSettled("salesforce", 3, 9),
            events.RunFinished("r1", "complete", None),
        ):
            bars.observe(event)
    return stream.getvalue()


def test_a_terminal_sees_what_is_under_way() -> None:
    shown = followed(terminal=True)
    assert "read hubspot companies" in shown
    assert "write salesforce" in shown
    assert "3/9" in shown
    assert "tickets are not connected \N{REPLACEMENT CHARACTER}[2J" in shown


def test_elsewhere_there_is_silence() -> None:
    assert followed(terminal=False) == ""


@pytest.mark.parametrize(
    ("seconds", "basis", "said"),
    [
        (None, "rows", "time left not known yet"),
        (0.2, "rows", "about 1 s left"),
        (59, "rows", "about 59 s left"),
        (720, "rows", "about 12 min left"),
        (5_400, "time", "about 1.5 h left, by the share of the dates"),
    ],
)
def test_time_left_is_said_with_its_ground_or_not_at_all(seconds: float | None, basis: str, said: str) -> None:
    assert time_left(seconds, basis) == said


def test_every_event_that_counts_something_is_followed() -> None:
    """The bars know events by name, because their room may not import the run's."""
    with Bars(Console(file=io.StringIO(), force_terminal=True)) as bars:
        for event in (
            events.PageStored("a", "b", 1, 1),
            events.ChunkDone("plan", 1, 2),
            events.BatchSettled("a", 1, 2),
            events.BackfillMoved("a", "b", 1, 2, 0.5, 90.0, "rows"),
        ):
            bars.observe(event)
        assert list(bars._tasks) == ["read a b", "plan", "write a", "backfill a b"]
        bars.observe(events.StreamSealed("a", "b", "full", 1))
        assert list(bars._tasks) == ["plan", "write a", "backfill a b"]
        bars.observe(events.RoomEntered("apply"))
        assert list(bars._tasks) == []
