"""Commands about values that somebody else set and that Keepwell leaves alone.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path
from typing import Literal

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, read_settings, run_deps, verb

conflicts_app = group("Values of people that Keepwell leaves alone.", app, "conflicts")


@verb(conflicts_app, "list", example="keepwell conflicts list --all")
def conflicts_list(config: Path, everything: opt.Decided = False) -> Answer:
    """List the values that the last plan leaves alone.

    Somebody else set them: a person, or another program.
    """
    from dashboard.conflicts import conflicts_page, show_conflicts
    from dashboard.pages import reading

    with reading(read_settings(config)) as store:
        data = conflicts_page(store, everything=everything)
    return Answer(data, lambda out: show_conflicts(out, data))


@verb(conflicts_app, "accept", example="keepwell conflicts accept acme.com --property cs_segment")
def conflicts_accept(
    config: Path, record: opt.RecordOrAccount = None, name: opt.Property = None, everything: opt.Everything = False
) -> Answer:
    """Let the values in the CRM stand.

    They make no run partial any more, until somebody changes them again.
    """
    return _decide(config, "accept", record, name, everything=everything)


@verb(conflicts_app, "reclaim", example="keepwell conflicts reclaim hubspot:4711 --property cs_segment")
def conflicts_reclaim(
    config: Path, record: opt.RecordOrAccount = None, name: opt.Property = None, everything: opt.Everything = False
) -> Answer:
    """Let the next run replace the values in the CRM.

    It replaces exactly the values that are there now; what somebody changes before that is held again.
    """
    return _decide(config, "reclaim", record, name, everything=everything)


def _decide(
    config: Path, verdict: Literal["accept", "reclaim"], target: str | None, name: str | None, *, everything: bool
) -> Answer:
    from dashboard.conflicts import lines, show_decided
    from sync.conflicts import decide
    from sync.errors import UsageError

    if everything == (target is not None):
        raise UsageError(
            "Give either a record or account, or --all." if everything else "Which values? None was named.",
            hint=f"`keepwell conflicts {verdict} RECORD` or `keepwell conflicts {verdict} --all`; "
            "`keepwell conflicts list` shows what there is.",
        )
    with run_deps(config, create=False) as deps:
        decided = decide(deps, verdict, target, name)
        with deps.store.read() as c:
            data = {"verdict": verdict, "decided": lines(c, deps.workspace, decided)}
    return Answer(data, lambda out: show_decided(out, data))
