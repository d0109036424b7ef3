"""Freeze windows: times in which nothing may be written to a CRM, such as the close of a quarter."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

PATTERN_MOMENT = r"^[12]\d{3}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$"
_MOMENT = re.compile(PATTERN_MOMENT)
_EXPECTED = "must be a day such as 2026-12-24, or a local time such as 2026-12-24 18:00"


def parse_moment(value: object) -> date:
    """A day, or a local time (which is a `datetime` without offset); raises ValueError for anything else."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        raise ValueError(f"{_EXPECTED}; it is one of the time zone that `timezone` names, so leave the offset out")
    text = value.isoformat() if isinstance(value, date) else value
    if not isinstance(text, str) or not _MOMENT.fullmatch(text.strip()):
        raise ValueError(_EXPECTED)
    text = text.strip()
    try:
        return datetime.fromisoformat(text) if len(text) > len("2026-12-24") else date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{_EXPECTED}: {error}") from None


def moment_text(moment: date) -> str:
    """A day or a local time as people write it: `2026-12-24`, `2026-12-24 18:00`."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    return moment.isoformat(" ", "seconds" if moment.second else "minutes")


Moment = Annotated[
    date,
    PlainValidator(parse_moment),
    PlainSerializer(moment_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN_MOMENT, "examples": ["2026-12-24", "2026-12-24 18:00"]}),
]


class Freeze(BaseModel):
    """A time in which no run writes; days and times are those of the tenant's zone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Moment = Field(description="First day, or first moment, of the freeze.")
    until: Moment = Field(description="Last day of the freeze, or the moment from which on runs write again.")
    reason: str = Field(min_length=1, description="Why nothing is written; a refused run says it.")

    @model_validator(mode="after")
    def _in_order(self) -> Freeze:
        if _end(self.until) <= _begin(self.since):
            raise ValueError(f"`until` ({moment_text(self.until)}) is before `since` ({moment_text(self.since)})")
        return self

    def __str__(self) -> str:
        return f"{moment_text(self.since)} to {moment_text(self.until)}"

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """First instant of the freeze and the one after its last, in UTC.

        Where a local time comes twice or not at all (the clocks change), the freeze is the longer one.
        """
        return min(_readings(_begin(self.since), zone)), max(_readings(_end(self.until), zone))


def _begin(since: date) -> datetime:
    return since if isinstance(since, datetime) else datetime.combine(since, time())


def _end(until: date) -> datetime:
    return until if isinstance(until, datetime) else datetime.combine(until, time()) + timedelta(days=1)


def _readings(local: datetime, zone: ZoneInfo) -> list[datetime]:
    return [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
