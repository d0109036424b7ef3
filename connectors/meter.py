"""Counts the requests of one connection, and tells who wants to know how each of them went."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from connectors.base import Usage

_PLAIN = re.compile(r"v\d+(?:\.\d+)?|\d{4}-\d{2}|[A-Za-z_.-]+(?:__[cr])?")
"""Parts of a path that say what is asked for: words, versions of an API. What else there is may be somebody's id."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that is over: `status` of its answer, or the class of the `error` that there was instead.

    `operation` is the path with every part that may be an id replaced, and without the query; `seconds` last from
    the moment of sending until the answer was read, or until its body began where that is streamed.
    """

    method: str
    operation: str
    status: int | None
    seconds: float
    error: str | None = None


class Meter:
    """Thread-safe counters behind `Connector.usage`; `watch` is told each call by the thread that made it."""

    def __init__(
        self, watch: Callable[[Call], None] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = Lock()
        self._requests = self._throttled = self._retried = 0
        self._watch = watch
        self._clock = clock

    @contextmanager
    def request(self, method: str, path: str) -> Iterator[Callable[[int], None]]:
        """One request is sent inside the block, which hands the status of the answer to what it is given."""
        with self._lock:
            self._requests += 1
        if self._watch is None:
            yield lambda _status: None
            return
        found: list[int] = []
        error: str | None = None
        since = self._clock()
        try:
            yield found.append
        except Exception as failure:
            error = type(failure).__name__
            raise
        finally:
            seconds = self._clock() - since
            self._watch(Call(method, operation(path), found[-1] if found else None, seconds, error))

    def throttle(self) -> None:
        """One request was refused for its rate."""
        with self._lock:
            self._throttled += 1

    def retry(self) -> None:
        """One request is about to be repeated."""
        with self._lock:
            self._retried += 1

    def usage(self) -> Usage:
        """The counts so far."""
        with self._lock:
            return Usage(self._requests, self._throttled, self._retried)


def operation(path: str) -> str:
    """A path in which every part that may be an id is `{id}`; queries are cut off."""
    parts = path.partition("?")[0].split("/")
    return "/".join(part if not part or _PLAIN.fullmatch(part) else "{id}" for part in parts)
