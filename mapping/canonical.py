"""One textual form for a property's value, so that a CRM's raw value and ours can be compared byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from mapping.records import FieldSpec, ValueType
from mapping.values import Unreadable, day, instant, is_empty, number_decimal, plain, text

EMPTY = "(empty)"


def canonical(spec: FieldSpec, raw: object) -> str | None:
    """Canonical text of `raw` for `spec`, None for nothing there.

    Numbers are plain decimals ("85" for 85, 85.0 and "85.0"), dates `YYYY-MM-DD`, instants `YYYY-MM-DDTHH:MM:SSZ`,
    everything else stripped text; an option that a CRM spells in another case is the option of `spec`. Numbers are not
    rounded to the decimals of `spec`: what is written has no more of them, and what a person set must be shown, and
    come back, as it was. A value that does not have the property's type keeps its text, so that it
    differs from anything that we would write. Idempotent; never raises.
    """
    if is_empty(raw):
        return None
    try:
        return _typed(spec, raw)
    except Unreadable:
        return _as_text(raw)


def display(spec: FieldSpec, value: str | None) -> str:
    """A canonical value as a person reads it: the option's label, or the value itself, or "(empty)"."""
    if value is None:
        return EMPTY
    return dict(spec.options).get(value, value)


def _typed(spec: FieldSpec, raw: object) -> str | None:
    kind = spec.type
    if kind is ValueType.NUMBER:
        return plain(number_decimal(raw))
    if kind is ValueType.DATE:
        return _day(raw)
    if kind is ValueType.DATETIME:
        return instant(raw).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind is ValueType.ENUM:
        return _option(spec.options, _as_text(raw))
    return _as_text(raw)


def _option(options: Sequence[tuple[str, str]], shown: str | None) -> str | None:
    """The option that `shown` is, its case aside; a CRM may keep a picklist's own spelling of what it is sent."""
    if shown is None or any(value == shown for value, _label in options):
        return shown
    alike = [value for value, _label in options if value.casefold() == shown.casefold()]
    return alike[0] if len(alike) == 1 else shown


def _day(raw: object) -> str:
    if isinstance(raw, datetime) or not isinstance(raw, date):
        return day(raw).isoformat()
    return raw.isoformat()


def _as_text(raw: object) -> str | None:
    if isinstance(raw, (datetime, date)):
        return raw.isoformat()
    if isinstance(raw, Decimal) and not raw.is_finite():
        return str(raw)
    try:
        return text(raw) or None
    except Unreadable:
        return repr(raw).strip() or None
