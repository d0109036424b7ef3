"""The KPIs of a framework over all accounts in the store, a slice of accounts at a time; nothing is asked or stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
from sqlalchemy import func, or_, select

from mapping import engine
from mapping.engine import Evaluation
from mapping.frames import AsOf, Frames
from mapping.framework import Framework
from mapping.kpis.revenue import disagreeing
from mapping.kpis.slice import ALERTS, MONTHS, SCALE, SEEN, Currency, Slice, months_before
from mapping.kpis.tally import Figures, Outcome, Tally, made_of, tallies
from mapping.reports.document import number
from store import alerts, evaluations, frames
from store.tables import ENTITY_TABLES
from sync.deps import Deps
from sync.errors import UsageError
from sync.looking import CHUNK, look
from sync.portfolio import Portfolio
from sync.session import Session

BESIDES = frozenset({"survey"})
"""What KPIs look at whether or not a fact of the framework does."""
LOOK_BACK = timedelta(days=370)
"""Alerts of the longest period."""
SEEN_WITHIN = timedelta(days=3)
"""What a run saw counts for days that are no farther away."""
_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)
_OF_EARLIER = frozenset({"cohort", "lifetime"})
"""Measures of what accounts paid when the period began."""
_MONEY = {"account": ("arr", "acv"), "contract": ("arr",), "deal": ("arr", "acv", "tcv", "amount")}
"""Amounts of a record that has a currency, in the order in which records say which one is usual."""
STATUSES = ("met", "missed", "no_data", "reported")


@dataclass(slots=True)
class _Listing:
    """Rows of the KPI whose accounts are wanted."""

    tally: Tally
    rows: list[pl.DataFrame] = field(default_factory=list)


def report_kpis(
    deps: Deps, *, framework: Framework | None = None, as_of: date | None = None, accounts: str | None = None,
    size: int = CHUNK, also: Callable[[Slice, Evaluation], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Compute every KPI of a framework (the one in force, without another) as of now or the end of a day.

    `accounts` names the KPI whose accounts are listed; `size` accounts are in memory at once, and `also` is shown each
    slice of them. Returns JSON-able data;
    raises `UsageError` when the framework names no KPIs, when none of them is called so, or without accounts.
    """
    chosen = framework or deps.framework
    sums = tallies(chosen.spec.kpis)
    listing = _listing(chosen, sums, accounts)
    session, slices = look(deps, "report kpis", as_of, size)
    portfolio = Portfolio.open(session, asking=False, also=framework, besides=BESIDES)
    figures, unpriced, count, differing = company_figures(deps, session.at.date), Counter[str](), 0, 0
    strays: pl.DataFrame | None = _strays(deps)  # nobody's answers, told along with the first slice
    others = _vanished(session)  # of whom only alerts are left; they are counted along with the first slice
    days = {months_before(session.at.date, MONTHS[one.period]) for one in sums if one.kpi.measure in _OF_EARLIER}
    for account_ids in slices:
        found = portfolio.frames(account_ids)
        evaluation, raised = engine.evaluate(found, chosen, session.at), _alerts(session, [*account_ids, *others])
        part = Slice(found, evaluation, figures.currency, raised, _seen(session, found, days), strays)
        others, strays = [], None
        for tally in sums:
            rows = tally.add(part)
            if listing is not None and tally is listing.tally:
                listing.rows.append(_per_account(rows, part))
        if also is not None:
            also(part, evaluation)
        unpriced.update(part.unpriced())
        differing += disagreeing(part)
        count += part.table.height
        session.progress("evaluate", count)
        deps.stop.check()
    today = session.at.date
    outcomes = [one.outcome(today, figures) for one in sums]
    return {
        "as_of": today.isoformat(),
        "framework": chosen.name,
        "title": chosen.spec.title,
        "accounts": count,
        "currency": figures.currency.code,
        "without_rate": dict(sorted(unpriced.items())),
        "arr_differs": differing,
        "counts": {status: sum(one.status == status for one in outcomes) for status in STATUSES},
        "kpis": [_kpi(one) for one in outcomes],
        "listed": None if listing is None else _listed(listing),
    }


def _vanished(session: Session) -> list[str]:
    until = session.at.utc
    with session.deps.store.read() as c:
        return alerts.vanished(c, session.ws, until - LOOK_BACK, until)


def _strays(deps: Deps) -> pl.DataFrame:
    """Answers to surveys whose company is no account."""
    with deps.store.read() as c:
        found = [
            frames.strays(c, deps.workspace, "survey", name, connector.account_object)
            for name, connector in sorted(deps.connectors.items())
        ]
    return pl.concat(found)


def _alerts(session: Session, account_ids: Sequence[str]) -> pl.DataFrame:
    until = session.at.utc
    with session.deps.store.read() as c:
        found = alerts.raised(c, session.ws, until - LOOK_BACK, until, account_ids)
        rows = [(one.account_id, one.raised_at, one.answered_at, one.resolved_at, one.sla) for one in found]
    return pl.DataFrame(rows, schema=ALERTS, orient="row")


