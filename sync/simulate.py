"""What another framework would make of the accounts that are in the store: compared, and neither stored nor written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from mapping import engine
from mapping.engine import Evaluation
from mapping.framework import Framework
from mapping.framework.structure import UNKNOWN_BAND
from sync.deps import Deps
from sync.looking import look
from sync.portfolio import Portfolio

COMPARED = (
    "health_band", "lifecycle_stage", "tenure_stage", "segment", "renewal_status", "renewal_phase", "escalation_level",
    "next_touch_type",
)  # fmt: skip
OTHERS = (
    "health_trend", "health_coverage", "health_reasons", "stage_entered_on", "renewal_sub_status", "next_touch_due_on",
)  # fmt: skip
"""What else is written to a CRM: said which of them changes, not from what to what (a date has too many values)."""
LISTED = 2_000
"""So many accounts are listed one by one, those that lose most points first."""
_SCORE = "health_score"
_SIDES = ("now", "then")


@dataclass(slots=True)
class Simulation:
    """Two frameworks over the same accounts; `moves` counts (field, value now, value then), `alerts` (id, what)."""

    accounts: int = 0
    changed: int = 0
    bands: dict[str, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in _SIDES})
    scores: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str, str | None, str | None]] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)
    listed: list[dict[str, Any]] = field(default_factory=list)


def simulate(deps: Deps, other: Framework, as_of: date | None = None) -> dict[str, Any]:
    """Evaluate all accounts with the framework in force and with `other`, as of now or the end of a day.

    Works from the store alone: nothing is asked of a CRM, nothing is stored. Returns JSON-able data; raises
    `UsageError` when there are no accounts yet.
    """
    session, slices = look(deps, "simulate", as_of)
    portfolio, found = Portfolio.open(session, asking=False, also=other), Simulation()
    for account_ids in slices:
        frames = portfolio.frames(account_ids)
        both = [engine.evaluate(frames, framework, session.at) for framework in (deps.framework, other)]
        _compare(found, both[0], both[1], frames.accounts.select("account_id", "name"))
        session.progress("evaluate", found.accounts)
        deps.stop.check()
    return _told(found, deps.framework, other, session.at.date)


def _compare(found: Simulation, now: Evaluation, then: Evaluation, names: pl.DataFrame) -> None:
    joined = _shown(now).join(_shown(then), on="account_id", suffix="·then")
    for side, evaluation in zip(_SIDES, (now, then), strict=True):
        found.bands[side].update(evaluation.frame.get_column("health_band").fill_null(UNKNOWN_BAND).to_list())
    opened, closed = _alerts(now, then), _alerts(then, now)
    for what, rows in (("opens", opened), ("closes", closed)):
        found.alerts.update((alert, what) for alerts in rows.values() for alert in alerts)
    names_of = dict(names.iter_rows())
    for row in joined.iter_rows(named=True):
        moves = {one: (row[one], row[f"{one}·then"]) for one in COMPARED if row[one] != row[f"{one}·then"]}
        found.moves.update((one, *pair) for one, pair in moves.items())
        others = [one for one in OTHERS if row[one] != row[f"{one}·then"]]
        found.others.update(others)
        scores = (row[_SCORE], row[f"{_SCORE}·then"])
        found.scores[_direction(*scores)] += 1
        account = row["account_id"]
        alerts = {"opens": opened.get(account, []), "closes": closed.get(account, [])}
        if moves or others or scores[0] != scores[1] or any(alerts.values()):
            found.changed += 1
            found.listed.append(_line(account, names_of.get(account), scores, moves, alerts, others))
    found.accounts += joined.height
    found.listed = sorted(found.listed, key=_urgency)[:LISTED]


def _shown(evaluation: Evaluation) -> pl.DataFrame:
    """What is compared, coverage in whole percent as it is written."""
    found = evaluation.frame.select("account_id", _SCORE, *COMPARED, *OTHERS)
    return found.with_columns(pl.col("health_coverage").round())


def _alerts(there: Evaluation, here: Evaluation) -> dict[str, list[str]]:
    """Account → alerts that `here` has and `there` has not."""
    news = here.alerts().join(there.alerts(), on=["account_id", "alert"], how="anti", maintain_order="left")
    found: dict[str, list[str]] = {}
    for account, alert in news.iter_rows():
        found.setdefault(account, []).append(alert)
    return found


def _direction(now: float | None, then: float | None) -> str:
    if now is None or then is None:
        return "same" if now == then else "appeared" if now is None else "vanished"
    return "same" if now == then else "rose" if then > now else "fell"


def _line(
    account: str, name: str | None, scores: tuple[float | None, float | None],
    moves: dict[str, tuple[str | None, str | None]], alerts: dict[str, list[str]], others: list[str],
) -> dict[str, Any]:  # fmt: skip
    now, then = scores
    return {
        "account_id": account,
        "account": name,
        "score": {"now": now, "then": then, "change": None if now is None or then is None else round(then - now, 2)},
        "moves": {one: {"now": pair[0], "then": pair[1]} for one, pair in moves.items()},
        "others": others,
        **alerts,
    }


def _urgency(line: dict[str, Any]) -> tuple[bool, float, bool, str]:
    """What loses its score first, then the largest falls, then other colours; what only moved comes last."""
    score = line["score"]
    vanished = score["now"] is not None and score["then"] is None
    return not vanished, score["change"] or 0.0, "health_band" not in line["moves"], line["account_id"]


def _told(found: Simulation, now: Framework, then: Framework, on: date) -> dict[str, Any]:
    return {
        "as_of": on.isoformat(),
        "now": {"framework": now.name, "model_version": now.version},
        "then": {"framework": then.name, "model_version": then.version},
        "accounts": found.accounts,
        "changed": found.changed,
        "bands": {side: {band: counts[band] for band in _bands(now, then)} for side, counts in found.bands.items()},
        "scores": {one: found.scores[one] for one in ("rose", "fell", "same", "appeared", "vanished")},
        "moves": {one: list(_moves(found, one)) for one in COMPARED},
        "others": {one: found.others[one] for one in OTHERS},
        "alerts": list(_opened_and_closed(found, now, then)),
        "listed": found.listed,
        "hidden": found.changed - len(found.listed),
    }


def _bands(*frameworks: Framework) -> list[str]:
    """Every band that one of them has, best first."""
    named = (band.id for framework in frameworks for band in framework.spec.score.bands)
    return [*dict.fromkeys(named), UNKNOWN_BAND]


def _moves(found: Simulation, name: str) -> Iterator[dict[str, Any]]:
    mine = [(count, now, then) for (one, now, then), count in found.moves.items() if one == name]
    for count, now, then in sorted(mine, key=lambda one: (-one[0], str(one[1]), str(one[2]))):
        yield {"now": now, "then": then, "accounts": count}


def _opened_and_closed(found: Simulation, now: Framework, then: Framework) -> Iterator[dict[str, Any]]:
    labels = {alert.id: alert.label for framework in (now, then) for alert in framework.spec.alerts}
    for name, label in labels.items():
        opens, closes = found.alerts[name, "opens"], found.alerts[name, "closes"]
        if opens or closes:
            yield {"id": name, "label": label, "opens": opens, "closes": closes}
