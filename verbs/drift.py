"""The command that compares the CRMs with what Keepwell wrote.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer
from verbs.base import app, run_deps, verb


@verb(app, example="keepwell drift --select acme.com")
def drift(config: Path, select: opt.OneAccount = None) -> Answer:
    """Compare the CRMs with what Keepwell wrote last.

    Says who changed what, as far as a CRM tells; changes nothing. Exits with 3 when there is drift.
    """
    from dashboard.drift import drift_page, show_drift
    from sync.drift import find_drift
    from sync.ending import EXIT_DONE, EXIT_ROWS

    with run_deps(config, create=False) as deps:
        page = drift_page(deps.store, find_drift(deps, select).to_dict())
    return Answer(page, lambda out: show_drift(out, page), EXIT_ROWS if page["found"] else EXIT_DONE)
