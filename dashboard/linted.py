"""What a framework says that cannot be meant: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from config.frameworks import LintedFile
from dashboard.text import inert, so_many

Data = Mapping[str, Any]


def lint_page(linted: LintedFile) -> dict[str, Any]:
    """Every finding with its place, and the conditions about which nothing can be said."""
    return {
        "framework": linted.framework.name,
        "model_version": linted.framework.version,
        "findings": [{"check": check, **asdict(problem)} for check, problem in linted.findings],
        "undecided": [{"file": one.file, "line": one.line, "key": one.key} for one in linted.undecided],
    }


def show_lint(out: Console, page: Data) -> None:
    """Findings in file order, then what was not decided, then how many there are."""
    for one in page["findings"]:
        out.print(Text(f"{_place(one)}: {inert(one['message'])}", style="yellow"), soft_wrap=True)
        out.print(Text(f"  {inert(one['hint'])} [{one['check']}]"), soft_wrap=True)
    for one in page["undecided"]:
        said = f"{_place(one)}: it cannot be told whether this condition can hold, or decides anything"
        out.print(Text(said, style="dim"), soft_wrap=True)
    number = len(page["findings"])
    said = "nothing that cannot be meant" if not number else so_many(number, "finding")
    out.print(Text(f"{inert(page['framework'])}: {said}", style="" if number else "green"))


def _place(one: Data) -> str:
    return inert(f"{one['file']}:{one['line']}: {one['key']}")
