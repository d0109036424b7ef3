"""Progress on stderr: bars on a terminal, silence elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from dashboard.backfilled import time_left
from dashboard.text import inert


class Bars:
    """One line for each thing under way; it appears on first use and goes when the thing is done."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

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
                self.step(f"read {event.connection} {event.stream}", event.total)
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

    def step(self, label: str, done: int, total: int | None = None, left: str = "") -> None:
        """`label` is at `done` of `total`, as far as the total is known; `left` says how long the rest takes."""
        if label not in self._tasks:
            self._tasks[label] = self._progress.add_task(inert(label), total=total, left=left)
        self._progress.update(self._tasks[label], completed=done, total=total, left=left)

    def finish(self, label: str) -> None:
        """`label` is done."""
        if (task := self._tasks.pop(label, None)) is not None:
            self._progress.remove_task(task)

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
