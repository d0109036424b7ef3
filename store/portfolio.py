"""The whole portfolio as the dashboard reads it: what stands, what stood, and what runs counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Text, and_, select, type_coerce

from mapping.records import FieldType
from mapping.schema import INSTANT
from store.frames import read_frame, stored
from store.runs import GOOD
from store.sql import member
from store.tables import evaluation, run
from store.types import damaged

_E, _R = evaluation.c, run.c
_EVALUATING = ("sync", "plan", "backfill")
STANDING = {
    "account_id": pl.String(),
    "score": pl.Float64(),
    "band": pl.String(),
    "stage": pl.String(),
    "as_of": INSTANT,
    "outputs": pl.String(),
}
"""Columns of `standing` as they are stored; `outputs` is the document of an evaluation."""


def standing(c: Connection, ws: str, document: pl.DataType) -> pl.DataFrame:
    """Return the evaluation of every account that stands now, its outputs as far as `document` names them.

    Raises StoreCorrupt when a document cannot be read any more.
    """
    columns = (_E.account_id, _E.score, _E.band, _E.stage, stored(c, _E.as_of, FieldType.INSTANT))
    query = select(*columns, type_coerce(_E.outputs, Text)).where(_E.workspace == ws, _E.is_current)
    found = read_frame(c, query, STANDING)
    try:
        return found.with_columns(pl.col("outputs").str.json_decode(document))
    except pl.exceptions.PolarsError as error:
        raise damaged("a JSON document") from error


def scores_then(c: Connection, ws: str, at: datetime) -> pl.DataFrame:
    """Return account_id and the score that stood at a moment, of the accounts that were evaluated anew since."""
    past = evaluation.alias()
    then = (
        select(past.c.score)
        .where(past.c.workspace == _E.workspace, past.c.account_id == _E.account_id, past.c.as_of <= at)
        .order_by(past.c.as_of.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(_E.account_id, then).where(_E.workspace == ws, _E.is_current, _E.as_of > at)
    return read_frame(c, query, {"account_id": pl.String(), "score": pl.Float64()})


def counted(c: Connection, ws: str, since: datetime, day: Callable[[datetime], date]) -> dict[date, Mapping[str, Any]]:
    """Return day → report of the last run that evaluated for it and came to its end, in order of days."""
    here = and_(_R.workspace == ws, _R.command.in_(_EVALUATING), _R.status.in_(GOOD), _R.as_of >= since)
    found = c.execute(select(_R.id, _R.as_of).where(here).order_by(_R.started_at))
    last = {day(as_of): run_id for run_id, as_of in found}
    chosen = and_(_R.workspace == ws, member(_R.id, last.values()))
    reports = dict(c.execute(select(_R.id, _R.report).where(chosen)).all())
    return {on: reports[last[on]] for on in sorted(last) if reports.get(last[on])}


@dataclass(frozen=True, slots=True)
class Moment:
    """An evaluation of an account, as far as its history shows it."""

    id: int
    as_of: datetime
    score: float | None
    band: str
    stage: str | None
    model_version: str
    run_id: str
    is_current: bool


def timeline(c: Connection, ws: str, account_id: str, limit: int) -> list[Moment]:
    """Return the last evaluations of an account, oldest first."""
    columns = (_E[item.name] for item in fields(Moment))
    here = and_(_E.workspace == ws, _E.account_id == account_id)
    found = c.execute(select(*columns).where(here).order_by(_E.as_of.desc()).limit(limit))
    return [Moment(*row) for row in found][::-1]
