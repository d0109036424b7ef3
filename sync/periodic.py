"""Weekly, monthly, quarterly and annual reports over all accounts in the store; nothing is asked, stored or written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import polars as pl

from mapping import engine
from mapping.frames import AsOf
from mapping.framework import Framework
from mapping.kpis.catalogue import Period
from mapping.kpis.slice import Slice, months_before
from mapping.reports.document import Document
from mapping.reports.gathered import Gathered, Gathering
from mapping.reports.health import WEEKS, weekly_health
from mapping.reports.quality import data_quality
from mapping.reports.quarter import quarterly_review
from mapping.reports.renewals import renewals
from mapping.reports.usage import monthly_usage
from mapping.reports.value import annual_value
from store import alerts
from sync.deps import Deps
from sync.kpis import LOOK_BACK, company_figures, report_kpis
from sync.looking import look
from sync.portfolio import Portfolio
from sync.session import Session
from sync.standing import history_of

CHUNK = 10_000
_INSTANT = timedelta(microseconds=1)
_ALERTS = {
    "account_id": pl.String(), "alert": pl.String(), "raised_at": pl.Datetime("us", "UTC"),
    "answered_at": pl.Datetime("us", "UTC"), "resolved_at": pl.Datetime("us", "UTC"), "sla_hours": pl.Int64(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Periodic:
    """A report: how it is made, the day before its period begins, and what it looks at besides.

    `kpis` are computed along, and the terms that ended in the `period` are kept; one that `learns` compares earlier
    renewal statuses with what came of them.
    """

    made: Callable[[Gathered], Document]
    since: Callable[[date], date]
    kpis: bool = False
    period: Period | None = None
    learns: bool = False


def _a_quarter(day: date) -> date:
    return months_before(day, 3)


REPORTS: Mapping[str, Periodic] = MappingProxyType(
    {
        "weekly-health": Periodic(weekly_health, lambda day: day - timedelta(days=7)),
        "monthly-usage": Periodic(monthly_usage, lambda day: day.replace(day=1) - timedelta(days=1)),
        "quarterly-review": Periodic(quarterly_review, _a_quarter, kpis=True, period="quarter", learns=True),
        "annual-value": Periodic(annual_value, lambda day: months_before(day, 12), period="12mo"),
        "data-quality": Periodic(data_quality, lambda day: day),
        "renewals": Periodic(renewals, lambda day: day, learns=True),
    }
)
"""The periodic reports by name."""


def report_periodic(
    deps: Deps, name: str, *, framework: Framework | None = None, as_of: date | None = None, size: int = CHUNK
) -> Document:
    """One of `REPORTS` as of now or the end of a day, by a framework (else that in force).

    `size` accounts are in memory at once. Raises `UsageError` when there are no accounts yet.
    """
    report, chosen = REPORTS[name], framework or deps.framework
    session, slices = look(deps, f"report {name}", as_of, size)
    gathering = Gathering(session.at, report.since(session.at.date), learns=report.learns, period=report.period)
    kpis: Sequence[Mapping[str, Any]] = ()
    if report.kpis and chosen.spec.kpis:
        told = report_kpis(deps, framework=framework, as_of=as_of, size=size, also=gathering.add)
        kpis, unpriced = told["kpis"], set(told["without_rate"])
    else:
        unpriced = _gather(session, slices, framework, gathering)
    frames, currency = gathering.frames(), company_figures(deps, session.at.date).currency.code
    return report.made(
        Gathered(
            session.at, gathering.since, chosen, currency, **frames, history=_history(session, frames["sheet"]),
            alerts=_alerts(session), kpis=kpis, notes=_notes(unpriced, currency),
        )
    )  # fmt: skip


def _gather(
    session: Session, slices: Iterable[Sequence[str]], framework: Framework | None, gathering: Gathering
) -> set[str]:
    """Show every slice of accounts to `gathering`; returns the currencies that lack a rate."""
    deps, done, unpriced = session.deps, 0, set[str]()
    portfolio = Portfolio.open(session, asking=False, also=framework, besides=frozenset({"reading"}))
    currency = company_figures(deps, session.at.date).currency
    for account_ids in slices:
        found = portfolio.frames(account_ids)
        evaluation = engine.evaluate(found, framework or deps.framework, session.at)
        part = Slice(found, evaluation, currency)
        gathering.add(part, evaluation)
        unpriced.update(part.unpriced())
        done += len(account_ids)
        session.progress("evaluate", done)
        deps.stop.check()
    return unpriced


def _history(session: Session, sheet: pl.DataFrame) -> pl.DataFrame:
    """What runs had stored about the accounts up to the moment, a quarter back."""
    at = session.at
    since = AsOf.end_of(min(at.date - timedelta(weeks=WEEKS), months_before(at.date, 3)), at.zone).utc
    with session.deps.store.read() as c:
        return history_of(c, session.ws, sheet.get_column("account_id").to_list(), since, at.utc + _INSTANT)


def _alerts(session: Session) -> pl.DataFrame:
    until = session.at.utc + _INSTANT
    with session.deps.store.read() as c:
        rows = [
            (one.account_id, one.alert, one.raised_at, one.answered_at, one.resolved_at, one.sla)
            for one in alerts.raised(c, session.ws, until - LOOK_BACK, until)
        ]
    return pl.DataFrame(rows, schema=_ALERTS, orient="row")


def _notes(unpriced: set[str], currency: str | None) -> tuple[str, ...]:
    if not unpriced:
        return ()
    lacking = ", ".join(sorted(unpriced))
    hint = "Set `currency` and `rates` in the configuration."
    return (f"Money is added in {currency}; amounts in {lacking} have no rate and are left out. {hint}",)
