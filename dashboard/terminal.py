"""Puts the answers of the commands on a terminal; each function takes the same data that `--json` prints."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboard.answers import Answer
from dashboard.backfilled import only_read, show_next_step, show_ranges
from dashboard.text import inert, shown_value, so_many
from mapping import entries
from mapping.records import FieldSpec

Data = Mapping[str, Any]
_OF_ENTRIES = frozenset(one.name for one in entries.FIELDS)
BAND_STYLES = {"green": "green", "yellow": "yellow", "red": "bold red", "unknown": "dim"}
STATUS_STYLES = {
    "ok": "green", "complete": "green", "confirmed": "green", "exists": "green", "created": "green",
    "warning": "yellow", "partial": "yellow", "deferred": "yellow", "busy": "yellow", "create": "yellow",
    "by_hand": "yellow",
    "error": "bold red", "failed": "bold red", "refused": "bold red", "conflict": "bold red", "unreadable": "bold red",
}  # fmt: skip
_POINTS = re.compile(r" \(-[\d.]+ points\)$")  # the score stands beside it
_PIPE_WIDTH = 160  # a pipe has no width; 80 columns would cut what a script or a file could hold


class Terminal(Console):
    """A console that leaves a closed pipe to the command, which knows its exit code."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console for stdout or stderr; NO_COLOR is respected by Rich itself."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Terminal(file=stream, width=width, markup=False, emoji=False, highlight=False)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    wrap: Sequence[str] = (),
) -> Table:
    """A plain table; every cell is made inert unless it is a Rich text already.

    When there is little room, the columns named in `wrap` are folded before any other is cut.
    """
    result = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        result.add_column(column, justify=justify, overflow="fold", no_wrap=column not in wrap)
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(inert(cell)) for cell in row))
    return result


def styled(value: object, styles: Mapping[str, str]) -> Text:
    """A word in the colour that it has in `styles`."""
    return Text(inert(value), style=styles.get(str(value), ""))


def words(name: object) -> str:
    """`growth_expansion` as a person reads it: `growth expansion`."""
    return str(name).replace("_", " ") if name is not None else "–"


def show_accounts(out: Console, accounts: Sequence[Data], title: str = "") -> None:
    """Accounts as a customer-success manager looks at them, a line each where the terminal is wide enough."""
    rows = [
        (
            inert(row["name"] or row["account_id"], 26),
            words(row["segment"]),
            words(row["stage"]),
            _score(row),
            words(row["renewal_status"]),
            inert(_POINTS.sub("", row["reason"] or "–"), 60),
        )
        for row in accounts
    ]
    columns = ("account", "segment", "stage", "score", "renewal", "top reason")
    out.print(table(title, columns, rows, right=("score",), wrap=("account", "stage", "renewal", "top reason")))


def show_bands(out: Console, evaluate: Data) -> None:
    """How many accounts are in each health band, the best first; a report from the store has them by name."""
    number = evaluate["accounts"]
    line = Text(f"{so_many(number, 'account')}: ")
    known = [*BAND_STYLES]
    bands = sorted(evaluate["bands"].items(), key=lambda one: known.index(one[0]) if one[0] in known else len(known))
    for index, (band, count) in enumerate(bands):
        line.append(" · " if index else "")
        line.append(f"{count} {band}", style=BAND_STYLES.get(band, ""))
    out.print(line)
    if reviews := evaluate.get("reviews"):
        out.print(f"{so_many(reviews, 'case')} of records that may be one account: `keepwell identity list`")


def show_alert_counts(out: Console, counts: Data) -> None:
    """What the run found out about alerts, and how many stand."""
    told = [f"{counts[name]} {name}" for name in ("raised", "answered", "resolved") if counts[name]]
    line = Text(f"Alerts: {', '.join([*told, ''])}" if told else "Alerts: ")
    if counts["breached"]:
        line.append(f"{counts['breached']} not answered in time", style="bold red").append(", ")
    out.print(line.append(f"{counts['standing']} standing; `keepwell alerts list` shows them."))


def show_news_counts(out: Console, counts: Data) -> None:
    """What became of the news for people."""
    told = [f"{counts[name]} {name.replace('_', ' ')}" for name in ("sent", "waiting", "given_up") if counts[name]]
    line = Text(f"Notifications: {', '.join(told) or 'nothing to send'}")
    if counts["waiting"] or counts["given_up"]:
        line.append("; `keepwell notify list` says why.")
    out.print(line)


def show_read(out: Console, pull: Data) -> None:
    """What was read from each CRM, a sentence a connection: its lists, without the links between them."""
    for connection, streams in pull.items():
        kept = {name: one["read"] for name, one in streams.items() if ">" not in name}
        listed = ", ".join(f"{number} {words(name)}" for name, number in kept.items())
        bad = sum(one["quarantined"] for one in streams.values())
        aside = f"; {bad} unreadable {'value was' if bad == 1 else 'values were'} set aside" if bad else ""
        out.print(Text(f"{connection}: {listed}{aside}."))


