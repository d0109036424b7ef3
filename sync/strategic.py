"""Which accounts a company could look after as strategic ones; a person decides, and nothing is stored or written."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl

from mapping.framework import Framework
from mapping.kpis.revenue import revenue_on
from mapping.kpis.slice import SCALE, Slice
from mapping.reports.document import number
from mapping.suggest import STRATEGIC_SHARE, strategic_candidates
from sync.deps import Deps
from sync.slices import evaluated


def report_strategic(
    deps: Deps, *, share: Fraction = STRATEGIC_SHARE, framework: Framework | None = None, as_of: date | None = None
) -> dict[str, Any]:
    """The active accounts with most revenue, up to a share of all, and those that are marked and not among them.

    Returns JSON-able data; raises `UsageError` when there are no accounts yet.
    """
    slices = evaluated(deps, "report strategic", framework, as_of)
    accounts = pl.concat([_active(part) for part in slices.parts])
    candidates = strategic_candidates(accounts.select("account_id", "arr"), share)
    by_id = {row["account_id"]: row for row in accounts.iter_rows(named=True)}
    others = accounts.filter(pl.col("marked") & ~pl.col("account_id").is_in(candidates)).sort(
        "arr", "account_id", descending=[True, False], nulls_last=True
    )
    return {
        "as_of": slices.on.isoformat(),
        "framework": (framework or deps.framework).name,
        "currency": slices.currency.code,
        "share": float(share),
        "active": accounts.height,
        "unknown": int(accounts.get_column("arr").is_null().sum()),
        "candidates": [_account(by_id[one]) for one in candidates],
        "marked_besides": [_account(row) for row in others.iter_rows(named=True)],
    }


def _active(part: Slice) -> pl.DataFrame:
    columns = {"account": "name", "segment": "segment", "marked": pl.col("strategic_flag").fill_null(value=False)}
    active = part.table.filter("active").select("account_id", **columns)
    revenue = revenue_on(part, part.at.date).select("account_id", "arr")
    return active.join(revenue, on="account_id", how="left", maintain_order="left")


def _account(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "arr": None if row["arr"] is None else number(Fraction(row["arr"], SCALE))}
