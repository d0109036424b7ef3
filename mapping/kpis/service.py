"""Measures of what happened in a period: answers, tickets, go-lives, assignments, alarms."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from mapping.deals import won_by
from mapping.escalation import ESCALATED_RANK, ticket_rank
from mapping.framework.spec import KpiSpec
from mapping.kpis.accounts import exact, one_if
from mapping.kpis.catalogue import Period
from mapping.kpis.slice import SCALE, Slice

_NONE = pl.lit(0, dtype=pl.Int128)
_ONE = pl.lit(SCALE, dtype=pl.Int128)
PLANNED_DAYS = 84
"""A go-live without a planned day has so many days from the signature: twelve weeks."""
ASSIGN_WITHIN, RESPOND_WITHIN = timedelta(hours=72), timedelta(hours=48)
A_DAY = timedelta(days=1)


def csat(part: Slice, period: Period) -> pl.DataFrame:
    """One row an answer: its score from 1 to 5, whatever its own scale; null where scale or account is not known."""
    rows = _answers(part, period, "csat")
    low, high = pl.col("scale_min"), pl.col("scale_max")
    score = exact(1 + 4 * (pl.col("score") - low) / pl.when(high > low).then(high - low))
    known = pl.when(score.is_not_null() & _of_an_account())
    return rows.select("account_id", score=known.then(score), answers=known.then(_ONE))


def nps(part: Slice, period: Period) -> pl.DataFrame:
    """One row a person of an account, with the latest answer: +1 for 9 and 10, −1 for 0 to 6, 0 for what is between.

    Null where the score or the account is not known.
    """
    rows = _answers(part, period, "nps").with_columns(
        person=pl.coalesce("contact_ref", pl.concat_str(pl.lit("·"), "connection", pl.lit(":"), "id"))
    )
    latest = rows.sort("account_id", "answered_at", "connection", "id").unique(
        ["account_id", "connection", "person"], keep="last", maintain_order=True
    )
    low, high = pl.col("scale_min").fill_null(0), pl.col("scale_max").fill_null(10)
    score = 10 * (pl.col("score") - low) / pl.when(high > low).then(high - low)
    known = pl.when(score.is_not_null() & _of_an_account())
    return latest.select(
        "account_id", balance=known.then(one_if(score >= 9) - one_if(score <= 6)), answers=known.then(_ONE)
    )


def _answers(part: Slice, period: Period, kind: str) -> pl.DataFrame:
    surveys = pl.concat([part.frames.surveys, part.strays])
    return surveys.filter((pl.col("type") == kind) & part.within("answered_at", period, surveys.schema))


def _of_an_account() -> pl.Expr:
    """Whose customer somebody is whose company is no account, nobody knows."""
    return pl.col("account_id").is_not_null()


def tickets_closed(part: Slice, period: Period) -> pl.DataFrame:
    """One row a ticket closed in the period: seconds from opened to closed (`hours`), whether that was under a day."""
    tickets = part.frames.tickets.filter(part.within("closed_at", period, part.frames.tickets.schema))
    took = pl.col("closed_at") - pl.col("created_at")
    known = pl.when(took >= timedelta(0))
    return tickets.select(
        "account_id",
        hours=known.then(took.dt.total_microseconds().cast(pl.Int128) * (SCALE // 1_000_000)),
        quick=known.then(one_if(took < A_DAY)),
        tickets=known.then(_ONE),
    )


def tickets_created(part: Slice, period: Period) -> pl.DataFrame:
    """One row a ticket opened in the period: whether it reached level 2."""
    tickets = part.streams["tickets"]
    opened = tickets.filter(part.within("created_at", period, tickets.schema))
    escalated = ticket_rank(part.framework) >= ESCALATED_RANK
    return opened.select("account_id", escalated=one_if(escalated), tickets=_ONE)


def first_value(part: Slice, period: Period, index: int, entry: KpiSpec) -> pl.DataFrame:
    """One row an account that reached its first value in the period: days from the anchor (go-live), 0 if before it."""
    anchor = part.chosen(index, "anchor") if entry.anchor is not None else pl.col("go_live_at")
    rows = part.table.filter(part.within("first_value_at", period, part.table.schema))
    days = (pl.col("first_value_at") - anchor).dt.total_days().clip(0).cast(pl.Int128) * SCALE
    return rows.select("account_id", days=days, reached=pl.when(days.is_not_null()).then(_ONE))


def go_lives(part: Slice, period: Period, planned_days: int | None) -> pl.DataFrame:
    """One row an account that went live in the period: whether on the planned day, whether within its budget."""
    rows = part.table.filter(part.within("go_live_at", period, part.table.schema))
    signed = pl.coalesce("contract_signed_at", "closed_won_on", "covered_since")
    span = PLANNED_DAYS if planned_days is None else planned_days
    planned = pl.coalesce("planned_go_live_at", signed + pl.duration(days=span))
    cost, budget = pl.col("delivery_cost"), pl.col("delivery_budget")
    return rows.select(
        "account_id",
        on_time=one_if(pl.col("go_live_at") <= planned),
        went_live=pl.when(planned.is_not_null()).then(_ONE),
        within_budget=one_if(cost <= budget),
        budgeted=pl.when(cost.is_not_null() & budget.is_not_null()).then(_ONE),
    )


def first_year(part: Slice, period: Period, index: int, entry: KpiSpec) -> pl.DataFrame:
    """One row an account whose first year ended in the period: whether every success metric that it has is met."""
    anchor = part.chosen(index, "anchor") if entry.anchor is not None else pl.col("go_live_at")
    rows = part.table.with_columns(year_on=anchor.dt.offset_by("12mo"))
    rows = rows.filter(part.within("year_on", period, rows.schema))
    pairs = (("roi_realised", "roi_target"), ("goals_achieved", "goals_agreed"), ("hours_saved", "hours_saved_target"))
    met = [pl.when(pl.col(goal) > 0).then(pl.col(now) >= pl.col(goal)) for now, goal in pairs]
    judged = pl.any_horizontal(*(one.is_not_null() for one in met))
    return rows.select(
        "account_id",
        realised=one_if(pl.all_horizontal(*(one.fill_null(value=True) for one in met))),
        judged=pl.when(judged).then(_ONE),
    )


def assignments(part: Slice, period: Period) -> pl.DataFrame:
    """One row a new deal won in the period: whether somebody was assigned within 72 hours; 0 while that is pending.

    Where only the day of closed-won is known, the clock starts at its end in the company's time zone.
    """
    rule = (pl.col("kind") == "new") & part.within("closed_won_on", period, part.deals.schema)
    assigned = part.table.select("account_id", assigned="csm_assigned_at")
    rows = part.deals.filter(rule).join(assigned, on="account_id", how="left", maintain_order="left")
    by = won_by(part.at) + ASSIGN_WITHIN
    there = (pl.col("assigned") <= part.at.utc).fill_null(value=False)
    return rows.select(
        "account_id",
        in_time=one_if(there & (pl.col("assigned") <= by)),
        decided=one_if(there | (pl.lit(part.at.utc) > by)),
    )


def responses(part: Slice, period: Period) -> pl.DataFrame:
    """One row an alert with a deadline, raised in the period and 48 hours or more ago: whether it was answered in time.

    An alert that was over before anybody had to answer is left out.
    """
    alerts, limit = part.alerts, pl.col("raised_at") + RESPOND_WITHIN
    due = pl.col("sla_hours").is_not_null() & (limit <= part.at.utc)
    answered = (pl.col("answered_at") < limit).fill_null(value=False)
    over = (pl.col("resolved_at") < limit).fill_null(value=False)
    asked = alerts.filter(due & part.within("raised_at", period, alerts.schema) & (answered | ~over))
    return asked.select("account_id", answered=one_if(answered), asked=_ONE)
