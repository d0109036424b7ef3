"""Values between Keepwell's canonical text and what each Salesforce field type takes."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

NUMERIC = frozenset({"double", "currency", "percent", "int", "long"})
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_INSTANT = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$")

JsonValue = str | int | float | bool | None


def encode(value: str | None, field_type: str) -> JsonValue:
    """A canonical value as JSON for a field of `field_type` (describe's name); raises `ValueError` with the reason."""
    if value is None:
        return None
    if field_type in NUMERIC:
        return _number(value)
    if field_type == "boolean":
        if value not in {"true", "false"}:
            raise ValueError(f"{value!r} is neither true nor false")
        return value == "true"
    if field_type == "date":
        return _date(value)
    if field_type == "datetime":
        return _instant(value)
    return value


def _number(value: str) -> int | float:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    if number == number.to_integral_value():
        if abs(number) >= Decimal(10) ** 18:
            raise ValueError(f"{value!r} has more than 18 digits")
        return int(number)
    as_float = float(number)
    if not math.isfinite(as_float):
        raise ValueError(f"{value!r} is outside the range of numbers")
    return as_float


def _date(value: str) -> str:
    if not _DATE.match(value) or not _exists(value):
        raise ValueError(f"{value!r} is not a date (YYYY-MM-DD)")
    return value


def _instant(value: str) -> str:
    if not _INSTANT.match(value) or not _exists(value):
        raise ValueError(f"{value!r} is not an instant (YYYY-MM-DDTHH:MM:SSZ)")
    return value


def _exists(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
