"""Facts: child streams as the framework's expressions see them, and one value per account from each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from mapping.frames import AsOf, Frames
from mapping.framework import Framework
from mapping.framework.spec import Fact
from mapping.revenue import with_reporting
from mapping.table import Table, padded, with_clock, with_days

FEED_OF = {
    "deals": "has_deals",
    "tickets": "has_tickets",
    "meetings": "has_meetings",
    "attendances": "has_meetings",
    "calls": "has_calls",
    "surveys": "has_surveys",
    "contracts": None,
    "milestones": None,
    "readings": None,
}
"""The feed flag that says whether an empty stream means "none" or "not known"; some have no such flag."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Child streams ready for expressions, by the name that `from` uses."""

    frames: Mapping[str, pl.DataFrame]

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.frames[name]


def streams(frames: Frames, deals: pl.DataFrame, framework: Framework, at: AsOf) -> Streams:
    """Streams with clock and parameters; `deals` are those known at `at`."""
    meetings = frames.meetings.with_columns(outcome=_outcome(at))
    made = {
        "deals": with_reporting(deals, frames.accounts, "deals", frames.rates, at),
        "tickets": _tickets(frames.tickets, at),
        "meetings": meetings,
        "attendances": _attendances(frames.attendances, meetings),
        "calls": _until(frames.calls, "created_at", at),
        "surveys": _until(frames.surveys, "answered_at", at),
        "contracts": with_reporting(frames.contracts, frames.accounts, "contracts", frames.rates, at),
        "milestones": frames.milestones,
        "readings": frames.readings,
    }
    parameters = [pl.lit(value).alias(name) for name, value in framework.spec.parameters.items()]
    return Streams({name: with_clock(frame, at).with_columns(parameters) for name, frame in made.items()})


def compute_facts(table: Table, children: Streams, framework: Framework) -> None:
    """Add every fact of `framework` to `table`, in file order."""
    for name, fact in framework.spec.facts.items():
        if fact.from_ is None:
            table.compute({name: framework.at("facts", name, "value")})
        else:
            _aggregate(table, children[fact.from_], name, fact, framework)


def _aggregate(table: Table, rows: pl.DataFrame, name: str, fact: Fact, framework: Framework) -> None:
    value = framework.at("facts", name, "value")
    if rows.is_empty():
        table.add(**{name: pl.lit(None, dtype=value.dtype), "·there": pl.lit(None, dtype=pl.Boolean)})
    else:
        _attach(table, rows, name, fact, framework)
    result = pl.col(name)
    if fact.empty == "zero":
        result = pl.when(pl.col("·there").is_null()).then(pl.lit(0).cast(value.dtype)).otherwise(result)
    feed = FEED_OF[str(fact.from_)]
    if feed is not None:
        result = pl.when(pl.col(feed)).then(result)
    table.frame = table.frame.with_columns(result.alias(name)).drop("·there")


def _attach(table: Table, rows: pl.DataFrame, name: str, fact: Fact, framework: Framework) -> None:
    """Add the value of accounts that have rows which count, and `·there` for them."""
    value = framework.at("facts", name, "value")
    where = framework.at("facts", name, "where") if fact.where is not None else None
    rows = with_days(padded(rows), table.at, [value] if where is None else [value, where])
    if where is not None:
        rows = padded(rows.filter(where.expr))
    # In-memory and order-keeping: each group is summed in row order by one thread, so that floats never differ.
    found = (
        rows.lazy().group_by("account_id", maintain_order=True).agg(value.expr.alias(name)).collect(engine="in-memory")
    )
    table.attach(found.with_columns(pl.lit(value=True).alias("·there")))


def _until(rows: pl.DataFrame, instant: str, at: AsOf) -> pl.DataFrame:
    """Rows that were there at the moment; one without the instant counts as there."""
    return rows.filter((pl.col(instant) <= at.utc).fill_null(value=True))


def _tickets(tickets: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    key = pl.col("category").str.to_lowercase().str.replace_all(r"[^0-9a-z]+", "_").str.strip_chars("_")
    return _until(tickets, "created_at", at).with_columns(
        category_key=key,
        closed_at=pl.when(pl.col("closed_at") <= at.utc).then("closed_at"),
    )


def _outcome(at: AsOf) -> pl.Expr:
    # Calendars without an outcome: an event that has passed and was not deleted took place.
    passed = pl.when(pl.col("starts_at") <= at.utc).then(pl.lit("completed")).otherwise(pl.lit("scheduled"))
    return pl.coalesce("outcome", passed)


def _attendances(attendances: pl.DataFrame, meetings: pl.DataFrame) -> pl.DataFrame:
    parent = meetings.select(
        "connection",
        "account_id",
        pl.col("id").alias("meeting_ref"),
        "starts_at",
        "ends_at",
        "outcome",
        "type",
        "title",
    )
    joined = attendances.drop("account_id").join(parent, on=["connection", "meeting_ref"], how="inner")
    return joined.sort("account_id", "connection", "meeting_ref", "contact_ref", "id")
