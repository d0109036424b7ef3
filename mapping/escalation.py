"""Escalation: the highest level that has to look at an account now."""

from __future__ import annotations

import polars as pl

from mapping.framework import Framework
from mapping.table import Table

ESCALATED_RANK = 2
"""Rank of a ticket that the CRM marks as escalated without saying how far."""


def escalate(table: Table, framework: Framework, tickets: pl.DataFrame) -> None:
    """Add `ticket_level` (highest rank of an open ticket) and `escalation_level` (id of a level, or null)."""
    levels = framework.spec.escalation.levels if framework.spec.escalation else ()
    rank = ticket_rank(framework)
    waiting = tickets.filter(pl.col("closed_at").is_null())
    table.attach(waiting.group_by("account_id").agg(ticket_level=rank.max()))
    chosen = []
    for index, level in enumerate(levels):
        holds = pl.col("ticket_level") >= level.rank
        if level.when is not None:
            when = framework.at("escalation", "levels", index, "when")
            table.prepare([when])
            holds = holds.fill_null(value=False) | when.expr.fill_null(value=False)
        chosen.append(pl.when(holds).then(pl.lit(level.id)))
    table.add(escalation_level=pl.coalesce(*chosen, pl.lit(None, dtype=pl.String)))


def ticket_rank(framework: Framework) -> pl.Expr:
    """The rank of each ticket of the tickets stream: what the CRM says, else that of its category, 1 for all others."""
    levels = framework.spec.escalation.levels if framework.spec.escalation else ()
    ranks = {category: level.rank for level in levels for category in level.categories}
    category = pl.col("category_key").replace_strict(
        list(ranks), list(ranks.values()), default=1, return_dtype=pl.Int64
    ) if ranks else pl.lit(1, dtype=pl.Int64)  # fmt: skip
    marked = pl.when(pl.col("is_escalated")).then(pl.lit(ESCALATED_RANK, dtype=pl.Int64))
    return pl.coalesce("escalation_level", pl.max_horizontal(category.fill_null(1), marked))
