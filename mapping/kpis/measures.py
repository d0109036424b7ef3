"""Which function makes the rows of which measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import polars as pl

from mapping.framework.spec import KpiSpec
from mapping.kpis import accounts, revenue, service
from mapping.kpis.catalogue import Period
from mapping.kpis.slice import Slice

Measure = Callable[[Slice, Period, int, KpiSpec], pl.DataFrame]
"""Rows of a slice for the KPI at an index of the framework: `account_id`, and columns in the scale of `slice.SCALE`.

A null where a KPI looks means that the row belongs there and is not known.
"""

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "cohort": lambda part, period, _index, _entry: revenue.cohort(part, period),
        "renewals": lambda part, period, _index, _entry: revenue.renewals(part, period),
        "pipeline": lambda part, _period, _index, entry: revenue.pipeline(part, entry.min_probability),
        "lifetime": lambda part, period, _index, _entry: revenue.lifetime(part, period),
        "won": lambda part, period, _index, _entry: revenue.won(part, period),
        "health": lambda part, _period, _index, _entry: accounts.health(part),
        "usage": lambda part, _period, _index, _entry: accounts.usage(part),
        "executives": lambda part, _period, _index, _entry: accounts.executives(part),
        "references": lambda part, _period, _index, _entry: accounts.references(part),
        "reviews": lambda part, period, _index, entry: accounts.reviews(part, period, entry.types, entry.titles),
        "plans": lambda part, period, _index, entry: accounts.plans(part, period, entry.milestones),
        "milestones": lambda part, period, _index, entry: accounts.milestones(part, period, entry.milestones),
        "chosen": lambda part, _period, index, entry: accounts.chosen(part, index, entry),
        "csat": lambda part, period, _index, _entry: service.csat(part, period),
        "nps": lambda part, period, _index, _entry: service.nps(part, period),
        "tickets_closed": lambda part, period, _index, _entry: service.tickets_closed(part, period),
        "tickets_created": lambda part, period, _index, _entry: service.tickets_created(part, period),
        "first_value": service.first_value,
        "go_lives": lambda part, period, _index, entry: service.go_lives(part, period, entry.planned_days),
        "first_year": service.first_year,
        "assignments": lambda part, period, _index, _entry: service.assignments(part, period),
        "responses": lambda part, period, _index, _entry: service.responses(part, period),
    }
)


def measured(part: Slice, name: str, period: Period, index: int, entry: KpiSpec) -> pl.DataFrame:
    """The rows of a measure; entries that ask for the same share them."""
    own = (index if entry.anchor or entry.of or entry.having or entry.value else None, entry.min_probability,
           entry.milestones, entry.types, entry.titles, entry.planned_days)  # fmt: skip
    key = (name, period, own)
    if key not in part.made:
        part.made[key] = MEASURES[name](part, period, index, entry)
    return part.made[key]
