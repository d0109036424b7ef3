"""Instants as Salesforce writes them: `2026-01-02T03:04:05.000+0000` in JSON, `…000Z` in CSV."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse(value: object) -> datetime | None:
    """An aware datetime in UTC, or None for null, an empty cell and what is not an instant."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def parse_all(values: Sequence[str]) -> Sequence[datetime | None]:
    """`parse` for a whole column, which nearly always holds nothing but instants in UTC."""
    try:
        moments = list(map(datetime.fromisoformat, values))
    except ValueError:
        return [parse(value) for value in values]
    return moments if all(moment.tzinfo is UTC for moment in moments) else [parse(value) for value in values]


def of_http_date(value: str | None) -> datetime | None:
    """The instant of an HTTP `Date` header, or None when it is absent or malformed."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
