"""The reference of the store: its tables as the code declares them, with what they and their columns mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Column, Table

from mapping.records import ENTITIES
from store.schema import REVISIONS
from store.tables import metadata

MEANINGS = Path(__file__).with_name("tables.yaml")
"""`columns`: what a name means everywhere; `tables`: what a table holds (`is`), and what a name means only there."""

_TYPES = {
    "Words": "text",
    "Json": "JSON",
    "BigInteger": "integer",
    "Double": "number",
    "PackedJson": "packed JSON",
    "PackedFrame": "packed frame",
}


def page() -> str:
    """Markdown: a section a table, by name; an entity's columns are described where the unified model is."""
    known = yaml.safe_load(MEANINGS.read_text(encoding="utf-8"))
    lines = ["# Tables of the store", "", " ".join(known["about"].split()), "", f"Schema: `{REVISIONS[-1]}`."]
    for table in sorted(metadata.tables.values(), key=lambda one: one.name):
        lines += ["", *section(table, known)]
    return "\n".join(lines) + "\n"


def section(table: Table, known: dict[str, Any]) -> list[str]:
    """Heading, what the table holds, its columns."""
    about = known["tables"].get(table.name, {})
    lines = [f"## {table.name}", "", about.get("is", ""), "", "| column | type | meaning |", "|---|---|---|"]
    for column in table.columns:
        means = meaning(table, column, known) or ""
        lines.append(f"| `{column.name}` | {_type(column)} | {means.replace('|', chr(92) + '|')} |")
    return lines


def meaning(table: Table, column: Column[Any], known: dict[str, Any]) -> str | None:
    """What a column means: here, in its entity of the unified model, or everywhere; None where nobody says."""
    here: str | None = known["tables"].get(table.name, {}).get(column.name)
    entity = ENTITIES.get(table.name.removeprefix("entity_"), ())
    field = next((field.doc for field in entity if field.name == column.name), None)
    return here or field or known["columns"].get(column.name)


def _type(column: Column[Any]) -> str:
    name = type(column.type).__name__
    parts = [_TYPES.get(name, name.lower())]
    if column.primary_key:
        parts.append("key")
    elif column.nullable:
        parts.append("may be empty")
    return ", ".join(parts)
