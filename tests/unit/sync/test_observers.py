"""A stop is asked once and raised where it is safe; events reach every observer."""

from __future__ import annotations

import pytest

from sync.errors import Interrupted
from sync.events import Noted, RunStarted
from sync.observers import Recorder, several, silent
from sync.stop import Stop


def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    stop.check()
    stop.ask("SIGTERM")
    stop.ask("later")
    with pytest.raises(Interrupted, match="SIGTERM"):
        stop.check()


def test_events_reach_every_observer_in_order() -> None:
    one, other = Recorder(), Recorder()
    observe = several(one, silent, other)
    observe(RunStarted("r", "sync"))
    observe(Noted("hello"))
    assert one.events == other.events == [RunStarted("r", "sync"), Noted("hello")]
    assert one.of(Noted) == [Noted("hello")]
