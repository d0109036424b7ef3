"""A field of an object: its metadata, and what a value must look like to be stored in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.gainsight.errors import FieldError
from sandbox.gainsight.moments import read_day, read_instant
from sandbox.journal import Value

DATA_TYPES = frozenset({
    "STRING", "NUMBER", "BOOLEAN", "DATE", "DATETIME", "EMAIL", "URL", "CURRENCY", "PERCENTAGE", "PICKLIST",
    "MULTISELECTDROPDOWNLIST", "LOOKUP", "GSID", "RICHTEXTAREA", "SFDCID",
})  # fmt: skip
TEXT_TYPES = frozenset({"STRING", "EMAIL", "URL", "RICHTEXTAREA", "SFDCID", "GSID"})
NUMBER_TYPES = frozenset({"NUMBER", "CURRENCY", "PERCENTAGE"})
MOMENT_TYPES = frozenset({"DATE", "DATETIME"})
KEY_TYPES = frozenset({"STRING", "GSID", "NUMBER", "EMAIL"})
"""Types of the fields that an update may find records by."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SFDC_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_DECIMALS, _LARGEST = 9, 10**15


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `group` is SYSTEM, STANDARD or CUSTOM, `lookup` the object and `category` the picklist it leads to."""

    name: str
    label: str
    type: str
    group: str = "STANDARD"
    required: bool = False
    read_only: bool = False
    length: int = 250
    lookup: str | None = None
    category: str | None = None

    @property
    def path(self) -> str | None:
        """The name by which queries follow a lookup: `Csm__gr`, and `Owner__gr` for the custom `Owner__gc`."""
        return None if self.lookup is None else f"{self.name.removesuffix('__gc')}__gr"

    @property
    def sortable(self) -> bool:
        """Multi-select picklists and rich text cannot be sorted."""
        return self.type not in {"MULTISELECTDROPDOWNLIST", "RICHTEXTAREA"}


def custom(name: str, label: str, kind: str, **more: Any) -> Field:
    """Return a field that an administrator made."""
    return Field(f"{name}__gc", label, kind, "CUSTOM", **more)


def coerce(target: Field, raw: object) -> Value:
    """Turn a client's value into the stored one; raises FieldError when the field cannot hold it.

    Picklists and lookups are not looked at here: what they may hold is known to the tenant.
    """
    if raw is None or raw == "":
        if target.required:
            raise FieldError("GSOBJ_1007", f"Null value not allowed for {target.name}", target.name, raw)
        return None
    if target.type == "BOOLEAN":
        if not isinstance(raw, bool):
            raise FieldError("GSOBJ_1008", f"Invalid boolean value ({target.name} = {raw})", target.name, raw)
        return raw
    if target.type in NUMBER_TYPES:
        return _number(target, raw)
    if target.type == "DATE":
        return _moment(target, raw, read_day(raw), "GSOBJ_1006", "date")
    if target.type == "DATETIME":
        return _moment(target, raw, read_instant(raw, None), "GSOBJ_1005", "dateTime")
    return _text(target, raw)


def _number(target: Field, raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw) or abs(raw) >= _LARGEST:
        raise misfit(target, raw)
    if target.type == "PERCENTAGE" and not 0 <= raw <= 100:
        raise FieldError("GSOBJ_1008", f"Invalid percentage value ({target.name} = {raw})", target.name, raw)
    return raw if isinstance(raw, int) else round(raw, _DECIMALS) + 0.0


def _moment(target: Field, raw: object, found: int | None, code: str, what: str) -> int:
    if found is None:
        raise FieldError(code, f"Invalid {what} format ({target.name} = {raw})", target.name, raw)
    return found


def _text(target: Field, raw: object) -> str:
    if not isinstance(raw, str):
        raise misfit(target, raw)
    if target.type != "RICHTEXTAREA" and len(raw) > target.length:
        message = f"String length exceeds {target.length} characters for {target.name}"
        raise FieldError("GSOBJ_1001", message, target.name, raw)
    if target.type == "EMAIL" and not _EMAIL.fullmatch(raw):
        raise FieldError("GSOBJ_1008", f"Invalid email ({target.name} = {raw})", target.name, raw)
    if target.type == "URL" and urlsplit(raw).scheme not in {"http", "https"}:
        raise FieldError("GSOBJ_1008", f"Invalid URL ({target.name} = {raw})", target.name, raw)
    if target.type == "SFDCID" and not _SFDC_ID.fullmatch(raw):
        message = f"SFDC id must have 15 or 18 letters and digits ({target.name} = {raw})"
        raise FieldError("GSOBJ_1008", message, target.name, raw)
    return raw


def misfit(target: Field, raw: object) -> FieldError:
    """Return the refusal of a value whose type is another than the field's."""
    return FieldError("GSOBJ_1002", f"Invalid value for {target.type} field ({target.name} = {raw})", target.name, raw)
