"""Options of the reports, declared once.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from dashboard import completing
from dashboard.options import AsOf, parse_name, parse_share

FORMS = ("html", "csv", "json")
"""What a report can be written as."""


def parse_form(text: str) -> str:
    """One of `FORMS`, in any case."""
    if text.lower() not in FORMS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(FORMS)}")
    return text.lower()


KpiName = Annotated[
    Any, typer.Option("--accounts", parser=parse_name, metavar="KPI", help="Also list the accounts behind this KPI.")
]
CandidateShare = Annotated[
    Any,
    typer.Option("--share", parser=parse_share, metavar="SHARE", help="So many of the active accounts, e.g. 20%."),
]


def reported(
    as_of: AsOf = None,
    framework: Annotated[
        str | None,
        typer.Option(
            "--framework",
            metavar="F",
            autocompletion=completing.frameworks,
            help="Instead of the one in force: a shipped framework, or a path.",
        ),
    ] = None,
) -> dict[str, Any]:
    """What a report is about."""
    return {"as_of": as_of, "framework": framework}


def filed(
    form: Annotated[
        Any,
        typer.Option(
            "--format",
            parser=parse_form,
            metavar="FORM",
            autocompletion=completing.words(*FORMS),
            help="html, csv or json instead of a table.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a file; its ending can say the format.")
    ] = None,
    table: Annotated[
        Any, typer.Option("--table", parser=parse_name, metavar="TABLE", help="CSV: this table, not the figures.")
    ] = None,
) -> dict[str, Any]:
    """Where a report goes besides the screen."""
    return {"form": form, "out": out, "table": table}
