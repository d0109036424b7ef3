"""Options of runs and of what looks back on them, declared once.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from typing import Annotated, Any

import typer

from dashboard.options import (
    AsOf,
    DuringFreeze,
    Full,
    OneAccount,
    parse_day,
    parse_horizon,
    parse_limit,
    parse_name,
    parse_share,
)


def scope(
    as_of: AsOf = None,
    full: Full = False,
    select: Annotated[
        Any,
        typer.Option(
            "--select", parser=parse_name, metavar="ACCOUNT", help="Plan for this account only: id, domain or name."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Change at most so many accounts.")
    ] = None,
) -> dict[str, Any]:
    """What a run covers."""
    return {"as_of": as_of, "full": full, "select": select, "limit": limit}


def days(
    since: Annotated[
        Any, typer.Option("--since", parser=parse_day, metavar="DATE", help="First day to read, e.g. 2026-01-01.")
    ],
    until: Annotated[
        Any, typer.Option("--until", parser=parse_day, metavar="DATE", help="Last day; without it, up to now.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew instead of going on.")] = False,
) -> dict[str, Any]:
    """The range of a backfill."""
    return {"since": since, "until": until, "restart": restart}


def looked_at(
    horizon: Annotated[
        Any, typer.Option("--horizon", parser=parse_horizon, metavar="Nd", help="How far a score looks ahead.")
    ] = "180d",
    since: Annotated[
        Any, typer.Option("--since", parser=parse_day, metavar="DATE", help="Leave out earlier scores.")
    ] = None,
    until: Annotated[
        Any, typer.Option("--until", parser=parse_day, metavar="DATE", help="Leave out later scores.")
    ] = None,
) -> dict[str, Any]:
    """Which scores a backtest looks at."""
    return {"horizon": horizon, "since": since, "until": until}


def guards(
    max_changes: Annotated[
        Any, typer.Option("--max-changes", parser=parse_limit, metavar="N|N%", help="Guard: records that may change.")
    ] = None,
    max_band_drops: Annotated[
        Any,
        typer.Option(
            "--max-band-drops", parser=parse_limit, metavar="N|N%", help="Guard: accounts that may get worse."
        ),
    ] = None,
    max_shrink: Annotated[
        Any, typer.Option("--max-shrink", parser=parse_share, metavar="N%", help="Guard: how far a pull may shrink.")
    ] = None,
    accept_model_change: Annotated[
        bool, typer.Option("--accept-model-change", help="Guard: the framework changed, and that is meant.")
    ] = False,
    during_freeze: DuringFreeze = False,
) -> dict[str, Any]:
    """Limits for this run only, instead of the policy's."""
    return {
        "max_changes": max_changes,
        "max_band_drops": max_band_drops,
        "max_shrink": max_shrink,
        "accept_model_change": accept_model_change,
        "during_freeze": during_freeze,
    }


def agreeing(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the first write to a CRM.")] = False,
) -> dict[str, Any]:
    """What is agreed to beforehand."""
    return {"yes": yes}


def undoing(
    select: OneAccount = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show both lists, write nothing.")] = False,
    max_changes: Annotated[
        Any, typer.Option("--max-changes", parser=parse_limit, metavar="N|N%", help="Guard: records that may change.")
    ] = None,
    during_freeze: DuringFreeze = False,
) -> dict[str, Any]:
    """What of a run is undone."""
    return {"select": select, "dry_run": dry_run, "max_changes": max_changes, "during_freeze": during_freeze}
