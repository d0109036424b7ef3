"""Which values a property accepts, and the sentence HubSpot refuses the others with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sandbox.hubspot.clock import instant, parse_ms
from sandbox.hubspot.schema import Property, Schema

MAX_TEXT = 65_536
_NUMBER = re.compile(r"-?\d+(\.\d+)?|-?\.\d+")
_DAY_MS = 86_400_000
_FAR_MS = 253_402_300_799_999

Problem = dict[str, str]


class Rejected(Exception):
    """A value that a property does not accept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def check(
    schema: Schema, given: Mapping[str, object], owners: Callable[[], set[str]]
) -> tuple[dict[str, str], list[Problem]]:
    """Return the values as they will be stored ("" clears) and what is wrong with the others."""
    accepted: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        try:
            accepted[name] = _accept(schema.properties.get(name), name, value, owners)
        except Rejected as refusal:
            problems.append({"name": name, "code": refusal.code, "message": refusal.message})
    return accepted, problems


def _accept(prop: Property | None, name: str, value: object, owners: Callable[[], set[str]]) -> str:
    if prop is None:
        raise Rejected("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if prop.source == "calculated":
        raise Rejected("READ_ONLY_VALUE", f'"{name}" is a calculated property; its value cannot be set.')
    if prop.read_only:
        raise Rejected("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    text = _text(name, value)
    if text == "":
        return ""
    if prop.owner:
        if text not in owners():
            raise Rejected("INVALID_OWNER_ID", f"Owner with id {text} does not exist")
        return text
    return _BY_TYPE[prop.type](prop, text)


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise Rejected("INVALID_VALUE", f'"{name}" needs a string value')


def _string(_: Property, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Rejected("PROPERTY_VALUE_TOO_LONG", f"The value is longer than {MAX_TEXT} characters")
    return text


def _number(prop: Property, text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise Rejected("INVALID_LONG", f'"{text}" was not a valid number for {prop.name}.')
    return text


def _bool(_: Property, text: str) -> str:
    if text not in ("true", "false"):
        raise Rejected("INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
    return text


def _enumeration(prop: Property, text: str) -> str:
    allowed = prop.values
    parts = text.lstrip(";").split(";") if prop.field_type == "checkbox" else [text]
    for part in parts:
        if part not in allowed:
            raise Rejected("INVALID_OPTION", f"{part} was not one of the allowed options: [{', '.join(allowed)}]")
    return text


def _date(prop: Property, text: str) -> str:
    milliseconds = parse_ms(text)
    if milliseconds is None or milliseconds % _DAY_MS or not 0 <= abs(milliseconds) <= _FAR_MS:
        raise Rejected("INVALID_DATE", f"{text} is not a valid date for {prop.name}: it must be at midnight UTC")
    return instant(milliseconds)[:10]


def _datetime(prop: Property, text: str) -> str:
    milliseconds = parse_ms(text)
    # Seconds since 1970 would lie in the first weeks of that year: nobody means that.
    seconds_by_mistake = text.isdigit() and milliseconds is not None and 0 < milliseconds < 10_000_000_000
    if milliseconds is None or seconds_by_mistake or abs(milliseconds) > _FAR_MS:
        raise Rejected("INVALID_DATE", f"{text} is not a valid datetime for {prop.name}")
    return instant(milliseconds)


_BY_TYPE: dict[str, Callable[[Property, str], str]] = {
    "string": _string, "number": _number, "bool": _bool, "enumeration": _enumeration, "date": _date,
    "datetime": _datetime,
}  # fmt: skip
