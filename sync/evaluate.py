"""Room 4: facts, health, renewal, lifecycle, segment, cadence, alerts for every account, a slice of them at a time.

Only what differs from the standing evaluation is stored, with how healthy the account was; so history grows with
changes, not with runs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import polars as pl

from connectors.ahead import one_ahead
from mapping import engine
from mapping.engine import Evaluation
from mapping.frames import Frames
from store import evaluations, identity, marks
from store.evaluations import NewEvaluations
from sync.because import TOLD
from sync.documents import canonical_frame, computed, outputs, values_hashes
from sync.faults import fp
from sync.overload import Overload
from sync.portfolio import Portfolio
from sync.report import BANDS, AccountLine
from sync.selection import Selection
from sync.session import Session
from sync.top import merged
from sync.watch import Judged, Watch

CHUNK = 50_000
"""Accounts of a slice: enough that what a slice costs by itself does not count, half a GiB while it is there."""


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
    portfolio = Portfolio.open(session, whole=True)
    watch = Watch(session, portfolio)
    overload = Overload(session, idle=watch.idle)
    with session.deps.pool(1, "one-ahead") as pool, closing(one_ahead(_read(portfolio, chunks), pool)) as slices:
        for account_ids, frames in slices:
            evaluation = engine.evaluate(frames, session.deps.framework, session.at)
            _save(session, evaluation, watch, watch.judge(evaluation, frames.meetings))
            overload.add(frames, evaluation)
            _count(session, evaluation.frame)
            named = frames.accounts.select("account_id", "name").join(evaluation.frame, on="account_id")
            result.top = merged(result.top, named)
            if selection is not None:
                selection.look(_selectable(frames.accounts, evaluation.frame, portfolio.links(account_ids)))
            session.progress("evaluate", session.report.accounts)
            session.deps.stop.check()
    overload.finish()
    watch.finish()
    if session.options.as_of is None:
        with session.write() as c:
            marks.set_mark(c, ws, marks.EVALUATED_LAST, session.at.utc.isoformat())
    fp("evaluate.stored")
    result.selected = selection.found() if selection is not None else None
    return result


def _read(portfolio: Portfolio, chunks: Iterable[Sequence[str]]) -> Generator[tuple[Sequence[str], Frames]]:
    """The accounts in slices with everything that their evaluation reads."""
    for account_ids in chunks:
        yield account_ids, portfolio.frames(account_ids)


def _save(session: Session, evaluation: Evaluation, watch: Watch, judged: Judged) -> None:
    """Store what changed of one slice, with its alerts."""
    store, ws, at = session.deps.store, session.ws, evaluation.at.utc
    specs = [spec for spec in session.deps.specs if spec.writable]
    values = canonical_frame(computed(evaluation, specs), specs)
    hashes = dict(zip(values.get_column("account_id").to_list(), values_hashes(values), strict=True))
    with store.read() as c:
        changed = evaluations.differing(c, ws, at, hashes)
    if not changed and not judged:
        return
    new, kept = _new(evaluation, values, hashes, changed), evaluation.health(changed)
    because = judged.because(evaluation)
    with session.write() as c:
        evaluations.save(c, ws, session.run_id, evaluation.framework.version, at, new, kept)
        watch.store(c, judged, because)
    watch.count(judged)
    fp("evaluate.chunk_stored")


def _new(
    evaluation: Evaluation, values: pl.DataFrame, hashes: Mapping[str, str], changed: Sequence[str]
) -> NewEvaluations:
    """The evaluations of the accounts that `changed`, in order."""
    here = pl.col("account_id").is_in(list(changed))
    mine, told = values.filter(here), evaluation.columns(*TOLD.values()).filter(here)
    found = evaluation.frame.filter(here)
    ids = mine.get_column("account_id").to_list()
    return NewEvaluations(
        account_ids=ids,
        values_hashes=[hashes[one] for one in ids],
        outputs=outputs(mine, told.rename({column: name for name, column in TOLD.items()})),
        scores=found.get_column("health_score").to_list(),
        bands=mine.get_column("health_band").fill_null("unknown").to_list(),
        stages=mine.get_column("lifecycle_stage").to_list(),
    )


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
