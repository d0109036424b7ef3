"""Relative date literals such as TODAY and LAST_N_DAYS:30, as half-open ranges of UTC days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

Range = tuple[date, date]


def _days(start: int, end: int) -> Callable[[date], Range]:
    return lambda today: (today + timedelta(days=start), today + timedelta(days=end))


def _weeks(offset: int, length: int = 1) -> Callable[[date], Range]:
    def find(today: date) -> Range:
        sunday = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=offset)
        return sunday, sunday + timedelta(weeks=length)

    return find


def _month_start(year: int, month_index: int) -> date:
    years, month = divmod(month_index, 12)
    return date(year + years, month + 1, 1)


def _months(offset: int, length: int, unit: int = 1) -> Callable[[date], Range]:
    """Return a range of whole periods of *unit* months, *offset* periods away from today's."""

    def find(today: date) -> Range:
        first = (today.month - 1) // unit * unit + offset * unit
        return _month_start(today.year, first), _month_start(today.year, first + length * unit)

    return find


_FIXED: dict[str, Callable[[date], Range]] = {
    "TODAY": _days(0, 1),
    "YESTERDAY": _days(-1, 0),
    "TOMORROW": _days(1, 2),
    "LAST_90_DAYS": _days(-90, 1),
    "NEXT_90_DAYS": _days(1, 91),
    "LAST_WEEK": _weeks(-1),
    "THIS_WEEK": _weeks(0),
    "NEXT_WEEK": _weeks(1),
    "LAST_MONTH": _months(-1, 1),
    "THIS_MONTH": _months(0, 1),
    "NEXT_MONTH": _months(1, 1),
    "LAST_QUARTER": _months(-1, 1, 3),
    "THIS_QUARTER": _months(0, 1, 3),
    "NEXT_QUARTER": _months(1, 1, 3),
    "LAST_YEAR": _months(-1, 1, 12),
    "THIS_YEAR": _months(0, 1, 12),
    "NEXT_YEAR": _months(1, 1, 12),
}
_COUNTED: dict[str, Callable[[int], Callable[[date], Range]]] = {
    "LAST_N_DAYS": lambda n: _days(-n, 1),
    "NEXT_N_DAYS": lambda n: _days(1, n + 1),
    "N_DAYS_AGO": lambda n: _days(-n, -n + 1),
    "LAST_N_MONTHS": lambda n: _months(-n, n),
    "NEXT_N_MONTHS": lambda n: _months(1, n),
    "N_MONTHS_AGO": lambda n: _months(-n, 1),
    "LAST_N_WEEKS": lambda n: _weeks(-n, n),
    "NEXT_N_WEEKS": lambda n: _weeks(1, n),
    "N_WEEKS_AGO": lambda n: _weeks(-n, 1),
    "LAST_N_QUARTERS": lambda n: _months(-n, n, 3),
    "NEXT_N_QUARTERS": lambda n: _months(1, n, 3),
    "N_QUARTERS_AGO": lambda n: _months(-n, 1, 3),
    "NEXT_N_YEARS": lambda n: _months(1, n, 12),
    "N_YEARS_AGO": lambda n: _months(-n, 1, 12),
    "LAST_N_YEARS": lambda n: _months(-n, n, 12),
}
_MAX_COUNT = 10_000


def is_relative(text: str) -> bool:
    """Say whether a word is a relative date literal."""
    name, _, count = text.upper().partition(":")
    if not count:
        return name in _FIXED
    return name in _COUNTED and count.isascii() and count.isdigit() and 1 <= int(count) <= _MAX_COUNT


def resolve(text: str, today: date) -> Range:
    """Return the first day and the day after the last of a relative literal.

    Raises OverflowError or ValueError when the range leaves the calendar.
    """
    name, _, count = text.upper().partition(":")
    return _COUNTED[name](int(count))(today) if count else _FIXED[name](today)
