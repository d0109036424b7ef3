"""Evaluations: one row an account and change, standing until the next one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from mapping.kept import health_of, parted
from store.many import insert_many
from store.sql import member, numbered
from store.tables import evaluation, evaluation_block, evaluation_detail, run
from store.types import JsonText

_E = evaluation.c
BLOCK = 5_000
"""Accounts whose health is kept in one frame: few enough that whoever asks about one of them waits milliseconds."""


@dataclass(frozen=True, slots=True)
class NewEvaluations:
    """What an evaluation found for accounts, column by column; a hash stands for whatever counts as a change.

    `outputs` are documents with `values` and `told`, what the reasons are made of.
    """

    account_ids: Sequence[str]
    values_hashes: Sequence[str]
    outputs: Sequence[JsonText]
    scores: Sequence[float | None]
    bands: Sequence[str]
    stages: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class PastEvaluation:
    """An evaluation of the past; `made_at` is when its run began, None when the run is not known any more."""

    id: int
    account_id: str
    as_of: datetime
    model_version: str
    score: float | None
    outputs: Mapping[str, Any]
    made_at: datetime | None


def differing(c: Connection, ws: str, as_of: datetime, hashes: Mapping[str, str]) -> list[str]:
    """Return those of the accounts in `hashes` (id → hash) of which something else stands at `as_of`, or nothing."""
    later = _later(c, ws, as_of, hashes)
    before = _standing(c, ws, [one for one in hashes if one not in later])
    if later:
        before |= _last(c, ws, as_of, later)
    return [account_id for account_id, found in hashes.items() if before.get(account_id) != found]


def save(
    c: Connection, ws: str, run_id: str, model_version: str, as_of: datetime, new: NewEvaluations, kept: pl.DataFrame
) -> None:
    """Store evaluations that differ from what stands at `as_of`; `kept` is how healthy just these accounts were.

    An `as_of` in the past fills history in and leaves later rows standing; a second evaluation of one instant
    replaces the first.
    """
    ids = new.account_ids
    if not ids:
        return
    later = _later(c, ws, as_of, ids)
    _remove(c, _of(ws, ids) & (_E.as_of == as_of))
    newest = [account_id for account_id in ids if account_id not in later]
    c.execute(update(evaluation).where(_of(ws, newest), _E.is_current).values(is_current=False))
    blocks = _put_blocks(c, ws, kept)
    insert_many(
        c,
        evaluation,
        {"workspace": ws, "run_id": run_id, "model_version": model_version, "as_of": as_of},
        {
            "account_id": ids,
            "block_id": [blocks.get(account_id) for account_id in ids],
            "is_current": [account_id not in later for account_id in ids],
            "values_hash": new.values_hashes,
            "score": new.scores,
            "band": new.bands,
            "stage": new.stages,
            "outputs": new.outputs,
        },
        ready=("outputs", "values_hash", "block_id"),
    )


def _put_blocks(c: Connection, ws: str, kept: pl.DataFrame) -> dict[str, int | None]:
    """Store how healthy accounts were, `BLOCK` of them together; returns account id → its block."""
    blocks: dict[str, int | None] = {}
    for ids, packed in parted(kept, BLOCK):
        row = {"workspace": ws, "accounts": len(ids), "packed": packed}
        (block_id,) = c.execute(insert(evaluation_block).values(row)).inserted_primary_key or (None,)
        blocks |= dict.fromkeys(ids, block_id)
    return blocks


@dataclass(frozen=True, slots=True)
class Past:
    """An evaluation before a moment."""

    id: int
    as_of: datetime
    run_id: str
    model_version: str
    values_hash: str


def newest_before(c: Connection, ws: str, account_id: str, at: datetime, limit: int) -> list[Past]:
    """The last evaluations of an account before a moment, newest first."""
    query = (
        select(_E.id, _E.as_of, _E.run_id, _E.model_version, _E.values_hash)
        .where(_E.workspace == ws, _E.account_id == account_id, _E.as_of < at)
        .order_by(_E.as_of.desc())
        .limit(limit)
    )
    return [Past(*row) for row in c.execute(query)]


def retire(c: Connection, ws: str, account_ids: Iterable[str]) -> int:
    """End the standing evaluation of accounts that are gone; their history stays. Returns how many there were."""
    here = _of(ws, account_ids) & _E.is_current
    return c.execute(update(evaluation).where(here).values(is_current=False)).rowcount


def forget(c: Connection, ws: str, account_id: str) -> int:
    """Delete everything that was ever computed of an account, out of the blocks as well; returns how many
    evaluations there were."""
    here = _of(ws, [account_id])
    number = c.execute(select(func.count()).select_from(evaluation).where(here)).scalar_one()
    shared = c.execute(select(_E.block_id).where(here, _E.block_id.is_not(None)).distinct()).scalars().all()
    _remove(c, here)
    b = evaluation_block.c
    for block_id in shared:
        packed = c.execute(select(b.packed).where(b.id == block_id)).scalar_one_or_none()
        if packed is not None:
            rest = packed.filter(pl.col("account_id") != account_id)
            c.execute(update(evaluation_block).where(b.id == block_id).values(packed=rest))
    return int(number)


def current(c: Connection, ws: str, account_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return account id → the document of the evaluation that stands; a retired account has none."""
    rows = c.execute(select(_E.account_id, _E.outputs).where(_of(ws, account_ids), _E.is_current))
    return {row.account_id: row.outputs for row in rows}


