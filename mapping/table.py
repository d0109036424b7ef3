"""The frame that an evaluation fills, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from mapping.frames import AsOf
from mapping.framework.columns import CLOCK, day_counts
from mapping.framework.expressions import Checked

PADDING = ("·padding 1", "·padding 2")
"""Ids of two rows without values that keep a frame longer than one row.

Polars divides a column by a literal through the literal's reciprocal, but a single row by the literal itself, which
can differ in the last bit: an account evaluated alone would not equal itself among others.
"""


def padded(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` and two empty rows with the ids of `PADDING`."""
    nothing = pl.DataFrame({name: [None, None] for name in frame.columns}, schema=frame.schema)
    return pl.concat([frame, nothing.with_columns(account_id=pl.Series(PADDING))])


def unpadded(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` without the rows of `PADDING`."""
    return frame.filter(~pl.col("account_id").is_in(PADDING))


class Table:
    """One row an account; expressions see every column added before them, and day counts are made when named."""

    def __init__(self, frame: pl.DataFrame, at: AsOf) -> None:
        self.at = at
        self.frame = with_clock(frame, at)

    def add(self, **named: pl.Expr) -> None:
        """Add plain columns."""
        self.frame = self.frame.with_columns(**named)

    def compute(self, named: Mapping[str, Checked]) -> None:
        """Add the values of checked expressions."""
        self.prepare(named.values())
        self.frame = self.frame.with_columns(**{name: item.expr for name, item in named.items()})

    def prepare(self, expressions: Iterable[Checked]) -> None:
        """Make the day counts that `expressions` name."""
        self.frame = with_days(self.frame, self.at, expressions)

    def attach(self, columns: pl.DataFrame) -> None:
        """Add columns of another frame by `account_id`, null where it has no row."""
        self.frame = self.frame.join(columns, on="account_id", how="left", maintain_order="left")


def with_clock(frame: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """`frame` with the columns `as_of` and `today`."""
    return frame.with_columns(
        pl.lit(at.utc).cast(CLOCK["as_of"]).alias("as_of"), pl.lit(at.date).cast(pl.Date).alias("today")
    )


def with_days(frame: pl.DataFrame, at: AsOf, expressions: Iterable[Checked]) -> pl.DataFrame:
    """`frame` with the day counts that `expressions` name and that it does not have yet."""
    named = {name for item in expressions for name in item.inputs} - set(frame.columns)
    if not named:
        return frame
    counts = day_counts(frame.schema)
    return frame.with_columns(
        ((pl.lit(at.date) - local_date(frame.schema, counts[name][0], at)).dt.total_days() * counts[name][1]).alias(
            name
        )
        for name in sorted(named)
    )


def local_date(columns: Mapping[str, pl.DataType], name: str, at: AsOf) -> pl.Expr:
    """The calendar date of a date or instant column in the tenant's zone."""
    column = pl.col(name)
    return column if columns[name] == pl.Date else column.dt.convert_time_zone(at.zone).dt.date()


def won_on(name: str, at: AsOf) -> pl.Expr:
    """Calendar date of a close instant: midnight UTC is a date without a time and keeps its day in every zone."""
    instant = pl.col(name)
    dated = instant.dt.time() == pl.time(0, 0)
    return pl.when(dated).then(instant.dt.date()).otherwise(instant.dt.convert_time_zone(at.zone).dt.date())
