"""Every page of the dashboard, in the order of the navigation."""

from dashboard.web.page import AnyPage
from dashboard.web.pages import (
    account,
    accounts,
    conflicts,
    failures,
    kpis,
    overview,
    plans,
    quality,
    renewals,
    reports,
    runs,
    settings,
    why,
)

PAGES: tuple[AnyPage, ...] = (
    overview.PAGE,
    accounts.PAGE,
    account.PAGE,
    why.PAGE,
    renewals.PAGE,
    kpis.PAGE,
    kpis.BEHIND,
    reports.PAGE,
    reports.ONE,
    runs.PAGE,
    runs.ONE,
    conflicts.PAGE,
    failures.PAGE,
    plans.PAGE,
    plans.ONE,
    quality.PAGE,
    settings.PAGE,
)
