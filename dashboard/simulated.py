"""What another framework would change, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import table
from dashboard.text import inert, shown_value

Data = Mapping[str, Any]
FIELDS = {
    "health_band": "Health",
    "lifecycle_stage": "Stage",
    "tenure_stage": "Stage by tenure",
    "segment": "Segment",
    "renewal_status": "Renewal status",
    "renewal_phase": "Renewal phase",
    "escalation_level": "Escalation",
    "next_touch_type": "Next touch",
}
OTHERS = {
    "health_trend": "health trend",
    "health_coverage": "coverage",
    "health_reasons": "reasons",
    "stage_entered_on": "stage since",
    "renewal_sub_status": "renewal detail",
    "next_touch_due_on": "next touch due",
}
MOVES = 8
"""So many kinds of change of one field are shown."""
ACCOUNTS = 20


def show_simulation(out: Console, page: Data, name: str) -> None:
    """Numbers first, then the accounts that would lose most points, then how to publish it."""
    now, then = page["now"], page["then"]
    if now["model_version"] == then["model_version"]:
        out.print(Text(f"{inert(then['framework'])} is the framework in force; nothing would change."))
        return
    out.print(
        Text(
            f"With {inert(then['framework'])} instead of {inert(now['framework'])}, {page['changed']} of "
            f"{page['accounts']} accounts would change (as of {page['as_of']}).",
            style="bold",
        )
    )
    out.print(Text(_scores(page)))
    if moves := list(_moves(page["moves"])):
        out.print(table("What would change", ("field", "now", "then", "accounts"), moves, right=("accounts",)))
    if others := [f"{OTHERS[one]} {number}" for one, number in page["others"].items() if number]:
        out.print(Text(f"Also another value of: {', '.join(others)}."))
    if page["alerts"]:
        rows = [(one["label"] or one["id"], one["opens"] or "", one["closes"] or "") for one in page["alerts"]]
        out.print(table("Alerts", ("alert", "would open", "would close"), rows, right=("would open", "would close")))
    if page["listed"]:
        _show_accounts(out, page)
    out.print(
        Text(
            "Nothing was stored or written. To publish it, set "
            f"`framework: {inert(name)}` in the configuration and run `keepwell fields apply`, which adds its options "
            "to the lists in the CRMs; `keepwell plan` then shows the first run, which needs --accept-model-change."
        )
    )


def _scores(page: Data) -> str:
    scores, bands = page["scores"], page["bands"]
    parts = [f"{scores['rose']} scores rise", f"{scores['fell']} fall", f"{scores['same']} stay"]
    parts += [f"{scores['appeared']} appear"] if scores["appeared"] else []
    parts += [f"{scores['vanished']} vanish"] if scores["vanished"] else []
    counts = " · ".join(f"{inert(one)} {number} → {bands['then'][one]}" for one, number in bands["now"].items())
    return f"{', '.join(parts)}. {counts}"


def _moves(moves: Mapping[str, Sequence[Data]]) -> Iterator[tuple[str, str, str, int]]:
    for name, label in FIELDS.items():
        found = moves[name]
        for index, one in enumerate(found[:MOVES]):
            yield label if index == 0 else "", shown_value(one["now"]), shown_value(one["then"]), one["accounts"]
        if rest := found[MOVES:]:
            yield "", f"{len(rest)} more kinds", "", sum(one["accounts"] for one in rest)


def _show_accounts(out: Console, page: Data) -> None:
    shown = page["listed"][:ACCOUNTS]
    rows = [(inert(one["account"] or one["account_id"], 40), _score(one["score"]), _what(one)) for one in shown]
    out.print(table("Accounts, largest fall first", ("account", "score", "change"), rows, wrap=("change",)))
    hidden = page["changed"] - len(shown)
    if hidden:
        out.print(f"… and {hidden} more; `--json` lists the first {len(page['listed'])}.")


def _score(score: Data) -> str:
    now, then = ("–" if score[side] is None else f"{score[side]:g}" for side in ("now", "then"))
    return now if now == then else f"{now} → {then}"


def _what(line: Data) -> str:
    """Field by field; the tenure stage only where the stage itself says nothing else."""
    moves = {
        name: pair
        for name, pair in line["moves"].items()
        if name != "tenure_stage" or "lifecycle_stage" not in line["moves"]
    }
    parts = [
        f"{FIELDS[name].lower()} {shown_value(one['now'])} → {shown_value(one['then'])}" for name, one in moves.items()
    ]
    parts += [f"other {', '.join(OTHERS[one] for one in line['others'])}"] if line["others"] else []
    parts += [f"opens {', '.join(line['opens'])}"] if line["opens"] else []
    parts += [f"closes {', '.join(line['closes'])}"] if line["closes"] else []
    return "; ".join(parts)
