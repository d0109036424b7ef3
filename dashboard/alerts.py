"""Alerts: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from dashboard.terminal import table
from dashboard.text import inert
from mapping.alert_life import WHY
from mapping.framework import Framework
from store import Store, alert_tasks, alerts, names
from store.alert_tasks import AlertTask
from store.alerts import Alert, Person, Wanted

Data = Mapping[str, Any]
RESPONSES = {"met": "in time", "breached": "too late", "pending": "still in time"}
STYLES = {"open": "bold yellow", "acknowledged": "green", "resolved": "dim"}


def alerts_page(store: Store, framework: Framework, wanted: Wanted, now: datetime, limit: int) -> dict[str, Any]:
    """The first `limit` alerts, those that are due first at the head, and how many there are in all."""
    with store.read() as c:
        found = alerts.listed(c, store.workspace, wanted, limit=limit)
        total = alerts.count(c, store.workspace, wanted)
        return {"alerts": lines(c, store.workspace, framework, found, now), "total": total}


def lines(c: Connection, ws: str, framework: Framework, found: Iterable[Alert], now: datetime) -> list[dict[str, Any]]:
    """Alerts as rows of data, with the names of accounts and people where the store knows them."""
    shown = list(found)
    called, people = names.of_accounts(c, ws, {one.account_id for one in shown}), _people(c, ws, shown)
    tasks = alert_tasks.of_alerts(c, ws, [one.id for one in shown])
    return [_line(one, framework, called, people, tasks.get(one.id, ()), now) for one in shown]


def show_alerts(out: Console, page: Data) -> None:
    """A line an alert: what, about whom, since when, for whom, until when."""
    rows = page["alerts"]
    if not rows:
        out.print("No such alerts.")
        return
    cells = [
        (
            row["id"],
            inert(row["account"] or row["account_id"], 30),
            inert(row["label"], 60),
            _whom(row),
            _minute(row["raised_at"]),
            _due(row),
            Text(row["state"], style=STYLES[row["state"]]),
        )
        for row in rows
    ]
    columns = ("alert", "account", "what", "for", "since (UTC)", "answer before", "state")
    out.print(table("", columns, cells, right=("alert",), wrap=("account", "what", "for")))
    if page["total"] > len(rows):
        out.print(f"… and {page['total'] - len(rows)} more; `--limit N` shows more of them.")
    out.print(
        "`keepwell alerts show ALERT` says why and what to do; `keepwell alerts ack ALERT --by NAME` takes one up."
    )


def show_alert(out: Console, row: Data) -> None:
    """Everything about one alert, what to do last."""
    head = Text(f"Alert {row['id']}: {inert(row['label'])}  ", style="bold")
    out.print(head.append(row["state"], style=STYLES[row["state"]]))
    facts: dict[str, str | Text] = {
        "account": f"{inert(row['account'] or row['account_id'])} ({inert(row['account_id'])})",
        "because": inert(row["because"]) or "–",
        "for": _whom(row),
        "since": f"{_minute(row['raised_at'])} UTC, run {inert(row['run_id'])}",
        "answer before": _due(row),
        "escalated": _escalated(row),
        "answered": _answered(row),
        "note": inert(row["note"]) if row["note"] else "",
        "task": ", ".join(_task(one) for one in row["tasks"]),
        "resolved": _resolved(row),
        "to do": inert(row["to_do"]),
    }
    width = max(len(name) for name in facts)
    for name, told in facts.items():
        if told:
            out.print(Text.assemble((f"  {name:<{width}}  ", "dim"), told))


def _task(one: Data) -> str:
    ended = {"closed": ", closed", "closed_by_somebody": ", closed by somebody", "removed": ", deleted by somebody"}
    return f"{inert(one['connection'])} {inert(one['record_id'] or 'without an id yet')}{ended.get(one['ended'], '')}"


def show_acknowledged(out: Console, row: Data) -> None:
    """That somebody took an alert up, and whether that was in time."""
    timely = {"met": ", in time", "breached": ", after its time was up"}.get(row["response"] or "", "")
    account = inert(row["account"] or row["account_id"], 60)
    out.print(
        Text(f"{inert(row['acknowledged_by'])} takes up alert {row['id']} ({inert(row['label'])}, {account}){timely}.")
    )
    out.print(Text(inert(row["to_do"])))


def _line(
    one: Alert,
    framework: Framework,
    called: Mapping[str, str],
    people: Mapping[Person, str],
    tasks: Iterable[AlertTask],
    now: datetime,
) -> dict[str, Any]:
    life, response = one.life, one.life.response(now)
    moments = ("raised_at", "due_at", "answered_at", "acknowledged_at", "touched_at", "escalated_at", "resolved_at")
    return {
        "id": one.id,
        "account_id": one.account_id,
        "account": called.get(one.account_id),
        "alert": one.alert,
        "label": one.label,
        "state": life.state,
        "because": one.because,
        "owner": one.owner,
        "owner_name": people.get(one.person) if one.person is not None else None,
        **{name: _utc(getattr(life, name)) for name in moments},
        "sla_hours": one.sla_hours,
        "response": response,
        "overdue": life.state == "open" and response == "breached",
        "level": life.level,
        "level_label": _label(framework, life.level),
        "acknowledged_by": one.acknowledged_by,
        "note": one.note,
        "touch": one.touch,
        "why": life.why,
        "tasks": [
            {"connection": task.connection, "object": task.object, "record_id": task.record_id, "ended": task.ended}
            for task in tasks
        ],
        "run_id": one.run_id,
        "last_run_id": one.last_run_id,
        "to_do": _to_do(one, framework),
    }


def _to_do(one: Alert, framework: Framework) -> str:
    rule = next((rule for rule in framework.spec.every_alert() if rule.id == one.alert), None)
    state = one.life.state
    if state == "resolved" or rule is None:
        return ""
    advice = f"{rule.meaning} " if rule.meaning else ""
    if state == "acknowledged":
        runs = "one run" if rule.resolve_after == 1 else f"{rule.resolve_after} runs in a row"
        return f"{advice}Nothing to enter: it is resolved once its condition has not held in {runs}."
    whose = {"csm": "customer-success manager", "owner": "owner"}.get(rule.answered_by())
    touch = f"A completed meeting or call of the account's {whose} answers it, or enter" if whose else "Enter"
    return f"{advice}{touch} who takes it up: `keepwell alerts ack {one.id} --by NAME`."


def _label(framework: Framework, level: str | None) -> str | None:
    levels = framework.spec.escalation.levels if framework.spec.escalation else ()
    return next((one.label for one in levels if one.id == level and one.label), None)


def _people(c: Connection, ws: str, found: Iterable[Alert]) -> dict[Person, str]:
    if not any(one.person for one in found):
        return {}
    called = {who: name or email for who, (name, email) in names.people(c, ws).items()}
    return {who: name for who, name in called.items() if name}


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]}"


def _whom(row: Data) -> str:
    name = f" ({inert(row['owner_name'], 40)})" if row["owner_name"] else ""
    return f"{inert(row['owner'])}{name}"


def _due(row: Data) -> Text:
    if row["due_at"] is None:
        return Text("–")
    late = row["overdue"]
    return Text(f"{_minute(row['due_at'])}{', overdue' if late else ''}", style="bold red" if late else "")


def _escalated(row: Data) -> str:
    if row["escalated_at"] is None:
        return ""
    to = f" to {inert(row['level'])}" if row["level"] else ""
    label = f" ({inert(row['level_label'])})" if row["level_label"] else ""
    return f"{_minute(row['escalated_at'])}{to}{label}: nobody had answered in time"


def _answered(row: Data) -> str:
    if row["answered_at"] is None:
        return ""
    by_touch = row["answered_at"] == row["touched_at"]
    how = f"by {inert(row['touch'])}" if by_touch else f"by {inert(row['acknowledged_by'])}"
    timely = f", {RESPONSES[row['response']]}" if row["response"] else ""
    return f"{_minute(row['answered_at'])} {how}{timely}"


def _resolved(row: Data) -> str:
    return "" if row["resolved_at"] is None else f"{_minute(row['resolved_at'])}: {WHY[row['why']]}"
