"""Writes of the data API: up to fifty records, of which either all are stored or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.gainsight.actor import Actor
from sandbox.gainsight.errors import ApiError, FieldError, invalid
from sandbox.gainsight.fields import KEY_TYPES, misfit
from sandbox.gainsight.ids import is_gsid
from sandbox.gainsight.lookups import Lookup, read_lookups, resolved
from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.tenant import Row, Table, Tenant, Values
from sandbox.journal import Value

MOST_RECORDS = 50
MOST_KEYS = 3
Record = dict[str, Any]
Checked = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes to one object on behalf of one caller."""

    tenant: Tenant
    table: Table
    options: GainsightOptions
    actor: Actor

    def insert(self, body: Record) -> dict[str, Any]:
        """Store new records and return their ids; raises ApiError when one of them cannot be stored."""
        records, lookups = self._read(body)
        checked = self._checked(self._insertable(record, lookups) for record in records)
        self._refuse_namesakes(checked, [[] for _ in checked])
        rows = [self.tenant.insert(self.table, values, self.actor) for values in checked]
        return {"count": len(rows), "errors": None, "records": [{"Gsid": row["Gsid"]} for row in rows]}

    def update(self, body: Record, keys: list[str]) -> dict[str, Any]:
        """Change the records that the keys find; raises ApiError when one cannot be found or changed."""
        self._check_keys(keys)
        records, lookups = self._read(body)
        wanted = {tuple(record[key] for key in keys) for record in records if self._unfit(record, keys) is None}
        matches = self.table.matching_any(keys, wanted)
        outcomes = [self._updatable(record, keys, matches, lookups) for record in records]
        found = [rows for rows, _ in outcomes]
        checked = self._checked(outcome for _, outcome in outcomes)
        self._refuse_namesakes(checked, found)
        echoed = []
        for record, values, rows in zip(records, checked, found, strict=True):
            for row in rows:
                self.tenant.update(self.table, row, values, self.actor)
                echoed.append({**record, "Gsid": row["Gsid"]})
        return {"count": len(echoed), "errors": None, "records": echoed}

    def _read(self, body: Record) -> tuple[list[Record], list[Lookup]]:
        records = body.get("records")
        if not isinstance(records, list) or not records or not all(isinstance(one, dict) for one in records):
            raise invalid("records must be a list of objects")
        if len(records) > MOST_RECORDS:
            raise invalid(f"At most {MOST_RECORDS} records can be written by one call")
        return records, read_lookups(self.tenant, self.table, body.get("lookups"))

    def _check_keys(self, keys: list[str]) -> None:
        if not 1 <= len(keys) <= MOST_KEYS:
            raise invalid(f"keys must name 1 to {MOST_KEYS} fields")
        for key in keys:
            target = self.table.kind.fields.get(key)
            if target is None:
                raise ApiError(400, "GSOBJ_1002", f"Invalid key field - {key}")
            if target.type not in KEY_TYPES:
                raise invalid(f"{key} cannot be a key: {target.type}")

    def _insertable(self, record: Record, lookups: list[Lookup]) -> Checked | FieldError:
        try:
            values = self._values(record, lookups)
        except FieldError as error:
            return error
        for target in self.table.kind.fields.values():
            if target.required and values.get(target.name) is None:
                return FieldError("GSOBJ_1007", f"Null value not allowed for {target.name}", target.name)
        return values

    def _updatable(
        self, record: Record, keys: list[str], matches: dict[Values, list[Row]], lookups: list[Lookup]
    ) -> tuple[list[Row], Checked | FieldError]:
        if (unfit := self._unfit(record, keys)) is not None:
            return [], unfit
        rows = matches.get(tuple(record[key] for key in keys), [])
        if not rows:
            return [], FieldError("GSOBJ_1011", "No entity matches the given criteria", keys[0], record[keys[0]])
        if len(rows) > 1 and self.options.many_matches == "error":
            return [], FieldError("GSOBJ_1008", "More than one entity matches the keys", keys[0], record[keys[0]])
        try:
            return rows, self._values({name: raw for name, raw in record.items() if name not in keys}, lookups)
        except FieldError as error:
            return rows, error

    def _unfit(self, record: Record, keys: list[str]) -> FieldError | None:
        """Return what is wrong with the values of a record's keys."""
        for key in keys:
            raw = record.get(key)
            if raw is None or raw == "":
                code = "GSOBJ_1004" if key == "Gsid" else "GSOBJ_1008"
                return FieldError(code, f"Key field {key} is blank or missing", key, raw)
            if not isinstance(raw, str | int | float):
                return misfit(self.table.kind.fields[key], raw)
            if key == "Gsid" and not is_gsid(raw):
                return FieldError("GSOBJ_1004", "GSID is missing or invalid", key, raw)
        return None

    def _values(self, record: Record, lookups: list[Lookup]) -> Checked:
        """Return the stored form of a record's values; raises FieldError for the first that cannot be stored."""
        consumed = {column for lookup in lookups for column in lookup.columns}
        spare = consumed - self.table.kind.fields.keys()
        given = {name: raw for name, raw in record.items() if name not in spare}
        return self.tenant.values(self.table, given | resolved(lookups, record))

    def _checked(self, outcomes: Iterable[Checked | FieldError]) -> list[Checked]:
        checked, errors = [], []
        for outcome in outcomes:
            if isinstance(outcome, FieldError):
                errors.append(outcome)
            else:
                checked.append(outcome)
        if errors:
            raise self._refusal(errors)
        return checked

    def _refusal(self, errors: list[FieldError]) -> ApiError:
        listed = [[error.entry()] for error in errors] if self.options.error_details else None
        data = None if listed is None else {"count": 0, "records": None, "errors": listed}
        return ApiError(400, errors[0].code, errors[0].message, data)

    def _refuse_namesakes(self, checked: list[Checked], found: list[list[Row]]) -> None:
        """Refuse new names of companies that are taken, by others in the tenant or by another record of this call."""
        if self.table.kind.name != "company" or not self.options.unique_names:
            return
        changes = [
            values["Name"] for values, rows in zip(checked, found, strict=True)
            if "Name" in values and any(row["Name"] != values["Name"] for row in rows or [{"Name": None}])
        ]  # fmt: skip
        if not changes:
            return
        taken = {row["Name"] for row in self.table.rows.values()}
        errors = []
        for name in changes:
            if name in taken:
                errors.append(FieldError("GSOBJ_1008", f"Duplicate value for Name ({name})", "Name", name))
            taken.add(name)
        if errors:
            raise self._refusal(errors)
