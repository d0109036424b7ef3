"""Canonical values as HubSpot takes them: always text, and the empty text clears a property."""

from __future__ import annotations

from connectors.hubspot.schema import Property


def encode(value: str | None, definition: Property | None = None) -> str:
    """A canonical value for a property; a JSON null is never sent because its effect is not documented.

    A day for a datetime property becomes midnight UTC and an instant for a date property its UTC day, so that a
    property that a person created with the sibling type still works.
    """
    if value is None:
        return ""
    if definition is None:
        return value
    if definition.type == "datetime" and _is_date(value):
        return f"{value}T00:00:00Z"
    if definition.type == "date" and len(value) > 10 and _is_date(value[:10]) and value[10] == "T":
        return value[:10]
    if definition.type == "bool":
        return value.lower()
    return value


def _is_date(value: str) -> bool:
    parts = value.split("-")
    return [len(part) for part in parts] == [4, 2, 2] and all(part.isdecimal() for part in parts)
