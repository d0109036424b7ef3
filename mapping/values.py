"""Reading single values: whatever JSON a CRM sends becomes text, numbers, money, dates or instants.

Every reader takes a JSON-like value that is not empty and returns the typed value, or raises `Unreadable` with a
reason in plain words. HubSpot sends everything as text, Salesforce sends JSON types; both are accepted everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType
from zoneinfo import available_timezones

from mapping.records import FieldType

EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)
_INT64 = 2**63
_MONEY_LIMIT = Decimal(10) ** 18
_CENT = Decimal("0.000001")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MS = re.compile(r"-?[0-9]{12,14}")
_LEAST_MS = 10**11
"""March 1973 in milliseconds. A smaller number is not a time: seconds, a spreadsheet's day or a zero for "unknown"."""
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})

Reader = Callable[[object, tzinfo], object]


@cache
def time_zones() -> frozenset[str]:
    """Names of all IANA time zones; finding them means walking through the folders of the zone database."""
    return frozenset(available_timezones())


class Unreadable(ValueError):
    """A value that does not have the field's type; the message says why."""


def is_empty(raw: object) -> bool:
    """Whether a CRM's value means "nothing there": null or blank text."""
    return raw is None or raw == "" or (isinstance(raw, str) and raw.isspace())


def text(raw: object, _zone: tzinfo = UTC) -> str:
    """Text without surrounding space, NUL and lone surrogates, which no database stores."""
    if isinstance(raw, str) and raw.isascii() and "\x00" not in raw:
        return raw.strip()
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (int, float, Decimal)):
        return plain(number_decimal(raw))
    if not isinstance(raw, str):
        raise Unreadable(f"expected text, found {_kind(raw)}")
    cleaned = raw.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return cleaned.strip()


def number_decimal(raw: object) -> Decimal:
    """A finite number as the decimal that its text shows (0.1 is 0.1, not its binary neighbour)."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
        raise Unreadable(f"expected a number, found {_kind(raw)}")
    try:
        value = Decimal(raw) if isinstance(raw, int) else _decimal(repr(raw) if isinstance(raw, float) else str(raw))
    except InvalidOperation:
        raise Unreadable("is not a number") from None
    if not value.is_finite():
        raise Unreadable("is not a finite number")
    if value and abs(value.adjusted()) > 300:
        raise Unreadable("is too large or too small to be real")
    return value


def _decimal(shown: str) -> Decimal:
    return Decimal(shown) if "_" not in shown else Decimal("NaN")


def plain(value: Decimal) -> str:
    """Decimal notation without exponent and without trailing zeros."""
    shown = format(value, "f")
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown


def whole(raw: object, _zone: tzinfo = UTC) -> int:
    """A whole number that fits 64 bits."""
    value = number_decimal(raw)
    if abs(value) >= _INT64:
        raise Unreadable("is too large to be real")
    if value != value.to_integral_value():
        raise Unreadable("is not a whole number")
    return int(value)


def number(raw: object, _zone: tzinfo = UTC) -> float:
    """A finite number."""
    return float(number_decimal(raw)) or 0.0  # -0.0 is 0.0


def money(raw: object, _zone: tzinfo = UTC) -> Decimal:
    """An amount with at most six decimals."""
    value = number_decimal(raw)
    if abs(value) >= _MONEY_LIMIT:
        raise Unreadable("is too large to be an amount")
    return value.quantize(_CENT)


def flag(raw: object, _zone: tzinfo = UTC) -> bool:
    """Yes or no, as JSON boolean, 0 or 1, or the words true, false, yes and no."""
    word = str(raw).strip().lower() if isinstance(raw, str) or raw in (0, 1) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unreadable("is neither true nor false")


def instant(raw: object, _zone: tzinfo = UTC) -> datetime:
    """An instant in UTC, to the microsecond; a bare date is midnight UTC, a bare number milliseconds since 1970."""
    if isinstance(raw, datetime):
        moment = raw
    elif isinstance(raw, date):
        moment = datetime.combine(raw, time())
    elif isinstance(raw, str):
        moment = _parsed(raw.strip())
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        moment = _from_epoch(raw)
    else:
        raise Unreadable(f"expected a date and time, found {_kind(raw)}")
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise Unreadable("is a date outside the calendar") from None
    if not EARLIEST <= moment.date() <= LATEST:
        raise Unreadable(f"is outside the years {EARLIEST.year} to {LATEST.year}")
    return moment


def day(raw: object, zone: tzinfo = UTC) -> date:
    """A calendar date.

    A time of exactly midnight UTC is a date that the CRM dressed up as an instant and keeps its day; any other
    instant is the day it falls on in `zone`.
    """
    moment = instant(raw)
    if moment.time() == time():
        return moment.date()
    return moment.astimezone(zone).date()


def _parsed(shown: str) -> datetime:
    if shown[4:5] == "-" and shown[7:8] == "-":
        try:
            return datetime.fromisoformat(shown)
        except (ValueError, OverflowError):
            pass
    elif _EPOCH_MS.fullmatch(shown):
        return _from_epoch(int(shown))
    raise Unreadable("is not a date in the form 2026-01-02")


def _from_epoch(milliseconds: float) -> datetime:
    if _LEAST_MS <= abs(milliseconds) < _LEAST_MS * 1000:
        try:
            return _EPOCH + timedelta(milliseconds=milliseconds)
        except OverflowError:
            raise Unreadable("is a date outside the calendar") from None
    raise Unreadable("is not a time in milliseconds since 1970")


def _kind(raw: object) -> str:
    if isinstance(raw, Mapping):
        return "an object"
    if isinstance(raw, (list, tuple)):
        return "a list"
    return {bool: "a yes/no value", int: "a number", float: "a number"}.get(type(raw), type(raw).__name__)


READERS: Mapping[FieldType, Reader] = MappingProxyType(
    {
        FieldType.TEXT: text,
        FieldType.REF: text,
        FieldType.INT: whole,
        FieldType.NUMBER: number,
        FieldType.MONEY: money,
        FieldType.BOOL: flag,
        FieldType.DATE: day,
        FieldType.INSTANT: instant,
    }
)
"""The reader of each unified field type."""
