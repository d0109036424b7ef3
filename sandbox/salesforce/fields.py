"""A field of an object: its metadata, and what a value must look like to be stored in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from sandbox.salesforce.errors import RowError
from sandbox.salesforce.ids import canonical_id
from sandbox.salesforce.moments import parse_date, parse_instant

Value = str | int | float | bool | None

TEXT_TYPES = frozenset({"string", "textarea", "url", "email", "phone", "picklist", "multipicklist", "combobox"})
NUMBER_TYPES = frozenset({"double", "currency", "percent", "int"})
ID_TYPES = frozenset({"id", "reference"})
JSON_NAMES = {str: "VALUE_STRING", bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `type` is the describe name, lengths are characters, precision counts all digits."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted: bool = False
    calculated: bool = False
    external_id: bool = False
    unique: bool = False
    restricted: bool = False
    picklist: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None
    default: Value = None
    description: str | None = None
    help_text: str | None = None
    filterable: bool = field(default=True)

    @property
    def custom(self) -> bool:
        """Whether an admin made the field."""
        return self.name.endswith("__c")

    @property
    def sortable(self) -> bool:
        """Long text, multi-select picklists and addresses cannot be sorted."""
        return self.type not in {"multipicklist", "address"} and not self.is_long_text

    @property
    def is_long_text(self) -> bool:
        """Whether the field is a long text area, which cannot be filtered or sorted."""
        return self.type == "textarea" and self.length > 255


def coerce(target: Field, raw: object, *, from_csv: bool = False) -> Value:
    """Turn a client's value into the stored one.

    Text is trimmed (empty becomes null), numbers are rounded half up to the field's scale, fractions of a second
    are dropped. Raises RowError when the field cannot hold the value; references are checked for form only.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return _null(target)
    if target.type == "boolean":
        return _boolean(target, raw, from_csv)
    if target.type in NUMBER_TYPES:
        return _number(target, raw)
    if not isinstance(raw, str):
        raise _unreadable(target, raw)
    return _from_text(target, raw, raw.strip(), from_csv=from_csv)


def _from_text(target: Field, raw: str, text: str, *, from_csv: bool) -> str:
    if target.type == "date":
        return _required(target, raw, parse_date(text[:10]) if from_csv and parse_instant(text) else parse_date(text))
    if target.type == "datetime":
        midnight = f"{text}T00:00:00Z" if parse_date(text) else text
        return _required(target, raw, parse_instant(midnight))
    if target.type in ID_TYPES:
        return _reference(target, text)
    return _text(target, text)


def _null(target: Field) -> Value:
    if target.type == "boolean":
        raise RowError(
            "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{target.label}: value not of required type: ", [target.name]
        )
    if not target.nillable:
        raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{target.name}]", [target.name])
    return None


def _unreadable(target: Field, raw: object) -> RowError:
    kind = JSON_NAMES.get(type(raw), "START_OBJECT")
    message = f"Cannot deserialize instance of {target.type} from {kind} value {raw}"
    return RowError("JSON_PARSER_ERROR", message, [target.name])


def _required(target: Field, raw: object, value: str | None) -> str:
    if value is None:
        raise _unreadable(target, raw)
    return value


def _boolean(target: Field, raw: object, from_csv: bool) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and (word := raw.strip().lower()) in {"true", "false"}:
        return word == "true"
    if from_csv and raw in {"1", "0"}:
        return raw == "1"
    raise _unreadable(target, raw)


def _number(target: Field, raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise _unreadable(target, raw)
    try:
        exact = Decimal(str(raw).strip())
    except InvalidOperation:
        raise _unreadable(target, raw) from None
    if not exact.is_finite():
        raise _unreadable(target, raw)
    whole_digits = 10 if target.type == "int" else target.precision - target.scale
    if exact.adjusted() > whole_digits + 1:
        raise _out_of_range(target, raw)
    rounded = exact.quantize(Decimal(1).scaleb(-target.scale), ROUND_HALF_UP)
    if abs(rounded) >= Decimal(10) ** whole_digits:
        raise _out_of_range(target, raw)
    number = float(rounded)
    if not math.isfinite(number):
        raise _out_of_range(target, raw)
    return int(rounded) if target.type == "int" else number + 0.0


def _out_of_range(target: Field, raw: object) -> RowError:
    message = f"{target.label}: value outside of valid range on numeric field: {raw}"
    return RowError("NUMBER_OUTSIDE_VALID_RANGE", message, [target.name])


def _reference(target: Field, text: str) -> str:
    full = canonical_id(text)
    if full is None:
        raise RowError("MALFORMED_ID", f"{target.label}: id value of incorrect type: {text}", [target.name])
    return full


def _text(target: Field, text: str) -> str:
    if target.length and len(text) > target.length:
        message = f"{target.label}: data value too large: {text[:80]} (max length={target.length})"
        raise RowError("STRING_TOO_LONG", message, [target.name])
    if target.type == "email" and not _EMAIL.fullmatch(text):
        raise RowError("INVALID_EMAIL_ADDRESS", f"{target.label}: invalid email address: {text}", [target.name])
    if target.restricted:
        parts = text.split(";") if target.type == "multipicklist" else [text]
        known = {value.lower(): value for value in target.picklist}
        if bad := [part for part in parts if part.lower() not in known]:
            message = f"{target.label}: bad value for restricted picklist field: {bad[0]}"
            raise RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [target.name])
        return ";".join(known[part.lower()] for part in parts)
    return text
