"""A queue of threads before SQLite's write lock, which knows none: whoever finds it taken sleeps and looks again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from store.errors import StoreLocked


class Gate:
    """Lets one thread at a time through, in the order in which they came.

    SQLite's busy handler sleeps up to a tenth of a second between two looks and takes whoever looks first, so of many
    writers in one process some would wait long and the disk would idle meanwhile.
    """

    def __init__(self, where: str, seconds: float) -> None:
        self._where = where
        self._seconds = seconds
        self._lock = threading.Lock()
        self._tickets: deque[threading.Lock] = deque()
        self._taken = False
        self._owner: int | None = None

    @property
    def waiting(self) -> int:
        """How many threads stand in the queue."""
        return len(self._tickets)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and have it until the block ends.

        Raises StoreLocked when it does not come in time, and RuntimeError for a thread that has it already: waiting
        for itself would never end.
        """
        self._enter()
        try:
            yield
        finally:
            with self._lock:
                self._next()

    def _enter(self) -> None:
        with self._lock:
            if self._owner == threading.get_ident():
                raise RuntimeError(
                    "This thread writes to the store already; two transactions would wait for each other."
                )
            if not self._taken:
                self._taken, self._owner = True, threading.get_ident()
                return
            ticket = threading.Lock()
            ticket.acquire()
            self._tickets.append(ticket)
        called = False
        try:
            called = ticket.acquire(timeout=self._seconds)
        finally:  # after an interrupt as well: nobody may be left waiting behind a ticket that nobody holds
            if not called:
                self._give_up(ticket)
        if not called:
            message = f"The store {self._where} is busy: no turn to write came within {self._seconds:g} s."
            raise StoreLocked(message, "Another run or program may be holding it. Try again.")
        self._owner = threading.get_ident()

    def _give_up(self, ticket: threading.Lock) -> None:
        with self._lock:
            if ticket in self._tickets:
                self._tickets.remove(ticket)
            else:  # called at the very moment of giving up
                self._next()

    def _next(self) -> None:
        """Hand the turn to the one who waits longest; it never lies free while somebody waits."""
        self._owner = None
        if self._tickets:
            self._tickets.popleft().release()
        else:
            self._taken = False
