"""Renewals: a forecast of the coming twelve months, and the calendar of contracts that end in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from dashboard.web.page import Asked, Look, Page, View
from dashboard.web.pages.reported import Reported, report, whole
from mapping.reports.document import Column, Table

LIMIT = 100
_Text = Annotated[str, Field(max_length=100)]


class Filter(Asked):
    """Which contracts of the calendar; `after` is how many are passed over."""

    month: _Text = ""
    status: _Text = ""
    after: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class Renewals(View):
    """The page; `matching` counts the contracts that the filter leaves, of which a page is in `rows`."""

    report: Reported
    months: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    matching: int = 0
    next: int | None = None


def renewals(look: Look, asked: Filter) -> Renewals:
    """Forecast as the report has it; the calendar narrowed and a page at a time."""
    calendar = _calendar(whole(look, "renewals"))
    found = report(look, "renewals")
    if calendar is None:
        return Renewals(report=found)
    rows = [row for row in calendar.rows if _fits(row, asked)] if asked.month or asked.status else calendar.rows
    end = asked.after + LIMIT
    return Renewals(
        report=found,
        months=tuple(dict.fromkeys(row["end"][:7] for row in calendar.rows)),
        statuses=tuple(sorted({row["status"] for row in calendar.rows})),
        columns=calendar.columns,
        rows=tuple(rows[asked.after : end]),
        matching=len(rows),
        next=end if end < len(rows) else None,
    )


def _calendar(found: Reported) -> Table | None:
    sections: Sequence[Any] = found.document.sections if found.document is not None else ()
    return next((one for section in sections for one in section.tables if one.id == "calendar"), None)


def _fits(row: Mapping[str, Any], asked: Filter) -> bool:
    return str(row["end"]).startswith(asked.month) and asked.status in ("", row["status"])


PAGE = Page("/renewals", "Renewals", "renewals.html", renewals, Filter, nav="Renewals")
