"""The weekly, monthly, quarterly and annual reports, as `keepwell report` makes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dashboard.web.page import Asked, Look, NotFound, Page, View
from dashboard.web.pages.reported import Reported, report

REPORTS = {
    "weekly-health": ("Weekly health", "Bands over time, who fell and who rose, alerts, what the scores do not know."),
    "monthly-usage": ("Monthly usage", "How much of the product customers use, month by month; where use fell."),
    "quarterly-review": ("Quarterly review", "Targets, revenue, renewals behind and ahead, health then and now."),
    "annual-value": ("Annual value", "What customers got in a year against what was agreed with them."),
}
"""Name → title and what is in it."""


class Listed(View):
    """A report that there is."""

    name: str
    title: str
    text: str


class Index(View):
    """The list of reports."""

    reports: tuple[Listed, ...]


class Named(Asked):
    """A report by its name."""

    name: Annotated[str, Field(max_length=100)]


class Shown(View):
    """One report."""

    name: str
    title: str
    report: Reported


def index(_look: Look, _asked: Asked) -> Index:
    """What there is to read."""
    return Index(reports=tuple(Listed(name=name, title=one[0], text=one[1]) for name, one in REPORTS.items()))


def one(look: Look, asked: Named) -> Shown:
    """A report as of now."""
    if asked.name not in REPORTS:
        raise NotFound(f"There is no report {asked.name!r}.", f"There are {', '.join(REPORTS)}.")
    return Shown(name=asked.name, title=REPORTS[asked.name][0], report=report(look, asked.name))


PAGE = Page("/reports", "Reports", "reports.html", index, Asked, nav="Reports")
ONE = Page("/reports/{name}", "Report", "report.html", one, Named)
