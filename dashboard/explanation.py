"""Shows why an account's fields have the values that they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.inputs import show_external_score, show_inputs
from dashboard.terminal import BAND_STYLES, table, words
from dashboard.text import inert

Data = Mapping[str, Any]
CHANGES = {"metrics": "values", "configuration": "framework", "coverage": "what is known"}
"""The parts of a change of the score, as they are shown."""
MOST_CHILDREN = 20


def show_explanation(out: Console, data: Data, *, verbose: bool = False) -> None:
    """Values first, then what stands behind each of them, in words; with `verbose` also expressions and facts."""
    found = data["explanation"]
    places = ", ".join(f"{one['connection']} {one['object']} {one['id']}" for one in data["records"])
    out.print(Text(inert(data["name"] or data["account_id"]), style="bold").append(f"  ({inert(places)})", "not bold"))
    out.print(f"as of {data['as_of']}, framework {data['framework']}, model version {data['model_version']}")
    for record in data["records"]:
        if not record["writable"]:
            place = f"{record['connection']} {inert(record['id'])}"
            out.print(
                Text(f"{place} is not written: whose it is has to be decided (`keepwell identity list`)", "yellow")
            )
    _show_values(out, data)
    _show_health(out, found["health"])
    show_external_score(out, data["inputs"])
    _show_change(out, data["change"])
    _show_lifecycle(out, found["lifecycle"], data["nearly"], verbose=verbose)
    _show_marks(out, found["marks"])
    _show_milestones(out, found["milestones"])
    for dimension, segment in found["segments"].items():
        title = "Segment" if dimension == "segment" else f"Segment by {words(dimension)}"
        _show_rules(out, f"{title}: {inert(segment['label'] or '–')}", segment["rules"], verbose=verbose)
    _show_renewal(out, found["renewal"], data["next_renewal"])
    _show_revenue(out, found["revenue"])
    if data["children"] is not None:
        _show_children(out, data["children"])
    _show_rest(out, found, data["as_of"])
    _show_alerts(out, found["alerts"], data["alerts"])
    show_inputs(out, data["inputs"])
    if verbose:
        facts = ", ".join(f"{name} = {_number(value)}" for name, value in found["facts"].items())
        out.print(Text(f"Facts: {inert(facts)}", "dim"))


def _show_values(out: Console, data: Data) -> None:
    seen = {(one["field"], one["connection"]): one["seen"] and one["display"] for one in data["in_crm"]}
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


def _show_change(out: Console, change: Data | None) -> None:
    """What moved the score since the evaluation before, part by part."""
    if change is None:
        return
    score = change["score"]
    was, now = ("no score" if one is None else f"{one:g}" for one in (score["before"], score["after"]))
    if change["difference"] is None:
        out.print(f"Since {change['since']}: {was}, then {now}.")
    else:
        parts = ", ".join(f"{label} {_signed(change[key])}" for key, label in CHANGES.items())
        moved = f"{was}, then {now} ({_signed(change['difference'])}: {parts})"
        same = not any(change[key] for key in CHANGES) and not change["values"]
        out.print(f"Since {change['since']}: {'the score is what it was; other values changed' if same else moved}.")
    for one in change["values"]:
        before, after = (_number(one["value"][side]) for side in ("before", "after"))
        points = [one["counted_points"][side] for side in ("before", "after")]
        worth = f" ({_number(points[0])} → {_number(points[1])} points)" if points[0] != points[1] else ""
        out.print(Text(f"  {inert(one['label'])}: {before} → {after}{worth}", "dim"))


def _signed(points: float) -> str:
    return f"{points:+.2f}" if round(points, 2) else "0"


def _show_lifecycle(out: Console, lifecycle: Data, nearly: Iterable[Data], *, verbose: bool) -> None:
    since = f" since {lifecycle['entered_on']}" if lifecycle["entered_on"] else ""
    _show_rules(out, f"Stage: {inert(lifecycle['label'] or '–')}{since}", lifecycle["rules"], verbose=verbose)
    if lifecycle["next_stage"]:
        out.print(f"  Next, if nothing happens: {inert(lifecycle['next_label'])} on {lifecycle['next_stage_on']}.")
    else:
        out.print("  No day that is known changes the stage: it changes when something happens.")
    if lifecycle["ends_when"]:
        out.print(Text(f"  It ends when {inert(lifecycle['ends_when'])}."))
    if lifecycle["waits_for"]:
        out.print(Text(f"  It can change when this becomes known: {inert(', '.join(lifecycle['waits_for']))}."))
    for one in nearly:
        values = ", ".join(f"{words(name)} = {_number(value)}" for name, value in one["inputs"].items())
        said = inert(one["condition"] or "its one condition holds")
        line = Text(f"  Nearly {inert(one['label'])}: it would be, if {said}")
        out.print(line.append(f"   [{inert(values)}]", "dim"))


def _show_marks(out: Console, marks: Iterable[Data]) -> None:
    """The marks of the framework beside the stage: which hold, and which do not."""
    if shown := "; ".join(f"{'✓' if one['holds'] else '✗'} {inert(one['label'])}" for one in marks):
        out.print(f"Marks: {shown}")


def _show_milestones(out: Console, milestones: Iterable[Data]) -> None:
    rows = [
        (
            "✓" if one["done"] else "✗",
            one["label"],
            one["on"] or "–",
            one["due_on"] or "–",
            words(one["timeliness"] or "–") + (f" by {one['days_late']} d" if one["days_late"] else ""),
            ", ".join(f"{'✓' if item['done'] else '✗'} {item['label']}" for item in one["checklists"]),
        )
        for one in milestones
    ]
    if rows:
        columns = ("", "milestone", "on", "due", "in time", "checklists")
        out.print(table("", columns, rows, wrap=("milestone", "checklists")))


def _show_rules(out: Console, title: str, rules: Iterable[Data], *, verbose: bool) -> None:
    """The rules down to the one that holds: in words with what they saw, where they have words."""
    out.print(Text(title, style="bold"))
    for rule in rules:
        mark, style = ("✓", "green") if rule["matched"] else ("✗", "")
        said = rule["says"] or rule["when"]
        out.print(_rule(f"  {mark} {inert(rule['label'])}: {inert(said)}", style,
                        {one["name"]: one["value"] for one in rule["saw"]}))  # fmt: skip
        if verbose and said != rule["when"]:
            out.print(_rule(f"      {inert(rule['id'])}: {inert(rule['when'])}", "dim", rule["inputs"]))


def _rule(said: str, style: str, saw: Mapping[str, object]) -> Text:
    values = ", ".join(f"{name} = {_number(value)}" for name, value in saw.items())
    return Text(said, style).append(f"   [{inert(values)}]" if values else "", "dim")


def _show_renewal(out: Console, renewal: Data, coming: Data | None) -> None:
    end = f", contract ends on {renewal['contract_ends_on']}" if renewal["contract_ends_on"] else ""
    out.print(Text(f"Renewal: {inert(renewal['label'])}{end}", style="bold"))
    out.print(f"  rule {renewal['rule']}: {renewal['because']}")
    if coming is not None:
        out.print(f"  Next, if nothing happens: {inert(coming['label'])} on {coming['on']}.")
    columns = ("CRM", "term", "from", "to", "ARR", "status", "in force")
    keys = ("connection", "term", "start", "end", "arr", "label", "in_force")
    rows = [[_number(term[key]) for key in keys] for term in renewal["terms"]]
    if rows:
        out.print(table("", columns, rows, right=("ARR",)))


_SOURCES = {"crm": "the CRM", "contracts": "the contracts in force", "deals": "the won deals"}


def _show_revenue(out: Console, revenue: Data) -> None:
    """What the account pays a year, where that is from, and why it is not known."""
    if revenue["arr_in_force"] is not None:
        currency = f" {revenue['currency']}" if revenue["currency"] else ""
        own = ""
        if revenue["source"] == "crm" and revenue["arr"] != revenue["arr_in_force"]:
            own = f": {revenue['arr']} {inert(revenue['account_currency'])}"
        out.print(f"Revenue a year: {revenue['arr_in_force']}{currency} (from {_SOURCES[revenue['source']]}{own})")
    if revenue["without_rate"]:
        begin = f"; its rates begin on {revenue['rates_begin_on']}" if revenue["rates_begin_on"] else ""
        text = f"No rate for {inert(revenue['without_rate'])} on the day of an amount in it, which is left out{begin}."
        out.print(Text(text, "yellow"))


def _show_children(out: Console, children: Data) -> None:
    """The children of a parent company and what they come to."""
    rows = [
        (
            inert(one["name"] or one["account_id"], 40),
            _number(one["score"]),
            Text(one["band"] or "unknown", BAND_STYLES.get(one["band"], "")),
            one["arr_in_force"] or "–",
        )
        for one in children["accounts"][:MOST_CHILDREN]
    ]
    title = f"Children: {len(children['accounts'])}"
    out.print(table(title, ("account", "score", "health", "revenue a year"), rows, right=("score", "revenue a year")))
    hidden = len(children["accounts"]) - len(rows)
    if hidden:
        out.print(f"… and {hidden} more; `--json` has all of them.")
    score = "no mean, because no child has both a score and a revenue"
    if children["score"] is not None:
        score = f"mean weighted by revenue {children['score']:g} (of {children['weighted']})"
    out.print(f"Together: {score}; worst health {children['worst_band'] or 'unknown'}.")


def _show_rest(out: Console, found: Data, today: str) -> None:
    touch = found["next_touch"]
    if touch["type"]:
        overdue = ", overdue" if touch["due_on"] < today else ""
        out.print(f"Next touch: {inert(touch['label'])}, due on {touch['due_on']}{overdue}.")
    planned = [one for one in found["cadences"] if one["due_on"]]
    rows = [(one["label"], one["last"] or "none known", one["due_on"], words(one["status"])) for one in planned]
    if len(rows) > 1:
        out.print(table("", ("touch", "last", "due", ""), rows))
    if found["escalation"]["level"]:
        out.print(f"Escalation level: {inert(found['escalation']['label'])}.")


def _show_alerts(out: Console, holding: Iterable[Data], standing: Iterable[Data]) -> None:
    """Alerts that stand, since when and until when; then conditions of which no run has raised the alert."""
    there = {one["alert"] for one in standing}
    holds = {one["id"] for one in holding}
    for one in standing:
        due = f", answer before {_minute(one['due_at'])}" if one["due_at"] and not one["answered_at"] else ""
        answered = f", answered {_minute(one['answered_at'])}" if one["answered_at"] else ""
        escalated = f", escalated to {inert(one['level'])}" if one["escalated_at"] and one["level"] else ""
        over = "" if one["alert"] in holds else "; its condition does not hold now"
        line = f"Alert {one['id']}: {inert(one['label'])} (for {inert(one['owner'])}) since {_minute(one['raised_at'])}"
        out.print(Text(f"{line}{due}{answered}{escalated}{over}", "yellow"))
    for alert in holding:
        if alert["id"] not in there:
            label = inert(alert["label"] or words(alert["id"]))
            out.print(Text(f"Alert condition that holds: {label} (for {inert(alert['owner'])})", "yellow"))


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]} UTC"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else inert(value)
