"""All accounts as the last evaluation left them, in a small database of the server's own memory.

What the pages of the portfolio sort, search and count is spread over wide rows and documents of the store. It is read
once after each evaluation, in a thread of its own; until that is done the pages show the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection

from config.rates import load_rates
from config.settings import Settings
from dashboard.logs import log_event
from dashboard.web.listing import COLUMNS, Listing
from dashboard.web.shelf import Shelf
from mapping.accounts import Precedence, order_of, precedence_of
from mapping.frames import AsOf
from mapping.framework import Framework
from mapping.money import UNRATED, in_reporting
from mapping.rates import Rates
from mapping.schema import MONEY
from store import browsing, frames, identity, marks, portfolio
from store.errors import StoreError

HISTORY = timedelta(days=366)
"""How far back the pages show how accounts were spread over the bands."""

_VALUES = (
    "segment", "renewal_status", "health_trend", "health_coverage", "health_reasons", "stage_entered_on",
    "next_touch_due_on",
)  # fmt: skip
NO_CUSTOMER = {"not_applicable": 1, "churned": 2}
"""Renewal status of who is no customer, in the order in which they come behind those who are."""
_LATER = 1000.0
"""Customers come before accounts without a contract, and those that left come last: nobody can keep them any more."""
_DOCUMENT = pl.Struct(
    {
        "values": pl.Struct(dict.fromkeys(_VALUES, pl.String())),
        "told": pl.Struct({"arr": pl.String(), "currency": pl.String()}),
    }
)


@dataclass(frozen=True, slots=True)
class Day:
    """How many accounts had each band on a day, by the last run of that day, and what it evaluated with."""

    on: date
    bands: Mapping[str, int]
    model_version: str


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What one evaluation of all accounts left; `as_of` is its moment, `run_id` the last run that had ended then."""

    as_of: datetime
    run_id: str | None
    listing: Listing
    days: tuple[Day, ...]


class Catalogue:
    """Keeps the portfolio of the last evaluation, and reads it anew when there is another."""

    def __init__(self, shelf: Shelf, settings: Settings, framework: Framework) -> None:
        self._shelf = shelf
        self._settings = settings
        self._framework = framework
        self._rates = load_rates(settings)
        self._kept: Portfolio | None = None
        self._first = threading.Lock()
        self._renewing = threading.Lock()

    def current(self, c: Connection) -> Portfolio | None:
        """The portfolio; None before the first evaluation of all accounts. Only the first caller waits for it."""
        at = evaluated_at(c, self._settings.workspace)
        if at is None:
            return None
        with self._first:
            if self._kept is None:
                self._kept = read(c, at, self._settings, self._framework, self._rates)
        # A run for a day of the past evaluates without becoming the last word, but belongs to the history.
        outdated = (self._kept.as_of, self._kept.run_id) != (at, browsing.last_ended(c, self._settings.workspace))
        if outdated and self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renew, name="catalogue", daemon=True).start()
        return self._kept

    def warm(self) -> None:
        """Read it before anybody asks; without a store there is nothing to read yet."""
        try:
            with self._shelf.reading() as c:
                self.current(c)
        except StoreError as error:
            log_event("portfolio.missing", reason=str(error))

    def _renew(self) -> None:
        try:
            with self._shelf.reading() as c:
                at = evaluated_at(c, self._settings.workspace)
                self._kept = read(c, at, self._settings, self._framework, self._rates) if at is not None else None
        except StoreError as error:  # the page shows the one before, and the next request tries again
            log_event("portfolio.not_renewed", reason=str(error))
        finally:
            self._renewing.release()


def evaluated_at(c: Connection, ws: str) -> datetime | None:
    """The moment as of which all accounts were evaluated last."""
    found = marks.mark(c, ws, marks.EVALUATED_LAST)
    return None if found is None else datetime.fromisoformat(found)


def read(
    c: Connection, at: datetime, settings: Settings, framework: Framework, rates: Rates | None = None
) -> Portfolio:
    """Read the portfolio out of the store; 1.2 seconds for 50,000 accounts."""
    ws, zone = settings.workspace, ZoneInfo(settings.timezone)
    days = framework.spec.score.trend.days
    reports = portfolio.counted(c, ws, at - HISTORY, lambda moment: moment.astimezone(zone).date())
    return Portfolio(
        at,
        browsing.last_ended(c, ws),
        Listing(
            _in_one_currency(_accounts(c, settings, at - timedelta(days=days)), rates, AsOf(at, settings.timezone))
        ),
        tuple(
            Day(on, report["evaluate"]["bands"], report.get("model_version") or "")
            for on, report in reports.items()
            if report.get("evaluate", {}).get("accounts")
        ),
    )


