"""The next renewal status, if nothing happens but time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from mapping.deals import as_known
from mapping.frames import AsOf, Frames, ordered
from mapping.framework.spec import Renewal
from mapping.renewal.engine import renew

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Coming:
    """A status, and the first day on which it is that."""

    status: str
    sub_status: str | None
    on: date


def next_status(accounts: pl.DataFrame, terms: pl.DataFrame, frames: Frames, at: AsOf, spec: Renewal) -> Coming | None:
    """The next other status of the one account in `accounts`, None when time alone changes nothing.

    `accounts` and `terms` are those that were evaluated at `at`; the health stays what it is.
    """
    frames = ordered(frames)
    deals = as_known(frames.deals, at)
    now = accounts.item(0, "renewal_status")
    bare = accounts.select(name for name in accounts.columns if not name.startswith("·"))
    notices = frames.contracts.get_column("cancel_notice_at").drop_nulls()
    for day in sorted({day for day in (*_boundaries(bare, terms, spec), *notices) if day > at.date}):
        then = AsOf.end_of(day, at.zone)
        found = renew(bare, frames, deals, then, spec).accounts
        if (status := found.item(0, "renewal_status")) != now:
            return Coming(status, found.item(0, "renewal_sub_status"), day)
    return None


def _boundaries(accounts: pl.DataFrame, terms: pl.DataFrame, spec: Renewal) -> Iterator[date]:
    """Every day on which a rule can come true or cease to hold by itself."""
    for start, end in terms.select("start", "end").iter_rows():
        yield end - timedelta(days=spec.window_days)
        yield end - timedelta(days=spec.start_days)
        yield end + _DAY
        yield end + timedelta(days=spec.grace_days) + _DAY
        if start is not None:
            yield start
    for name, later in (("churned_at", timedelta()), ("cancel_notice_at", timedelta()), ("override_until", _DAY)):
        if (day := accounts.item(0, name)) is not None:
            yield day + later
