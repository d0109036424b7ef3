"""The pages in a real browser: nothing of a CRM runs, charts are drawn, nobody is shut out, and it fits a phone."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from starlette.types import ASGIApp

from dashboard.web.access import Access, hash_password
from dashboard.web.app import create_app
from dashboard.web.page import Engine
from dashboard.web.serve import bound
from tests.dashboard.kit import World, with_engine, world
from tests.dashboard.test_pages import EXPLAINED, PAGES
from tests.services import absent

CHROMIUM = Path("/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
DESK, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        absent(f"there is no browser at {CHROMIUM} (apt-get install chromium)")
    with sync_playwright() as playwright:
        without = ["--no-sandbox", "--disable-dev-shm-usage"]  # a container has 64 MB of shared memory
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=without)
        yield started
        started.close()


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The application on a free port of this machine."""
    listening: socket.socket = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, proxy_headers=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended before it began"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="module")
def made(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = tmp_path_factory.mktemp("browsed") / "keepwell.db"
    shutil.copy(filled, path)
    found = world(f"sqlite:///{path}")
    yield found
    found.parts.shelf.close()


@pytest.fixture(scope="module")
def base(made: World) -> Iterator[str]:
    with served(create_app(with_engine(made.parts, Engine(explain=lambda _: EXPLAINED)))) as url:
        yield url


@contextmanager
def opened(browser: Browser, address: str, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what its console said against it."""
    context = browser.new_context(**how)
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
    page.goto(address, wait_until="load")
    yield page, said
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_quiet_fits_and_shuts_nobody_out(browser: Browser, base: str, address: str, scheme: str) -> None:
    with opened(browser, base + address, viewport=DESK, color_scheme=scheme) as (page, said):
        assert said == []
        assert page.evaluate("window.hacked") is None
        assert barriers(page) == []
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(100)  # charts follow a frame later
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def barriers(page: Page) -> list[str]:
    """What axe finds; in a world of its own, because the page lets in no script of others."""
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    apart = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})["executionContextId"]
    told = "v => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`"
    asked = f"{AXE};\naxe.run(document).then(found => found.violations.map({told}))"
    found = session.send(
        "Runtime.evaluate",
        {"expression": asked, "contextId": apart, "awaitPromise": True, "returnByValue": True},
    )
    assert "exceptionDetails" not in found, found
    return list(found["result"]["value"])


def test_charts_are_drawn_from_their_tables(browser: Browser, base: str) -> None:
    with opened(browser, f"{base}/accounts/crm:1", viewport=DESK) as (page, _):
        assert page.locator("figure.chart.drawn canvas").count() == 2
        drawn = page.evaluate(
            "[...document.querySelectorAll('canvas')].map(c => new Set(c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data).size > 8)"
        )
        assert drawn == [True, True]
        page.locator("figure.chart summary").first.click()
        assert page.get_by_role("cell", name="89.5").first.is_visible()


def test_without_script_the_tables_stand_there(browser: Browser, base: str) -> None:
    with opened(browser, f"{base}/accounts/crm:1", java_script_enabled=False) as (page, _):
        assert page.get_by_role("cell", name="89.5").first.is_visible()
        assert not page.locator("figure.chart .canvas").first.is_visible()


def test_an_account_is_found_as_a_person_looks_for_it(browser: Browser, base: str) -> None:
    with opened(browser, base, viewport=DESK) as (page, said):
        page.get_by_role("link", name="Accounts", exact=True).click()
        page.get_by_label("Name, domain or CRM id").fill("bolt")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="Bolt & Sons").click()
        assert page.get_by_role("heading", name="Bolt & Sons").is_visible()
        page.get_by_role("link", name="Every rule behind it").click()
        assert page.url.endswith("/accounts/crm%3A2/why")
        assert said == []


def test_the_colours_change_by_a_click_and_stay(browser: Browser, base: str) -> None:
    def ground(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with opened(browser, f"{base}/accounts?q=bolt", color_scheme="light") as (page, _):
        light = ground(page)
        for _ in range(2):
            page.get_by_role("button", name=re.compile("Colours")).click()
        assert page.url.endswith("/accounts?q=bolt")
        assert ground(page) != light
        page.goto(base)
        assert ground(page) != light


def test_a_person_logs_in_and_out(browser: Browser, made: World) -> None:
    own = type(made.parts.settings.dashboard).model_validate(
        {"users": {"anna": {"password_hash": hash_password(PASSWORD)}}}
    )
    settings = made.parts.settings.model_copy(update={"dashboard": own})
    app = create_app(replace(made.parts, settings=settings, access=Access(own)))
    with served(app) as url, opened(browser, f"{url}/accounts?q=bolt") as (page, _):
        assert barriers(page) == []
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        assert page.get_by_role("alert").inner_text().startswith("Not logged in")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        assert page.url.endswith("/accounts?q=bolt")
        page.get_by_role("button", name="Log out").click()
        page.goto(f"{url}/accounts")
        assert page.get_by_role("heading", name="Log in").is_visible()
