"""Where quotas are kept: the protocol, and its form for one process; the store has the one that processes share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from connectors.window import SECOND, State

Key = tuple[str, str]
"""Holder and name of a quota."""


class Opened(Protocol):
    """Quotas that nobody else can change meanwhile."""

    @property
    def states(self) -> Mapping[Key, State]:
        """What is known of each; changes are kept when the shelf is closed."""
        ...

    def now(self) -> int:
        """The clock of all sharers, in microseconds."""
        ...


class Shelf(Protocol):
    """Where quotas are kept for those who share them."""

    def open(self, keys: Sequence[Key]) -> AbstractContextManager[Opened]:
        """Lock these quotas, making those that are new; keeps what was changed unless the block raises."""
        ...

    def look(self, key: Key) -> tuple[State, int] | None:
        """A quota and the present moment; None when nobody drew on it yet."""
        ...


@dataclass(slots=True)
class _Kept:
    vendor_limit: int | None = None
    slots: list[list[int]] = field(default_factory=list)
    blocked_until: int | None = None
    resets_at: int | None = None


class MemoryShelf:
    """Quotas kept in this process, by its own clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self.states: dict[Key, _Kept] = {}

    @contextmanager
    def open(self, keys: Iterable[Key]) -> Iterator[MemoryShelf]:
        """See `Shelf`."""
        with self._lock:
            for key in keys:
                self.states.setdefault(key, _Kept())
            yield self

    def look(self, key: Key) -> tuple[_Kept, int] | None:
        """See `Shelf`."""
        with self._lock:
            state = self.states.get(key)
            return None if state is None else (state, self.now())

    def now(self) -> int:
        """See `Opened`."""
        return math.floor(self._clock() * SECOND)
