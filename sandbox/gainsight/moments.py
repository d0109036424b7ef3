"""Dates and instants: stored as milliseconds since 1970, read from the many forms that clients send."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY_MS = 86_400_000
_FIRST_YEAR, _LAST_YEAR = 1700, 4000
_EPOCH_FLOOR = 100_000_000_000
"""Smaller numbers are no milliseconds that anybody means: somebody sent seconds, or a date without its dashes."""
_OFFSET = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")
_FORMS = ("%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S")
_DAY_FORMS = ("%Y-%m-%d", "%m-%d-%Y")


def ms(instant: datetime) -> int:
    """Return an aware instant as milliseconds since 1970."""
    return round(instant.timestamp() * 1000)


def day_ms(day: date) -> int:
    """Return a calendar date as the milliseconds of its midnight in UTC."""
    return ms(datetime.combine(day, time(), UTC))


def renewal_ms(ended: date) -> int:
    """Return the RenewalDate of a term by its last day: the day on which the next one begins."""
    return day_ms(ended + timedelta(days=1))


def iso_instant(value: int) -> str:
    """Write an instant as the list endpoints do: `2026-01-02T03:04:05.678Z`."""
    return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03d}Z"


def iso_second(value: int) -> str:
    """Write an instant as the delete log does: `2026-01-02T03:04:05Z`."""
    return datetime.fromtimestamp(value // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_day(value: int) -> str:
    """Write a date as `2026-01-02`."""
    return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d")


def read_day(raw: object) -> int | None:
    """Read a date from `2026-01-02`, `01-02-2026` or milliseconds; None for anything else."""
    if isinstance(raw, str):
        for form in _DAY_FORMS:
            if (found := _parse(raw, form)) is not None:
                return day_ms(found.date())
        instant = read_instant(raw, UTC) if _OFFSET.search(raw) else None
        return None if instant is None else instant // DAY_MS * DAY_MS
    number = _milliseconds(raw)
    return None if number is None else number // DAY_MS * DAY_MS


def read_instant(raw: object, zone: tzinfo | None) -> int | None:
    """Read an instant from ISO 8601, `2026-01-02 03:04:05`, a date or milliseconds; None for anything else.

    `zone` is where a text without an offset is read; with None such a text is refused.
    """
    if not isinstance(raw, str):
        return _milliseconds(raw)
    text, own = raw, zone
    if (offset := _OFFSET.search(raw)) is not None and len(raw) > 10:
        text = raw[: offset.start()]
        found = _parse(offset[0].replace("Z", "+0000").replace(":", ""), "%z")
        own = None if found is None else found.tzinfo
    if own is None:
        return None
    for form in (*_FORMS, *_DAY_FORMS):
        if (found := _parse(text, form)) is not None:
            return ms(found.replace(tzinfo=own))
    return None


def _parse(text: str, form: str) -> datetime | None:
    try:
        found = datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
    except ValueError:
        return None
    return found if form == "%z" or _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def _milliseconds(raw: object) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, int) or not _EPOCH_FLOOR <= abs(raw) <= 64_000_000_000_000:
        return None
    return raw
