"""What the documentation site has beyond the files in docs/: a hook of mkdocs (`hooks` in mkdocs.yml).

Pages of the repository outside of docs/ (README is the home page), pages made of the code when the site is built, so
that they are never out of date, and navigation entries with a `*`, so that a new page of such a kind needs no line.
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.tools import commands, tables

ROOT = Path(__file__).resolve().parents[2]
MADE = {"commands.md": commands.page, "tables.md": tables.page}
_LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^(\s*```\w+) .*$", re.MULTILINE)  # words for the tests behind the language of a block
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`]*`")


def outside() -> dict[str, str]:
    """Pages of the repository that are not in docs/, by what they are called on the site."""
    behaviour = sorted(path.parent.name for path in (ROOT / "connectors").glob("*/BEHAVIOR.md"))
    return {
        "index.md": "README.md",
        "changes.md": "CHANGELOG.md",
        "contributing.md": "CONTRIBUTING.md",
        "security.md": "SECURITY.md",
        **{f"connectors/{name}-behavior.md": f"connectors/{name}/BEHAVIOR.md" for name in behaviour},
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/, and put in the place of each `*` of the navigation the pages that it stands for."""
    texts = {name: (ROOT / path).read_text(encoding="utf-8") for name, path in outside().items()}
    texts |= {name: make() for name, make in MADE.items()}
    texts["adr/index.md"] = _decisions()
    for name, text in texts.items():
        files.append(File.generated(config, name, content=text))
    pages = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = expanded(config.nav or [], pages)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs says
    """Lead links from where a page lies in the repository to where its target lies on the site."""
    return plain(relinked(markdown, page.file.src_uri))


def plain(markdown: str) -> str:
    """Write what GitHub reads as Python-Markdown does: words behind the language of a block, bars in a table's code."""

    def bare(code: re.Match[str]) -> str:
        return code[0].replace("\\|", "|")

    return _FENCE.sub(r"\1", _ROW.sub(lambda row: _CODE.sub(bare, row[0]), markdown))


def expanded(nav: list[Any], pages: list[str]) -> list[Any]:
    """Replace each entry with a `*` by the pages that it stands for and that no entry names."""
    named = {text for text in _entries(nav) if "*" not in text}
    return _filled(nav, [page for page in pages if page not in named])


def relinked(markdown: str, name: str) -> str:
    """Rewrite the relative links of a page of the site; what is not on the site stays, and the build says so."""
    home = posixpath.dirname(outside().get(name, f"docs/{name}"))
    places = {path: on_site for on_site, path in outside().items()} | {"docs/adr": "adr/index.md"}

    def rewrite(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(home, found[1]))
        place = places.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if place is None:
            return found[0]
        return f"]({posixpath.relpath(place, posixpath.dirname(name) or '.')}{found[2] or ''})"

    return _LINK.sub(rewrite, markdown)


def _entries(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += _entries(value) if isinstance(value, list) else [value]
    return found


def _filled(nav: list[Any], pages: list[str]) -> list[Any]:
    filled: list[Any] = []
    for entry in nav:
        title, value = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
        if isinstance(value, str) and "*" in value:
            value = [page for page in pages if fnmatch(page, value)]
        elif isinstance(value, list):
            value = _filled(value, pages)
        if title is not None:
            filled.append({title: value})
        else:
            filled += value if isinstance(value, list) else [value]
    return filled


def _decisions() -> str:
    lines = ["# Decisions", "", "Why things are as they are, half a page each.", ""]
    for path in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        title = path.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
