"""Instants and dates in the org's notation: dateTimes are UTC text with a resolution of one second.

The stored form sorts as text in time order, which is what makes comparisons and the stamp index cheap.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})", re.ASCII | re.IGNORECASE
)


def stamp(instant: datetime) -> str:
    """Write an aware instant as stored: `2026-01-02T03:04:05.000+0000`; fractions of a second are dropped."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def read_stamp(text: str) -> datetime:
    """Read the stored form back; raises ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.000+0000").replace(tzinfo=UTC)


def parse_instant(text: str) -> str | None:
    """Bring a client's dateTime text to the stored form, or return None if it is not one."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    zone = match[7].upper().replace("Z", "+0000").replace(":", "")
    try:
        instant = datetime.strptime("-".join(match.groups()[:6]) + zone, "%Y-%m-%d-%H-%M-%S%z")
        return stamp(instant) if 1700 <= instant.year <= 4000 else None
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> str | None:
    """Return the date text if it names a real day between 1700 and 4000, else None."""
    if not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return text if 1700 <= day.year <= 4000 else None


def csv_instant(stored: str) -> str:
    """Return the form that bulk CSV files use: `…000Z` instead of `…000+0000`."""
    return stored.replace("+0000", "Z")
