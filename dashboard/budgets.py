"""What the CRMs' daily API quotas had left when a run asked last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from store.runs import Run


@dataclass(frozen=True, slots=True)
class Left:
    """Requests that were left of a connection's day, reserve included, and when the run that was told so ended."""

    requests: int
    at: datetime


def left(runs: Iterable[Run]) -> dict[str, Left]:
    """Connection → what the run that ended last of these says; a CRM that tells nothing is left out."""
    found: dict[str, Left] = {}
    for run in sorted(runs, key=_ended):
        for connection, use in ((run.report or {}).get("api") or {}).items():
            if (number := use.get("quota_left")) is not None:
                found[connection] = Left(number, _ended(run))
    return dict(sorted(found.items()))


def _ended(run: Run) -> datetime:
    return run.finished_at or run.started_at
