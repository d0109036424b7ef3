"""Explanations: every rule, metric and value behind an account's answers, made when somebody asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite

import polars as pl

from mapping.frames import AsOf
from mapping.framework import Framework
from mapping.framework.columns import milestone_column
from mapping.framework.errors import Path
from mapping.framework.expressions import Checked
from mapping.framework.spec import Cadence, RuleSpec
from mapping.health import SNAP, MetricPlan
from mapping.milestones import DONE
from mapping.rates import Rates, first_days
from mapping.values import plain

CHUNK = 2_000
DUE_SOON = timedelta(days=7)
Row = Mapping[str, object]
Json = dict[str, object]

RENEWAL_RULES = {
    0: "no contract end date is known",
    1: "a person set the status, with a reason, and it has not expired",
    2: "the renewal is won, a successor contract is signed, or the contract renewed itself",
    3: "the customer left, the renewal was lost, or the contract ended longer ago than the grace period",
    4: "the contract has ended and nothing is decided",
    5: "notice was given, the renewal was lost before the end, or the forecast says churn",
    6: "the open renewal is smaller than the contract, or the forecast says downsell",
    7: "the end is near and the health is red or nothing has been started",
    8: "the end is near and there is no renewal deal",
    9: "a renewal deal is open, or the end is near and nothing speaks against it",
    10: "nothing is due yet",
}
"""What each renewal rule says, by its number."""


class Explainer:
    """Reads explanations out of the finished table."""

    def __init__(
        self, table: pl.DataFrame, terms: pl.DataFrame, plans: Sequence[MetricPlan], framework: Framework, at: AsOf,
        rates: Rates | None,
    ) -> None:  # fmt: skip
        self._table = table
        self._terms = terms
        self._plans = plans
        self._framework = framework
        self._at = at
        self._rates = rates

    def explain(self, account_ids: Collection[str] | None) -> Iterator[tuple[str, Json]]:
        """One explanation an account, in order of `account_id`."""
        table, terms = self._table, self._terms
        if account_ids is not None:
            wanted = pl.col("account_id").is_in(sorted(account_ids))
            table, terms = table.filter(wanted), terms.filter(wanted)
        for start in range(0, table.height, CHUNK):
            rows = table.slice(start, CHUNK)
            by_account: dict[str, list[Row]] = {}
            chunk_terms = terms.join(rows.select("account_id"), on="account_id", how="semi", maintain_order="left")
            for term in chunk_terms.iter_rows(named=True):
                by_account.setdefault(term["account_id"], []).append(term)
            for row in rows.iter_rows(named=True):
                yield row["account_id"], self._one(row, by_account.get(row["account_id"], []))

    def _one(self, row: Row, terms: list[Row]) -> Json:
        spec = self._framework.spec
        stages = self._rules(row, ("stages",), spec.stages, row["lifecycle_stage"])
        return {
            "as_of": self._at.date.isoformat(),
            "framework": self._framework.name,
            "model_version": self._framework.version,
            "health": self._health(row),
            "milestones": self._milestones(row),
            "lifecycle": {
                "stage": row["lifecycle_stage"],
                "tenure_stage": row["tenure_stage"],
                "entered_on": json_value(row["stage_entered_on"]),
                "rules": stages,
                "next_stage": row["·next_stage"],
                "next_stage_on": json_value(row["·next_stage_on"]),
            },
            "renewal": self._renewal(row, terms),
            "segments": {
                item.dimension: {
                    "segment": row[item.dimension],
                    "rules": self._rules(row, ("segments", index, "rules"), item.rules, row[item.dimension]),
                }
                for index, item in enumerate(spec.segments)
            },
            "revenue": self._revenue(row),
            "overlays": {item.id: row[item.id] for item in spec.overlays},
            "cadences": [self._cadence(row, cadence) for cadence in spec.cadences],
            "next_touch": {"type": row["next_touch_type"], "due_on": json_value(row["next_touch_due_on"])},
            "escalation": {"level": row["escalation_level"], "ticket_level": row["ticket_level"]},
            "alerts": self._alerts(row),
            "facts": {name: json_value(row[name]) for name in spec.facts},
        }

    def _health(self, row: Row) -> Json:
        change = row["score_change"]
        return {
            "score": row["health_score"],
            "unrounded": json_value(row["·raw"]),
            "band": row["health_band"],
            "coverage": row["·coverage"],
            "min_coverage": self._framework.spec.score.min_coverage,
            "metrics": [_metric(row, plan) for plan in self._plans],
            "missing": {plan.metric.id: _why(row, plan) for plan in self._plans if not row[plan.column("known")]},
            "reasons": row["health_reasons"],
            "trend": row["health_trend"],
            "change": change,
            "compared_with": json_value(row["·scored_then_at"]),
            "previous_score": row["previous_score"],
            "previous_band": row["previous_band"],
        }

    def _milestones(self, row: Row) -> list[Json]:
        """Every milestone in order; with its due day and how it stands to it, and the checklists that serve it."""
        spec = self._framework.spec
        return [
            {
                "label": one.label,
                "stage": one.stage,
                **self._step(row, one.key),
                "due_on": json_value(row[f"{one.key}_due_on"]),
                "timeliness": row[f"{one.key}_timeliness"],
                "days_late": row[f"{one.key}_days_late"],
                "checklists": [
                    {"label": item.label, **self._step(row, item.key)}
                    for item in spec.checklists
                    if one.key in item.serves
                ],
            }
            for one in spec.milestones
        ]

    def _step(self, row: Row, key: str) -> Json:
        return {"key": key, "done": row[f"{DONE}{key}"], "on": json_value(row[milestone_column(key)])}

    def _rules(self, row: Row, path: Path, rules: Sequence[RuleSpec], matched: object) -> list[Json]:
        """The rules down to the one that matched, with the values that each of them saw."""
        seen: list[Json] = []
        for index, rule in enumerate(rules):
            condition = self._framework.at(*path, index, "when")
            inputs = self._inputs(row, condition)
            unknown = [name for name, value in inputs.items() if value is None]
            seen.append(
                {"id": rule.id, "when": rule.when, "matched": rule.id == matched, "inputs": inputs, "unknown": unknown}
            )
            if rule.id == matched:
                break
        return seen

    def _inputs(self, row: Row, expression: Checked) -> Json:
        return {name: json_value(row[name]) for name in expression.inputs if name in row}

    def _renewal(self, row: Row, terms: list[Row]) -> Json:
        number = row["·rule"]
        return {
            "status": row["renewal_status"],
            "sub_status": row["renewal_sub_status"],
            "phase": row["renewal_phase"],
            "rule": number,
            "because": RENEWAL_RULES[number if isinstance(number, int) else 0],
            "term": row["·term"],
            "days_to_end": row["days_to_end"],
            "contract_ends_on": json_value(row["contract_ends_on"]),
            "arr_at_stake": json_value(row["arr_at_stake"]),
            "override_ignored": row["override_incomplete"],
            "terms": [_term(term) for term in terms],
        }

    def _revenue(self, row: Row) -> Json:
        lacking = row["currency_without_rate"]
        begins = None if self._rates is None or lacking is None else first_days(self._rates).get(str(lacking))
        return {
            "arr_in_force": json_value(row["arr_in_force"]),
            "source": row["arr_source"],
            "currency": self._rates.currency if self._rates is not None else None,
            "arr": json_value(row["arr"]),
            "acv": json_value(row["acv"]),
            "account_currency": row["currency"],
            "reporting_arr": json_value(row["reporting_arr"]),
            "reporting_acv": json_value(row["reporting_acv"]),
            "without_rate": lacking,
            "rates_begin_on": json_value(begins),
        }

    def _cadence(self, row: Row, cadence: Cadence) -> Json:
        due = row[f"·due:{cadence.id}"]
        today = self._at.date
        status = "not_applicable"
        if isinstance(due, date):
            status = "overdue" if today > due else "due_soon" if due - today <= DUE_SOON else "ok"
        return {
            "id": cadence.id,
            "status": status,
            "anchor": json_value(row[f"·anchor:{cadence.id}"]),
            "last": json_value(row[f"·last:{cadence.id}"]),
            "due_on": json_value(due),
        }

    def _alerts(self, row: Row) -> list[Json]:
        found: list[Json] = []
        for index, alert in enumerate(self._framework.spec.alerts):
            if row[f"·alert:{alert.id}"]:
                inputs = self._inputs(row, self._framework.at("alerts", index, "when"))
                found.append(
                    {
                        "id": alert.id,
                        "label": alert.label,
                        "owner": alert.owner,
                        "sla_hours": alert.sla_hours,
                        "inputs": inputs,
                    }
                )
        return found


def _metric(row: Row, plan: MetricPlan) -> Json:
    loss, weight = row[plan.column("loss")], row[plan.column("weight")]
    counts = isinstance(loss, float) and isinstance(weight, float)
    return {
        "id": plan.metric.id,
        "label": plan.metric.label,
        "component": plan.component.id,
        "value": json_value(row[plan.column("value")]),
        "points": row[plan.column("points")],
        "counted_points": row[plan.column("counted")],
        "weight": json_value(weight) if counts else None,
        "contribution": json_value(weight - loss) if isinstance(weight, float) and isinstance(loss, float) else None,
        "loss": json_value(loss) if counts else None,
        "missing": _why(row, plan),
    }


def _why(row: Row, plan: MetricPlan) -> object:
    return row[plan.column("why")]


def _term(term: Row) -> Json:
    return {
        "connection": term["connection"],
        "term": term["term_id"],
        "start": json_value(term["start"]),
        "end": json_value(term["end"]),
        "arr": json_value(term["arr"]),
        "status": term["status"],
        "sub_status": term["sub_status"],
        "rule": term["rule"],
        "days_to_end": term["days"],
        "in_force": term["in_force"],
        "counts": term["counts"],
        "ratio": term["ratio"],
        "deal": term["deal_id"],
    }


def json_value(value: object) -> object:
    """A value as JSON has it: dates and instants in ISO form, money as plain decimal text, floats snapped.

    A quotient too large to be a number is null, because JSON has no word for it.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        return round(value, SNAP) if isfinite(value) else None
    return value
