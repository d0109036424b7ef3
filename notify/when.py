"""When a channel may be sent to: quiet hours and daily digests, in the tenant's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from notify.settings import DAYS, Channel, QuietHours


def is_quiet(hours: QuietHours | None, at: datetime, zone: ZoneInfo) -> bool:
    """Whether `at` lies in quiet hours; their first minute does, their last one (`until`) does not.

    Hours that end before they begin go over midnight. The wall clock counts, also where it is turned.
    """
    if hours is None:
        return False
    local = at.astimezone(zone)
    if DAYS[local.weekday()] in hours.days:
        return True
    if hours.since is None or hours.until is None:
        return False
    since, until, now = _time(hours.since), _time(hours.until), local.time()
    return since <= now < until if since < until else now >= since or now < until


def digest_due(channel: Channel, noted_at: datetime, at: datetime, zone: ZoneInfo) -> bool:
    """Whether what was noted at `noted_at` is due at `at`: with `daily HH:MM` once that time has come after it."""
    if not channel.send.startswith("daily "):
        return True
    hour = _time(channel.send.removeprefix("daily "))
    local = at.astimezone(zone)
    today = local.replace(hour=hour.hour, minute=hour.minute, second=0, microsecond=0, fold=0).astimezone(UTC)
    yesterday = datetime.combine(local.date() - timedelta(days=1), hour, zone).astimezone(UTC)
    return noted_at <= (today if today <= at else yesterday)


def _time(text: str) -> time:
    return time.fromisoformat(text)