def _accounts(c: Connection, settings: Settings, then: datetime) -> pl.DataFrame:
    """One row an account in the columns of `COLUMNS`."""
    ws = settings.workspace
    standing = portfolio.standing(c, ws, _DOCUMENT).unnest("outputs")
    before = portfolio.scores_then(c, ws, then).rename({"score": "before"})
    number = pl.Float64()
    whole = (
        standing.unnest("values", "told")
        .join(_named(c, settings), on="account_id", how="left")
        .join(before.with_columns(anew=True), on="account_id", how="left")
        .with_columns(
            coverage=pl.col("health_coverage").cast(number, strict=False),
            arr=pl.col("arr").cast(number, strict=False),
            trend=pl.col("health_trend"),
            reasons=pl.col("health_reasons"),
            # What was not evaluated anew since has the score that it had then.
            change=pl.col("score") - pl.when(pl.col("anew").is_null()).then("score").otherwise("before"),
            name=pl.coalesce("name", "account_id"),
            urgent=_LATER * pl.col("renewal_status").replace_strict(NO_CUSTOMER, default=0, return_dtype=number)
            + pl.col("score").fill_null(_LATER / 2),
        )
    )
    return whole.select(COLUMNS)


def _in_one_currency(accounts: pl.DataFrame, rates: Rates | None, at: AsOf) -> pl.DataFrame:
    """Revenue in the reporting currency, to be sorted and added; where there is no rate as the CRM has it."""
    if rates is None:
        return accounts
    own = accounts.with_columns(pl.col("arr").cast(MONEY, strict=False))
    found = in_reporting(own, {"reported": "arr"}, pl.lit(at.date), rates, at)
    rated = pl.col(UNRATED).is_null()
    return found.with_columns(
        arr=pl.when(rated).then("reported").otherwise("arr").cast(pl.Float64()),
        currency=pl.when(rated & pl.col("arr").is_not_null()).then(pl.lit(rates.currency)).otherwise("currency"),
    ).select(COLUMNS)


def _named(c: Connection, settings: Settings) -> pl.DataFrame:
    """account_id, name, domain, who looks after it (`person`), and `search`: everything that it is found by."""
    ws = settings.workspace
    types = {name: connection.type for name, connection in settings.connections.items()}  # type: ignore[attr-defined]
    precedence = precedence_of(types, settings.policy.precedence)
    people = (
        frames.frame(c, ws, "owner", fields=("name", "email"))
        .select("connection", ref="id", person=pl.coalesce("name", "email"))
        .unique(["connection", "ref"], keep="first", maintain_order=True)
    )
    records = frames.frame(c, ws, "account", fields=("name", "domain", "owner_ref", "csm_ref")).join(
        identity.link_frame(c, ws).select("account_id", "connection", "crm_id"),
        left_on=["connection", "id"], right_on=["connection", "crm_id"],
    )  # fmt: skip
    for role in ("csm", "owner"):
        records = records.join(
            people.rename({"ref": f"{role}_ref", "person": role}), on=["connection", f"{role}_ref"], how="left"
        )
    connections = sorted(types)
    return records.group_by("account_id").agg(
        _first("name", precedence, connections),
        _first("domain", precedence, connections),
        person=pl.coalesce(
            _first("csm", precedence, connections, "csm_ref"), _first("owner", precedence, connections, "owner_ref")
        ),
        search=pl.concat_str(
            pl.col("name").drop_nulls().unique(maintain_order=True).str.join("\n"),
            pl.col("domain").drop_nulls().unique(maintain_order=True).str.join("\n"),
            pl.col("id").unique(maintain_order=True).str.join("\n"),
            separator="\n",
        ).str.to_lowercase(),
    )


def _first(column: str, precedence: Precedence, connections: list[str], field: str | None = None) -> pl.Expr:
    """The value of the first connection in order that has one; `field` is the account field whose order counts."""
    order = order_of(field or column, precedence, connections)
    rank = pl.col("connection").replace_strict(order, range(len(order)), default=len(order), return_dtype=pl.Int64)
    return pl.col(column).sort_by(rank, "id").drop_nulls().first()
