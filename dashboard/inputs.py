"""Shows which CRM each input of an account came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from dashboard.terminal import table, words
from dashboard.text import inert

_LONGEST = 40


def show_inputs(out: Console, inputs: Mapping[str, Any]) -> None:
    """One line where one CRM said everything, else a table that shows which other one says otherwise."""
    fields, records = inputs["fields"], inputs["records"]
    givers = {one["connection"] for one in fields} | {name for names in records.values() for name in names}
    if len(givers) < 2 and not any(one["others"] for one in fields):
        out.print(f"Inputs: all from {', '.join(sorted(givers)) or 'nowhere'}.")
        return
    rows = [
        (
            words(one["field"]),
            inert(str(one["value"]), _LONGEST),
            one["connection"],
            ", ".join(f"{name}: {inert(str(value), _LONGEST)}" for name, value in one["others"].items()),
        )
        for one in fields
    ]
    out.print(table("", ("input", "value", "from", "others say"), rows, wrap=("value", "others say")))
    if records:
        out.print("; ".join(f"{words(name)} from {', '.join(names)}" for name, names in records.items()) + ".")


def show_external_score(out: Console, inputs: Mapping[str, Any]) -> None:
    """The score that a CRM computes by itself, where one is mapped."""
    for one in inputs["fields"]:
        if one["field"] == "external_score":
            out.print(f"{one['connection']} itself has {one['value']:g}.")
