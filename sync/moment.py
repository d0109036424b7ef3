"""The moment of an evaluation: now, or the end of a given day in the tenant's time zone."""

from __future__ import annotations

from mapping.frames import AsOf
from sync.deps import Deps, RunOptions
from sync.errors import UsageError
from sync.session import Session


def moment(deps: Deps, options: RunOptions) -> AsOf:
    """`--as-of DAY` means the day with everything that happened on it; a day that is not over means now."""
    zone = deps.settings.timezone
    now = deps.clock.now()
    if options.as_of is None or options.as_of == AsOf(now, zone).date:
        return AsOf(now, zone)
    return AsOf.end_of(options.as_of, zone)


def looks_back(session: Session) -> bool:
    """Whether this run evaluates a day that is over: what it finds says nothing about today."""
    return is_over(session.deps, session.options)


def is_over(deps: Deps, options: RunOptions) -> bool:
    """Whether a run was asked for a day that is over."""
    return options.as_of is not None and options.as_of < AsOf(deps.clock.now(), deps.settings.timezone).date


def refuse_future(session: Session) -> None:
    """Raise `UsageError` for a day that has not come: its answers must not be written, nor kept as history."""
    if session.at.utc > session.deps.clock.now():
        raise UsageError(
            f"{session.at.date.isoformat()} has not come yet.",
            hint="`keepwell explain --as-of` looks ahead; plan and sync work for today or a day that is over.",
        )
