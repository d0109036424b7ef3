"""Commands about milestones.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from dataclasses import asdict
from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, run_deps, verb

milestones_app = group("Milestones of accounts.", app, "milestones")


@verb(milestones_app, "import", example="keepwell milestones import milestones.csv")
def milestones_import(file: opt.MilestonesFile, config: Path) -> Answer:
    """Take milestones from a CSV file, all or none.

    Columns: account, milestone, completed_on and, if you like, due_on.
    """
    from dashboard.imported import show_imported
    from sync.milestones import import_milestones

    with run_deps(config, create=False) as deps:
        data = asdict(import_milestones(deps, file)) | {"framework": deps.framework.name}
    return Answer(data, lambda out: show_imported(out, data))
