"""Evaluations as they stood at a moment, which for a past day are not the latest ones, and as they went before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, and_, func, or_, select

from mapping.schema import INSTANT
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
    """Account id → the evaluation that stood at `at`; with `before`, the last one before that moment.

    Where no later one is there it is the current one, which has an index of its own: the history of an account, which
    grows for years, is read only of a day in the past and of accounts that are gone or new.
    """
    e, ids = evaluation.c, set(account_ids)
    columns = (e.account_id, e.as_of, e.values_hash, e.stage, e.outputs)
    # The moment is compared here: asked for it, PostgreSQL takes the index of the whole history for the better one.
    current = c.execute(select(*columns).where(e.workspace == ws, member(e.account_id, ids), e.is_current))
    found = {row[0]: Standing(*row[1:]) for row in current if row.as_of < at or (row.as_of == at and not before)}
    if others := ids - found.keys():
        until = e.as_of < at if before else e.as_of <= at
        here = and_(e.workspace == ws, member(e.account_id, others), until)
        last = select(e.account_id, func.max(e.as_of).label("as_of")).where(here).group_by(e.account_id).subquery()
        joined = and_(e.workspace == ws, e.account_id == last.c.account_id, e.as_of == last.c.as_of)
        found |= {row[0]: Standing(*row[1:]) for row in c.execute(select(*columns).join(last, joined))}
    return found


def history_of(c: Connection, ws: str, account_ids: Iterable[str], since: datetime, at: datetime) -> pl.DataFrame:
    """Scores of some accounts before `at` as account_id, at, score, band, oldest first.

    Begins with the one that stood at `since`.
    """
    e = evaluation.c
    here = and_(e.workspace == ws, member(e.account_id, account_ids), e.as_of < at)
    first = select(e.account_id, func.max(e.as_of).label("as_of")).where(here, e.as_of <= since).group_by(e.account_id)
    base = first.subquery()
    query = (
        select(e.account_id, e.as_of, e.score, e.band)
        .join(base, e.account_id == base.c.account_id, isouter=True)
        .where(here, or_(e.as_of >= since, e.as_of == base.c.as_of))
        .order_by(e.account_id, e.as_of)
    )
    schema = {"account_id": pl.String(), "at": INSTANT, "score": pl.Float64(), "band": pl.String()}
    return pl.DataFrame([tuple(row) for row in c.execute(query)], schema=schema, orient="row")
