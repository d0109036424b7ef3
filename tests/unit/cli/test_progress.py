"""Progress follows a run on a terminal and is silent elsewhere."""

import io

from rich.console import Console

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


def test_every_event_that_counts_something_is_followed() -> None:
    """The bars know events by name, because their room may not import the run's."""
    with Bars(Console(file=io.StringIO(), force_terminal=True)) as bars:
        for event in (
            events.PageStored("a", "b", 1, 1),
            events.ChunkDone("plan", 1, 2),
            events.BatchSettled("a", 1, 2),
        ):
            bars.observe(event)
        assert list(bars._tasks) == ["read a b", "plan", "write a"]
        bars.observe(events.StreamSealed("a", "b", "full", 1))
        assert list(bars._tasks) == ["plan", "write a"]
        bars.observe(events.RoomEntered("apply"))
        assert list(bars._tasks) == []
