"""The words that a framework has for its columns and their values."""

from __future__ import annotations

import polars as pl

from mapping.framework import Framework
from mapping.framework.columns import CLOCK
from mapping.framework.words import Words
from mapping.outputs import STATUS_LABELS


def wording(framework: Framework) -> Words:
    """Labels of the values, which columns are days, and the numbers that have a name."""
    spec = framework.spec
    levels = spec.escalation.levels if spec.escalation else ()
    stages = {stage.id: stage.label for stage in spec.stages}
    bands = {band.id: band.label for band in spec.score.bands}
    labels = {
        "lifecycle_stage": stages,
        "tenure_stage": stages,
        "health_band": bands,
        "previous_band": bands,
        "renewal_status": {name: spec.renewal.labels.get(name, label) for name, label in STATUS_LABELS.items()},
        "renewal_phase": {rule.id: rule.label for rule in spec.renewal.phases},
        "escalation_level": {one.id: f"{one.id} {one.label}".strip() for one in levels},
        "next_touch_type": {cadence.id: cadence.label for cadence in spec.cadences},
        **{item.dimension: {rule.id: rule.label for rule in item.rules} for item in spec.segments},
    }
    days = {name for name, dtype in framework.columns.items() if dtype in (pl.Date, pl.Datetime)}
    named = {name: value for name, value in spec.parameters.items() if not isinstance(value, bool)}
    return Words(labels, frozenset(days | set(CLOCK)), named)
