"""Lookups inside a write: foreign keys that are found by other fields of their record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.gainsight.errors import ApiError, FieldError, invalid
from sandbox.gainsight.tenant import Table, Tenant

_MATCHES = ("FIRSTMATCH", "MARKASERROR")
_MISSES = ("NULLABLE", "DEFAULTVALUE", "ERROR")


@dataclass(frozen=True, slots=True)
class Lookup:
    """Fills `field` with the `Gsid` of the record of `table` whose fields equal columns of the written record.

    `columns` maps a column of the record to the field that it is compared with.
    """

    field: str
    table: Table
    columns: dict[str, str]
    first_match: bool
    on_no_match: str
    default: Any = None

    def resolve(self, record: dict[str, Any]) -> Any:
        """Return the value for the field; raises FieldError when none or too many are found."""
        wanted = {target: record.get(column) for column, target in self.columns.items()}
        found = [] if None in wanted.values() else self.table.matching(wanted)
        if len(found) == 1 or (found and self.first_match):
            return found[0]["Gsid"]
        values = ", ".join(str(one) for one in wanted.values())
        if found:
            raise FieldError("GSOBJ_1008", f"Multiple matches found for lookup {self.field}", self.field, values)
        if self.on_no_match == "ERROR":
            raise FieldError("GSOBJ_1008", f"No match found for lookup {self.field}", self.field, values)
        return self.default if self.on_no_match == "DEFAULTVALUE" else None


def resolved(lookups: list[Lookup], record: dict[str, Any]) -> dict[str, Any]:
    """Return the values that lookups find for a record; one of whose columns it has none is left alone."""
    return {one.field: one.resolve(record) for one in lookups if one.columns.keys() & record.keys()}


def read_lookups(tenant: Tenant, table: Table, given: object, code: str = "GSOBJ_1008") -> list[Lookup]:
    """Read the `lookups` of a write on an object; raises ApiError for what cannot be looked up."""
    if given is None:
        return []
    if not isinstance(given, dict):
        raise invalid("lookups must be an object")
    return [_read(tenant, table, name, config, code) for name, config in given.items()]


def _read(tenant: Tenant, table: Table, name: str, config: object, code: str) -> Lookup:
    target = table.kind.fields.get(name)
    if target is None or target.lookup is None or not isinstance(config, dict):
        raise ApiError(400, code, f"Invalid lookup configuration - {name}")
    linked = tenant.table(str(config.get("objectName", "")))
    columns, match, miss = config.get("fields"), config.get("multiMatchOption"), config.get("onNoMatch")
    fits = linked is not None and linked.kind.name == target.lookup and config.get("lookupField") == "Gsid"
    if not fits or linked is None or not isinstance(columns, dict) or not columns:
        raise ApiError(400, code, f"Invalid lookup configuration - {name}")
    known = all(isinstance(one, str) and one in linked.kind.fields for one in columns.values())
    if match not in _MATCHES or miss not in _MISSES or not known:
        raise ApiError(400, code, f"Invalid lookup configuration - {name}")
    return Lookup(name, linked, columns, match == "FIRSTMATCH", miss, config.get("defaultValue"))
