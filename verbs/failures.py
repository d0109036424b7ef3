"""Commands about values that a CRM refused.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from dataclasses import asdict
from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, read_settings, run_deps, verb

failures_app = group("Values that a CRM refused.", app, "failures")


@verb(failures_app, "list", example="keepwell failures list --limit 50")
def failures_list(config: Path, limit: opt.Rows = 20) -> Answer:
    """List the values that a CRM refused, with the reason.

    A row goes when the value gets there, or is not wanted any more.
    """
    from dashboard.failures import failures_page, show_failures
    from dashboard.pages import reading

    with reading(read_settings(config)) as store:
        data = failures_page(store, limit)
    return Answer(data, lambda out: show_failures(out, data))


@verb(failures_app, "retry", example="keepwell failures retry --select acme.com")
def failures_retry(config: Path, select: opt.OneAccount = None) -> Answer:
    """Let the next run try refused values at once.

    Without this a value is tried again after half an hour, then twice as long each time, a day at most.
    """
    from dashboard.failures import show_due
    from sync.retry import retry_failures

    with run_deps(config, create=False) as deps:
        data = asdict(retry_failures(deps, select))
    return Answer(data, lambda out: show_due(out, data))
