"""A report as one file, as CSV and on a terminal: nothing is asked for, and no text of a CRM does anything."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from pathlib import Path

import pytest

from dashboard.documents import NoSuchTable, figures_csv, show_document, table_csv
from dashboard.tofile import save
from dashboard.web.reportfile import report_html
from tests.dashboard.looked import HOSTILE, document
from tests.dashboard.reader import Reader
from tests.services import absent
from tests.unit.cli.test_terminal import screen

CHROMIUM = Path("/usr/bin/chromium")
INSIDE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


@pytest.fixture(scope="module")
def page() -> str:
    return report_html(document("weekly-health"))


def test_a_file_asks_for_nothing(page: str) -> None:
    reader = Reader(page)
    for _, attributes in reader.tags:
        assert not {"src", "href", "srcset", "action", "style"} & set(attributes), attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert not [tag for tag, _ in reader.tags if tag in {"link", "iframe", "img", "object", "form"}]
    assert "@import" not in page
    assert "url(" not in "".join(text for kind, text in INSIDE.findall(page) if kind == "style")


def test_only_what_is_ours_may_run(page: str) -> None:
    (policy,) = [one["content"] for one in Reader(page).named("meta") if one.get("http-equiv")]
    allowed = set(re.findall(r"'sha256-([^']+)'", str(policy)))
    parts = [text for _, text in INSIDE.findall(page)]
    assert {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in parts} == allowed
    assert len(parts) == 3
    assert str(policy).startswith("default-src 'none'; base-uri 'none'; form-action 'none'; ")
    assert "unsafe" not in str(policy)


def test_hostile_text_is_read_and_nothing_else(page: str) -> None:
    assert "<img src=x onerror=alert(1)>" in Reader(page).text
    assert "\u202e" not in page
    assert "\x1b" not in page


def test_rows_beyond_the_first_hundred_are_named(page: str) -> None:
    assert "100 of 130 are shown; CSV and JSON list them all." in Reader(page).text


def test_a_csv_calculates_nothing_and_leaves_nothing_out() -> None:
    made = document("renewals")
    rows = list(csv.DictReader(io.StringIO(table_csv(made, "calendar"))))
    assert len(rows) == 130
    assert rows[1]["account_id"] == "a1"
    for text in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1+1", "\u00a0@x", "\uff1d1+1"):
        made.sections[1].tables[0].rows[0]["account"] = text  # type: ignore[index]
        first = next(csv.DictReader(io.StringIO(table_csv(made, "calendar"), newline="")))
        assert first["account"] == f"'{text}"
    figures = list(csv.DictReader(io.StringIO(figures_csv(made))))
    assert [one["id"] for one in figures] == ["nrr", "grr", "n"]
    assert figures[0] | {"value": "0.5", "before": "0.333333333", "numerator": "1", "denominator": "2"} == figures[0]
    assert figures[1]["reason"] == "there is nothing to divide by"


@pytest.mark.parametrize("place", [".", "/"])
def test_a_folder_is_no_place_for_a_file(place: str) -> None:
    with pytest.raises(IsADirectoryError):
        save(Path(place), "x")


def test_a_table_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NoSuchTable, match=r"has no table 'x'; it has calendar, odds\."):
        table_csv(document("renewals"), "x")


def test_a_terminal_shows_the_first_rows_and_is_not_moved_by_text() -> None:
    text = screen(show_document, document("renewals"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "… and 120 more; `--format csv --table calendar` lists them." in text
    assert "1 ÷ 2" in text


@pytest.fixture(scope="module")
def opened(page: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a browser makes of the file, from a disk and on paper."""
    if not CHROMIUM.exists():
        absent(f"no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    file = tmp_path_factory.mktemp("file") / "report.html"
    file.write_text(page, encoding="utf-8")
    told: list[str] = []
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        tab = browser.new_page(color_scheme="dark", viewport={"width": 390, "height": 800})
        tab.on("console", lambda message: told.append(message.text))
        tab.on("pageerror", lambda error: told.append(str(error)))
        tab.on("dialog", lambda dialog: told.append(dialog.message))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(file.as_uri())
        canvas = tab.locator("figure.drawn canvas")
        box = canvas.bounding_box()
        assert box is not None
        for part in range(1, 10):  # one of the bars has no value
            canvas.hover(position={"x": box["width"] * part / 10, "y": box["height"] / 2})
            tab.wait_for_timeout(20)
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        drawn = tab.locator("figure.drawn canvas").count()
        wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        paper = tab.pdf()
        tab.emulate_media(color_scheme="light")
        light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()
    return {"told": told, "asked": asked, "uri": file.as_uri(), "dark": dark, "light": light, "drawn": drawn,
            "wide": wide, "paper": paper}  # fmt: skip


def test_a_browser_draws_its_charts_without_a_network(opened: dict[str, object]) -> None:
    assert opened["asked"] == [opened["uri"]]
    assert opened["told"] == []
    assert opened["drawn"] == 1


def test_it_fits_a_phone_has_two_themes_and_can_be_printed(opened: dict[str, object]) -> None:
    assert opened["wide"] == 0, "a page that has to be pushed sideways"
    assert opened["dark"] != opened["light"]
    assert bytes(opened["paper"])[:5] == b"%PDF-"  # type: ignore[call-overload]


def test_text_that_ends_a_script_ends_none() -> None:
    assert HOSTILE.count("</script>") == 2
    assert report_html(document("kpis")).count("</script>") == 2, "those of the file's own two scripts"
