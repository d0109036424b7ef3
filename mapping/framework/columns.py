"""The columns that a framework's expressions may name, step by step of the evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from mapping.schema import FEEDS, INSTANT, KEYS, MONEY, entity_schema

CLOCK: Mapping[str, pl.DataType] = MappingProxyType({"as_of": INSTANT, "today": pl.Date()})
"""The moment of the evaluation, and its calendar date in the tenant's zone."""

DERIVED: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "created_on": pl.Date(),
        "closed_won_on": pl.Date(),
        "covered_since": pl.Date(),
        **{name: pl.Boolean() for name in FEEDS},
    }
)
"""Account columns made before the facts: day created, day of the first won deal, first covered day of any contract."""

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
        extra = {"closed_won_on": pl.Date()}
    return {**KEYS, **own, **extra, **CLOCK}


def milestone_column(key: str) -> str:
    """The account column with the day on which a milestone was reached."""
    return f"{key}_on"


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
    for stem, name in found.items():
        counts[f"days_since_{stem}"] = (name, 1)
        counts[f"days_until_{stem}"] = (name, -1)
    return counts


def with_day_counts(columns: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """`columns` and every day count that they allow."""
    return {**columns, **{name: pl.Int64() for name in day_counts(columns)}}
