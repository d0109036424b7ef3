"""The evaluation: facts, health, renewal, lifecycle, segment, cadence, escalation, trend, alerts, in this order.

A pure function of (records, framework, as_of): no clock, no order of rows, no number of threads and no other account
changes an account's answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import polars as pl

from mapping import facts
from mapping.cadence import schedule
from mapping.deals import as_known, first_won
from mapping.details import Explainer
from mapping.escalation import escalate
from mapping.frames import AsOf, Frames, ordered
from mapping.framework import Framework
from mapping.framework.columns import milestone_column
from mapping.health import MetricPlan, metric_plans, score
from mapping.lifecycle import place
from mapping.reasons import add_reasons
from mapping.renewal import renew
from mapping.rules import compiled, first_match, flags
from mapping.schema import FEEDS, INSTANT
from mapping.table import Table, local_date, padded, unpadded
from mapping.trend import compare

ALERT = "·alert:"

OUTPUTS: dict[str, pl.DataType] = {
    "account_id": pl.String(),
    "health_score": pl.Float64(),
    "health_band": pl.String(),
    "health_trend": pl.String(),
    "health_coverage": pl.Float64(),
    "health_reasons": pl.String(),
    "lifecycle_stage": pl.String(),
    "tenure_stage": pl.String(),
    "stage_entered_on": pl.Date(),
    "segment": pl.String(),
    "renewal_status": pl.String(),
    "renewal_sub_status": pl.String(),
    "renewal_phase": pl.String(),
    "next_touch_type": pl.String(),
    "next_touch_due_on": pl.Date(),
    "escalation_level": pl.String(),
    "framework": pl.String(),
    "model_version": pl.String(),
    "scored_at": INSTANT,
}
"""Columns of `Evaluation.frame`."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was computed.

    `frame` has one row an account, sorted by `account_id`, with the columns of `OUTPUTS`: the score with the
    framework's decimals, coverage in percent, null where nothing is to be written.
    """

    frame: pl.DataFrame
    at: AsOf
    framework: Framework
    _table: pl.DataFrame = field(repr=False)
    _terms: pl.DataFrame = field(repr=False)
    _plans: list[MetricPlan] = field(repr=False)

    def details(self, account_ids: Collection[str] | None = None) -> Iterator[tuple[str, dict[str, object]]]:
        """Explanations as JSON-able dictionaries, in order of `account_id`; of all accounts or of those named."""
        return Explainer(self._table, self._terms, self._plans, self.framework, self.at).explain(account_ids)

    def row(self, account_id: str) -> dict[str, object]:
        """All that was computed of one account: outputs, facts, overlays and segments by name; raises KeyError."""
        found = self._table.filter(pl.col("account_id") == account_id)
        if found.is_empty():
            raise KeyError(account_id)
        return {name: value for name, value in found.row(0, named=True).items() if not name.startswith("·")}

    def alerts(self) -> pl.DataFrame:
        """One row (`account_id`, `alert`) for each alert whose condition holds, sorted by both."""
        found = self._table.select("account_id", pl.col(f"^{ALERT}.*$")).unpivot(
            index="account_id", variable_name="alert"
        )
        held = found.filter(pl.col("value").cast(pl.Boolean)).select(
            "account_id", pl.col("alert").str.strip_prefix(ALERT)
        )
        return held.sort("account_id", "alert")


def evaluate(frames: Frames, framework: Framework, at: AsOf) -> Evaluation:
    """Evaluate every account of `frames.accounts` as of `at`.

    Raises `ValueError` when an account is there twice.
    """
    frames = ordered(frames)
    deals = as_known(frames.deals, at)
    table = Table(padded(_base(frames, deals, at)), at)
    table.attach(_milestones(frames.milestones, framework))
    table.add(**{name: pl.lit(value) for name, value in framework.spec.parameters.items()})
    children = facts.streams(frames, deals, framework, at)
    facts.compute_facts(table, children, framework)
    plans = metric_plans(framework)
    score(table, plans, framework)
    renewals = renew(table.frame, frames, deals, at, framework.spec.renewal)
    table.attach(renewals.accounts)
    first_match(table, "renewal_phase", compiled(framework, ("renewal", "phases"), framework.spec.renewal.phases))
    place(table, framework, frames.stage_history)
    flags(table, compiled(framework, ("overlays",), framework.spec.overlays))
    for index, dimension in enumerate(framework.spec.segments):
        first_match(table, dimension.dimension, compiled(framework, ("segments", index, "rules"), dimension.rules))
    schedule(table, framework, children["meetings"])
    escalate(table, framework, children["tickets"])
    compare(table, framework, frames.history)
    flags(table, compiled(framework, ("alerts",), framework.spec.alerts), ALERT)
    add_reasons(table, plans)
    table.add(framework=pl.lit(framework.name), model_version=pl.lit(framework.version), scored_at=pl.col("as_of"))
    table.frame = unpadded(table.frame)
    frame = table.frame.select(pl.col(name).cast(dtype) for name, dtype in OUTPUTS.items())
    return Evaluation(frame, at, framework, table.frame, renewals.terms, plans)


def _milestones(milestones: pl.DataFrame, framework: Framework) -> pl.DataFrame:
    """One row an account that reached any, with a date column for each milestone of the framework."""
    reached = {
        milestone_column(one.key): pl.col("completed_on").filter(pl.col("key") == one.key).min()
        for one in framework.spec.milestones
    }
    return milestones.group_by("account_id", maintain_order=True).agg(**reached)


def _base(frames: Frames, deals: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """Accounts with what every framework may name before its first fact."""
    covered = frames.contracts.group_by("account_id").agg(contract_since=pl.col("start_at").min())
    accounts = frames.accounts.join(first_won(deals), on="account_id", how="left", maintain_order="left")
    joined = accounts.join(covered, on="account_id", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col(FEEDS).fill_null(value=False),
        created_on=local_date(joined.schema, "created_at", at),
        covered_since=pl.coalesce("contract_since", "contract_start_at"),
    ).drop("contract_since")
