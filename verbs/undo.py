"""The command that puts back what a run replaced.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard import options as opt
from dashboard import run_options as run_opt
from dashboard.answers import Answer
from verbs.base import app, run_deps, verb

if TYPE_CHECKING:
    from store.plans import Plan


@verb(app, options=(run_opt.undoing,), example="keepwell undo 20261128T060000Z-1a2b3c4d --dry-run")
def undo(run: opt.WritingRun, config: Path, as_json: bool, options: dict[str, Any]) -> Answer:
    """Put back the values that a run replaced.

    A value that a person or a later run changed since stays.
    """
    from dashboard.pages import PLAN_ROWS, plan_page
    from dashboard.terminal import console
    from dashboard.undone import flags_of, show_undo, show_undone
    from sync.deps import RunOptions
    from sync.engine import run_undo
    from sync.planbook import records
    from sync.undo import latest_writer

    dry_run = options.pop("dry_run")
    page: dict[str, Any] = {}

    with run_deps(config, create=False) as deps:

        def agreed(plan: "Plan") -> bool:
            page.update(plan_page(deps.store, records(deps.store, plan), PLAN_ROWS["json"]))
            if not (as_json or dry_run):
                show_undo(console(stderr=True), run, page)
            return not dry_run

        run = latest_writer(deps.store) if run == "latest" else run
        report = run_undo(deps, run, RunOptions(**options), agreed=agreed)
    data: dict[str, Any] = report.to_dict() | {"dry_run": dry_run}
    data["plan"] |= page
    return Answer(data, lambda out: show_undone(out, data, flags_of(options)), report.exit_code)
