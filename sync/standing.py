"""Evaluations as they stood at a moment, which for a past day are not the latest ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from store.sql import member
from store.tables import evaluation


@dataclass(frozen=True, slots=True)
class Standing:
    """One account's evaluation at a moment."""

    as_of: datetime
    values_hash: str
    stage: str | None
    outputs: dict[str, Any]


def standing_at(
    c: Connection, ws: str, account_ids: Iterable[str], at: datetime, *, before: bool = False
) -> dict[str, Standing]:
    """Account id → the evaluation that stood at `at`; with `before`, the last one before that moment."""
    e = evaluation.c
    until = e.as_of < at if before else e.as_of <= at
    here = and_(e.workspace == ws, member(c, e.account_id, account_ids), until)
    last = select(e.account_id, func.max(e.as_of).label("as_of")).where(here).group_by(e.account_id).subquery()
    joined = and_(e.workspace == ws, e.account_id == last.c.account_id, e.as_of == last.c.as_of)
    query = select(e.account_id, e.as_of, e.values_hash, e.stage, e.outputs).join(last, joined)
    return {row[0]: Standing(*row[1:]) for row in c.execute(query)}
