"""The portfolio at a glance: bands now and over time, movers, coverage, segments, alerts, the last run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard.web.catalogue import NO_CUSTOMER, Day, Portfolio
from dashboard.web.charts import Chart, Series
from dashboard.web.listing import Group, Wanted
from dashboard.web.page import Asked, Look, Page, View
from dashboard.web.pages.shared import (
    AccountLine,
    RunLine,
    account_line,
    band_label,
    bands_of,
    label,
    run_line,
    tone,
)
from store import alerts, runs

MOVERS = 8
FIRST = 8
"""So many of the accounts that need somebody are named."""
FEW = 3
"""So many days or fewer are bars: an area between two points says nothing."""


class Band(View):
    """How many accounts have a band; `share` is of all accounts."""

    id: str
    label: str
    accounts: int
    share: float


class SegmentLine(View):
    """A segment; `bands` in the order of the page's, `arr` in `currency` as far as it is known."""

    segment: str | None
    label: str
    accounts: int
    bands: tuple[int, ...]
    arr: float | None


class AlertLine(View):
    """How many alerts of a kind stand, and how many of them nobody answered in time."""

    alert: str
    label: str
    standing: int
    overdue: int


class Spread(View):
    """All accounts as the last evaluation left them; `days` is the time over which a change of the score is counted.

    `first` are customers whose score is known and not of the best band, the worst at the head.
    """

    as_of: datetime
    days: int
    accounts: int
    bands: tuple[Band, ...]
    over_time: Chart | None
    coverage: float | None
    by_coverage: Chart
    currency: str | None
    segments: tuple[SegmentLine, ...]
    first: tuple[AccountLine, ...]
    risen: tuple[AccountLine, ...]
    fallen: tuple[AccountLine, ...]


class Overview(View):
    """The start page; `portfolio` is None before the first evaluation, `conflicts` counts values to decide about."""

    portfolio: Spread | None
    alerts: tuple[AlertLine, ...]
    conflicts: int
    last_run: RunLine | None
    last_good_run: RunLine | None


def overview(look: Look, _asked: Asked) -> Overview:
    """Everything of the page, from the catalogue, the alerts and the runs."""
    found = look.portfolio
    newest, good = runs.list_runs(look.c, look.ws, 1), runs.last_good(look.c, look.ws)
    standing = alerts.kinds(look.c, look.ws, look.now)
    return Overview(
        portfolio=_spread(look, found) if found is not None else None,
        alerts=tuple(
            AlertLine(alert=name, label=text, standing=number, overdue=late) for name, text, number, late in standing
        ),
        conflicts=look.held.waiting,
        last_run=run_line(newest[0]) if newest else None,
        last_good_run=run_line(good) if good is not None else None,
    )


def _spread(look: Look, found: Portfolio) -> Spread:
    listing, counts = found.listing, found.listing.bands()
    total = sum(counts.values())
    mean, tenths = listing.coverage()
    currencies = listing.currencies()
    return Spread(
        as_of=found.as_of,
        days=look.framework.spec.score.trend.days,
        accounts=total,
        bands=tuple(
            Band(id=one, label=text, accounts=counts.get(one, 0), share=counts.get(one, 0) / (total or 1))
            for one, text in bands_of(look)
        ),
        over_time=_over_time(look, found.days),
        coverage=mean,
        by_coverage=_by_coverage(tenths),
        currency=currencies[0] if len(currencies) == 1 else None,
        segments=tuple(_segments(look, listing.groups("segment"), one_currency=len(currencies) == 1)),
        first=_lines(look, _first(look, found)),
        risen=_movers(look, found, down=False),
        fallen=_movers(look, found, down=True),
    )


def _movers(look: Look, found: Portfolio, *, down: bool) -> tuple[AccountLine, ...]:
    return _lines(look, found.listing.movers(down=down, limit=MOVERS))


def _first(look: Look, found: Portfolio) -> Sequence[Mapping[str, Any]]:
    """As the list of accounts has them at its head; who left, or has no contract, needs nobody today."""
    worse = [one for one, _ in bands_of(look)][1:-1]
    renewals = [one for one in look.words.values.get("renewal_status", {}) if one not in NO_CUSTOMER]
    return found.listing.find(Wanted(among={"band": worse, "renewal": renewals}), "urgent", limit=FIRST).rows


def _lines(look: Look, rows: Sequence[Mapping[str, Any]]) -> tuple[AccountLine, ...]:
    standing = alerts.standing_on(look.c, look.ws, [row["account_id"] for row in rows])
    return tuple(account_line(look, row, standing) for row in rows)


def _over_time(look: Look, days: Sequence[Day]) -> Chart | None:
    if not days:
        return None
    known = [one for one, _ in bands_of(look)]
    names = [*known, *sorted({band for day in days for band in day.bands} - set(known))]
    changed = [
        "the framework changed" if at and day.model_version != days[at - 1].model_version else None
        for at, day in enumerate(days)
    ]
    return Chart(
        kind="area" if len(days) > FEW else "bar",
        title="Accounts by health over time",
        across="Day",
        labels=tuple(day.on.isoformat() for day in days),
        stacked=True,
        least=0,
        series=tuple(
            Series(
                name=band_label(look, name),
                tone=tone(name, at),
                values=tuple(float(day.bands.get(name, 0)) for day in days),
                notes=tuple(changed) if at == 0 else (),
            )
            for at, name in enumerate(names)
        ),
    )


def _by_coverage(tenths: Sequence[int]) -> Chart:
    return Chart(
        kind="bar",
        title="Accounts by how much of the model is known",
        across="Coverage",
        labels=tuple(f"{10 * at}–{10 * at + (10 if at == 9 else 9)}%" for at in range(10)),
        series=(Series(name="Accounts", values=tuple(map(float, tenths))),),
        least=0,
    )


def _segments(look: Look, groups: Iterable[Group], *, one_currency: bool) -> Iterable[SegmentLine]:
    names = [one for one, _ in bands_of(look)]
    by_segment: dict[str | None, list[Group]] = {}
    for group in groups:
        by_segment.setdefault(group.value, []).append(group)
    for segment, parts in by_segment.items():
        counts = {part.band: part.accounts for part in parts}
        known = [part.arr for part in parts if part.arr is not None]
        yield SegmentLine(
            segment=segment,
            label=label(look, "segment", segment) or "No segment",
            accounts=sum(counts.values()),
            bands=tuple(counts.get(name, 0) for name in names),
            arr=sum(known) if known and one_currency else None,
        )


PAGE = Page("/", "Portfolio", "overview.html", overview, Asked, nav="Portfolio")
