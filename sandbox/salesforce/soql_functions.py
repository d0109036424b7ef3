"""SOQL functions of one field of one row: labels, formats, conversions, and parts of dates (in UTC)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from sandbox.salesforce.fields import Field, Value

DATE_PARTS: dict[str, Callable[[date], int]] = {
    "CALENDAR_YEAR": lambda day: day.year,
    "CALENDAR_QUARTER": lambda day: (day.month + 2) // 3,
    "CALENDAR_MONTH": lambda day: day.month,
    "DAY_IN_MONTH": lambda day: day.day,
    "DAY_IN_WEEK": lambda day: day.isoweekday() % 7 + 1,  # 1 is Sunday
    "DAY_IN_YEAR": lambda day: day.timetuple().tm_yday,
    "WEEK_IN_MONTH": lambda day: (day.day + 6) // 7,
    "WEEK_IN_YEAR": lambda day: (day.timetuple().tm_yday + 6) // 7,
    # The fiscal year of the sandbox org is the calendar year.
    "FISCAL_YEAR": lambda day: day.year,
    "FISCAL_QUARTER": lambda day: (day.month + 2) // 3,
    "FISCAL_MONTH": lambda day: day.month,
}
FUNCTIONS = frozenset({*DATE_PARTS, "DAY_ONLY", "HOUR_IN_DAY", "TOLABEL", "FORMAT", "CONVERTCURRENCY"})
_NEEDS = {
    **dict.fromkeys(DATE_PARTS, ("date", "datetime")),
    "DAY_ONLY": ("datetime",),
    "HOUR_IN_DAY": ("datetime",),
    "TOLABEL": ("picklist", "multipicklist"),
    "CONVERTCURRENCY": ("currency",),
}


def accepts(function: str, target: Field) -> bool:
    """Say whether a function can be applied to a field."""
    return target.type in _NEEDS.get(function, (target.type,))


def resulting(function: str, target: Field) -> Field:
    """Return a field that describes what the function makes of a field; its name stays."""
    if function in DATE_PARTS or function == "HOUR_IN_DAY":
        return replace(target, type="int", filterable=True)
    if function == "DAY_ONLY":
        return replace(target, type="date")
    if function in {"TOLABEL", "FORMAT"}:
        return replace(target, type="string", restricted=False)
    return target


def evaluate(function: str, target: Field, value: Value) -> Value:
    """Return the function's value of one stored value; CONVERTCURRENCY depends on the record and is not here."""
    if value is None:
        return None
    if function in DATE_PARTS:
        return DATE_PARTS[function](date.fromisoformat(str(value)[:10]))
    if function == "DAY_ONLY":
        return str(value)[:10]
    if function == "HOUR_IN_DAY":
        return int(str(value)[11:13])
    if function == "TOLABEL":
        labels = dict(zip(target.picklist, target.labels or target.picklist, strict=True))
        return ";".join(labels.get(part, part) for part in str(value).split(";"))
    return _formatted(target, value)


def _formatted(target: Field, value: Value) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.{target.scale}f}"
