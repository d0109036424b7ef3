"""How the portal writes instants: milliseconds since 1970 inside, text like Java's `Instant` outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], float]  # seconds since 1970, as time.time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000


def instant(milliseconds: int) -> str:
    """Write an instant: no fraction when the milliseconds are zero, else three digits."""
    days, rest = divmod(milliseconds, _DAY_MS)
    seconds, fraction = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    moment = f"{_day(days)}T{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    return f"{moment}.{fraction:03}Z" if fraction else f"{moment}Z"


@lru_cache(maxsize=10_000)
def _day(number: int) -> str:
    """Write a day, counted from 1970; answers are full of instants of few days."""
    return (_EPOCH.date() + timedelta(days=number)).isoformat()


def to_ms(moment: datetime) -> int:
    """Return an aware datetime as whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def midnight_ms(day: date) -> int:
    """Return the UTC midnight that begins a day."""
    return (day - _EPOCH.date()).days * _DAY_MS


def parse_ms(text: str) -> int | None:
    """Read epoch milliseconds or ISO 8601, date alone included; None when it is neither."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        if len(text) > len("2026-01-01"):
            return None
        moment = moment.replace(tzinfo=UTC)
    return to_ms(moment)