def accounts(c: Connection, ws: str) -> list[str]:
    """Ids of all accounts that were ever evaluated, in order."""
    query = select(_E.account_id).where(_E.workspace == ws).distinct().order_by(_E.account_id)
    return list(c.execute(query).scalars())


def first(c: Connection, ws: str) -> datetime | None:
    """The moment of the oldest evaluation."""
    found: datetime | None = c.execute(select(func.min(_E.as_of)).where(_E.workspace == ws)).scalar_one()
    return found


def past(c: Connection, ws: str, account_ids: Iterable[str]) -> list[PastEvaluation]:
    """Every evaluation of these accounts, oldest first by account."""
    made = and_(run.c.workspace == _E.workspace, run.c.id == _E.run_id)
    columns = (_E.id, _E.account_id, _E.as_of, _E.model_version, _E.score, _E.outputs, run.c.started_at)
    query = select(*columns).join_from(evaluation, run, made, isouter=True).where(_of(ws, account_ids))
    return [PastEvaluation(*row) for row in c.execute(query.order_by(_E.account_id, _E.as_of))]


def healths(c: Connection, ws: str, ids: Iterable[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The health of evaluations by id: `score`, `unrounded`, `metrics` as in an explanation, without the labels."""
    query = select(_E.id, _E.account_id, _E.score, _E.block_id).where(numbered(evaluation))
    blocks: dict[int | None, list[tuple[int, str, float | None]]] = {}
    for number, account_id, score, block_id in c.execute(query, {"its_workspace": ws, "ids": list(ids)}):
        blocks.setdefault(block_id, []).append((number, account_id, score))
    alone = [number for number, *_ in blocks.pop(None, [])]
    d, b = evaluation_detail.c, evaluation_block.c
    for number, detail in c.execute(select(d.evaluation_id, d.detail).where(member(d.evaluation_id, alone))):
        yield number, detail["health"]
    for block_id, rows in blocks.items():
        kept = c.execute(select(b.packed).where(b.id == block_id)).scalar_one()
        found = health_of(kept, [account_id for _, account_id, _ in rows])
        for number, account_id, score in rows:
            yield number, {"score": score, **found[account_id]}


def made_between(
    c: Connection, ws: str, account_ids: Iterable[str], since: datetime, until: datetime
) -> list[tuple[int, str, datetime]]:
    """Id, account and moment of the evaluations of these moments that runs made then, in order of account and moment.

    What filled history in later saw the records as they were later.
    """
    made = and_(run.c.workspace == _E.workspace, run.c.id == _E.run_id)
    query = (
        select(_E.id, _E.account_id, _E.as_of)
        .join_from(evaluation, run, made)
        .where(_of(ws, account_ids), _E.as_of.between(since, until), run.c.started_at.between(since, until))
        .order_by(_E.account_id, _E.as_of)
    )
    return [(row.id, row.account_id, row.as_of) for row in c.execute(query)]


def outputs(c: Connection, ws: str, ids: Iterable[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The documents of evaluations, by id."""
    query = select(_E.id, _E.outputs).where(numbered(evaluation))
    for row in c.execute(query, {"its_workspace": ws, "ids": list(ids)}):
        yield row.id, row.outputs


def _of(ws: str, account_ids: Iterable[str]) -> ColumnElement[bool]:
    return and_(_E.workspace == ws, member(_E.account_id, account_ids))


def _later(c: Connection, ws: str, as_of: datetime, ids: Iterable[str]) -> set[str]:
    """Accounts that were evaluated for a later moment already."""
    return set(c.execute(select(_E.account_id).where(_of(ws, ids), _E.as_of > as_of).distinct()).scalars())


def _standing(c: Connection, ws: str, account_ids: Iterable[str]) -> dict[str, str]:
    """Return account id → hash of the row that stands now; a retired account has none.

    It is found by its own index: the history before it, which grows with every change, is not read.
    """
    rows = c.execute(select(_E.account_id, _E.values_hash).where(_of(ws, account_ids), _E.is_current))
    return {row.account_id: row.values_hash for row in rows}


def _last(c: Connection, ws: str, as_of: datetime, account_ids: Iterable[str]) -> dict[str, str]:
    """Return account id → hash of the last row up to `as_of`, which stood until a later one came."""
    place = func.row_number().over(partition_by=_E.account_id, order_by=_E.as_of.desc())
    ranked = (
        select(_E.account_id, _E.values_hash, place.label("place"))
        .where(_of(ws, account_ids), _E.as_of <= as_of)
        .subquery()
    )
    rows = c.execute(select(ranked.c.account_id, ranked.c.values_hash).where(ranked.c.place == 1))
    return {row.account_id: row.values_hash for row in rows}


def _remove(c: Connection, here: ColumnElement[bool]) -> None:
    """Delete evaluations with what was kept beside them; a block goes with the last evaluation that points to it."""
    blocks = c.execute(select(_E.block_id, func.count()).where(here).group_by(_E.block_id)).all()
    if not blocks:
        return
    doomed = select(_E.id).where(here)
    c.execute(delete(evaluation_detail).where(evaluation_detail.c.evaluation_id.in_(doomed)))
    c.execute(delete(evaluation).where(here))
    b = evaluation_block.c
    for block_id, number in blocks:
        c.execute(update(evaluation_block).where(b.id == block_id).values(accounts=b.accounts - number))
        c.execute(delete(evaluation_block).where(b.id == block_id, b.accounts <= 0))
