"""Commands about alerts: what somebody has to look at, and that somebody does.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, run_deps, verb

alerts_app = group("What somebody has to look at.", app, "alerts")


@verb(alerts_app, "list", example="keepwell alerts list --owner csm --overdue")
def alerts_list(
    config: Path,
    state: opt.AlertStates = "standing",
    owner: opt.AlertOwner = None,
    account: opt.AlertAccount = None,
    overdue: opt.Overdue = False,
    limit: opt.Rows = 50,
) -> Answer:
    """List the alerts that stand, those that are due first at the head.

    Works from the store alone.
    """
    from dashboard.alerts import alerts_page, show_alerts
    from sync.alerts import wanted

    with run_deps(config, create=False) as deps:
        asked = wanted(deps, states=state, owner=owner, account=account, overdue=overdue)
        data = alerts_page(deps.store, deps.framework, asked, deps.clock.now(), limit)
    return Answer(data, lambda out: show_alerts(out, data))


@verb(alerts_app, "show", example="keepwell alerts show 12")
def alerts_show(alert: opt.AlertNumber, config: Path) -> Answer:
    """Show everything about one alert, and what to do."""
    from dashboard.alerts import lines, show_alert
    from sync.alerts import find_alert

    with run_deps(config, create=False) as deps:
        found = find_alert(deps, alert)
        with deps.store.read() as c:
            (data,) = lines(c, deps.workspace, deps.framework, [found], deps.clock.now())
    return Answer(data, lambda out: show_alert(out, data))


@verb(alerts_app, "ack", example='keepwell alerts ack 12 --by "Anna Berg" --note "Call on Monday"')
def alerts_ack(alert: opt.AlertNumber, config: Path, by: opt.AnsweredBy, note: opt.Note = None) -> Answer:
    """Enter that somebody takes an alert up.

    Stops its clock. It is resolved by a run that finds its condition gone.
    """
    from dashboard.alerts import lines, show_acknowledged
    from sync.alerts import acknowledge

    with run_deps(config, create=False) as deps:
        found = acknowledge(deps, alert, by=by, note=note)
        with deps.store.read() as c:
            (data,) = lines(c, deps.workspace, deps.framework, [found], deps.clock.now())
    return Answer(data, lambda out: show_acknowledged(out, data))
