"""Tells the log what a run tells its observers: one line an event, under the event's name in `config.catalogue`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Protocol

from sync import events
from sync.events import Event, RunFinished, RunStarted

NAMES: Mapping[type[Event], str] = MappingProxyType(
    {
        events.RunStarted: "run.started",
        events.RunFinished: "run.finished",
        events.RoomEntered: "room.entered",
        events.RoomLeft: "room.left",
        events.PageStored: "page.stored",
        events.StreamSealed: "stream.sealed",
        events.BackfillMoved: "backfill.moved",
        events.ChunkDone: "chunk.done",
        events.BatchSettled: "batch.settled",
        events.Noted: "run.noted",
        events.NewsTold: "news.told",
        events.CallMade: "call.made",
    }
)
_ABOUT_THE_RUN = frozenset({"run_id"})
"""Fields that every line has, because they are bound."""


class Log(Protocol):
    """Writes one line."""

    def __call__(self, name: str, **fields: Any) -> None: ...


class Bind(Protocol):
    """Lets every line after it say something."""

    def __call__(self, **facts: str) -> None: ...


class Logbook:
    """An observer that logs each event, and lets all lines of the process carry the id of the run that began last."""

    def __init__(self, log: Log, bind: Bind) -> None:
        self._log = log
        self._bind = bind

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._bind(run_id=event.run_id)
        given = {name: getattr(event, name) for name in logged_fields(type(event))}
        if isinstance(event, RunFinished):
            given["seconds"] = round(event.seconds, 3)
        self._log(NAMES[type(event)], **given)


def logged_fields(kind: type[Event]) -> tuple[str, ...]:
    """Names of the fields that a line about such an event has of its own."""
    return tuple(field.name for field in fields(kind) if field.name not in _ABOUT_THE_RUN)
