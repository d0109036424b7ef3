"""The columns that a framework's expressions may name, step by step of the evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from mapping.schema import FEEDS, INSTANT, KEYS, MONEY, entity_schema

CLOCK: Mapping[str, pl.DataType] = MappingProxyType({"as_of": INSTANT, "today": pl.Date()})
"""The moment of the evaluation, and its calendar date in the tenant's zone."""

REVENUE: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "reporting_arr": MONEY,
        "reporting_acv": MONEY,
        "arr_in_force": MONEY,
        "arr_source": pl.String(),
        "currency_without_rate": pl.String(),
    }
)
"""Revenue of an account in the reporting currency, there before the facts."""

DERIVED: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "created_on": pl.Date(),
        "closed_won_on": pl.Date(),
        "closed_won_by": INSTANT,
        "closed_won_day_only": pl.Boolean(),
        "covered_since": pl.Date(),
        **REVENUE,
        **{name: pl.Boolean() for name in FEEDS},
    }
)
"""Account columns made before the facts: day created, day of the first won deal, the moment by which it was won,
whether only its day is known, first covered day of any contract that is signed."""

PROGRESS: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "milestones_start_on": pl.Date(),
        "milestones_done": pl.Int64(),
        "milestones_in_row": pl.Int64(),
        "milestones_share": pl.Float64(),
        "milestones_out_of_order": pl.Int64(),
        "milestones_out_of_order_names": pl.String(),
        "milestones_on_time": pl.Int64(),
        "milestones_late": pl.Int64(),
        "milestones_overdue": pl.Int64(),
        "checklists_done": pl.Int64(),
        "checklists_share": pl.Float64(),
    }
)
"""How far an account is on the way that the framework's milestones describe; not there without milestones."""

SCORED: Mapping[str, pl.DataType] = MappingProxyType(
    {"health_score": pl.Float64(), "health_band": pl.String(), "health_coverage": pl.Float64()}
)
RENEWED: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "renewal_status": pl.String(),
        "renewal_sub_status": pl.String(),
        "days_to_end": pl.Int64(),
        "contract_ends_on": pl.Date(),
        "renewal_ratio": pl.Float64(),
        "renewal_deal_open": pl.Boolean(),
        "renewal_deal_won": pl.Boolean(),
        "auto_renews": pl.Boolean(),
        "arr_at_stake": MONEY,
        "churned_on": pl.Date(),
        "churns_on": pl.Date(),
        "override_incomplete": pl.Boolean(),
    }
)
PHASED: Mapping[str, pl.DataType] = MappingProxyType({"renewal_phase": pl.String()})
STAGED: Mapping[str, pl.DataType] = MappingProxyType({"lifecycle_stage": pl.String(), "tenure_stage": pl.String()})
TOUCHED: Mapping[str, pl.DataType] = MappingProxyType(
    {"next_touch_type": pl.String(), "next_touch_due_on": pl.Date(), "touch_overdue": pl.Boolean()}
)
ESCALATED: Mapping[str, pl.DataType] = MappingProxyType({"escalation_level": pl.String(), "ticket_level": pl.Int64()})
TRENDED: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "health_trend": pl.String(),
        "score_change": pl.Float64(),
        "previous_score": pl.Float64(),
        "previous_band": pl.String(),
        "band_fell": pl.Boolean(),
    }
)

LATER = frozenset({*SCORED, *RENEWED, *PHASED, *STAGED, *TOUCHED, *ESCALATED, *TRENDED})
"""What the evaluation adds step by step: a rule sees what the steps before it have added."""

REPORTING_DEAL = ("reporting_amount", "reporting_acv", "reporting_tcv", "reporting_arr")
"""Amounts of a deal in the reporting currency."""

_STEM = re.compile(r"_(at|on|date|as_of|until)$")
_MEETING = ("starts_at", "ends_at", "outcome", "type", "title")


def account_columns() -> dict[str, pl.DataType]:
    """Columns there before the first fact."""
    return {"account_id": pl.String(), **entity_schema("account"), **DERIVED, **CLOCK}


def stream_columns(stream: str) -> dict[str, pl.DataType]:
    """Columns of a child stream as facts see it."""
    if stream == "attendances":
        meeting = entity_schema("meeting")
        own = {**entity_schema("attendance"), **{name: meeting[name] for name in _MEETING}}
    else:
        own = entity_schema(stream.removesuffix("s"))
    extra: dict[str, pl.DataType] = {}
    if stream == "tickets":
        extra = {"category_key": pl.String()}
    if stream == "deals":
        extra = {"closed_won_on": pl.Date(), **dict.fromkeys(REPORTING_DEAL, MONEY)}
    if stream == "contracts":
        extra = {"reporting_arr": MONEY}
    return {**KEYS, **own, **extra, **CLOCK}


def milestone_column(key: str) -> str:
    """The account column with the day on which a milestone was reached."""
    return f"{key}_on"


def timing_columns(key: str) -> dict[str, pl.DataType]:
    """Columns of a milestone: when it is due, how it stands to that day, and by how much."""
    return {f"{key}_due_on": pl.Date(), f"{key}_timeliness": pl.String(), f"{key}_days_late": pl.Int64()}


def day_counts(columns: Mapping[str, pl.DataType]) -> dict[str, tuple[str, int]]:
    """Names of day counts → (date column, sign): `days_since_go_live` → ("go_live_at", 1), `days_until_…` → −1.

    Where a date and an instant share a stem, the date counts.
    """
    found: dict[str, str] = {}
    for wanted in (pl.Date, pl.Datetime):
        for name, dtype in columns.items():
            if dtype == wanted and name not in CLOCK:
                found.setdefault(_STEM.sub("", name), name)
    counts: dict[str, tuple[str, int]] = {}
    for name in found.values():
        since, until = counted_as(name)
        counts |= {since: (name, 1), until: (name, -1)}
    return counts


def counted_as(name: str) -> tuple[str, str]:
    """The names of the day counts that a column has which is a date."""
    stem = _STEM.sub("", name)
    return f"days_since_{stem}", f"days_until_{stem}"


def with_day_counts(columns: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """`columns` and every day count that they allow."""
    return {**columns, **{name: pl.Int64() for name in day_counts(columns)}}
