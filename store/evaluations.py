"""Evaluations: one row an account and change, standing until the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from store.sql import member
from store.tables import evaluation, evaluation_detail

_E = evaluation.c


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """What an evaluation found for an account; `values_hash` stands for whatever counts as a change."""

    account_id: str
    values_hash: str
    values: Mapping[str, Any]
    score: float | None
    band: str
    stage: str | None
    detail: Mapping[str, Any]


def save(
    c: Connection, ws: str, run_id: str, model_version: str, as_of: datetime, rows: Sequence[NewEvaluation]
) -> int:
    """Store the evaluations that differ from what stands at `as_of` for their account; returns how many.

    An `as_of` in the past fills history in and leaves later rows standing; a second evaluation of one instant
    replaces the first.
    """
    ids = [row.account_id for row in rows]
    later = set(c.execute(select(_E.account_id).where(_of(c, ws, ids), _E.as_of > as_of).distinct()).scalars())
    before = _standing(c, ws, as_of, ids, later)
    changed = [row for row in rows if before.get(row.account_id) != row.values_hash]
    if not changed:
        return 0
    ids = [row.account_id for row in changed]
    _remove(c, _of(c, ws, ids) & (_E.as_of == as_of))
    newest = [account_id for account_id in ids if account_id not in later]
    c.execute(update(evaluation).where(_of(c, ws, newest), _E.is_current).values(is_current=False))
    fixed = {"workspace": ws, "run_id": run_id, "model_version": model_version, "as_of": as_of}
    c.execute(insert(evaluation), [{**fixed, **_values(row, row.account_id not in later)} for row in changed])
    at = _of(c, ws, ids) & (_E.as_of == as_of)
    stored_ids = {row.account_id: row.id for row in c.execute(select(_E.account_id, _E.id).where(at))}
    details = [{"evaluation_id": stored_ids[row.account_id], "workspace": ws, "detail": row.detail} for row in changed]
    c.execute(insert(evaluation_detail), details)
    return len(changed)


def retire(c: Connection, ws: str, account_ids: Iterable[str]) -> int:
    """End the standing evaluation of accounts that are gone; their history stays. Returns how many there were."""
    here = _of(c, ws, account_ids) & _E.is_current
    return c.execute(update(evaluation).where(here).values(is_current=False)).rowcount


def _of(c: Connection, ws: str, account_ids: Iterable[str]) -> ColumnElement[bool]:
    return and_(_E.workspace == ws, member(c, _E.account_id, account_ids))


def _standing(c: Connection, ws: str, as_of: datetime, account_ids: Sequence[str], later: Set[str]) -> dict[str, str]:
    """Return account id → hash of the row that stands at `as_of`; a retired account has none."""
    place = func.row_number().over(partition_by=_E.account_id, order_by=_E.as_of.desc())
    ranked = (
        select(_E.account_id, _E.values_hash, _E.is_current, place.label("place"))
        .where(_of(c, ws, account_ids), _E.as_of <= as_of)
        .subquery()
    )
    rows = c.execute(select(ranked).where(ranked.c.place == 1))
    return {row.account_id: row.values_hash for row in rows if row.is_current or row.account_id in later}


def _remove(c: Connection, here: ColumnElement[bool]) -> None:
    doomed = select(_E.id).where(here)
    c.execute(delete(evaluation_detail).where(evaluation_detail.c.evaluation_id.in_(doomed)))
    c.execute(delete(evaluation).where(here))


def _values(row: NewEvaluation, is_current: bool) -> dict[str, object]:
    return {
        "account_id": row.account_id,
        "is_current": is_current,
        "values_hash": row.values_hash,
        "score": row.score,
        "band": row.band,
        "stage": row.stage,
        "outputs": row.values,
    }
