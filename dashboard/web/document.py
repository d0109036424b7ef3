"""Reports as pages show them: their charts in the dashboard's own form, and filters for figures and cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from dashboard import documents
from dashboard.kpis import WORDS, in_unit
from dashboard.web import charts
from dashboard.web.shown import coded
from mapping.reports.document import Chart, Document, Figure

_KINDS: Mapping[str, Literal["line", "bar", "waterfall"]] = MappingProxyType(
    {"stacked": "bar", "bars": "bar", "lines": "line", "waterfall": "waterfall"}
)


def drawn(chart: Chart, currency: str | None) -> charts.Chart:
    """A chart in the form that `parts.chart` draws; shares become percent."""
    factor = 100 if chart.unit == "share" else 1
    units = {"share": " %", "money": f" {currency}" if currency else ""}
    return charts.Chart(
        kind=_KINDS[chart.kind],
        title=chart.title,
        across=chart.across,
        labels=tuple(chart.labels),
        series=tuple(
            charts.Series(
                name=one.label,
                values=tuple(None if value is None else round(factor * value, 4) for value in one.values),
                tone=one.tone,
            )
            for one in chart.series
        ),
        unit=units.get(chart.unit, ""),
        least=0 if chart.kind in {"lines", "bars"} else None,
        stacked=chart.kind == "stacked",
        level=chart.kind == "bars",
    )


def valued(one: Figure, currency: str | None) -> str:
    """A figure's value as people read it."""
    return in_unit(one.unit, one.value, currency)


def before(one: Figure, currency: str | None) -> str:
    """What it was when the period began."""
    return in_unit(one.unit, one.before, currency)


def judged(one: Figure) -> str:
    """Whether its target is met."""
    return WORDS[one.status]


def only_figure(document: Document, name: str) -> Document:
    """A document of KPIs with one of them, and the accounts behind it."""
    first, *rest = document.sections
    figures = tuple(one for one in first.figures if one.id == name)
    return replace(document, sections=(replace(first, title=figures[0].label, text="", figures=figures), *rest))


FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "drawn": drawn,
        "coded": coded,
        "heading": documents.heading,
        "only_figure": only_figure,
        "valued": valued,
        "before": before,
        "judged": judged,
        "aim": documents.aim,
        "parts": documents.parts,
        "counted": documents.counted,
        "in_unit": in_unit,
        "is_number": documents.is_number,
        "cell": lambda value, kind, currency: documents.cell(kind, value, currency),
    }
)
