"""What the reports are made of: one row an account and one a term, collected slice by slice, and what was stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import polars as pl

from mapping.engine import Evaluation
from mapping.frames import AsOf
from mapping.framework import Framework
from mapping.kpis.catalogue import Period
from mapping.kpis.revenue import renewals, revenue_on
from mapping.kpis.slice import SCALE, Slice, months_before, worth
from mapping.renewal.forecast import decided_since, in_millionths
from mapping.reports.document import Document, Figure, Section, number

USAGE = ("logins_per_user_week", "features_used", "features_licensed", "data_volume", "data_volume_contracted",
         "quantity_used", "quantity_licensed", "users_active", "users_licensed", "users_provisioned",
         "users_activated", "usage_as_of")  # fmt: skip
VALUE = ("roi_realised", "roi_target", "goals_achieved", "goals_agreed", "hours_saved", "hours_saved_target",
         "value_as_of")  # fmt: skip
_READINGS = ("account_id", "read_on", "logins_per_user_week", "features_used", "data_volume", "quantity_used",
             "users_active")  # fmt: skip
_KEY = ("account_id", "connection", "term_id")
_JUDGED = ("start", "end", "days", "ratio", "status", "sub_status", "current", "gone", "auto_renew", "in_force")
LEARNED = (3, 6, 9, 12, 15, 18, 21, 24)
"""So many months back the renewal statuses of those days are looked at."""
NEAR = 88
"""Terms are looked at that had so many days left then; three months have at least 89, so that no term is met twice."""


@dataclass(slots=True)
class Gathered:
    """All accounts for one report.

    `sheet` has one row an account; money in it is in the reporting currency and the scale of `slice.SCALE`.
    `history` (account_id, at, score, band) are the stored evaluations, `alerts` those that were raised in a year,
    `ended` the terms that ended in the period (`kpis.revenue.renewals`), `kpis` what `report kpis` says.
    """

    at: AsOf
    since: date
    framework: Framework
    currency: str | None
    sheet: pl.DataFrame
    terms: pl.DataFrame
    decided: pl.DataFrame
    readings: pl.DataFrame
    missing: pl.DataFrame
    ended: pl.DataFrame
    tickets: pl.DataFrame
    meetings: pl.DataFrame
    history: pl.DataFrame
    alerts: pl.DataFrame
    kpis: Sequence[Mapping[str, Any]] = ()
    notes: tuple[str, ...] = ()

    def moment(self, day: date) -> datetime:
        """The end of a day, or the moment of the report on its own day."""
        return self.at.utc if day == self.at.date else AsOf.end_of(day, self.at.zone).utc

    def document(
        self, report: str, title: str, sections: tuple[Section, ...], *, since: date | None, notes: tuple[str, ...] = ()
    ) -> Document:
        """A report of these accounts; `since` is the first day of its period."""
        today = self.at.date.isoformat()
        return Document(
            report=report,
            title=title,
            framework=self.framework.spec.title,
            as_of=today,
            period={"from": None if since is None else since.isoformat(), "to": today},
            accounts=self.active.height,
            currency=self.currency,
            notes=(*self.notes, *notes),
            sections=sections,
        )

    @property
    def active(self) -> pl.DataFrame:
        """Rows of the sheet that are customers."""
        return self.sheet.filter("active")


@dataclass(slots=True)
class Gathering:
    """Collects slices; one that `learns` also compares the renewal statuses of the past with what came of them,
    one with a `period` keeps the terms that ended in it."""

    at: AsOf
    since: date
    learns: bool = False
    period: Period | None = None
    _parts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, part: Slice, evaluation: Evaluation) -> None:
        """Keep what reports need of a slice."""
        found = {
            "sheet": _sheet(part, self.since),
            "terms": _terms(part, evaluation),
            "decided": _decided(part) if self.learns else pl.DataFrame(schema=_DECIDED),
            "readings": part.frames.readings.select(_READINGS),
            "missing": _missing(part, evaluation),
            "ended": renewals(part, self.period).select(*_ENDED) if self.period else pl.DataFrame(schema=_ENDED),
            "tickets": part.frames.tickets.select("account_id", "created_at", "closed_at"),
            "meetings": part.frames.meetings.filter(pl.col("outcome") == "completed").select("account_id", "starts_at"),
        }
        for name, frame in found.items():
            self._parts.setdefault(name, []).append(frame)

    def frames(self) -> dict[str, pl.DataFrame]:
        """Everything that was kept, by the names of `Gathered`."""
        return {name: pl.concat(parts) for name, parts in self._parts.items()}


_ENDED = dict.fromkeys(("due", "lost", "renewed", "decided"), pl.Int128())
_DECIDED = {"status": pl.String(), "renewed": pl.Boolean()}


def _sheet(part: Slice, since: date) -> pl.DataFrame:
    now = revenue_on(part, part.at.date).select("account_id", "arr")
    then = revenue_on(part, since).select("account_id", arr_then="arr")
    columns = part.table.select(
        "account_id", "active", "segment", "renewal_status", "contract_ends_on", "next_touch_type",
        "next_touch_due_on", "go_live_at", *USAGE, *VALUE,
        account="name", stage="lifecycle_stage", score="health_score", coverage="health_coverage",
        reasons="health_reasons",
        band=pl.col("health_band").fill_null("unknown"), owner=pl.coalesce("csm_ref", "owner_ref"),
    )  # fmt: skip
    joined = columns.join(now, on="account_id", how="left", maintain_order="left")
    return joined.join(then, on="account_id", how="left", maintain_order="left")


def _terms(part: Slice, evaluation: Evaluation) -> pl.DataFrame:
    """Terms with `value`: what a year of them pays, in the reporting currency; opinions and health play their part."""
    amounts = part.terms(part.at.date).select(*_KEY, "arr", "offered")  # at the rates of all KPIs
    judged = evaluation.terms.select(*_KEY, *_JUDGED).join(amounts, on=_KEY, nulls_equal=True, maintain_order="left")
    rates = part.table.select("account_id", "rate", account="name", band="health_band")
    rows = in_millionths(judged).join(rates, on="account_id", maintain_order="left")
    return rows.with_columns(value=worth(pl.col("value")), offered=worth(pl.col("offered"))).drop("rate", "arr")


def _decided(part: Slice) -> pl.DataFrame:
    now = part.terms(part.at.date)
    days = (months_before(part.at.date, months) for months in LEARNED)
    return pl.concat([decided_since(part.terms(day), now, NEAR) for day in days])


def _missing(part: Slice, evaluation: Evaluation) -> pl.DataFrame:
    """Per metric of the active accounts of a slice: how many there are, and of how many it is not known."""
    active = part.table.filter("active").get_column("account_id").to_list()
    kept = evaluation.health(active)
    return kept.group_by("metric", maintain_order=True).agg(
        n=pl.len().cast(pl.Int64), missing=pl.col("missing").is_not_null().sum().cast(pl.Int64)
    )


def money(scaled: int | None) -> int | float | None:
    """An amount in the scale of `slice.SCALE`, as JSON has it."""
    return None if scaled is None else number(Fraction(scaled, SCALE))


def amount(id_: str, label: str, scaled: int, *, n: int, excluded: int, made_of: str, of: int | None = None) -> Figure:
    """A sum of money in the scale of `slice.SCALE`, beside another one that it is a part of."""
    value = money(scaled)
    return Figure(id_, label, "money", value, value, money(of), n, excluded, made_of=made_of)


def total(frame: pl.DataFrame, name: str) -> int:
    """The sum of a column of whole numbers, exact; nothing known is nothing."""
    return int(frame.get_column(name).sum() or 0)


def listed(
    frame: pl.DataFrame, columns: Iterable[str], limit: int, *, scaled: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """The first rows as mappings; what is `scaled` becomes money, days become text."""
    wanted = frame.head(limit).select(*columns).iter_rows(named=True)
    amounts = frozenset(scaled)
    return [{name: money(value) if name in amounts else _plain(value) for name, value in row.items()} for row in wanted]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
