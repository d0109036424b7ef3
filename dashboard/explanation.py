"""Shows why an account's fields have the values that they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import BAND_STYLES, table, words
from dashboard.text import inert

Data = Mapping[str, Any]


def show_explanation(out: Console, data: Data) -> None:
    """Values first, then what stands behind each of them."""
    found = data["explanation"]
    places = ", ".join(f"{one['connection']} {one['object']} {one['id']}" for one in data["records"])
    out.print(Text(inert(data["name"] or data["account_id"]), style="bold").append(f"  ({inert(places)})", "not bold"))
    out.print(f"as of {data['as_of']}, framework {data['framework']}, model version {data['model_version']}")
    for record in data["records"]:
        if not record["writable"]:
            out.print(Text(f"{record['connection']} {inert(record['id'])} is not written: {record['how']}", "yellow"))
    _show_values(out, data)
    _show_health(out, found["health"])
    _show_lifecycle(out, found["lifecycle"])
    for dimension, segment in found["segments"].items():
        title = "Segment" if dimension == "segment" else f"Segment by {words(dimension)}"
        _show_rules(out, f"{title}: {words(segment['segment'])}", segment["rules"])
    _show_renewal(out, found["renewal"])
    _show_rest(out, found)


def _show_values(out: Console, data: Data) -> None:
    seen = {(one["field"], one["connection"]): one["seen"] for one in data["in_crm"]}
    connections = list(dict.fromkeys(one["connection"] for one in data["in_crm"]))
    rows = [
        (
            one["label"],
            one["display"] if one["value"] is not None else "–",
            *(inert(seen.get((one["field"], name)) or "–", 40) for name in connections),
        )
        for one in data["values"]
    ]
    out.print(table("", ("field", "computed", *(f"in {name}" for name in connections)), rows, wrap=("computed",)))


def _show_health(out: Console, health: Data) -> None:
    band = health["band"] or "unknown"
    score = "no score" if health["score"] is None else f"{health['score']:.1f}"
    coverage = f"coverage {100 * (health['coverage'] or 0):.0f}%, at least {100 * health['min_coverage']:.0f}% needed"
    out.print(Text(f"Health: {score} ", "bold").append(band, BAND_STYLES.get(band, "")).append(f"  ({coverage})"))
    columns = ("component", "metric", "value", "points", "weight", "lost", "missing because")
    rows = [
        (
            words(one["component"]),
            one["label"] or words(one["id"]),
            _number(one["value"]),
            _number(one["counted_points"]),
            _number(one["weight"]),
            _number(one["loss"]),
            words(one["missing"]) if one["missing"] else "",
        )
        for one in health["metrics"]
    ]
    out.print(table("", columns, rows, right=("value", "points", "weight", "lost"), wrap=("metric",)))
    if health["trend"] and health["previous_score"] is not None:
        was = f"{health['previous_score']:.1f} {health['previous_band']}"
        out.print(f"Trend: {health['trend']}; it was {was} on {health['compared_with']}.")


def _show_lifecycle(out: Console, lifecycle: Data) -> None:
    since = f" since {lifecycle['entered_on']}" if lifecycle["entered_on"] else ""
    _show_rules(out, f"Stage: {words(lifecycle['stage'])}{since}", lifecycle["rules"])
    if lifecycle["next_stage"]:
        out.print(f"Next: {words(lifecycle['next_stage'])} on {lifecycle['next_stage_on'] or 'no known day'}.")


def _show_rules(out: Console, title: str, rules: Iterable[Data]) -> None:
    out.print(Text(title, style="bold"))
    for rule in rules:
        mark = "✓" if rule["matched"] else "✗"
        values = ", ".join(f"{name} = {_number(value)}" for name, value in rule["inputs"].items())
        line = Text(f"  {mark} {words(rule['id'])}: {inert(rule['when'])}", "green" if rule["matched"] else "")
        out.print(line.append(f"   [{inert(values)}]" if values else "", "dim"))


def _show_renewal(out: Console, renewal: Data) -> None:
    end = f", contract ends on {renewal['contract_ends_on']}" if renewal["contract_ends_on"] else ""
    out.print(Text(f"Renewal: {words(renewal['status'])}{end}", style="bold"))
    out.print(f"  rule {renewal['rule']}: {renewal['because']}")
    columns = ("CRM", "term", "from", "to", "ARR", "status", "in force")
    keys = ("connection", "term", "start", "end", "arr", "status", "in_force")
    rows = [[words(term[key]) if key == "status" else _number(term[key]) for key in keys] for term in renewal["terms"]]
    if rows:
        out.print(table("", columns, rows, right=("ARR",)))


def _show_rest(out: Console, found: Data) -> None:
    touch = found["next_touch"]
    if touch["type"]:
        out.print(f"Next touch: {words(touch['type'])}, due on {touch['due_on']}.")
    if found["escalation"]["level"]:
        out.print(f"Escalation level: {found['escalation']['level']}.")
    for alert in found["alerts"]:
        out.print(Text(f"Alert: {inert(alert['label'] or words(alert['id']))} (for {inert(alert['owner'])})", "yellow"))
    facts = ", ".join(f"{name} = {_number(value)}" for name, value in found["facts"].items())
    out.print(Text(f"Facts: {inert(facts)}", "dim"))


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else inert(value)
