"""Reports on a terminal and as CSV files; `dashboard.web.reportfile` makes pages of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.kpis import OPERATORS, STATUS_STYLES, WORDS, in_unit
from dashboard.terminal import styled, table, words
from dashboard.text import inert
from dashboard.tofile import csv_text
from mapping.reports.document import Document, Figure, Kind, Section, Table

ROWS = 10
"""So many rows of a table are shown on a terminal; the other formats have them all."""
_RIGHT = frozenset({"share", "money", "count", "number", "points", "days", "hours"})
_FIGURE = ("section", "id", "label", "unit", "value", "numerator", "denominator", "n", "excluded_n", "before", "target",
           "status", "reason", "made_of")  # fmt: skip


class NoSuchTable(ValueError):
    """A report has no table of this name; the message says which ones it has."""


def show_document(out: Console, document: Document) -> None:
    """Title and period, then each section: its figures, then the first rows of its tables."""
    out.print(Text(f"{document.title}: {heading(document)}", style="bold"))
    for note in document.notes:
        out.print(Text(inert(note)))
    for section in document.sections:
        _show_section(out, section, document.currency)


def heading(document: Document) -> str:
    """`Cradle to grave, 2026-11-22 to 2026-11-28; 1,204 customers.`"""
    since = document.period["from"]
    period = f"{since} to {document.as_of}" if since else f"as of {document.as_of}"
    return f"{inert(document.framework)}, {period}; {document.accounts:,} {document.whom}."


def _show_section(out: Console, section: Section, currency: str | None) -> None:
    out.print()
    out.print(Text(inert(section.title), style="bold underline"))
    if section.text:
        out.print(Text(inert(section.text)))
    if section.figures:
        columns = ("figure", "value", "before", "target", "", "made of", "n")
        rows = [_figure_row(one, currency) for one in section.figures]
        out.print(table("", columns, rows, right=("value", "before"), wrap=("figure", "made of", "n")))
    for one in section.tables:
        _show_table(out, one, currency)


def _figure_row(one: Figure, currency: str | None) -> tuple[object, ...]:
    made = one.reason if one.value is None and one.reason else parts(one, currency)
    before = "" if one.before is None else in_unit(one.unit, one.before, currency)
    return (one.label, in_unit(one.unit, one.value, currency), before, aim(one, currency),
            styled(WORDS[one.status], STATUS_STYLES), made, counted(one))  # fmt: skip


def parts(one: Figure, currency: str | None) -> str:
    """`82 ÷ 169`, an amount's whole as `of 1,200,000 EUR`, or what a figure without a denominator is made of."""
    if one.denominator is None:
        return one.made_of
    if one.unit == "money":
        return f"of {in_unit('money', one.denominator, currency)}"
    unit = "money" if one.of_money else "number"
    return " ÷ ".join(in_unit(unit, part, currency) for part in (one.numerator, one.denominator))


def counted(one: Figure) -> str:
    """How many count, and of how many it is not known."""
    return f"{one.n:,}" + (f" ({one.excluded_n:,} left out)" if one.excluded_n else "")


def aim(one: Figure, currency: str | None) -> str:
    """`≥ 96 %`, or nothing."""
    if one.target is None:
        return ""
    value = one.target["value"]
    text = f"{100 * value:g} %" if one.unit == "share" else in_unit(one.unit, value, currency).lstrip("+")
    return f"{OPERATORS.get(one.target['op'], one.target['op'])} {text}"


def cell(kind: Kind, value: Any, currency: str | None) -> str:
    """A cell of a table as people read it."""
    if value is None:
        return "–"
    if kind in {"word", "band"}:
        return inert(words(value))
    if kind in _RIGHT:
        return in_unit(kind, value, currency)
    return inert(value)


def is_number(kind: Kind) -> bool:
    """Whether a column is aligned to the right."""
    return kind in _RIGHT


def _show_table(out: Console, one: Table, currency: str | None) -> None:
    if not one.rows:
        out.print(Text(inert(f"{one.title}: {one.empty}")))
        return
    labels = [column.label for column in one.columns]
    right = [column.label for column in one.columns if is_number(column.kind)]
    rows = [[cell(column.kind, row[column.id], currency) for column in one.columns] for row in one.rows[:ROWS]]
    wrap = [column.label for column in one.columns if column.kind == "text"]
    out.print(table(one.title, labels, rows, right=right, wrap=wrap))
    if one.total > ROWS:
        out.print(f"… and {one.total - ROWS:,} more; `--format csv --table {one.id}` lists them.")


def figures_csv(document: Document) -> str:
    """One row a figure, unrounded."""
    return csv_text(_FIGURE, (_plain(section, one) for section in document.sections for one in section.figures))


def _plain(section: Section, one: Figure) -> list[object]:
    target = "" if one.target is None else f"{one.target['op']} {one.target['value']}"
    named = {"section": section.id, "target": target}
    return [named[name] if name in named else getattr(one, name) for name in _FIGURE]


def table_csv(document: Document, name: str) -> str:
    """The rows of one table, unrounded, with the id of the account where there is one; raises `NoSuchTable`."""
    tables = {one.id: one for section in document.sections for one in section.tables}
    if name not in tables:
        raise NoSuchTable(f"The report {document.report} has no table {name!r}; it has {', '.join(tables)}.")
    one = tables[name]
    return csv_text(*_rows(one))


def _rows(one: Table) -> tuple[list[str], Iterable[list[object]]]:
    columns = [column.id for column in one.columns]
    keys = [key for key in (one.rows[0] if one.rows else ()) if key not in columns]
    names = [*keys, *columns]
    return names, ([row[name] for name in names] for row in one.rows)
