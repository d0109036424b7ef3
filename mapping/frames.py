"""What an evaluation reads: the moment it is for, and the frames of records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from mapping import schema
from mapping.rates import Rates

LAST_SECOND = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment an evaluation is for, and the tenant's time zone, which decides what day it is.

    Raises `ValueError` for an instant without an offset or a zone that does not exist.
    """

    instant: datetime
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.instant.tzinfo is None:
            raise ValueError("as_of needs an instant with a UTC offset")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {self.zone!r}; use a name such as Europe/Copenhagen") from None

    @classmethod
    def end_of(cls, day: date, zone: str = "UTC") -> AsOf:
        """The last second of a day in a zone that exists, with everything that happened on it."""
        return cls(datetime.combine(day, LAST_SECOND, ZoneInfo(zone)), zone)

    @property
    def utc(self) -> datetime:
        """The instant in UTC."""
        return self.instant.astimezone(UTC)

    @property
    def date(self) -> date:
        """The calendar date in the tenant's zone."""
        return self.instant.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True, slots=True)
class Frames:
    """Records of the accounts to evaluate, as Polars frames; rows of accounts that are not there are ignored.

    `accounts` has the columns of `schema.account_schema()`, child frames those of `schema.child_schema(entity)`;
    absent columns count as null. `attendances` belong to meetings by (connection, meeting_ref). `history` and
    `stage_history` hold earlier evaluations (`schema.HISTORY`, `schema.STAGE_HISTORY`). `rates` is optional; without
    it amounts are as the CRM has them, and one in another currency than its account's is left out.
    """

    accounts: pl.DataFrame
    deals: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("deal")))
    tickets: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("ticket")))
    meetings: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("meeting")))
    attendances: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("attendance")))
    calls: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("call")))
    surveys: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("survey")))
    contracts: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("contract")))
    milestones: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("milestone")))
    readings: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.child_schema("reading")))
    history: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.HISTORY))
    stage_history: pl.DataFrame = field(default_factory=lambda: schema.empty(schema.STAGE_HISTORY))
    rates: Rates | None = None


def ordered(frames: Frames) -> Frames:
    """`frames` with exact schemas, rows in one order whatever order they came in, strangers left out.

    Sums of binary floats depend on their order; one row order makes an evaluation equal to the byte.
    """
    accounts = schema.conform(frames.accounts, schema.account_schema()).unique("account_id", keep="any")
    if accounts.height != frames.accounts.height:
        raise ValueError("every account may be in the accounts frame once only")
    accounts = accounts.sort("account_id")
    known = accounts.select("account_id")

    def child(frame: pl.DataFrame, entity: str) -> pl.DataFrame:
        rows = schema.conform(frame, schema.child_schema(entity)).join(known, on="account_id", how="semi")
        return rows.sort("account_id", "connection", "stream", "id")

    def past(frame: pl.DataFrame, columns: dict[str, pl.DataType], last: str) -> pl.DataFrame:
        rows = schema.conform(frame, columns).join(known, on="account_id", how="semi")
        return rows.sort("account_id", "at", last, nulls_last=True)

    attendances = schema.conform(frames.attendances, schema.child_schema("attendance"))
    return replace(
        frames,
        accounts=accounts,
        deals=child(frames.deals, "deal"),
        tickets=child(frames.tickets, "ticket"),
        meetings=child(frames.meetings, "meeting"),
        attendances=attendances.sort("connection", "meeting_ref", "contact_ref", "id"),
        calls=child(frames.calls, "call"),
        surveys=child(frames.surveys, "survey"),
        contracts=child(frames.contracts, "contract"),
        milestones=child(frames.milestones, "milestone"),
        readings=child(frames.readings, "reading"),
        history=past(frames.history, dict(schema.HISTORY), "score"),
        stage_history=past(frames.stage_history, dict(schema.STAGE_HISTORY), "stage"),
    )
