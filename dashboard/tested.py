"""How the tests of a framework came out: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.text import inert, so_many
from mapping.examples import Verdict
from mapping.framework import Framework

Data = Mapping[str, Any]


def tests_page(framework: Framework, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Every test with what came out other than expected."""
    rows = [{"name": one.name, "passed": not one.misses, "misses": [asdict(miss) for miss in one.misses]}
            for one in verdicts]  # fmt: skip
    failed = sum(not row["passed"] for row in rows)
    return {
        "framework": framework.name,
        "model_version": framework.version,
        "passed": len(rows) - failed,
        "failed": failed,
        "tests": rows,
    }


def show_tests(out: Console, page: Data) -> None:
    """What failed, then how many passed."""
    for row in page["tests"]:
        if row["passed"]:
            continue
        out.print(Text(f"failed: {inert(row['name'])}", style="bold red"))
        for miss in row["misses"]:
            expected, found = _shown(miss["expected"]), _shown(miss["found"])
            if expected == found:  # `True` and "True", or one value and a list of one
                expected, found = inert(repr(miss["expected"])), inert(repr(miss["found"]))
            out.print(Text(f"  {inert(miss['what'])} is {found}, expected {expected}"))
    number = len(page["tests"])
    tests = so_many(number, "test")
    said = f"{page['framework']}: {tests}, {page['passed']} passed" + (
        f", {page['failed']} failed" if page["failed"] else ""
    )
    out.print(Text(inert(said), style="" if page["failed"] else "green"))


def _shown(value: object) -> str:
    if value is None or value == []:
        return "empty"
    return inert(", ".join(map(str, value)) if isinstance(value, list) else value)