def _seen(session: Session, read: Frames, days: Iterable[date]) -> pl.DataFrame:
    """What accounts without contracts said that they pay, as a run saw it on the day or at most three days from it."""
    bare = read.accounts.join(read.contracts, on="account_id", how="anti").get_column("account_id").to_list()
    zone, rows = session.at.zone, list[tuple[str, date, object, str | None]]()
    with session.deps.store.read() as c:
        for day in days if bare else ():
            since, until = (AsOf.end_of(day + away, zone).utc for away in (-SEEN_WITHIN - _DAY, SEEN_WITHIN))
            nearest: dict[str, tuple[int, int]] = {}
            for number, account_id, moment in evaluations.made_between(c, session.ws, bare, since + _SECOND, until):
                found = abs((AsOf(moment, zone).date - day).days), number
                nearest[account_id] = min(nearest.get(account_id, found), found)
            account_of = {number: account_id for account_id, (_, number) in nearest.items()}
            for number, outputs in evaluations.outputs(c, session.ws, account_of):
                told = outputs.get("told", {})
                paid = told.get("arr") or told.get("acv")
                rows.append((account_of[number], day, paid and Decimal(paid), told.get("currency")))
    return pl.DataFrame(rows, schema=SEEN, orient="row")


def company_figures(deps: Deps, on: date) -> Figures:
    """What the configuration says that no CRM has; money is added in its currency, at the rates of a day, else in that
    of most accounts, contracts or deals."""
    given, rates = deps.settings.figures, deps.rates
    margin = None if given.gross_margin is None else Decimal(str(given.gross_margin))
    return Figures(
        cs_spend=given.cs_spend,
        sales_spend=given.sales_spend,
        gross_margin=margin,
        advocates=given.advocates,
        case_studies=given.case_studies,
        currency=Currency(_usual_currency(deps)) if rates is None else Currency(rates.currency, rates.of(on)),
    )


def _usual_currency(deps: Deps) -> str | None:
    """The currency of most account records that have revenue; the first by name among equals.

    Where no account says what it pays, that of most contracts, else of most deals: currencies are never added at par.
    """
    for entity, amounts in _MONEY.items():
        c = ENTITY_TABLES[entity].c
        paid = or_(*(c[name].is_not(None) for name in amounts)) & c.currency.is_not(None)
        code = func.upper(func.trim(c.currency))
        query = select(code, func.count()).where(c.workspace == deps.workspace, paid).group_by(code)
        with deps.store.read() as connection:
            found: list[tuple[int, str]] = [(number, name) for name, number in connection.execute(query)]
        if found:
            return min(found, key=lambda one: (-one[0], one[1]))[1]
    return None


def _listing(framework: Framework, sums: Sequence[Tally], name: str | None) -> _Listing | None:
    names = [one.entry.key for one in sums]
    if not names:
        raise UsageError(
            f"The framework {framework.name} names no KPIs.",
            hint="Add `kpis:` to it; docs/frameworks/format.md says what there is.",
        )
    if name is None:
        return None
    if name not in names:
        raise UsageError(f"The framework {framework.name} has no KPI {name!r}.", hint=f"It has {', '.join(names)}.")
    return _Listing(sums[names.index(name)])


def _per_account(rows: pl.DataFrame, part: Slice) -> pl.DataFrame:
    """One row an account with its name and its part of the two sums; null where some of it is not known."""
    known = pl.col("·bottom").is_not_null()
    sums = rows.group_by("account_id", maintain_order=True).agg(
        top=pl.when(known.any()).then(pl.col("·top").sum()),
        bottom=pl.when(known.any()).then(pl.col("·bottom").sum()),
        excluded=(~known).sum(),
    )
    counts = sums.filter((pl.col("bottom") != 0) | (pl.col("top") != 0) | (pl.col("excluded") > 0))
    return counts.join(part.table.select("account_id", "name"), on="account_id", how="left", maintain_order="left")


def _listed(listing: _Listing) -> dict[str, Any]:
    """The accounts of a KPI: what pulls it down most comes first, what is not known last."""
    kpi = listing.tally.kpi
    found = pl.concat(listing.rows) if listing.rows else pl.DataFrame()
    gap = pl.col("bottom") - pl.col("top") if kpi.better != "lower" and kpi.bottom is not None else pl.col("top")
    ordered = found.sort(gap, pl.col("account_id"), descending=[True, False], nulls_last=True)
    return {
        "name": listing.tally.entry.key,
        "accounts": [
            {
                "account_id": row["account_id"],
                "account": row["name"],
                "numerator": number(None if row["top"] is None else listing.tally.in_units(row["top"])),
                "denominator": None if kpi.bottom is None or row["bottom"] is None
                else number(Fraction(row["bottom"], SCALE)),
                "excluded_n": row["excluded"],
            }
            for row in ordered.iter_rows(named=True)
        ],
    }  # fmt: skip


def _kpi(one: Outcome) -> dict[str, Any]:
    entry, target = one.entry, one.entry.target
    return {
        "id": one.kpi.id,
        "name": entry.key,
        "label": entry.label or one.kpi.label,
        "unit": one.kpi.unit,
        "money": one.kpi.of_money,
        "value": number(one.value),
        "target": None if target is None else {"op": target.op, "value": target.value},
        "status": one.status,
        "reason": one.reason,
        "numerator": number(one.top),
        "denominator": number(one.bottom),
        "n": one.n,
        "excluded_n": one.excluded,
        "period": _period(one),
        "where": entry.where,
        "made_of": made_of(entry),
        "also": {name: number(value) for name, value in one.also.items()},
    }


def _period(one: Outcome) -> dict[str, str] | None:
    if one.since is None:
        return None
    return {"length": one.period, "from": (one.since + timedelta(days=1)).isoformat(), "to": one.until.isoformat()}
