"""Documents that take longer than a page may: worked out aside, kept until another run has ended.

A page never waits: it shows what is there, and says when something newer is on its way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dashboard.logs import log_event
from mapping.reports.document import Document

Make = Callable[[str], Document]
PATIENCE = 0.05
"""Seconds that a page waits for an answer that may be quick."""
AGAIN = 30.0
"""Seconds after which one that failed is tried again: the database may be back, the configuration mended."""
KEPT = 32
"""So many documents are kept; the one that was asked for longest ago goes first."""
State = Literal["ready", "renewing", "computing", "failed", "absent"]


class NotReckoned(Exception):
    """Why a document cannot be made, in words for the page."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is of a document: `renewing` shows the one of an earlier run while the next is made."""

    state: State
    document: Document | None = None
    message: str = ""
    hint: str = ""


@dataclass(slots=True)
class _Entry:
    document: Document | None = None
    stamp: object = None
    failure: NotReckoned | None = None
    failed_stamp: object = None
    failed_at: float = 0.0
    working: threading.Event | None = None


class Reckoner:
    """Makes documents one at a time in a thread of its own; `make` gets a name and may raise `NotReckoned`.

    `monotonic` is seconds that never go back, passed in for tests.
    """

    def __init__(
        self,
        make: Make,
        *,
        patience: float = PATIENCE,
        kept: int = KEPT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._now = monotonic
        self._patience = patience
        self._kept = kept
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def get(self, name: str, stamp: object) -> Answer:
        """The document of this name as of `stamp`, which changes whenever it has to be made anew."""
        with self._lock:
            entry = self._entries.pop(name, None) or _Entry()
            self._entries[name] = entry  # the one that was asked for last stands last
            self._forget()
            if (failed := self._failed(entry, stamp)) is not None:
                return failed
            if entry.document is not None and entry.stamp == stamp:
                return Answer("ready", entry.document)
            working = entry.working
            if working is None:
                working = entry.working = threading.Event()
                threading.Thread(
                    target=self._work, args=(name, stamp, entry), name=f"report {name}", daemon=True
                ).start()
        working.wait(self._patience if entry.document is None else 0)
        with self._lock:
            if (failed := self._failed(entry, stamp)) is not None:
                return failed
            fresh = entry.document is not None and entry.stamp == stamp
            return Answer("ready" if fresh else "renewing" if entry.document else "computing", entry.document)

    def _failed(self, entry: _Entry, stamp: object) -> Answer | None:
        if entry.failure is None or entry.failed_stamp != stamp or self._now() - entry.failed_at >= AGAIN:
            return None
        return Answer("failed", None, entry.failure.message, entry.failure.hint)

    def _forget(self) -> None:
        idle = [name for name, entry in self._entries.items() if entry.working is None]
        for name in idle[: max(0, len(self._entries) - self._kept)]:
            del self._entries[name]

    def _work(self, name: str, stamp: object, entry: _Entry) -> None:
        document, failure = None, None
        try:
            with self._turn:
                document = self._make(name)
        except NotReckoned as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the page says that it failed, the log why
            log_event("report.failed", report=name, exc_info=error)
            failure = NotReckoned("This report failed.", "The log of `keepwell serve` has the details.")
        with self._lock:
            if document is not None:
                entry.document, entry.stamp = document, stamp
            entry.failure, entry.failed_stamp, entry.failed_at = failure, stamp, self._now()
            working, entry.working = entry.working, None
        if working is not None:
            working.set()
