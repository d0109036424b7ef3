"""The evaluation: milestones, facts, health, renewal, lifecycle, segment, cadence, escalation, trend, alerts.

In this order. A pure function of (records, framework, as_of): no clock, no order of rows, no number of threads and no
other account changes an account's answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from mapping import facts
from mapping.cadence import schedule
from mapping.deals import as_known, first_won, first_won_by
from mapping.details import Explainer
from mapping.escalation import escalate
from mapping.frames import AsOf, Frames, ordered
from mapping.framework import Framework
from mapping.framework.expressions import Checked
from mapping.health import MetricPlan, measures, metric_plans, score
from mapping.kept import keep
from mapping.lifecycle import place
from mapping.milestones import progress
from mapping.nearly import near_misses
from mapping.rates import Rates
from mapping.reasons import add_reasons
from mapping.renewal import renew, signed_contract
from mapping.renewal.coming import Coming, next_status
from mapping.revenue import revenue
from mapping.rules import compiled, first_match, flags
from mapping.schema import FEEDS, INSTANT
from mapping.table import Table, local_date, padded, unpadded
from mapping.trend import compare

ALERT = "·alert:"
_MOMENTS = frozenset({"closed_won_by", "closed_won_day_only"})
"""Columns that are made for a framework that names one of them only."""

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
    _rates: Rates | None = None

    @property
    def terms(self) -> pl.DataFrame:
        """Every term as it was judged, several an account, the most telling one first (`mapping.renewal`)."""
        return self._terms

    def details(self, account_ids: Collection[str] | None = None) -> Iterator[tuple[str, dict[str, object]]]:
        """Explanations as JSON-able dictionaries, in order of `account_id`; of all accounts or of those named."""
        given = (self._table, self._terms, self._plans, self.framework, self.at, self._rates)
        return Explainer(*given).explain(account_ids)

    def health(self, account_ids: Collection[str]) -> pl.DataFrame:
        """How healthy the accounts that are named are, as it is kept (`mapping.kept`)."""
        return keep(self._table.filter(pl.col("account_id").is_in(list(account_ids))), self._plans)

    def columns(self, *names: str) -> pl.DataFrame:
        """`account_id` and some of what was computed, one row an account, sorted by `account_id`."""
        return self._table.select(*dict.fromkeys(("account_id", *names))).sort("account_id")

    def with_measures(self) -> pl.DataFrame:
        """`frame` and the points of each component of the score (`mapping.health.measures`)."""
        found = measures(self._plans, self.framework.spec.score.decimals)
        return self.frame.hstack(self._table.select(**found))

    def row(self, account_id: str) -> dict[str, object]:
        """All that was computed of one account: outputs, facts, overlays and segments by name; raises KeyError."""
        found = self._of(account_id)
        return {name: value for name, value in found.row(0, named=True).items() if not name.startswith("·")}

    def near_misses(self, account_id: str) -> list[dict[str, Any]]:
        """Earlier stages that an account is not in for a single condition; raises KeyError."""
        return near_misses(self._of(account_id), self.framework)

    def next_renewal(self, account_id: str, frames: Frames) -> Coming | None:
        """The next renewal status if nothing happens but time, from the frames of the evaluation; raises KeyError."""
        here = pl.col("account_id") == account_id
        return next_status(
            self._of(account_id), self._terms.filter(here),
            replace(frames, accounts=frames.accounts.filter(here)), self.at,
            self.framework.spec.renewal,
        )  # fmt: skip

    def _of(self, account_id: str) -> pl.DataFrame:
        found = self._table.filter(pl.col("account_id") == account_id)
        if found.is_empty():
            raise KeyError(account_id)
        return found

    def departures(self) -> pl.DataFrame:
        """One row an account (`account_id`, `gone_on`): the day on which it left, null while it is a customer."""
        return self._table.select("account_id", gone_on="churned_on")

    def computed(self, named: Mapping[str, Checked]) -> pl.DataFrame:
        """One row an account, sorted by `account_id`, with all that was computed and further expressions by name."""
        table = Table(padded(self._table), self.at)
        table.compute(named)
        return unpadded(table.frame)

    def seen_by(self, alert: str) -> list[str]:
        """The computed columns that the condition of an alert names, in order."""
        place = next(index for index, one in enumerate(self.framework.spec.alerts) if one.id == alert)
        return [name for name in self.framework.at("alerts", place, "when").inputs if name in self._table.columns]

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
    found = scored(frames, framework, at)
    table, plans, children, deals = found.table, found.plans, found.children, found.deals
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
    return Evaluation(frame, at, framework, table.frame, renewals.terms, plans, frames.rates)


@dataclass(frozen=True, slots=True)
class Scored:
    """A table with facts and health, and what they were made of."""

    table: Table
    plans: list[MetricPlan]
    children: facts.Streams
    deals: pl.DataFrame


def scored(frames: Frames, framework: Framework, at: AsOf) -> Scored:
    """The first part of an evaluation: milestones, facts and health of every account, out of `ordered` frames."""
    deals = as_known(frames.deals, at)
    table = Table(padded(_base(frames, deals, framework, at)), at)
    table.add(**{name: pl.lit(value) for name, value in framework.spec.parameters.items()})
    progress(table, frames.milestones, framework)
    children = facts.streams(frames, deals, framework, at)
    facts.compute_facts(table, children, framework)
    plans = metric_plans(framework)
    score(table, plans, framework)
    return Scored(table, plans, children, deals)


def _base(frames: Frames, deals: pl.DataFrame, framework: Framework, at: AsOf) -> pl.DataFrame:
    """Accounts with what every framework may name before its first fact."""
    renewal = framework.spec.renewal
    signed = frames.contracts.filter(signed_contract(renewal))
    covered = signed.group_by("account_id").agg(contract_since=pl.col("start_at").min())
    accounts = frames.accounts.join(first_won(deals), on="account_id", how="left", maintain_order="left")
    if _MOMENTS & {name for one in framework.expressions.values() for name in one.inputs}:
        moments = first_won_by(deals, at)
        accounts = accounts.join(moments, on="account_id", how="left", maintain_order="left")
    joined = accounts.join(covered, on="account_id", how="left", maintain_order="left")
    earned = revenue(frames, deals, at, renewal)
    joined = joined.join(earned, on="account_id", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col(FEEDS).fill_null(value=False),
        created_on=local_date(joined.schema, "created_at", at),
        covered_since=pl.coalesce("contract_since", "contract_start_at"),
    ).drop("contract_since")
