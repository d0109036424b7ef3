"""Where a process can die: at each named fault point, and at every statement, commit, request and answer.

The edges are counted in the process that is to die, below the code under test: nothing of it knows. At the chosen one
the process kills itself, as hard as `kill -9` does, after it has said where.
"""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from sync import faults

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kill:
    """When a process dies: at the `nth` edge of all, or at the `nth` passing of a fault point."""

    nth: int
    point: str | None = None

    @classmethod
    def parse(cls, text: str) -> Kill:
        """Read `apply.sent#2` or `137`; raises ValueError."""
        point, hash_, nth = text.partition("#")
        return cls(int(nth), point) if hash_ else cls(int(point))

    def __str__(self) -> str:
        return str(self.nth) if self.point is None else f"{self.point}#{self.nth}"


class Edges:
    """Counts the edges that this process passes, and ends it at the one where it is to die."""

    def __init__(self, kill: Kill | None, tell: Tell, log: list[str] | None = None) -> None:
        self._kill = kill
        self._tell = tell
        self._log = log
        self._edges, self._points = count(1), count(1)  # count correctly in any number of threads

    def watch(self) -> None:
        """Begin; this is for a process that ends soon, so nothing is ever put back."""
        faults.arm(self._point)
        event.listen(Engine, "before_cursor_execute", self._statement)
        _around(DefaultDialect, "do_commit", lambda: self._edge("commit"), lambda: self._edge("committed"))
        _around(http.client.HTTPConnection, "send", lambda: self._edge("send"), lambda: self._edge("sent"))
        _around(http.client.HTTPConnection, "getresponse", lambda: None, lambda: self._edge("answer"))

    def _statement(self, *execution: Any) -> None:
        words = str(execution[2]).split(None, 3)[:3]
        self._edge(" ".join(words))

    def _edge(self, what: str) -> None:
        number = next(self._edges)
        if self._log is not None:
            self._log.append(what)
        if self._kill is not None and self._kill.point is None and number == self._kill.nth:
            self._die(f"edge {number}: {what}")

    def _point(self, name: str) -> None:
        if self._log is not None:
            self._log.append(f"fp {name}")
        if self._kill is not None and self._kill.point == name and next(self._points) == self._kill.nth:
            self._die(f"{name} for the {self._kill.nth}. time")

    def _die(self, where: str) -> None:
        self._tell(where)
        os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: type[Any], name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    inner = getattr(owner, name)

    def outer(*args: Any, **kwargs: Any) -> Any:
        before()
        result = inner(*args, **kwargs)
        after()
        return result

    setattr(owner, name, outer)
