"""How revenue moved over a period, and what became of the terms that ended in it: parts of several reports."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mapping.reports.document import Chart, Column, Figure, Section, Series, Table, share
from mapping.reports.gathered import Gathered, amount, listed, money, total

ROWS = 10_000
_BOTH = "sum over the accounts whose revenue is known then and now"
_STEPS = ("new", "expansion", "contraction", "churned")
_LABELS = {"new": "New", "expansion": "Expansion", "contraction": "Contraction", "churned": "Churn"}


def movement(found: Gathered) -> Section:
    """From the revenue when the period began to that of now; an account of which one end is not known is left out."""
    rows = _moved(found)
    unknown = found.sheet.height - rows.height
    start, end = total(rows, "arr_then"), total(rows, "arr")
    steps = {name: total(rows, name) for name in _STEPS}
    kept = total(rows.select(kept=pl.min_horizontal("arr", "arr_then")), "kept")
    cohort = rows.filter(pl.col("arr_then") > 0)
    stayed = total(cohort, "arr")
    chart = Chart(
        "movement",
        "Annual recurring revenue",
        "waterfall",
        "money",
        ["At the start", *_LABELS.values(), "Now"],
        (Series("ARR", [money(start), *(money(steps[name]) for name in _STEPS), money(end)]),),
        "step",
    )
    nothing = "no account had revenue when the period began"
    figures = (
        amount("arr_start", "ARR at the start", start, n=cohort.height, excluded=unknown, made_of=_BOTH),
        amount("arr_end", "ARR now", end, n=rows.filter(pl.col("arr") > 0).height, excluded=unknown, made_of=_BOTH),
        _ratio(
            "nrr",
            "Net revenue retention",
            stayed,
            start,
            cohort.height,
            unknown,
            nothing,
            "ARR now ÷ ARR at the start, of the accounts that had revenue then",
        ),
        _ratio(
            "grr",
            "Gross revenue retention",
            kept,
            start,
            cohort.height,
            unknown,
            nothing,
            "ARR kept, expansion left out ÷ ARR at the start",
        ),
        share(
            "logo_retention",
            "Logo retention",
            cohort.filter(pl.col("arr") > 0).height,
            cohort.height,
            excluded=unknown,
            made_of="accounts that still pay ÷ accounts that paid then",
            nothing=nothing,
        ),
    )
    return Section("revenue", "Revenue", figures=figures, charts=(chart,), tables=(_movers(rows),))


def _moved(found: Gathered) -> pl.DataFrame:
    now, then = pl.col("arr"), pl.col("arr_then")
    gap, none = now - then, pl.lit(0, dtype=pl.Int128)
    both = found.sheet.filter(now.is_not_null() & then.is_not_null())
    return both.with_columns(
        change=gap,
        new=pl.when((then == 0) & (now > 0)).then(now).otherwise(none),
        expansion=pl.when((then > 0) & (gap > 0)).then(gap).otherwise(none),
        contraction=pl.when((then > 0) & (now > 0) & (gap < 0)).then(gap).otherwise(none),
        churned=pl.when((then > 0) & (now == 0)).then(gap).otherwise(none),
    )


def _movers(rows: pl.DataFrame) -> Table:
    moved = rows.filter(pl.col("change") != 0).with_columns(size=pl.col("change").abs())
    moved = moved.sort("size", "account_id", descending=[True, False])
    columns = (
        Column("account", "Account"),
        Column("segment", "Segment", "word"),
        Column("arr_then", "At the start", "money"),
        Column("arr", "Now", "money"),
        Column("change", "Change", "money"),
    )
    amounts = ("arr_then", "arr", "change")
    return Table(
        "revenue_moves",
        "Largest changes",
        columns,
        listed(moved, ("account_id", *(one.id for one in columns)), ROWS, scaled=amounts),
        moved.height,
        "No account's revenue changed.",
    )


def _ratio(id_: str, label: str, top: int, bottom: int, n: int, excluded: int, nothing: str, made_of: str) -> Figure:
    """A share of money: both parts are amounts."""
    one = share(id_, label, top, bottom, n=n, excluded=excluded, nothing=nothing, made_of=made_of)
    return replace(one, numerator=money(top), denominator=money(bottom), of_money=True)


def ended(found: Gathered) -> Section:
    """Terms whose last day lies in the period: renewed, lost, or not decided yet."""
    renewed, decided = pl.col("renewed") > 0, pl.col("decided") > 0
    outcomes = {"Renewed": renewed, "Lost": decided & ~renewed, "Not decided yet": ~decided}
    parts = {label: found.ended.filter(when) for label, when in outcomes.items()}
    rows = [
        {
            "outcome": label,
            "terms": part.height,
            "arr": money(total(part, "due")),
            "lost": money(total(part, "lost")),
            "unknown": part.get_column("due").null_count(),
        }
        for label, part in parts.items()
    ]
    kept, gone, open_ones = (part.height for part in parts.values())
    priced = found.ended.filter(pl.col("due").is_not_null())
    columns = (
        Column("outcome", "Outcome"),
        Column("terms", "Contracts", "count"),
        Column("arr", "ARR due", "money"),
        Column("lost", "ARR lost", "money"),
        Column("unknown", "Amount not known", "count"),
    )
    return Section(
        "renewals",
        "Contracts that ended",
        figures=(
            share(
                "renewal_rate",
                "Renewed",
                kept,
                kept + gone,
                excluded=open_ones,
                made_of="contracts renewed ÷ contracts that ended in the period and are decided",
                nothing="no contract that ended in the period is decided",
            ),
            _ratio(
                "eligible_churn",
                "Revenue lost at renewal",
                total(priced, "lost"),
                total(priced, "due"),
                priced.height,
                found.ended.height - priced.height,
                "no contract with an amount ended in the period",
                "ARR lost, smaller renewals included ÷ ARR of the contracts that ended",
            ),
        ),
        tables=(Table("ended", "By outcome", columns, rows, len(rows)),),
    )
