"""All accounts in the store, evaluated a slice at a time, for reports that ask and store nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from mapping import engine
from mapping.framework import Framework
from mapping.kpis.slice import Currency, Slice
from sync.deps import Deps
from sync.kpis import company_figures
from sync.looking import look
from sync.portfolio import Portfolio


@dataclass(frozen=True, slots=True)
class Slices:
    """The day of a report, the currency in which it adds money, and the accounts."""

    on: date
    currency: Currency
    parts: Iterator[Slice]


def evaluated(deps: Deps, command: str, framework: Framework | None, as_of: date | None) -> Slices:
    """Every account as of now or the end of a day, by a framework (else that in force).

    Raises `UsageError` when there are no accounts yet.
    """
    session, slices = look(deps, command, as_of)
    portfolio = Portfolio.open(session, asking=False, also=framework)
    currency = company_figures(deps, session.at.date).currency

    def parts() -> Iterator[Slice]:
        for account_ids in slices:
            found = portfolio.frames(account_ids)
            yield Slice(found, engine.evaluate(found, framework or deps.framework, session.at), currency)
            deps.stop.check()

    return Slices(session.at.date, currency, parts())
