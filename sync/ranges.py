"""What a backfill was asked for, made sure of: days that have been, and streams that can be read by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.base import Connector, Stream
from mapping.frames import AsOf
from sync.errors import UsageError
from sync.session import Session

EARLIEST = date(1970, 1, 2)
"""No CRM has records from before, and not every CRM can be asked for such a time."""


@dataclass(frozen=True, slots=True)
class Range:
    """The instants [since, until); `asked_until` is the end of the day that the user named, None without one."""

    since: datetime
    until: datetime
    asked_until: datetime | None


def asked_range(session: Session, since: date, until: date | None) -> Range:
    """From the begin of the day `since` to the end of the day `until`, or to now; in the tenant's time zone.

    Raises `UsageError` for days that have not come, and for an end before the begin.
    """
    zone = session.deps.settings.timezone
    now = session.deps.clock.now()
    today = AsOf(now, zone).date
    for option, day in (("--since", since), ("--until", until)):
        if day is not None and day > today:
            hint = "Leave --until out to read up to now." if option == "--until" else "Give a day that has been."
            raise UsageError(f"{option} {day.isoformat()} has not come yet.", hint=hint)
    if until is not None and until < since:
        raise UsageError(
            f"--until {until.isoformat()} is before --since {since.isoformat()}.", hint="Give them the other way round."
        )
    if since < EARLIEST:
        raise UsageError(
            f"--since {since.isoformat()} is too long ago.", hint=f"Begin at {EARLIEST.isoformat()} or later."
        )
    whole = now.replace(microsecond=0)
    end = None if until is None else _midnight(until + timedelta(days=1), zone)
    return Range(_midnight(since, zone), whole if end is None else min(end, whole), end)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def find_streams(session: Session, names: Sequence[str]) -> list[tuple[Connector, Stream]]:
    """The streams behind `companies` or `hubspot:companies`; raises `UsageError` for a name that leads nowhere."""
    every = [(one, stream) for one in session.deps.connectors.values() for stream in one.streams()]
    found: dict[tuple[str, str], tuple[Connector, Stream]] = {}
    for text in names:
        connection, _, name = text.strip().rpartition(":")
        fitting = [(one, s) for one, s in every if s.name == name and connection in ("", one.name)]
        connector, stream = _only(text, fitting, every)
        found[connector.name, stream.name] = connector, stream
    return list(found.values())


def _only(
    text: str, fitting: list[tuple[Connector, Stream]], every: list[tuple[Connector, Stream]]
) -> tuple[Connector, Stream]:
    if not fitting:
        known = ", ".join(f"{one.name}:{stream.name}" for one, stream in every if stream.kind == "records")
        raise UsageError(f"There is no stream {text!r}.", hint=f"Known: {known}.")
    if len(fitting) > 1:
        choices = " or ".join(f"{one.name}:{stream.name}" for one, stream in fitting)
        raise UsageError(f"Several connections have a stream {text!r}.", hint=f"Say which: {choices}.")
    connector, stream = fitting[0]
    if stream.kind == "links":
        raise UsageError(
            f"{stream.name} are links, which have no dates.",
            hint=f"They are read again along with their records: backfill {connector.name}:{stream.ids_from}.",
        )
    if stream.kind == "reference":
        raise UsageError(f"{stream.name} has no dates.", hint="Every run reads it whole: `keepwell pull`.")
    return connector, stream
