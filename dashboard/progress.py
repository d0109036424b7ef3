"""Progress on stderr: bars on a terminal, silence elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from dashboard.backfilled import time_left
from dashboard.text import inert

MEASURED = 3.0
"""Seconds that something has to be under way before a time is told from its rate: earlier ones jump."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A line on the screen, when it began, and at what: a pull that goes on does not begin at nothing."""

    task: TaskID
    at: float
    done: int


class Bars:
    """One line for each thing under way, with its rate and, as far as the total is known, the time that is left.

    It appears on first use and goes when the thing is done. `clock` tells seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", style="dim", justify="right"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, _Begun] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def observe(self, event: Any) -> None:
        """Follow a run: takes the events of `sync.events`, by name because this room may not import that one."""
        match type(event).__name__:
            case "RoomEntered":
                for label in list(self._tasks):
                    self.finish(label)
            case "PageStored":
                known = event.expected
                total = None if known is None else max(known, event.total)
                self.step(f"read {event.connection} {event.stream}", event.total, total)
            case "BackfillMoved":
                left = time_left(event.seconds_left, event.basis)
                self.step(f"backfill {event.connection} {event.stream}", event.rows, event.expected, left)
            case "StreamSealed":
                self.finish(f"read {event.connection} {event.stream}")
            case "ChunkDone":
                self.step(event.room, event.done, event.total)
            case "BatchSettled":
                self.step(f"write {event.connection}", event.done, event.total)
            case "Noted":
                self.note(event.message)

    def step(self, label: str, done: int, total: int | None = None, left: str | None = None) -> None:
        """`label` is at `done` of `total`, as far as the total is known; `left` says how long the rest takes."""
        now = self._clock()
        if (begun := self._tasks.get(label)) is None:
            task = self._progress.add_task(inert(label), total=total, left="", rate="")
            begun = self._tasks[label] = _Begun(task, now, done)
        spent = now - begun.at
        rate = (done - begun.done) / spent if spent >= MEASURED else 0.0
        if left is None:
            left = time_left((total - done) / rate, "rows") if rate and total is not None and total > done else ""
        self._progress.update(begun.task, completed=done, total=total, left=left, rate=_per_second(rate))

    def finish(self, label: str) -> None:
        """`label` is done."""
        if (begun := self._tasks.pop(label, None)) is not None:
            self._progress.remove_task(begun.task)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the screen to somebody else for the block."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def note(self, text: str) -> None:
        """A line above the bars."""
        if not self._progress.disable:
            self._progress.console.print(inert(text), markup=False, style="dim")


def _per_second(rate: float) -> str:
    """`1,234/s`, or with a decimal where it is slow; nothing before it is measured."""
    if not rate:
        return ""
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
