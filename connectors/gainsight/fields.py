"""Keepwell's own fields of Company: compared with what is there, and listed for the admin who has to add them.

Gainsight makes no fields through its API: somebody adds them in Administration > Data Management.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.base import FieldFinding
from connectors.errors import ConfigError
from connectors.gainsight.schema import COMPANY, LISTS, NUMERIC, FieldInfo, Schema
from connectors.gainsight.settings import TargetSettings
from mapping.records import FieldSpec, ValueType

_TYPES = {
    ValueType.NUMBER: "NUMBER",
    ValueType.ENUM: "PICKLIST",
    ValueType.TEXT: "STRING",
    ValueType.DATE: "DATE",
    ValueType.DATETIME: "DATETIME",
}
_TEXTS = frozenset({"STRING", "RICHTEXTAREA"})
_SUFFIX = "__gc"
_COLUMNS = ("object", "field name", "label", "type", "decimals", "length", "items", "description")


class GainsightFields:
    """Custom fields of the object that carries account fields, or of another one (`on`)."""

    form = "csv"

    def __init__(
        self,
        schema: Schema,
        prefix: str,
        named: Mapping[str, str] | None = None,
        target: TargetSettings | None = None,
        on: str = COMPANY,
    ) -> None:
        self._schema = schema
        self._object = target.object if target is not None else on
        self._lookup = target.company if target is not None else None
        self._prefix = prefix
        self._named = named or {}

    @property
    def use(self) -> str:
        """What an admin does with the list."""
        return (
            f"the fields of fields.csv are to be added by hand, in Administration > Data Management > {self._object}."
        )

    def property_name(self, spec: FieldSpec) -> str:
        """`health_score` → `CS_Health_Score__gc`, unless the field was named."""
        generated = self._prefix + "_".join(part.capitalize() for part in spec.name.split("_")) + _SUFFIX
        return self._named.get(spec.name, generated)

    def plan(self, specs: Sequence[FieldSpec]) -> list[FieldFinding]:
        """Compare `specs` with the tenant; one call, changes nothing."""
        self._schema.forget(self._object)
        info = self._schema.object(self._object)
        if self._lookup is not None and (info is None or not info.has(self._lookup)):
            return [self._by_hand(spec, f"{self._place(self._lookup)}, then ") for spec in specs]
        if info is None:
            detail = f"these credentials may not see {self._object}"
            return [FieldFinding(spec, self.property_name(spec), "unreadable", detail) for spec in specs]
        findings = []
        for spec in specs:
            name = self.property_name(spec)
            found, spelled = info.fields.get(name), info.exact(name)
            if found is not None:
                problem = _misfit(spec, found)
                findings.append(FieldFinding(spec, name, "conflict" if problem else "exists", problem))
            elif spelled is not None:
                findings.append(FieldFinding(spec, name, "conflict", f"it is there as {spelled}; add it as {name}"))
            else:
                findings.append(self._by_hand(spec))
        return findings

    def _by_hand(self, spec: FieldSpec, first: str = "") -> FieldFinding:
        detail = f"to be added in Data Management: {first}{_wanted(spec)}"
        return FieldFinding(spec, self.property_name(spec), "by_hand", detail)

    def _place(self, lookup: str) -> str:
        """The object that has to be there before any field of it."""
        return f"the Low Volume object {self._object} with {lookup}, a LOOKUP to Company"

    def apply(self, findings: Sequence[FieldFinding]) -> list[FieldFinding]:
        """The findings as they are: Gainsight lets nobody add fields through its API."""
        return list(findings)

    def export(self, specs: Sequence[FieldSpec], folder: Path) -> list[Path]:
        """Write `fields.csv`, the list for the admin; returns its path, raises `ConfigError` when that cannot be."""
        path = folder / "fields.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(_COLUMNS)
                if self._lookup is not None:
                    writer.writerow((self._object, self._lookup, "Company", "LOOKUP", "", "", "", "Leads to Company."))
                writer.writerows(self._line(spec) for spec in specs)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}.", hint="Choose another folder.") from error
        return [path]

    def _line(self, spec: FieldSpec) -> tuple[str, ...]:
        decimals = str(spec.decimals) if spec.type is ValueType.NUMBER else ""
        length = str(spec.length) if spec.type is ValueType.TEXT else ""
        items = "; ".join(value for value, _ in spec.options)
        name = self.property_name(spec)
        return self._object, name, spec.label, _TYPES[spec.type], decimals, length, items, spec.description


def _wanted(spec: FieldSpec) -> str:
    """The shape of a field, as Data Management asks for it."""
    kind = _TYPES[spec.type]
    match spec.type:
        case ValueType.NUMBER:
            return f"{kind} with {spec.decimals} decimals"
        case ValueType.TEXT:
            return f"{kind} of {spec.length} characters"
        case ValueType.ENUM:
            return f"{kind} with the items {', '.join(value for value, _ in spec.options)}, or STRING"
        case _:
            return kind


def _misfit(spec: FieldSpec, found: FieldInfo) -> str:
    """Why a field that is there cannot hold the values of `spec`; empty when it can."""
    if spec.writable and not found.updateable:
        return "it is computed or read-only"
    match spec.type:
        case ValueType.NUMBER:
            return _number_misfit(spec, found)
        case ValueType.ENUM if found.type in LISTS:
            lacking = [value for value, _ in spec.options if found.item(value) is None]
            return f"its picklist lacks {', '.join(lacking)}" if lacking and spec.writable else ""
        case ValueType.ENUM | ValueType.TEXT:
            if found.type not in _TEXTS:
                return f"it is a {found.type} field, not {_wanted(spec)}"
            short = spec.type is ValueType.TEXT and found.length is not None and found.length < spec.length
            return f"it holds {found.length} characters, {spec.length} are needed" if short else ""
        case _:
            return "" if found.type == _TYPES[spec.type] else f"it is a {found.type} field, not {_TYPES[spec.type]}"


def _number_misfit(spec: FieldSpec, found: FieldInfo) -> str:
    if found.type not in NUMERIC:
        return f"it is a {found.type} field, not {_wanted(spec)}"
    if found.decimals is not None and found.decimals < spec.decimals:
        return f"it keeps {found.decimals} decimals, {spec.decimals} are needed: values would differ on every run"
    return ""
