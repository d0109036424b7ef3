"""Sums of one KPI, slice by slice, and what they come to in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import polars as pl

from mapping.framework.spec import KpiSpec, Target
from mapping.kpis.catalogue import CATALOGUE, Kpi, Period
from mapping.kpis.measures import measured
from mapping.kpis.slice import MONTHS, SCALE, Currency, Slice, months_before

Status = Literal["met", "missed", "no_data", "reported"]
"""`reported` is a value without a target."""
PERCENTILE = Fraction(9, 10)
_MEAN_DECIMALS = 9
_PARTS: Mapping[str, int] = {"hours": 3600}
"""How many parts that are added make one of a unit: tickets are timed in seconds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What no CRM has: money in the reporting currency, for the period of the KPI; `gross_margin` is a fraction."""

    cs_spend: Decimal | None = None
    sales_spend: Decimal | None = None
    gross_margin: Decimal | None = None
    advocates: int | None = None
    case_studies: int | None = None
    currency: Currency = field(default_factory=Currency)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a KPI came to.

    `value` is exact; `n` counts the rows (accounts, terms, deals, tickets, answers) below it, `excluded` those that
    belong there and are not known. The period begins with the end of the day `since`, and ends with `until`; what only
    says how things stand has no `since`.
    """

    entry: KpiSpec
    kpi: Kpi
    period: Period
    since: date | None
    until: date
    value: Fraction | None
    top: Fraction | None
    bottom: Fraction | None
    n: int
    excluded: int
    status: Status
    reason: str | None
    also: Mapping[str, Fraction | None]


