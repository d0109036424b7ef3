"""Search filters: the thirteen operators, compared as the property's type wants it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from sandbox.hubspot.clock import parse_ms
from sandbox.hubspot.errors import ApiError, invalid
from sandbox.hubspot.schema import Property

Key = Decimal | int | str
Getter = Callable[[Any], str | None]  # row -> raw text of the property
Predicate = Callable[[Any], bool]

_WORD = re.compile(r"[\w.@-]+", re.UNICODE)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda left, right: left == right,
    "LT": lambda left, right: left < right,
    "LTE": lambda left, right: left <= right,
    "GT": lambda left, right: left > right,
    "GTE": lambda left, right: left >= right,
}
OPERATORS = {*_COMPARE, "NEQ", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN",
             "NOT_CONTAINS_TOKEN"}  # fmt: skip


def key_of(prop: Property, text: str | None) -> Key | None:
    """Return what a value is compared and sorted by; None when it is empty or unreadable for its type."""
    if text is None or text == "":
        return None
    if prop.type == "number":
        return _decimal(text)
    if prop.type in ("date", "datetime"):
        return parse_ms(text)
    return text if prop.type == "enumeration" else text.lower()


def compile_filter(item: Mapping[str, Any], prop: Property, getter: Getter) -> Predicate:
    """Return the predicate of one filter; raises ApiError for an operator or value that makes no sense."""
    operator = str(item.get("operator", ""))
    if operator not in OPERATORS:
        raise invalid(f"Unknown operator {operator!r}; use one of {', '.join(sorted(OPERATORS))}")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        wanted = operator == "HAS_PROPERTY"
        return lambda row: bool(getter(row)) is wanted
    if operator in ("IN", "NOT_IN"):
        return _membership(operator, item, prop, getter)
    if operator.endswith("CONTAINS_TOKEN"):
        return _token(operator, _required(item, "value"), getter)
    low = _operand(prop, _required(item, "value"))
    if operator == "NEQ":
        return lambda row: key_of(prop, getter(row)) != low
    if operator == "BETWEEN":
        return _between(prop, getter, low, _operand(prop, _required(item, "highValue")))
    compare = _COMPARE[operator]

    def holds(row: Any) -> bool:
        key = key_of(prop, getter(row))
        return key is not None and compare(key, low)

    return holds


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _required(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if value is None or value == "":
        raise invalid(f"Filter on {item.get('propertyName')} with {item.get('operator')} needs {key}")
    return str(value)


def _operand(prop: Property, text: str) -> Key:
    key = key_of(prop, text)
    if key is None:
        raise invalid(f"{text} is not a valid {prop.type} for {prop.name}")
    if prop.type == "datetime" and key == 0:
        raise ApiError(500, {"status": "error", "message": "internal error"})
    return key


def _between(prop: Property, getter: Getter, low: Any, high: Any) -> Predicate:
    def inside(row: Any) -> bool:
        key: Any = key_of(prop, getter(row))
        return key is not None and low <= key <= high

    return inside


def _membership(operator: str, item: Mapping[str, Any], prop: Property, getter: Getter) -> Predicate:
    values = item.get("values")
    if not isinstance(values, list) or not values:
        raise invalid(f"Filter on {prop.name} with {operator} needs values")
    # Text is compared as given with lower-case data: a value with a capital letter never matches.
    wanted = {str(value) if prop.type == "string" else _operand(prop, str(value)) for value in values}
    inside = operator == "IN"
    return lambda row: (key_of(prop, getter(row)) in wanted) is inside


def _token(operator: str, pattern: str, getter: Getter) -> Predicate:
    parts = [part.lower() for part in pattern.split()]
    inside = operator == "CONTAINS_TOKEN"

    def holds(row: Any) -> bool:
        words = _WORD.findall((getter(row) or "").lower())
        pieces = words + [piece for word in words for piece in re.split(r"[.@-]", word)]
        return all(any(fnmatchcase(piece, part) for piece in pieces) for part in parts) is inside

    return holds