def show_cost(out: Console, connections: Data) -> None:
    """What was written to each CRM and what it cost, a sentence a connection."""
    for name, one in connections.items():
        values, records = so_many(one["apply"]["confirmed"], "value"), so_many(one["records_written"], "record")
        calls = so_many(one["requests"], "API call")
        out.print(Text(f"{name}: {values} on {records} written and checked; the run took {calls}."))


def show_report(out: Console, report: Data) -> None:
    """One run from its reading to its writing."""
    show_head(out, report)
    show_ranges(out, report.get("backfill", ()))
    if report["pull"]:
        show_pull(out, only_read(report["pull"]) if report.get("backfill") else report["pull"])
    if report["evaluate"]["accounts"]:
        show_bands(out, report["evaluate"])
        if any(report["alerts"].values()):
            show_alert_counts(out, report["alerts"])
    if any(report["notifications"].values()):
        show_news_counts(out, report["notifications"])
    if report.get("backfill"):
        show_next_step(out, report["plan"])
    else:
        show_writes(out, report)


def show_head(out: Console, report: Data) -> None:
    """How a run ended, and what it has to say about that."""
    head = Text("Run ").append(inert(report["run_id"]), style="bold").append(": ")
    head.append_text(styled(report["status"], STATUS_STYLES)).append(f", as of {report['as_of']}")
    out.print(head)
    if report.get("reason"):
        out.print(Text(inert(report["reason"]), style="yellow"))
    if report.get("hint"):
        out.print(Text(inert(report["hint"])))
    for note in report.get("notes", ()):
        out.print(Text(f"· {inert(note)}", style="dim"))


def show_pull(out: Console, pull: Data) -> None:
    """Rows read, a line a stream."""
    columns = ("read from", "stream", "read", "new", "changed", "same", "deleted", "quarantined")
    keys = ("read", "inserted", "updated", "unchanged", "deleted", "quarantined")
    rows = [
        (connection, stream, *(counts[key] for key in keys))
        for connection, streams in pull.items()
        for stream, counts in streams.items()
    ]
    out.print(table("", columns, rows, right=columns[2:]))


def show_writes(out: Console, report: Data) -> None:
    """What was written to each CRM and what it cost, a line a connection."""
    connections: Data = report.get("connections", {})
    if not connections or not report["plan"]["plan_id"]:
        return
    columns = ("CRM", "records written", "values written", "held", "conflict", "rejected", "open", "API calls")
    rows = [
        (
            name,
            one["records_written"],
            one["apply"]["confirmed"],
            one["plan"]["held"],
            one["apply"]["conflict"],
            one["apply"]["rejected"],
            one["apply"]["pending"] + one["apply"]["in_doubt"],
            one["requests"],
        )
        for name, one in connections.items()
    ]
    out.print(table("", columns, rows, right=columns[1:]))
    show_held(out, report["plan"])
    if report.get("command") == "sync" and report["status"] == "complete" and not report["plan"]["changes"]:
        out.print("Nothing to write: the CRMs already show what was computed.")


def show_held(out: Console, plan: Data) -> None:
    """Where the values are listed that a plan leaves alone: those of people, and those that a CRM refused."""
    if plan["held"]:
        out.print("`keepwell conflicts list` shows the values that are held.")
    if plan.get("refused"):
        out.print("`keepwell failures list` shows the values that a CRM refused.")


def show_planned(out: Console, report: Data) -> None:
    """A plan: what it stands on, its cost, its changes with their reasons, and what is held."""
    plan = report["plan"]
    show_head(out, report)
    show_bands(out, report["evaluate"])
    if any(report["alerts"].values()):
        show_alert_counts(out, report["alerts"])
    cost = ", ".join(f"{name} {calls}" for name, calls in plan["cost"].items() if calls) or "none"
    head = Text("Plan ").append(inert(plan["plan_id"]), style="bold")
    out.print(head.append(f": {plan['changes']} changes on {plan['records']} records; API calls: {cost}"))
    show_changes(out, plan["shown"])
    if plan["hidden_records"]:
        out.print(f"… and {plan['hidden_records']} more records; `--out FILE` saves them all.")
    show_held(out, plan)
    if plan["changes"]:
        out.print(f"To write it: keepwell apply {inert(plan['plan_id'])}")
    elif plan["held"] or plan.get("refused"):
        out.print("Nothing to write.")
    else:
        out.print("Nothing to write: the CRMs already show what was computed.")


def show_changes(out: Console, changes: Sequence[Data]) -> None:
    """Values before and after, a line a property, below the record that they belong to."""
    width = max((len(row["property"]) for row in changes), default=0)
    for (connection, record_id), rows in groupby(changes, key=lambda row: (row["connection"], row["record_id"])):
        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=width + 2)
        because = account = None
        new, made = False, "task"
        for row in rows:
            account, new = row["account"], row["kind"] == "create"
            made = "entry" if row.get("field") in _OF_ENTRIES else made
            # One reason often stands behind several properties of a record; it is said once.
            reason = "" if row["because"] == because else inert(row["because"] or "", 70)
            because = row["because"]
            before, after = inert(shown_value(row["before"]), 24), inert(shown_value(row["after"]), 32)
            change = Text(before).append(" → ").append(after, "bold")
            grid.add_row(Text(f"  {inert(row['property'])}"), change, Text(reason, style="dim"))
        what = f"new {made} {inert(record_id)} for" if new else inert(record_id)
        out.print(Text(f"{connection} {what} {inert(account, 40)}", style="bold"))
        out.print(grid)


