"""KPIs against their targets, and the accounts behind one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dashboard.web.page import Asked, Look, NotFound, Page, View
from dashboard.web.pages.reported import Reported, report

ACCOUNTS = 200
"""So many accounts behind a KPI are on its page."""


class One(Asked):
    """A KPI by its name in the framework."""

    name: Annotated[str, Field(max_length=200)]


class Kpis(View):
    """The page; `name` is the KPI whose accounts are listed."""

    report: Reported
    name: str | None = None


def kpis(look: Look, _asked: Asked) -> Kpis:
    """All KPIs of the framework."""
    if not look.framework.spec.kpis:
        hint = "Add `kpis:` to it; docs/frameworks/format.md says what there is."
        return Kpis(report=Reported(state="failed", message="The framework names no KPIs.", hint=hint))
    return Kpis(report=report(look, "kpis"))


def behind(look: Look, asked: One) -> Kpis:
    """The accounts behind one KPI, those that pull it down most first."""
    names = [one.key for one in look.framework.spec.kpis]
    if asked.name not in names:
        raise NotFound(
            f"The framework {look.framework.name} has no KPI {asked.name!r}.", "The page /kpis has them all."
        )
    return Kpis(report=report(look, f"kpis:{asked.name}", ACCOUNTS), name=asked.name)


PAGE = Page("/kpis", "KPIs", "kpis.html", kpis, Asked, nav="KPIs")
BEHIND = Page("/kpis/{name}", "Accounts behind a KPI", "kpis.html", behind, One)
