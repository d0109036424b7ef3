"""Ready-made observers: silence, several at once, and a recorder for tests and for `--json`."""

from __future__ import annotations

from contextlib import suppress

from sync.events import Event, Observer


def silent(_event: Event) -> None:
    """Listen to nothing."""


def several(*observers: Observer) -> Observer:
    """Pass each event to every observer, in order."""

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    return observe


def unfailing(observer: Observer) -> Observer:
    """An observer whose own failures stay with it: what only watches never changes a run."""

    def observe(event: Event) -> None:
        with suppress(Exception):
            observer(event)

    return observe


def only(kind: type[Event], observer: Observer) -> Observer:
    """An observer that hears of one type of event."""

    def observe(event: Event) -> None:
        if isinstance(event, kind):
            observer(event)

    return observe


class Recorder:
    """Keeps every event, in the order in which it happened."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        """Events of one type."""
        return [event for event in self.events if isinstance(event, kind)]
