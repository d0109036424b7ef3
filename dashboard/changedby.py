"""Who changed a value and when, as far as a CRM tells: added to rows of data, and as a sentence on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from dashboard.text import inert
from store import frames

_KINDS = {
    "person": "user",
    "user": "user",
    "integration": "another integration, app",
    "workflow": "a workflow,",
    "import": "an import,",
}


def with_names(c: Connection, ws: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `told.name` where the CRM's list of owners knows the user by the id that was told."""
    asked = {row["connection"] for row in rows if row["told"] and row["told"]["kind"] == "user"}
    names = {
        (connection, user): name
        for connection in sorted(asked)
        for user, name in frames.frame(c, ws, "owner", connection=connection).select("id", "name").iter_rows()
    }
    return [
        {**row, "told": {**row["told"], "name": names.get((row["connection"], row["told"]["who"]))}}
        if row["told"]
        else dict(row)
        for row in rows
    ]


def sentence(row: Mapping[str, Any]) -> str:
    """Who it was, for a person who has to decide; empty where nothing is known."""
    told = row["told"]
    if not told:
        return ""
    at = f" at {moment(told['at'])}" if told["at"] else ""
    if told["of"] == "record":
        return f"the record, if not this value, was last changed{at} by {_who(told)}"
    return f"changed{at} by {_who(told)}"


def moment(text: str) -> str:
    """An instant in UTC to the minute."""
    return f"{text[:10]} {text[11:16]} UTC"


def _who(told: Mapping[str, Any]) -> str:
    if told["by"] == "ours":
        return "Keepwell's own user" if told["of"] == "record" else "Keepwell"
    who = f"{_KINDS.get(told['kind'], told['kind'])} {told['who']}".strip()
    name = told.get("name")
    return inert(f"{name} ({who})" if name else who or "somebody", 120)
