"""Custom fields as Salesforce describes and defines them, made from Keepwell's field specs."""

from __future__ import annotations

from typing import Any

from connectors.salesforce.schema import FieldInfo
from mapping.records import FieldSpec, ValueType

LONGEST_TEXT = 255
_LARGEST_PRECISION = 18  # digits of a Number in all
_SMALLEST_LONG_TEXT = 256
_NEEDED_DIGITS = 3  # before the decimal point: scores and percentages go up to 100

_HELP_LENGTH = 510
_KEY = {"unique": True, "externalId": True, "caseSensitive": True}
_VALUE_LENGTH = 255  # of the description of a picklist value


def property_name(spec: FieldSpec, prefix: str) -> str:
    """API name of the field for `spec`: `health_score` becomes `CS_Health_Score__c`."""
    return prefix + "_".join(part.capitalize() for part in spec.name.split("_")) + "__c"


def definition(spec: FieldSpec) -> dict[str, Any]:
    """The `Metadata` of a new field."""
    common: dict[str, Any] = {
        "label": spec.label,
        "description": spec.description,
        "inlineHelpText": spec.description[:_HELP_LENGTH],
        "required": False,
        "trackHistory": False,
    }
    match spec.type:
        case ValueType.NUMBER:
            return {**common, "type": "Number", "precision": _LARGEST_PRECISION, "scale": spec.decimals}
        case ValueType.DATE:
            return {**common, "type": "Date"}
        case ValueType.DATETIME:
            return {**common, "type": "DateTime"}
        case ValueType.ENUM:
            values = [_value(spec, value, label) for value, label in spec.options]
            return {
                **common,
                "type": "Picklist",
                "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}},
            }
        case ValueType.TEXT:
            return {**common, **_text(spec.length), **(_KEY if spec.unique else {})}


def _value(spec: FieldSpec, value: str, label: str) -> dict[str, Any]:
    """One entry of a picklist; its colour is that in charts of reports and dashboards."""
    more = {"color": dict(spec.colours).get(value), "description": dict(spec.meanings).get(value, "")[:_VALUE_LENGTH]}
    return {"valueName": value, "label": label, "default": False, **{key: one for key, one in more.items() if one}}


def _text(length: int) -> dict[str, Any]:
    if length <= LONGEST_TEXT:
        return {"type": "Text", "length": length}
    return {"type": "LongTextArea", "length": max(length, _SMALLEST_LONG_TEXT), "visibleLines": 5}


def misfit(spec: FieldSpec, found: FieldInfo) -> str:
    """Why an existing field cannot hold the values of `spec`; empty when it can."""
    match spec.type:
        case ValueType.NUMBER:
            return _number_misfit(spec, found)
        case ValueType.ENUM:
            return _picklist_misfit(spec, found)
        case ValueType.TEXT:
            if found.type not in {"string", "textarea"}:
                return f"it is a {found.type} field, not text"
            if spec.unique and not found.unique:
                return "two records may have the same value of it"
            short = 0 < found.length < spec.length
            return f"it holds {found.length} characters, {spec.length} are needed" if short else ""
        case ValueType.DATE | ValueType.DATETIME:
            wanted = spec.type.value
            return "" if found.type == wanted else f"it is a {found.type} field, not {wanted}"


def _number_misfit(spec: FieldSpec, found: FieldInfo) -> str:
    if found.type not in {"double", "percent", "currency", "int"}:
        return f"it is a {found.type} field, not a number"
    if found.type != "int" and not found.precision:
        return ""  # described without its shape
    if found.scale < spec.decimals:
        return f"it keeps {found.scale} decimals, {spec.decimals} are needed: values would differ on every run"
    digits = found.precision - found.scale
    if found.type != "int" and digits < _NEEDED_DIGITS:
        return f"it has room for {digits} digits before the decimal point, {_NEEDED_DIGITS} are needed"
    return ""


def _picklist_misfit(spec: FieldSpec, found: FieldInfo) -> str:
    if found.type != "picklist":
        return f"it is a {found.type} field, not a picklist"
    lacking = [value for value, _ in spec.options if value not in found.values]
    if found.restricted and found.values and lacking:
        return f"it is restricted and lacks the values {', '.join(lacking)}"
    return ""
