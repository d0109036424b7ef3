"""A report as data: sections of figures, charts and tables, the same for a page, a CSV file, a terminal and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

SCHEMA = "keepwell.report/1"
"""Goes up when a key of a document means something else; further keys may come without that."""
DECIMALS = 9

Unit = Literal["share", "money", "count", "number", "points", "days", "hours"]
Kind = Literal["share", "money", "count", "number", "points", "days", "hours", "text", "word", "band", "date"]
"""What a column holds: a unit, text of a CRM, a word of the framework, a band, a day."""
ChartKind = Literal["stacked", "lines", "waterfall", "bars"]
"""Columns on top of each other, lines, steps from a first to a last column, bars that lie beside their labels."""
Tone = Literal["green", "yellow", "red", "unknown", "1", "2", "3", "4", "5", "6"]
"""Colour of a series: that of a band, or the n-th of the palette."""
Status = Literal["met", "missed", "no_data", "reported"]
Number = int | float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it is made of.

    `n` counts what is below it, `excluded_n` what belongs there and is not known; `before` is the same figure at the
    beginning of the period, None where that is not known. Without a value there is a `reason`.
    """

    id: str
    label: str
    unit: Unit
    value: Number
    numerator: Number = None
    denominator: Number = None
    n: int = 0
    excluded_n: int = 0
    before: Number = None
    target: Mapping[str, Any] | None = None
    status: Status = "reported"
    reason: str | None = None
    made_of: str = ""
    of_money: bool = False
    """Whether numerator and denominator are amounts."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; its `id` is the key in each row."""

    id: str
    label: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as mappings by column id; `total` counts those there are, of which these are the first."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    total: int
    empty: str = "None."


@dataclass(frozen=True, slots=True)
class Series:
    """Values of a chart in the order of its labels."""

    label: str
    values: Sequence[Number]
    tone: Tone = "1"


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw; `across` says what the labels are."""

    id: str
    title: str
    kind: ChartKind
    unit: Unit
    labels: Sequence[str]
    series: tuple[Series, ...]
    across: str


@dataclass(frozen=True, slots=True)
class Section:
    """One question and its answers."""

    id: str
    title: str
    text: str = ""
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A report: what it is about, for which days, over how many accounts, and its sections.

    `accounts` counts customers, or all accounts where `whom` says so. `period` has the days `from` and `to`; `from` is
    None for what says how things stand.
    """

    report: str
    title: str
    framework: str
    as_of: str
    period: Mapping[str, str | None]
    accounts: int
    currency: str | None = None
    notes: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    whom: Literal["customers", "accounts"] = "customers"
    schema: str = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """JSON-able data in the shape of docs/reports.md."""
        return asdict(self)


def number(value: Fraction | None) -> int | float | None:
    """An exact value as JSON has it: whole, or with at most nine decimals."""
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(round(value, DECIMALS))


def share(
    id_: str, label: str, top: int | None, bottom: int | None, *,
    n: int | None = None, excluded: int = 0, before: tuple[int, int] | None = None, made_of: str = "",
    nothing: str = "there is nothing to divide by",
) -> Figure:  # fmt: skip
    """A quotient with both its parts; without a denominator there is no value, but a reason."""
    known = top is not None and bool(bottom)
    return Figure(
        id_, label, "share",
        value=number(Fraction(top or 0, bottom or 1)) if known else None,
        numerator=top,
        denominator=bottom,
        n=(bottom or 0) if n is None else n,
        excluded_n=excluded,
        before=number(Fraction(*before)) if before is not None and before[1] else None,
        status="reported" if known else "no_data",
        reason=None if known else nothing,
        made_of=made_of,
    )  # fmt: skip


def tone(band: str) -> Tone:
    """The colour of a band; one of a framework's own that has none is drawn like what is not known."""
    known: Mapping[str, Tone] = {"green": "green", "yellow": "yellow", "red": "red"}
    return known.get(band, "unknown")


def count(id_: str, label: str, value: int, *, of: int = 0, before: int | None = None, made_of: str = "") -> Figure:
    """A number of things, out of how many that were looked at."""
    return Figure(id_, label, "count", value, numerator=value, n=of or value, before=before, made_of=made_of)
