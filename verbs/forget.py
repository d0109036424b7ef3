"""The command that forgets a person or an account.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dashboard.answers import Answer
from verbs.base import app, run_deps, verb


def forgetting(
    person: Annotated[
        list[str] | None,
        typer.Option("--person", metavar="EMAIL|CONNECTION:ID", help="Address, or contact in a CRM; repeatable."),
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="TEXT", help="A name or number to look for; repeatable.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="CRM id, domain or name of an account.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is held, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> dict[str, Any]:
    """Who or what is forgotten, and whether it is asked first."""
    return {"people": person or [], "also": also or [], "account": account, "dry_run": dry_run, "yes": yes}


@verb(app, options=(forgetting,), example="keepwell forget --person anna@example.com --dry-run")
def forget(config: Path, as_json: bool, no_input: bool, options: dict[str, Any]) -> Answer:
    """Forget a person or an account (data privacy).

    Shows what is held, asks, then deletes it or puts a pseudonym in its place. There is no way back.
    """
    from dashboard.forgotten import show_forgotten
    from dashboard.terminal import console
    from sync.errors import UsageError
    from sync.forget import Asked, preview
    from sync.forget import forget as carry_out

    dry_run, yes = options.pop("dry_run"), options.pop("yes")
    asked = Asked(**options)
    asks = not (yes or no_input or as_json) and sys.stdin.isatty()
    if not (dry_run or yes or asks):
        raise UsageError(
            "Nothing was forgotten: nobody can be asked here.",
            hint="Look at it with --dry-run first, then say --yes.",
        )
    with run_deps(config) as deps:
        if dry_run or asks:
            data = preview(deps, asked)
        if asks:
            show_forgotten(console(stderr=True), data)
            if not _agreed():
                return Answer(data, lambda _out: None)
        if not dry_run:
            data = carry_out(deps, asked)
    return Answer(data, lambda out: show_forgotten(out, data), 3 if data["erased"] is False else 0)


def _agreed() -> bool:
    try:
        return typer.confirm("Forget this? There is no way back.", err=True)
    except typer.Abort:
        return False
