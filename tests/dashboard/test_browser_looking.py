"""Renewals, KPIs, reports, runs, plans and data quality in a real browser: quiet, open to all, fit for a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.dashboard.looked import dashboard, document
from tests.dashboard.test_browser import DESK, PHONE, barriers, browser, opened, served  # noqa: F401 - a fixture
from tests.dashboard.test_looking import PAGES


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dashboard(tmp_path_factory.mktemp("browsed"), document) as app, served(app) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_quiet_fits_and_shuts_nobody_out(browser: Browser, base: str, address: str, scheme: str) -> None:  # noqa: F811
    with opened(browser, base + address, viewport=DESK, color_scheme=scheme) as (page, said):
        assert said == []
        assert barriers(page) == []
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(100)  # charts follow a frame later
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_a_plan_is_looked_through_as_a_person_does(browser: Browser, base: str) -> None:  # noqa: F811
    with opened(browser, f"{base}/runs", viewport=DESK) as (page, said):
        page.get_by_role("row").nth(1).get_by_role("link").click()
        page.get_by_role("link", name="Look at the plan").click()
        page.get_by_label("Property").select_option("cs_health_band")
        page.get_by_label("Show").select_option("changes")
        page.get_by_role("button", name="Show").click()
        assert page.get_by_role("row", name="cs_health_band").count() == 1
        assert "property=cs_health_band" in page.url
        page.get_by_role("link", name="Clear").click()
        page.get_by_role("link", name="Next page").click()
        assert page.get_by_role("link", name="First page").is_visible()
        assert said == []
