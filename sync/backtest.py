"""What the stored scores said about the customers that left afterwards: from the workspace's own history alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from mapping import backtest as test
from mapping import engine
from mapping.backtest import Observed, Split, Suggestion
from mapping.backtest.suggest import filled
from mapping.frames import AsOf
from mapping.framework import Framework
from store import evaluations, identity
from store.evaluations import PastEvaluation
from store.sql import pages
from sync.deps import Deps, RunOptions
from sync.errors import UsageError, no_accounts
from sync.looking import CHUNK
from sync.moment import moment
from sync.portfolio import Portfolio
from sync.report import RunReport
from sync.session import Session

HORIZON = 180
FEW = 30
"""Below so many customers that left, an interval is so wide that the figures are a hint and no more."""


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """`horizon` in days; scores from `since` to `until` are looked at, by default all whose outcome can be known."""

    horizon: int = HORIZON
    since: date | None = None
    until: date | None = None


def backtest(
    deps: Deps, options: BacktestOptions, *, suggesting: bool = False, size: int = CHUNK
) -> dict[str, Any]:  # fmt: skip
    """Compare scores with what became of the accounts within the horizon; JSON-able.

    Asks no CRM, stores and writes nothing. With `suggesting`, `suggestion` has fitted weights or why there are none.
    The history of `size` accounts is in memory at once. Raises `UsageError` when no score is old enough for its outcome
    to be known.
    """
    at = moment(deps, RunOptions())
    with deps.store.read() as c:
        begin = evaluations.first(c, deps.workspace)
    if begin is None:
        raise no_accounts()
    first = options.since or AsOf(begin, at.zone).date
    last = min(options.until or at.date, at.date - timedelta(days=options.horizon))
    found, models = _observe(deps, at, test.days_between(first, last), options.horizon, size)
    if found.frame.is_empty():
        raise _too_little(AsOf(begin, at.zone).date, found.left_out, options, at.date)
    parts = test.split(found.frame, options.horizon)
    page = _told(found, parts, options, at.date)
    page |= {"framework": deps.framework.name, "model_version": deps.framework.version, "models": dict(models)}
    page["warnings"] = list(_warnings(page, parts))
    page["suggestion"] = _suggestion(deps, page, parts) if suggesting else None
    return page


def _observe(
    deps: Deps, at: AsOf, days: Sequence[date], horizon: int, size: int
) -> tuple[Observed, Counter[str]]:  # fmt: skip
    """What stood on each of `days` and what followed, some accounts after the others; evaluations by model version."""
    session = Session(deps, RunOptions(), "", at, RunReport("", "backtest", at.date.isoformat(), ""))
    with deps.store.read() as c:
        everyone = evaluations.accounts(c, deps.workspace)
        there = {one for chunk in identity.account_chunks(c, deps.workspace, size) for one in chunk}
    portfolio = Portfolio.open(session, asking=False)
    frames, left_out, models = list[pl.DataFrame](), Counter[str](), Counter[str]()
    for number, account_ids in enumerate(pages(everyone, size)):
        with deps.store.read() as c:
            rows = evaluations.past(c, deps.workspace, account_ids)
        models.update(row.model_version for row in rows)
        past = _past(rows, at)
        here = [one for one in account_ids if one in there]
        now = engine.evaluate(portfolio.frames(here), deps.framework, at).departures()
        found = test.observe(past, _departures(past, now, at), days, horizon)
        frames.append(found.frame)
        left_out.update(found.left_out)
        session.progress("evaluate", min((number + 1) * size, len(everyone)))
        deps.stop.check()
    return Observed(pl.concat(frames).sort("day", "account_id"), dict(left_out)), models


def _past(rows: Sequence[PastEvaluation], at: AsOf) -> pl.DataFrame:
    told = []
    for row in rows:
        on = AsOf(row.as_of, at.zone).date
        status = row.outputs["values"].get("renewal_status")
        afterwards = row.made_at is not None and AsOf(row.made_at, at.zone).date > on
        told.append((row.id, row.account_id, on, row.score, status, afterwards))
    return pl.DataFrame(told, schema=test.PAST, orient="row")


def _departures(past: pl.DataFrame, now: pl.DataFrame, at: AsOf) -> pl.DataFrame:
    """Who is gone; of an account that the CRM does not have any more, nothing is known after its last evaluation."""
    known = now.with_columns(known_until=pl.lit(at.date))
    lost = past.join(known, on="account_id", how="anti").group_by("account_id").agg(known_until=pl.col("on").max())
    return pl.concat([known, lost.select("account_id", pl.lit(None, dtype=pl.Date).alias("gone_on"), "known_until")])


def _told(found: Observed, parts: Split | None, options: BacktestOptions, today: date) -> dict[str, Any]:
    frame = found.frame
    churned = frame.filter(pl.col("event"))["account_id"].n_unique()
    days = frame["day"]
    auc = test.auc(frame)
    top = test.top_share(frame)
    return {
        "as_of": today.isoformat(),
        "horizon_days": options.horizon,
        "since": _day(days.min()).isoformat(),
        "until": _day(days.max()).isoformat(),
        "days": days.n_unique(),
        "observations": frame.height,
        "accounts": frame["account_id"].n_unique(),
        "events": int(frame["event"].sum()),
        "churned": churned,
        "rate": _round(test.rate(frame)),
        "afterwards": int(frame["afterwards"].sum()),
        "left_out": found.left_out,
        "auc": None if auc is None else {name: _round(value) for name, value in asdict(auc).items()},
        "top": None if top is None else {name: _round(value) for name, value in asdict(top).items()},
        "calibration": _calibrated(frame, parts),
    }


def _calibrated(frame: pl.DataFrame, parts: Split | None) -> dict[str, Any]:
    """Of the later scores, with the risk that the earlier ones teach; without a split only what was observed."""
    if parts is None:
        plain = test.calibration(frame.with_columns(expected=pl.lit(0.0)))
        bins = [{**one, "expected": None} for one in plain.bins]
        return {"since": None, "bins": [_rounded(one) for one in bins], "error": None}
    risk = test.logistic(parts.earlier, ["score"]).probability()
    found = test.calibration(parts.later.with_columns(expected=risk))
    since = _day(parts.later["day"].min()).isoformat()
    return {"since": since, "bins": [_rounded(one) for one in found.bins], "error": _round(found.error)}


def _warnings(page: Mapping[str, Any], parts: Split | None) -> list[str]:
    said = []
    if not page["churned"]:
        said.append("Nobody left within the horizon: there is nothing to compare the scores with.")
    elif page["churned"] < FEW:
        said.append(f"Only {page['churned']} customers left: read the figures as a hint.")
    if parts is None and page["churned"]:
        said.append(
            "The history is too short to keep apart what is learned from and what is tested on; there is no expected "
            "share, and no weights can be fitted."
        )
    if page["afterwards"]:
        said.append(
            f"{page['afterwards']} of {page['observations']} scores were computed after their day; what has no date "
            "in a CRM counts there as it is today."
        )
    if len(page["models"]) > 1:
        said.append(f"The scores come from {len(page['models'])} versions of the model.")
    return said


def _suggestion(deps: Deps, page: Mapping[str, Any], parts: Split | None) -> dict[str, Any]:
    """Fitted weights with what they would have done on the later scores, or `refused`: why there are none."""
    if page["churned"] < test.LEAST_EVENTS:
        return {
            "refused": f"{page['churned']} customers left within the horizon; below {test.LEAST_EVENTS} fitted weights "
            "would be those of chance."
        }
    if parts is None:
        return {"refused": "the history is too short to test weights on other days than those they are fitted to."}
    learned, checked = (_losses(deps, part) for part in (parts.earlier, parts.later))
    churned = learned.filter(pl.col("event"))["account_id"].n_unique()
    if churned < test.LEAST_EVENTS or checked["event"].n_unique() < 2:
        return {
            "refused": f"only {churned} customers left in the earlier part of the history, with scores of the model in "
            f"force; {test.LEAST_EVENTS} are needed there."
        }
    try:
        made = test.suggest(learned, deps.framework.spec.score.components, churned)
    except ValueError as problem:
        return {"refused": f"{problem}."}
    return _compared(made, checked, churned)


def _compared(made: Suggestion, checked: pl.DataFrame, churned: int) -> dict[str, Any]:
    """The suggestion with what it would have done; refused where that is no more than what is done already."""
    before, after = (test.auc(one, 0) for one in (checked, checked.with_columns(score=made.score(checked))))
    if before is None or after is None or after.value <= before.value:
        return {"refused": "on the later scores, fitted weights tell no better who left than those in force."}
    return {
        "refused": None,
        "level": made.level,
        "churned": churned,
        "weights": {name: {"weight": weight, "metrics": inside} for name, (weight, inside) in made.weights.items()},
        "dropped": list(made.dropped),
        "auc_now": _round(before.value),
        "auc_suggested": _round(after.value),
        "checked_on": checked.height,
    }


def _losses(deps: Deps, part: pl.DataFrame) -> pl.DataFrame:
    """`part` with the lost points of every metric, where what is kept of past health has the metrics of today."""
    framework: Framework = deps.framework
    metrics = [metric.id for component in framework.spec.score.components for metric in component.metrics]
    rows = []
    for ids in pages(part["evaluation"].unique().sort().to_list(), CHUNK):
        with deps.store.read() as c:
            for number, health in evaluations.healths(c, deps.workspace, ids):
                points = {one["id"]: one["points"] for one in health["metrics"]}
                if points.keys() >= set(metrics):
                    rows.append((number, *(points[name] for name in metrics)))
    schema = {"evaluation": pl.Int64(), **dict.fromkeys(metrics, pl.Float64())}
    known = pl.DataFrame(rows, schema=schema, orient="row")
    return filled(part.join(known, on="evaluation", maintain_order="left"), framework.spec.score.components)


def _too_little(first: date, left_out: Mapping[str, int], options: BacktestOptions, today: date) -> UsageError:
    if any(left_out.values()):
        counted = ", ".join(f"{number} {why.replace('_', ' ')}" for why, number in left_out.items() if number)
        return UsageError(
            f"None of the evaluations from then on can be held against what followed: {counted}.",
            hint="The scores that daily runs store are the best history; filled in later, only what has a date counts.",
        )
    earliest = today - timedelta(days=options.horizon)
    return UsageError(
        f"No score is old enough to know what became of its account within {options.horizon} days: the first is of "
        f"{first.isoformat()}, and only those up to {earliest.isoformat()} count.",
        hint="Daily runs store the history. Look less far ahead with --horizon, or fill in past days, oldest first, "
        "with `keepwell plan --as-of DATE`, which can score what has a date in the CRMs.",
    )


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise TypeError(f"{value!r} is no day")
    return value


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _round(value) for name, value in values.items()}


def _round(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
