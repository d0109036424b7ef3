"""Cadence: which touches an account is owed, when each is due, and which comes next."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from mapping.framework import Framework
from mapping.framework.expressions import Checked
from mapping.framework.spec import Cadence, Duration
from mapping.table import Table, local_date


def schedule(table: Table, framework: Framework, meetings: pl.DataFrame) -> None:
    """Add per cadence `·due:ID` and `·last:ID`, then `next_touch_type`, `next_touch_due_on`, `touch_overdue`.

    `meetings` is the meetings stream as facts see it (outcome filled in).
    """
    cadences = framework.spec.cadences
    touches = _touches(table, meetings)
    last = touches.group_by("account_id").agg(
        pl.col("day").filter(counts_as(cadence.types, cadence.titles)).max().alias(f"·last:{cadence.id}")
        for cadence in cadences
    )
    table.attach(last)
    checked = [_Checked(framework, index, cadence) for index, cadence in enumerate(cadences)]
    table.compute({f"·anchor:{item.cadence.id}": item.anchor for item in checked})
    table.prepare(expression for item in checked for expression in item.conditions())
    table.add(**{f"·due:{item.cadence.id}": _due(table, item) for item in checked})
    nothing = pl.lit(None, dtype=pl.Date)
    dues = {cadence.id: pl.col(f"·due:{cadence.id}") for cadence in cadences}
    table.add(next_touch_due_on=pl.min_horizontal(*dues.values(), nothing))
    named = (pl.when(due == pl.col("next_touch_due_on")).then(pl.lit(name)) for name, due in dues.items())
    table.add(
        next_touch_type=pl.coalesce(*named, pl.lit(None, dtype=pl.String)),
        touch_overdue=(pl.col("next_touch_due_on") < pl.lit(table.at.date)).fill_null(value=False),
    )


def _touches(table: Table, meetings: pl.DataFrame) -> pl.DataFrame:
    """Meetings that took place, with their day; no-shows and cancellations never count."""
    held = meetings.filter((pl.col("outcome") == "completed") & (pl.col("starts_at") <= table.at.utc))
    return held.select(
        "account_id",
        day=local_date(held.schema, "starts_at", table.at),
        type="type",
        title="title",
    )


class _Checked:
    """A cadence with its compiled expressions."""

    def __init__(self, framework: Framework, index: int, cadence: Cadence) -> None:
        self.cadence = cadence
        self.when = framework.at("cadences", index, "when")
        self.anchor = framework.at("cadences", index, "anchor")
        self.until = framework.at("cadences", index, "until") if cadence.until is not None else None

    def conditions(self) -> list[Checked]:
        return [self.when] if self.until is None else [self.when, self.until]


def _due(table: Table, item: _Checked) -> pl.Expr:
    """The day on which the touch is due, null where it is not owed."""
    cadence = item.cadence
    last, anchor = pl.col(f"·last:{cadence.id}"), pl.col(f"·anchor:{cadence.id}")
    if cadence.every is not None:
        due = _later(pl.max_horizontal(last, anchor), cadence.every)
    else:
        due = pl.when(~(last >= anchor).fill_null(value=False)).then(_later(anchor, cadence.within or Duration()))
    owed = item.when.expr.fill_null(value=False) & anchor.is_not_null()
    if not cadence.after_churn:
        owed = owed & (pl.col("renewal_status") != "churned")
    if item.until is not None:
        owed = owed & (due <= item.until.expr) & (item.until.expr >= pl.lit(table.at.date))
    return pl.when(owed).then(due)


def counts_as(types: Sequence[str], titles: Sequence[str]) -> pl.Expr:
    """Whether a meeting is of one of the `types`, or, where it has no type, whether its title has one of the words.

    A word counts from its beginning: "ebr" is in "EBRs of spring", and not in "February".
    """
    type_ = pl.col("type").str.strip_chars().str.to_lowercase()
    by_type = type_.is_in([name.lower() for name in types])
    if not titles:
        return by_type.fill_null(value=False)
    words = "|".join(re.escape(word.lower()) for word in titles)
    named = pl.col("title").str.to_lowercase().str.contains(rf"(?:^|\P{{L}})(?:{words})")
    return (by_type | (type_.is_null() & named)).fill_null(value=False)


def _later(day: pl.Expr, span: Duration) -> pl.Expr:
    """`day` plus a span; a month's day that does not exist becomes the month's last day."""
    moved = day.dt.offset_by(f"{span.months}mo") if span.months else day
    return moved.dt.offset_by(f"{span.days}d") if span.days else moved
