"""A polite way to stop a run: signals set a flag, the rooms look at it between pages and batches."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sync.errors import Interrupted


class Stop:
    """Set once, by a signal or by a failing sibling thread; checked between units of work.

    Without a lock: the handler of a signal would wait for ever for one that the interrupted thread holds.
    """

    def __init__(self) -> None:
        self._reason: str | None = None

    @property
    def asked(self) -> bool:
        return self._reason is not None

    def ask(self, reason: str) -> None:
        """Ask the run to stop at the next safe place; the first reason is kept."""
        if self._reason is None:
            self._reason = reason

    def check(self) -> None:
        """Raise `Interrupted` when somebody asked to stop."""
        if self._reason is not None:
            raise Interrupted(self._reason, hint="What is done is kept; run the same command again to go on.")


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into `stop.ask`; a second signal ends the process as usual.

    Signals can only be caught in the main thread; elsewhere the block runs without.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.ask(f"The run was asked to stop by {signal.Signals(number).name}.")
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
