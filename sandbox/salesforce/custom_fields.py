"""Translates between an admin's field metadata and the org's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.fields import Field

Metadata = dict[str, Any]
_MAX_TEXT, _MAX_LONG_TEXT, _MAX_DIGITS = 255, 131_072, 18
_TYPES = {
    "string": "Text",
    "double": "Number",
    "currency": "Currency",
    "percent": "Percent",
    "picklist": "Picklist",
    "multipicklist": "MultiselectPicklist",
    "date": "Date",
    "datetime": "DateTime",
    "boolean": "Checkbox",
    "email": "Email",
    "phone": "Phone",
    "url": "Url",
    "reference": "Lookup",
}


def build_field(name: str, metadata: Metadata) -> Field:
    """Build a field from Tooling metadata; raises ApiError FIELD_INTEGRITY_EXCEPTION saying what is wrong."""
    kind = str(metadata.get("type"))
    builder = _BUILDERS.get(kind)
    if builder is None:
        raise _wrong(f"Unknown or unsupported field type: {kind}", "type")
    if not metadata.get("label"):
        raise _wrong("Label is required", "label")
    return builder(name, metadata)


def _wrong(message: str, key: str) -> ApiError:
    return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, [key])


def _make(name: str, metadata: Metadata, kind: str, **details: Any) -> Field:
    return Field(
        name,
        str(metadata["label"]),
        kind,
        nillable=kind != "boolean" and not metadata.get("required"),
        description=metadata.get("description"),
        help_text=metadata.get("inlineHelpText"),
        external_id=bool(metadata.get("externalId")),
        unique=bool(metadata.get("unique")),
        **details,
    )


def _whole(metadata: Metadata, key: str, low: int, high: int) -> int:
    value = metadata.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _wrong(f"{key} must be a whole number from {low} to {high}", key)
    return value


def _text(name: str, metadata: Metadata) -> Field:
    return _make(name, metadata, "string", length=_whole(metadata, "length", 1, _MAX_TEXT))


def _text_area(name: str, metadata: Metadata) -> Field:
    return _make(name, metadata, "textarea", length=_MAX_TEXT)


def _long_text(name: str, metadata: Metadata) -> Field:
    _whole(metadata, "visibleLines", 2, 50)
    length = _whole(metadata, "length", 256, _MAX_LONG_TEXT)
    return _make(name, metadata, "textarea", length=length, filterable=False)


def _number(kind: str) -> Callable[[str, Metadata], Field]:
    def build(name: str, metadata: Metadata) -> Field:
        precision = _whole(metadata, "precision", 1, _MAX_DIGITS)
        scale = _whole(metadata, "scale", 0, precision)
        return _make(name, metadata, kind, precision=precision, scale=scale)

    return build


def _picklist(kind: str) -> Callable[[str, Metadata], Field]:
    def build(name: str, metadata: Metadata) -> Field:
        values = metadata.get("valueSet") or {}
        definition = values.get("valueSetDefinition") or {}
        entries = definition.get("value")
        if not isinstance(entries, list) or not entries:
            raise _wrong("a picklist needs valueSet.valueSetDefinition.value", "valueSet")
        names = tuple(str(entry.get("valueName") or entry.get("fullName")) for entry in entries)
        if len({value.lower() for value in names}) != len(names):
            raise ApiError(400, "DUPLICATE_VALUE", "duplicate picklist values", ["valueSet"])
        labels = tuple(str(entry.get("label") or value) for entry, value in zip(entries, names, strict=True))
        restricted = bool(values.get("restricted"))
        return _make(name, metadata, kind, length=255, picklist=names, labels=labels, restricted=restricted)

    return build


def _checkbox(name: str, metadata: Metadata) -> Field:
    default = str(metadata.get("defaultValue")).lower()
    if default not in {"true", "false"}:
        raise _wrong("Checkbox fields need a defaultValue of true or false", "defaultValue")
    return _make(name, metadata, "boolean", defaulted=True, default=default == "true")


def _plain(kind: str, length: int = 0) -> Callable[[str, Metadata], Field]:
    return lambda name, metadata: _make(name, metadata, kind, length=length)


_BUILDERS: dict[str, Callable[[str, Metadata], Field]] = {
    "Text": _text,
    "TextArea": _text_area,
    "LongTextArea": _long_text,
    "Number": _number("double"),
    "Currency": _number("currency"),
    "Percent": _number("percent"),
    "Picklist": _picklist("picklist"),
    "MultiselectPicklist": _picklist("multipicklist"),
    "Date": _plain("date"),
    "DateTime": _plain("datetime"),
    "Checkbox": _checkbox,
    "Email": _plain("email", 80),
    "Phone": _plain("phone", 40),
    "Url": _plain("url", 255),
}


def metadata_of(target: Field) -> Metadata:
    """Return the metadata that would make this field."""
    kind = _TYPES.get(target.type) or ("LongTextArea" if target.is_long_text else "TextArea")
    metadata: Metadata = {
        "label": target.label,
        "type": kind,
        "required": not target.nillable and target.type != "boolean",
        "description": target.description,
        "inlineHelpText": target.help_text,
        "externalId": target.external_id,
        "unique": target.unique,
    }
    if target.type in {"double", "currency", "percent"}:
        metadata |= {"precision": target.precision, "scale": target.scale}
    elif target.picklist:
        labels = target.labels or target.picklist
        values = [
            {"valueName": value, "label": label, "default": False}
            for value, label in zip(target.picklist, labels, strict=True)
        ]
        definition = {"sorted": False, "value": values}
        metadata["valueSet"] = {"restricted": target.restricted, "valueSetDefinition": definition}
    elif target.type in {"string", "textarea"}:
        metadata["length"] = target.length
    return metadata
