"""Values that Keepwell leaves alone for somebody's sake, kept between requests: to find them a whole plan is read."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dashboard.conflicts import state_of
from store import browsing, conflicts, resolutions
from store.conflicts import Conflict, Found


@dataclass(frozen=True, slots=True)
class Held:
    """What stands, by place, and the same by account id; `waiting` counts what a person has to decide about."""

    found: Found
    by_account: Mapping[str, Sequence[Conflict]]
    waiting: int


class HeldValues:
    """Reads them anew once another run has ended or somebody decided; what a run does meanwhile shows at its end."""

    def __init__(self) -> None:
        self._kept: tuple[object, Held] | None = None
        self._turn = threading.Lock()

    def current(self, c: Connection, ws: str) -> Held:
        """What stands as of the last run and the last decision."""
        stamp = browsing.last_ended(c, ws), resolutions.newest(c, ws)
        with self._turn:
            if self._kept is None or self._kept[0] != stamp:
                self._kept = stamp, _read(c, ws)
            return self._kept[1]


def _read(c: Connection, ws: str) -> Held:
    found = conflicts.standing(c, ws)
    by_account: dict[str, list[Conflict]] = {}
    for one in found.conflicts:
        by_account.setdefault(one.account_id, []).append(one)
    waiting = sum(state_of(one) == "open" and one.reason in conflicts.DECIDABLE for one in found.conflicts)
    return Held(found, by_account, waiting)
