"""Milestones: the day of each, how far along their order the account is, and which of them are late."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mapping.framework import Framework
from mapping.framework.columns import PROGRESS, milestone_column, timing_columns
from mapping.framework.spec import FrameworkSpec, Milestone
from mapping.table import Table, local_date

DONE = "·done:"
DUE = "·due on:"


def progress(table: Table, milestones: pl.DataFrame, framework: Framework) -> None:
    """Add the day of every milestone and checklist (`KEY_on`, `·done:KEY`) and the columns of `PROGRESS`.

    A day that has not come is a plan: it is shown, but nothing is done by it.
    """
    spec = framework.spec
    table.attach(_recorded(milestones, spec))
    if not spec.milestones:
        return
    table.add(**_done(table, [one.key for one in spec.checklists]))
    if spec.derive_from_checklists:
        table.add(**{milestone_column(one.key): _derived(table, one, spec) for one in spec.milestones})
    table.add(**_done(table, [one.key for one in spec.milestones]))
    _start(table, framework)
    for one in spec.milestones:
        _time(table, one)
    _count(table, spec)


def _recorded(milestones: pl.DataFrame, spec: FrameworkSpec) -> pl.DataFrame:
    """One row an account that recorded any: the day of each milestone and checklist, the due day of each milestone."""
    days = {milestone_column(key): pl.col("completed_on").filter(pl.col("key") == key).min() for key in spec.recorded}
    due = {f"{DUE}{one.key}": pl.col("due_on").filter(pl.col("key") == one.key).min() for one in spec.milestones}
    return milestones.group_by("account_id", maintain_order=True).agg(**days, **due)


def _done(table: Table, keys: Sequence[str]) -> dict[str, pl.Expr]:
    today = pl.lit(table.at.date)
    return {f"{DONE}{key}": (pl.col(milestone_column(key)) <= today).fill_null(value=False) for key in keys}


def _derived(table: Table, milestone: Milestone, spec: FrameworkSpec) -> pl.Expr:
    """The milestone's own day once it has come, else that of its last checklist, else its own day to come."""
    own = pl.col(milestone_column(milestone.key))
    serving = [one.key for one in spec.checklists if milestone.key in one.serves]
    if not serving:
        return own
    complete = pl.all_horizontal(pl.col(f"{DONE}{key}") for key in serving)
    last = pl.when(complete).then(pl.max_horizontal(milestone_column(key) for key in serving))
    return pl.coalesce(pl.when(own <= pl.lit(table.at.date)).then(own), last, own)


def _start(table: Table, framework: Framework) -> None:
    if framework.spec.milestones_start is None:
        table.add(milestones_start_on=pl.lit(None, dtype=pl.Date))
    else:
        table.compute({"milestones_start_on": framework.at("milestones_start")})
        table.add(milestones_start_on=local_date(table.frame.schema, "milestones_start_on", table.at))


def _time(table: Table, milestone: Milestone) -> None:
    """Add when the milestone is due and how it stands to that day, itself included; null where no day is known."""
    due_on, timeliness, days_late = timing_columns(milestone.key)
    due_days = [pl.col(f"{DUE}{milestone.key}")]
    if milestone.recommended_days is not None:
        due_days.append(pl.col("milestones_start_on").dt.offset_by(f"{milestone.recommended_days}d"))
    table.add(**{due_on: pl.coalesce(due_days)})
    today, due = pl.lit(table.at.date), pl.col(due_on)
    done, reached = pl.col(f"{DONE}{milestone.key}"), pl.col(milestone_column(milestone.key))
    beyond = (pl.when(done).then(reached).otherwise(today) - due).dt.total_days()
    word = (
        pl.when(due.is_null()).then(pl.lit(None, dtype=pl.String))
        .when(done & (beyond <= 0)).then(pl.lit("on_time"))
        .when(done).then(pl.lit("late"))
        .when(beyond > 0).then(pl.lit("overdue"))
        .otherwise(pl.lit("pending"))
    )  # fmt: skip
    table.add(**{timeliness: word, days_late: pl.when(beyond > 0).then(beyond).when(beyond <= 0).then(0)})


def _count(table: Table, spec: FrameworkSpec) -> None:
    done = [pl.col(f"{DONE}{one.key}") for one in spec.milestones]
    ticked = [pl.col(f"{DONE}{one.key}") for one in spec.checklists]
    gap = (pl.when(~one).then(pl.lit(index)) for index, one in enumerate(done))
    table.add(
        milestones_done=_number(done),
        milestones_in_row=pl.coalesce(*gap, pl.lit(len(done))).cast(pl.Int64),
        checklists_done=_number(ticked),
    )
    ahead = [
        pl.when(pl.col(f"{DONE}{one.key}") & (pl.col("milestones_in_row") < index)).then(pl.lit(one.label))
        for index, one in enumerate(spec.milestones)
    ]
    names = pl.concat_str(ahead, separator=", ", ignore_nulls=True)
    table.add(
        milestones_share=_share("milestones_done", len(done)),
        checklists_share=_share("checklists_done", len(ticked)),
        milestones_out_of_order=pl.col("milestones_done") - pl.col("milestones_in_row"),
        milestones_out_of_order_names=pl.when(names != "").then(names),
        **{
            f"milestones_{word}": _number([(pl.col(f"{one.key}_timeliness") == word) for one in spec.milestones])
            for word in ("on_time", "late", "overdue")
        },
    )
    table.frame = table.frame.with_columns(pl.col(name).cast(dtype) for name, dtype in PROGRESS.items())


def _number(conditions: Sequence[pl.Expr]) -> pl.Expr:
    """How many of `conditions` hold."""
    return pl.sum_horizontal(*(one.cast(pl.Int64) for one in conditions), pl.lit(0, dtype=pl.Int64))


def _share(column: str, of: int) -> pl.Expr:
    """`column` ÷ `of`, null where there is nothing to do; looked up, as Polars' own quotient can be a bit beside it."""
    shares = {number: number / of for number in range(of + 1)} if of else {}
    return pl.col(column).replace_strict(shares, default=None, return_dtype=pl.Float64)
