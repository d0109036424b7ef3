"""What is held of a person or an account, and what was forgotten, on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.terminal import table
from dashboard.text import inert

PLACES: Mapping[str, str] = MappingProxyType(
    {
        "raw_record": "records as the CRMs gave them",
        "raw_link": "who took part in what, and what belongs to whom",
        "raw_alias": "ids of merged records",
        "account_link": "which records are one account",
        "identity_review": "cases of who is who",
        "identity_decision": "decisions about who is who",
        "evaluation": "scores, stages and their reasons",
        "evaluation_block": "metrics behind scores",
        "evaluation_detail": "metrics behind scores",
        "alert": "alerts and answers to them",
        "alert_task": "tasks that stand for alerts",
        "timeline_entry": "entries on a CRM's timeline",
        "notification": "messages to people",
        "plan": "plans",
        "plan_record": "plans",
        "intent": "values sent to a CRM",
        "ledger": "values written and what was there before",
        "failure": "values that a CRM refused",
        "resolution": "decisions about held values",
        "quarantine": "values that could not be read",
        "run": "reports of runs",
        "mark": "notes of runs for the next one",
    }
)
"""Table → what a person calls its content; those of entities are told by their names."""
_ENTITY = "entity_"


def place(name: str) -> str:
    """What is in a table, in words."""
    return PLACES.get(name, f"normalised: {name.removeprefix(_ENTITY)}s" if name.startswith(_ENTITY) else name)


def show_forgotten(out: Console, data: Mapping[str, Any]) -> None:
    """What is or was held, how many rows of each kind, and what is out of reach."""
    out.print(Text(f"About {inert(data['about'], 500)}"), soft_wrap=True)
    found: Counter[str] = Counter()
    for name, number in data["held"].items():
        found[place(name)] += number
    if found:
        out.print(table("", ("held in", "rows"), sorted(found.items()), right=("rows",)))
    else:
        out.print("The store holds nothing of it in clear text.")
    if data["done"]:
        out.print(
            "Forgotten. Digests stay, so that the next pull does not bring it back in clear text.", soft_wrap=True
        )
    else:
        out.print("Nothing was changed.")
    for note in data["notes"]:
        out.print(Text(inert(note, 500)), soft_wrap=True)
    out.print(Text(f"Out of reach: {'; '.join(data['out_of_reach'])}.", style="dim"), soft_wrap=True)
