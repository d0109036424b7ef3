"""Commands about what happened: past runs.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, read_settings, verb

runs_app = group("Past runs.", app, "runs")


@verb(runs_app, "list", example="keepwell runs list --limit 50")
def runs_list(config: Path, limit: opt.Rows = 20) -> Answer:
    """List past runs, newest first."""
    from dashboard.pages import reading, runs_page
    from dashboard.terminal import show_runs

    with reading(read_settings(config)) as store:
        data = runs_page(store, limit)
    return Answer(data, lambda out: show_runs(out, data["runs"]))


@verb(runs_app, "show", example="keepwell runs show latest --json")
def runs_show(config: Path, run: opt.RunId = "latest") -> Answer:
    """Show the report of one run."""
    from dashboard.pages import reading, run_page
    from dashboard.terminal import show_report
    from dashboard.undone import show_undo_run
    from sync.errors import UsageError

    with reading(read_settings(config)) as store:
        data = run_page(store, run)
    if data is None:
        missing = "There is no run yet." if run == "latest" else f"There is no run {run!r}."
        raise UsageError(missing, hint="`keepwell runs list` shows which there are.")
    show = show_undo_run if data.get("undo") else show_report
    return Answer(data, lambda out: show(out, data))
