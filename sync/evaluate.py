"""Room 4: facts, health, renewal, lifecycle, segment, cadence for every account, a slice of accounts at a time.

Only what differs from the standing evaluation is stored, with its explanation; so history grows with changes, not
with runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import polars as pl

from mapping import engine
from mapping.canonical import canonical
from mapping.engine import Evaluation
from mapping.records import STAMP_FIELD, FieldSpec
from store import evaluations, identity, marks
from store.evaluations import NewEvaluation
from store.types import dump_json
from sync.because import reasons
from sync.errors import InvariantError
from sync.faults import fp
from sync.portfolio import LAST, Portfolio
from sync.report import BANDS, AccountLine
from sync.selection import Selection
from sync.session import Session
from sync.standing import standing_at
from sync.top import merged

CHUNK = 1_000


@dataclass(slots=True)
class Evaluated:
    """`selected` are the accounts that `--select` named, None without it; `top` the accounts to look at first."""

    selected: frozenset[str] | None = None
    top: list[AccountLine] = field(default_factory=list)


def evaluate(session: Session) -> Evaluated:
    """Evaluate all accounts as of the run's moment; fills the report's counts.

    Raises `UsageError` for a selection that cannot be read or names no account.
    """
    store, ws = session.deps.store, session.ws
    selection = Selection(session.options.select) if session.options.select else None
    result = Evaluated()
    session.report.accounts, session.report.bands = 0, dict.fromkeys(BANDS, 0)
    with store.read() as c:
        chunks = list(identity.account_chunks(c, ws, CHUNK))
    portfolio = Portfolio.open(session)
    for account_ids in chunks:
        frames = portfolio.frames(account_ids)
        evaluation = engine.evaluate(frames, session.deps.framework, session.at)
        _save(session, evaluation)
        _count(session, evaluation.frame)
        named = frames.accounts.select("account_id", "name").join(evaluation.frame, on="account_id")
        result.top = merged(result.top, named)
        if selection is not None:
            selection.look(_selectable(frames.accounts, evaluation.frame, portfolio.links(account_ids)))
        session.progress("evaluate", session.report.accounts)
        session.deps.stop.check()
    if session.options.as_of is None:
        with session.write() as c:
            marks.set_mark(c, ws, LAST, session.at.utc.isoformat())
    fp("evaluate.stored")
    result.selected = selection.found() if selection is not None else None
    return result


def _save(session: Session, evaluation: Evaluation) -> None:
    """Store what changed of one slice; explanations are made for those accounts only."""
    specs = [spec for spec in session.deps.specs if spec.writable]
    store, ws = session.deps.store, session.ws
    rows = dict(_canonical_rows(evaluation.frame, specs))
    hashes = {account_id: values_hash(values) for account_id, values in rows.items()}
    with store.read() as c:
        standing = standing_at(c, ws, list(rows), evaluation.at.utc)
    changed = [one for one, found in hashes.items() if one not in standing or standing[one].values_hash != found]
    scores = {one[0]: one[1] for one in evaluation.frame.select("account_id", "health_score").iter_rows()}
    fresh = [
        NewEvaluation(
            account_id=account_id,
            values_hash=hashes[account_id],
            values={"values": rows[account_id], "because": reasons(detail)},
            score=scores[account_id],
            band=rows[account_id].get("health_band") or "unknown",
            stage=rows[account_id].get("lifecycle_stage"),
            detail=detail,
        )
        for account_id, detail in (evaluation.details(changed) if changed else ())
    ]
    if fresh:
        with session.write() as c:
            evaluations.save(c, ws, session.run_id, evaluation.framework.version, evaluation.at.utc, fresh)


def _canonical_rows(frame: pl.DataFrame, specs: Sequence[FieldSpec]) -> Iterator[tuple[str, dict[str, str | None]]]:
    names = [spec.name for spec in specs]
    for account_id, *values in frame.select("account_id", *names).iter_rows():
        yield account_id, {spec.name: canonical_text(spec, value) for spec, value in zip(specs, values, strict=True)}


def canonical_text(spec: FieldSpec, value: object) -> str | None:
    """Canonical text; a binary float is cut to the decimals that the CRM's property has.

    What is no number would be stored and sent as a word; the frameworks make no such value.
    """
    if isinstance(value, float) and not isfinite(value):
        raise InvariantError(
            f"The computed value of {spec.name} is {value}, not a number; nothing was written.",
            hint="Please report this with the framework's metrics and scores.",
        )
    return canonical(spec, round(value, spec.decimals) if isinstance(value, float) else value)


def values_hash(values: Mapping[str, str | None]) -> str:
    """Identity of what was computed, the time of computing left out."""
    content = {name: value for name, value in values.items() if name != STAMP_FIELD}
    return hashlib.blake2b(dump_json(content).encode(), digest_size=16).hexdigest()


def _count(session: Session, frame: pl.DataFrame) -> None:
    report = session.report
    report.accounts += frame.height
    counted = frame.select(pl.col("health_band").fill_null("unknown")).to_series().value_counts()
    for band, number in counted.iter_rows():
        report.bands[band] = report.bands.get(band, 0) + number


def _selectable(accounts: pl.DataFrame, outputs: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    ids = links.group_by("account_id").agg(crm_ids=pl.col("crm_id"))
    fields = accounts.drop([name for name in outputs.columns if name != "account_id" and name in accounts.columns])
    return fields.join(outputs, on="account_id").join(ids, on="account_id", how="left")
