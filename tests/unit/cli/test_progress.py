"""Progress follows a run on a terminal and is silent elsewhere."""

import functools
import io

import pytest
from rich.console import Console
from rich.text import Text

from dashboard.backfilled import time_left
from dashboard.progress import Bars
from dashboard.terminal import console
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


def test_a_rate_and_the_time_left_are_told_once_they_were_measured() -> None:
    stream, now = io.StringIO(), [0.0]
    out = Console(file=stream, force_terminal=True, width=120, color_system=None, legacy_windows=False)

    def shown(event: object) -> str:
        stream.truncate(stream.seek(0))
        bars.observe(event)
        bars._progress.refresh()
        return stream.getvalue()

    with Bars(out, clock=lambda: now[0]) as bars:
        page = functools.partial(events.PageStored, "hubspot", "companies", 100)
        assert "/s" not in shown(page(1_000, 9_000))  # a pull that goes on: these are of before
        now[0] = 2.0
        assert "/s" not in shown(page(1_400, 9_000)), "too early to tell"
        now[0] = 10.0
        later = shown(page(3_000, 9_000))
        assert "200/s" in later
        assert "about 30 s left" in later
        grown = shown(page(9_500, 9_000))
        assert "9500/9500" in grown
        assert "left" not in grown
        assert "200/s" not in shown(events.StreamSealed("hubspot", "companies", "full", 9_500))
        bars.observe(events.BatchSettled("salesforce", 100, 600))
        now[0] = 110.0
        written = shown(events.BatchSettled("salesforce", 150, 600))
        assert "0.5/s" in written
        assert "about 15 min left" in written
        assert "first" not in shown(events.PageStored("hubspot", "deals", 100, 100)), (
            "no total is known in a first pull"
        )


def test_whoever_asks_something_has_the_screen_to_themselves() -> None:
    stream = io.StringIO()
    out = Console(file=stream, force_terminal=True, width=100, color_system=None, legacy_windows=False)
    with Bars(out) as bars:
        bars.step("plan", 1, 2)
        with bars.paused():
            stream.truncate(stream.seek(0))
            bars.step("plan", 2, 2)
            assert stream.getvalue() == ""
        bars._progress.refresh()
        assert "2/2" in stream.getvalue()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def printed() -> str:
        monkeypatch.setattr("sys.stderr", stream := Terminal())
        console(stderr=True).print(Text("red", style="red"), end="")
        return stream.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed()


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