@dataclass(slots=True)
class Tally:
    """What is known so far of the KPI at an index of a framework; sums are in the scale of `slice.SCALE`."""

    index: int
    entry: KpiSpec
    top: int = 0
    bottom: int = 0
    n: int = 0
    excluded: int = 0
    evidence: int = 0
    also: dict[str, tuple[int, int]] = field(default_factory=dict)
    values: list[pl.Series] = field(default_factory=list)

    @property
    def kpi(self) -> Kpi:
        return CATALOGUE[self.entry.id]

    @property
    def period(self) -> Period:
        return self.entry.period or self.kpi.period

    def rows(self, part: Slice) -> pl.DataFrame:
        """Rows of a slice that concern this KPI: account_id, top, bottom (null where not known)."""
        kpi = self.kpi
        found = measured(part, kpi.measure, self.period, self.index, self.entry)
        if self.entry.where is not None:
            chosen = part.table.filter(part.chosen(self.index, "where").fill_null(value=False))
            found = found.join(chosen.select("account_id"), on="account_id", how="semi", maintain_order="left")
        bottom = pl.col(kpi.bottom) if kpi.bottom is not None else pl.when(pl.col(kpi.top).is_not_null()).then(0)
        top = pl.when(bottom.is_not_null()).then(pl.col(kpi.top))
        extra = [column for _, *pair in kpi.also for column in pair]
        extra += [kpi.evidence] if kpi.evidence is not None else []
        return found.select("account_id", *dict.fromkeys(extra), **{"·top": top, "·bottom": bottom.cast(pl.Int128)})

    def add(self, part: Slice) -> pl.DataFrame:
        """Add the rows of a slice, and return them."""
        rows, kpi = self.rows(part), self.kpi
        known = rows.filter(pl.col("·bottom").is_not_null())
        self.top += _sum(known, "·top")
        self.bottom += _sum(known, "·bottom")
        self.n += known.filter(pl.col("·bottom" if kpi.bottom is not None else "·top") != 0).height
        self.excluded += rows.height - known.height
        if kpi.evidence is not None:
            self.evidence += _sum(rows, kpi.evidence)
        for name, top, bottom in kpi.also:
            there = rows.filter(pl.col(top).is_not_null() & pl.col(bottom).is_not_null())
            before = self.also.get(name, (0, 0))
            self.also[name] = (before[0] + _sum(there, top), before[1] + _sum(there, bottom))
        if kpi.shape == "median":
            self.values.append(known.get_column("·top"))
        return rows

    def in_units(self, top: int) -> Fraction:
        """A part of the upper sum in the KPI's unit."""
        return Fraction(top, SCALE) / _PARTS.get(self.kpi.unit, 1)

    def outcome(self, until: date, figures: Figures) -> Outcome:
        """The value of everything that was added, against the target; `until` is the day of the evaluation."""
        kpi = self.kpi
        since = None if kpi.of_the_moment else months_before(until, MONTHS[self.period])
        figure = None if kpi.figure is None else getattr(figures, kpi.figure)
        top: Fraction | None = self.in_units(self.top)
        bottom = Fraction(self.bottom, SCALE) if kpi.bottom is not None else None
        if kpi.figure is not None and kpi.figure_is == "top":
            top = None if figure is None else Fraction(figure)
        value = None if top is None else self._value(top, bottom, None if figure is None else Fraction(figure))
        reason = None if value is not None else self._reason(figure)
        status: Status = "no_data" if value is None else "reported"
        if value is not None and self.entry.target is not None:
            status = "met" if reached(value, self.entry.target) else "missed"
        return Outcome(
            self.entry, kpi, self.period, since, until, value, top, bottom, self.n, self.excluded, status, reason,
            self._also(),
        )  # fmt: skip

    def _value(self, top: Fraction, bottom: Fraction | None, figure: Fraction | None) -> Fraction | None:
        kpi = self.kpi
        if (kpi.figure is not None and figure is None) or (kpi.evidence is not None and not self.evidence):
            return None
        if kpi.shape == "total":
            return top if self.n or kpi.figure is not None or not self.excluded else None
        if kpi.shape == "median":
            return self._quantile(Fraction(1, 2))
        return self._quotient(top, bottom, figure)

    def _quotient(self, top: Fraction, bottom: Fraction | None, figure: Fraction | None) -> Fraction | None:
        kpi = self.kpi
        if bottom is None or bottom <= 0:
            return None
        if kpi.shape == "product":
            return self._lifetime(top / bottom, figure)
        ratio = top / bottom * (100 if kpi.shape == "points" else 1)
        # The parts of such a mean were cut to twelve decimals; what that did to it is far below the ninth.
        return round(ratio, _MEAN_DECIMALS) if kpi.measure in ("usage", "csat", "chosen") else ratio

    def _lifetime(self, annual: Fraction, margin: Fraction | None) -> Fraction | None:
        """Mean revenue a month times margin, divided by the share of revenue that is lost in a month."""
        lost, start = self.also.get("churn", (0, 0))
        if margin is None or lost <= 0 or start <= 0:
            return None
        return annual / 12 * margin / (Fraction(lost, start) / MONTHS[self.period])

    def _quantile(self, share: Fraction) -> Fraction | None:
        """The middle value for a half (the mean of two); for others the smallest that so many do not exceed."""
        known = pl.concat(self.values).sort() if self.values else pl.Series(dtype=pl.Int128)
        if known.is_empty():
            return None
        parts = SCALE * _PARTS.get(self.kpi.unit, 1)
        if share == Fraction(1, 2):
            middle = known.len() // 2
            both = int(known[middle]) + int(known[middle if known.len() % 2 else middle - 1])
            return Fraction(both, 2 * parts)
        place = -(-known.len() * share.numerator // share.denominator)
        return Fraction(int(known[place - 1]), parts)

    def _also(self) -> dict[str, Fraction | None]:
        parts = _PARTS.get(self.kpi.unit, 1)
        found = {
            name: Fraction(top, bottom) / (parts if top_name == self.kpi.top else 1) if bottom > 0 else None
            for (name, top_name, _), (top, bottom) in zip(self.kpi.also, self._sums(), strict=True)
        }
        return {**found, "p90": self._quantile(PERCENTILE)} if self.kpi.shape == "median" else found

    def _sums(self) -> Sequence[tuple[int, int]]:
        return [self.also.get(name, (0, 0)) for name, _, _ in self.kpi.also]

    def _reason(self, figure: object) -> str:
        kpi = self.kpi
        if kpi.figure is not None and figure is None:
            return f"no CRM has it: set `figures.{kpi.figure}` in the configuration"
        if kpi.shape == "product" and self.n and self.also["churn"][0] <= 0:
            return "nothing churned in the period"
        return kpi.lacking + (f" ({self.excluded} left out: not known)" if self.excluded else "")


def tallies(specs: Sequence[KpiSpec]) -> list[Tally]:
    """One empty tally an entry."""
    return [Tally(index, entry) for index, entry in enumerate(specs)]


def made_of(entry: KpiSpec) -> str:
    """What the KPI of an entry is made of: the catalogue's words, with the framework's own expressions in them."""
    kpi = CATALOGUE[entry.id]
    told = kpi.made_of
    if entry.anchor is not None:
        told = told.replace("go-live", entry.anchor)
    for key in sorted(kpi.takes & {"having", "of", "value"}):
        said = getattr(entry, key)
        told = told.replace(f"`{key}`", said) if said else told.replace(f" for which `{key}` holds", "")
    return entry.meaning or told


def reached(value: Fraction, target: Target) -> bool:
    """Whether the unrounded value meets the target; an exact hit on a strict one does not."""
    aim = Fraction(str(target.value))
    return {">=": value >= aim, ">": value > aim, "<=": value <= aim, "<": value < aim}[target.op]


def _sum(rows: pl.DataFrame, column: str) -> int:
    return int(rows.get_column(column).sum() or 0)
