"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and tells all there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import markdown
import pytest
import typer
import yaml
from markdown_it import MarkdownIt

from cli import app
from docs.tools import commands, tables
from docs.tools.pages import MADE, expanded, outside, plain, relinked
from mapping.records import ENTITIES
from store.tables import metadata

ROOT = Path(__file__).resolve().parents[2]
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
WRITTEN = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
PATHS = [*(f"docs/{name}" for name in WRITTEN), *outside().values()]
KNOWN = yaml.safe_load(tables.MEANINGS.read_text(encoding="utf-8"))


def build(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *words],
        cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.long
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)\"", text)
        assert [one for one in loaded if "//" in one] == [], page.name
    styles = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.css"))
    assert re.findall(r"url\([\"']?(?:https?:)?//[^)]*", styles) == []
    assert "keepwell conflicts accept RECORD|ACCOUNT" in (tmp_path / "site" / "cli.html").read_text(encoding="utf-8")
    assert not (tmp_path / "site" / "tools").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("[no such page](gone.md)", "gone.md"),
        ("[no such heading](cli.md#no-such-heading)", "no-such-heading"),
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, bad: str, says: str) -> None:
    for name in ("cli.md", "page.md"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text(f"# {name}\n\n{bad if name == 'page.md' else ''}\n", encoding="utf-8")
    config = {**SITE, "docs_dir": str(tmp_path / "docs"), "hooks": [], "nav": ["cli.md", "page.md"]}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = build(tmp_path / "site", "--config-file", str(tmp_path / "mkdocs.yml"))
    assert done.returncode == 1
    assert says in done.stderr


def entries(nav: list[object]) -> list[str]:
    """Every page that a navigation names."""
    found: list[str] = []
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += entries(value) if isinstance(value, list) else [str(value)]
    return found


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [*WRITTEN, *outside(), *MADE, "adr/index.md"]
    hint = "Give the page its line in mkdocs.yml."
    assert sorted(entries(expanded(SITE["nav"], sorted(pages)))) == sorted(pages), hint


def test_a_star_of_the_navigation_leaves_out_what_has_a_line_of_its_own() -> None:
    nav = ["b/first.md", {"All": "b/*.md"}, "none*.md"]
    assert expanded(nav, ["b/first.md", "b/y.md", "b/z.md"]) == ["b/first.md", {"All": ["b/y.md", "b/z.md"]}]


def test_links_are_led_from_the_repository_to_the_site() -> None:
    assert relinked("[a](docs/cli.md#exit-codes) [b](CHANGELOG.md) [c](docs/adr)", "index.md") == (
        "[a](cli.md#exit-codes) [b](changes.md) [c](adr/index.md)"
    )
    assert relinked("[a](../../connectors/hubspot/BEHAVIOR.md) [b](#here)", "connectors/hubspot.md") == (
        "[a](hubspot-behavior.md) [b](#here)"
    )
    assert relinked("[a](https://example.com/x.md)", "cli.md") == "[a](https://example.com/x.md)"


@pytest.mark.parametrize("path", PATHS)
def test_a_page_reads_the_same_on_the_site_as_where_the_repository_is_looked_at(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    extensions = [next(iter(one)) if isinstance(one, dict) else one for one in SITE["markdown_extensions"]]
    site = markdown.markdown(plain(text), extensions=extensions)
    there = MarkdownIt("commonmark").enable("table").render(text)

    def count(html: str) -> dict[str, int]:
        return {tag: len(re.findall(rf"<{tag}[ >]", html)) for tag in ("h1", "h2", "h3", "p", "li", "tr", "td", "pre")}

    assert count(site) == count(there)


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_every_table_and_column_is_described_and_nothing_is_invented(name: str) -> None:
    table = metadata.tables[name]
    about = KNOWN["tables"].get(name, {})
    hint = f"Say it in {tables.MEANINGS.relative_to(ROOT)}."
    assert "is" in about, hint
    assert [column.name for column in table.columns if not tables.meaning(table, column, KNOWN)] == [], hint
    entity = {field.name for field in ENTITIES.get(name.removeprefix("entity_"), ())}
    assert set(about) - {"is"} <= set(table.columns.keys()) - entity


def test_no_table_and_no_common_column_is_invented() -> None:
    assert set(KNOWN["tables"]) <= set(metadata.tables)
    assert set(KNOWN["columns"]) <= {column.name for table in metadata.tables.values() for column in table.columns}
    assert "## ledger" in tables.page()


def test_the_help_of_every_command_is_on_its_page() -> None:
    names = list(commands.every(typer.main.get_command(app)))
    assert {"sync", "conflicts accept", "db check"} <= set(names)
    assert commands.helped("undo").startswith("Usage: keepwell undo [OPTIONS]")
    assert "--dry-run" in commands.helped("undo")


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_page_that_is_made_is_a_page(make: Callable[[], str]) -> None:
    page = make()
    assert page.startswith("# ")
    assert page.count("\n## ") > 20
