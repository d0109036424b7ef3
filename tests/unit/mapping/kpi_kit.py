"""KPIs of small portfolios: a framework with one entry, evaluated and added up."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import polars as pl

from mapping.engine import evaluate
from mapping.frames import AsOf
from mapping.framework import Framework, load_framework
from mapping.kpis.catalogue import CATALOGUE
from mapping.kpis.slice import Currency, Slice
from mapping.kpis.tally import Figures, Outcome, tallies
from tests.unit.mapping.portfolio import Portfolio, noon

PLAIN = Currency()
SMALL: dict[str, Any] = {
    "framework": "small",
    "title": "Small",
    "milestones": [{"key": "kick_off", "label": "Kick-off"}, {"key": "success_plan", "label": "Plan"}],
    "score": {
        "min_coverage": 0,
        "bands": [{"id": "green", "min": 80}, {"id": "yellow", "min": 60}, {"id": "red", "min": 0}],
        "components": [
            {
                "id": "size",
                "label": "Size",
                "weight": 1,
                "metrics": [
                    {"id": "employees", "label": "Employees", "value": "employees", "curve": [[0, 0], [100, 100]]}
                ],
            }
        ],
    },
    "stages": [{"id": "any", "when": "TRUE"}],
    "segments": [
        {
            "dimension": "segment",
            "rules": [{"id": "enterprise", "when": "strategic_flag"}, {"id": "other", "when": "TRUE"}],
        }
    ],
    "escalation": {"levels": [{"id": "L2", "rank": 2, "categories": ["architecture"]}, {"id": "L1", "rank": 1}]},
}
"""Employees are the score: 90 are green, 70 yellow, 50 red, none unknown."""


def framework(**parts: Any) -> Framework:
    return _framework(json.dumps(parts))


@cache
def _framework(parts: str) -> Framework:
    return load_framework(SMALL | json.loads(parts), "small")


def every_kpi() -> list[dict[str, Any]]:
    """An entry for each KPI of the catalogue, with what it needs."""
    own: dict[str, Any] = {"having": "TRUE", "value": "arr", "milestones": ["success_plan"]}
    return [{"id": one.id, **{key: own[key] for key in one.needs}} for one in CATALOGUE.values()]


def whole(
    portfolio: Portfolio, on: str, chosen: Framework, currency: Currency = PLAIN, alerts: pl.DataFrame | None = None,
    zone: str = "UTC", strays: pl.DataFrame | None = None,
) -> Slice:  # fmt: skip
    frames = portfolio.frames()
    return Slice(frames, evaluate(frames, chosen, AsOf(noon(on), zone)), currency, alerts, strays=strays)


def kpi(
    portfolio: Portfolio, name: str, on: str = "2025-12-31", *, figures: Figures | None = None,
    parts: dict[str, Any] | None = None, alerts: pl.DataFrame | None = None, zone: str = "UTC",
    strays: pl.DataFrame | None = None, **entry: Any,
) -> Outcome:  # fmt: skip
    """One KPI of a portfolio, with other `parts` of the framework; `target=">= 0.9"` is written as people say it."""
    if isinstance(entry.get("target"), str):
        op, value = entry["target"].split()
        entry["target"] = {"op": op, "value": float(value)}
    chosen, given = framework(**(parts or {}), kpis=[{"id": name, **entry}]), figures or Figures()
    (tally,) = tallies(chosen.spec.kpis)
    tally.add(whole(portfolio, on, chosen, given.currency, alerts, zone, strays))
    return tally.outcome(noon(on).date(), given)
