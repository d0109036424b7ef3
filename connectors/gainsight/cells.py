"""Values between what Gainsight gives and takes for each type of field, and Keepwell's own forms."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from connectors.gainsight.schema import LISTS, NUMERIC, FieldInfo, folded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z")
_LENGTHS = frozenset({"STRING", "RICHTEXTAREA", "EMAIL", "URL"})

JsonValue = str | int | float | bool | None


def moment(value: object) -> datetime | None:
    """The instant in a cell: milliseconds since 1970, or ISO text, in UTC where it names no zone; else None."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=value)
        if not isinstance(value, str):
            return None
        found = datetime.fromisoformat(value.strip())
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def decode(value: object, info: FieldInfo | None, *, own: bool = False) -> object:
    """A cell as it is kept: dates and instants as ISO text, items of a picklist by label, all else as it came.

    The items of a picklist of our `own` come by the option that their label means, `On track` as `on_track`.
    """
    if info is None or value is None or value == "":
        return value
    if info.type in {"DATE", "DATETIME"}:
        found = moment(value)
        if found is None:
            return value
        return found.date().isoformat() if info.type == "DATE" else found.isoformat().replace("+00:00", "Z")
    if info.type in LISTS:
        ids = value if isinstance(value, list) else str(value).split(";")
        labels = [info.items.get(str(one).strip(), str(one).strip()) for one in ids]
        return ";".join(folded(label) if own else label for label in labels)
    return value


def encode(value: str | None, info: FieldInfo) -> JsonValue:
    """A canonical value as JSON for a field; raises `ValueError` with a reason that does not show the value."""
    if value is None:
        if not info.nillable:
            raise ValueError("it must not be empty")
        return None
    if info.type in LISTS:
        return _item(value, info)
    if info.type in _LENGTHS and info.length and len(value) > info.length:
        raise ValueError(f"{len(value)} characters do not fit into its {info.length}")
    typed = _TYPED.get(info.type)
    return typed(value) if typed is not None else value


def _item(value: str, info: FieldInfo) -> str:
    item = info.item(value)
    if item is None:
        raise ValueError(f"its picklist lacks an active item for the value; it has {', '.join(info.active) or 'none'}")
    return item


def _flag(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueError("it takes true or false")
    return value == "true"


def _number(value: str) -> int | float:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("it takes a number") from None
    if not number.is_finite() or not math.isfinite(float(number)):
        raise ValueError("it takes a finite number")
    return int(number) if number == number.to_integral_value() and abs(number) < 10**18 else float(number)


def _dated(value: str, form: re.Pattern[str], what: str) -> str:
    try:
        if form.fullmatch(value):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise ValueError(f"it takes {what}")


_TYPED: Mapping[str, Callable[[str], JsonValue]] = MappingProxyType(
    {
        **dict.fromkeys(NUMERIC, _number),
        "BOOLEAN": _flag,
        "DATE": lambda value: _dated(value, _DATE, "a date (YYYY-MM-DD)"),
        "DATETIME": lambda value: _dated(value, _INSTANT, "an instant (YYYY-MM-DDTHH:MM:SSZ)"),
    }
)
