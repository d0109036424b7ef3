"""What a thread asks of its quotas in a block: to come before others, or that nothing leaves later than it may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from connectors.errors import NotInTime

_urgent: ContextVar[bool] = ContextVar("urgent", default=False)
_leaving_by: ContextVar[float | None] = ContextVar("leaving_by", default=None)


@contextmanager
def urgent() -> Iterator[None]:
    """What this thread asks for in the block may take half of the reserve: few calls, for which others wait."""
    before = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(before)


@contextmanager
def leaving_by(moment: float) -> Iterator[None]:
    """What this thread asks for in the block it gets by `moment` of the budget's clock, or `NotInTime`."""
    before = _leaving_by.set(moment)
    try:
        yield
    finally:
        _leaving_by.reset(before)


def is_urgent() -> bool:
    """Whether this thread is in a block of `urgent`."""
    return _urgent.get()


def refuse_late(leaves_at: float) -> None:
    """Raise `NotInTime` in a block of `leaving_by` whose moment is over at `leaves_at`."""
    latest = _leaving_by.get()
    if latest is not None and leaves_at > latest:
        raise NotInTime("Nothing was sent: there was no room in the quota in time.")