def show_checks(out: Console, checks: Sequence[Data]) -> None:
    """Findings of `doctor`, what to do about each below it."""
    width = max((len(check["name"]) for check in checks), default=0)
    for check in checks:
        line = styled(f"{check['status']:<8}", {f"{key:<8}": style for key, style in STATUS_STYLES.items()})
        out.print(line.append(f"{inert(check['name']):<{width}}  {inert(check['detail'])}", style="none"))
        if check.get("hint"):
            out.print(Text(f"{'':<{width + 10}}{inert(check['hint'])}", style="bold"))


def fields_answer(found: Mapping[str, Sequence[Any]]) -> Answer:
    """Findings about custom properties by connection; a property that is in the way makes exit code 3."""
    lines = [
        {
            "connection": name,
            "field": one.spec.name,
            "property": one.property,
            "label": one.spec.label,
            "action": one.action,
            "detail": one.detail,
        }
        for name, findings in found.items()
        for one in findings
    ]
    blocked = any(line["action"] in ("by_hand", "conflict", "unreadable") for line in lines)
    return Answer({"fields": lines}, lambda out: show_fields(out, lines), 3 if blocked else 0)


def show_fields(out: Console, findings: Sequence[Data]) -> None:
    """Custom properties in each CRM: there, to be created, or in the way."""
    rows = [
        (row["connection"], row["property"], styled(row["action"], STATUS_STYLES), row["label"], row["detail"])
        for row in findings
    ]
    out.print(table("", ("CRM", "property", "state", "label", "detail"), rows, wrap=("label", "detail")))


def definitions_answer(exports: Iterable[Any]) -> Answer:
    """Definitions of the custom properties for somebody who creates them, and the files that were written for that."""
    data: dict[str, Any] = {"fields": [], "files": {}}
    for one in exports:
        data["fields"] += [_definition(one, name, spec) for name, spec in one.properties.items()]
        if one.folder is not None:
            before = data["files"].get(one.connection, [])
            data["files"][one.connection] = list(dict.fromkeys([*before, *(str(path) for path in one.files)]))
    places = dict.fromkeys((one.connection, one.folder, one.use) for one in exports if one.folder is not None)
    return Answer(data, lambda out: _show_definitions(out, data["fields"], list(places)))


def _definition(export: Any, name: str, spec: FieldSpec) -> dict[str, Any]:
    meanings, colours = dict(spec.meanings), dict(spec.colours)
    return {
        "connection": export.connection,
        "object": export.object_name,
        "property": name,
        "field": spec.name,
        "type": spec.type.value,
        "label": spec.label,
        "description": spec.description,
        "options": [
            {"value": value, "label": label, "meaning": meanings.get(value, ""), "colour": colours.get(value)}
            for value, label in spec.options
        ],
        "decimals": spec.decimals,
        "length": spec.length,
        "unique": spec.unique,
        "written_by_keepwell": spec.writable,
    }


def _show_definitions(out: Console, fields: Sequence[Data], written: Sequence[tuple[str, object, str]]) -> None:
    packed = {connection for connection, _, _ in written}
    rows = [
        (
            one["connection"],
            one["object"],
            one["property"],
            f"{one['type']}, unique" if one["unique"] else one["type"],
            one["label"],
            ", ".join(o["value"] for o in one["options"]),
        )
        for one in fields
        if one["connection"] not in packed
    ]
    if rows:
        columns = ("CRM", "object", "property", "type", "label", "options")
        out.print(table("", columns, rows, wrap=("label", "options")))
    for connection, folder, use in written:
        out.print(Text(f"{connection}: a package for an administrator is in {inert(folder)}; {use}"))


def show_settings(out: Console, checked: Data) -> None:
    """Effective settings with their origin."""
    for entry in checked["settings"]:
        setting = f"{inert(entry['key'])} = {shown_value(entry['value'])}"
        out.print(Text(setting).append(f"  # {entry['origin']}", "dim"))
    out.print(Text(f"{inert(checked['file'])} is fine: {inert(checked['summary'])}", style="green"))


def show_runs(out: Console, runs: Sequence[Data]) -> None:
    """Past runs, newest first."""
    if not runs:
        out.print("No runs yet.")
        return
    columns = ("run", "command", "started", "status", "changes", "confirmed", "reason")
    rows = [
        (
            run["run_id"],
            run["command"],
            run["started_at"],
            styled(run["status"], STATUS_STYLES),
            run["changes"],
            run["confirmed"],
            inert(run["reason"] or "", 60),
        )
        for run in runs
    ]
    out.print(table("", columns, rows, right=("changes", "confirmed"), wrap=("reason",)))


def _score(row: Data) -> Text:
    band = str(row["band"] or "unknown")
    number = "–" if row["score"] is None else f"{float(row['score']):.1f}"
    return Text(f"{number} {band}", style=BAND_STYLES.get(band, ""))
