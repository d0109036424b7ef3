"""Calls to action and success plans: saved request by request, so that some may be stored and others not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.gainsight.actor import Actor
from sandbox.gainsight.derived import derive
from sandbox.gainsight.errors import FieldError, invalid
from sandbox.gainsight.lookups import Lookup, read_lookups, resolved
from sandbox.gainsight.tenant import Table, Tenant
from sandbox.gainsight.writes import MOST_RECORDS

MISSING, UNKNOWN_GSID = "COCKPIT_9700", "COCKPIT_6007"
Record = dict[str, Any]
Save = Callable[[Record, list[Lookup]], str]


@dataclass(frozen=True, slots=True)
class Family:
    """One of the two: its object, the keys under which requests name picklist items, and what a new one needs."""

    object: str
    labels: dict[str, str]
    mandatory: tuple[str, ...]
    what: str


CTA = Family(
    "call_to_action",
    {"type": "TypeId", "status": "StatusId", "priority": "PriorityId", "reason": "ReasonId"},
    ("Name", "CompanyId", "OwnerId", "DueDate", "type", "status", "priority", "reason"),
    "CTA",
)
PLAN = Family(
    "cta_group",
    {"SuccessPlanType": "TypeId", "status": "StatusId"},
    ("Name", "CompanyId", "OwnerId", "DueDate", "SuccessPlanType"),
    "Success Plan",
)


class Saves:
    """Saves requests of one family on behalf of one caller."""

    def __init__(self, tenant: Tenant, family: Family, actor: Actor, *, keeps_fields: bool) -> None:
        self._tenant, self._family, self._actor, self._keeps_fields = tenant, family, actor, keeps_fields
        self._table: Table = tenant.tables[family.object]

    def create(self, body: Record) -> dict[str, Any]:
        """Store what can be stored; each request is answered under its `referenceId`."""
        return self._each(body, self._create)

    def update(self, body: Record) -> dict[str, Any]:
        """Change records that requests name by `Gsid`, or by a `referenceId` that only one of them has."""
        return self._each(body, self._update)

    def _each(self, body: Record, save: Save) -> dict[str, Any]:
        requests = body.get("requests")
        if not isinstance(requests, list) or not requests or len(requests) > MOST_RECORDS:
            raise invalid(f"requests must be a list of 1 to {MOST_RECORDS}")
        given = [request.get("record") for request in requests if isinstance(request, dict)]
        records: list[Record] = [record for record in given if isinstance(record, dict)]
        if len(records) != len(requests):
            raise invalid("every request needs a record")
        lookups = read_lookups(self._tenant, self._table, body.get("lookups"))
        success: list[dict[str, Any]] = []
        failure: list[dict[str, Any]] = []
        for record in records:
            reference = str(record.get("referenceId") or record.get("Gsid") or "")
            try:
                success.append({reference: save(record, lookups)})
            except FieldError as error:
                failure.append({reference: f"{error.code}: {error.message}"})
        return {"success": success, "failure": failure}

    def _create(self, record: Record, lookups: list[Lookup]) -> str:
        given = self._given(record, lookups)
        if not record.get("referenceId"):
            raise self._missing("referenceId")
        for name in self._family.mandatory:
            if given.get(self._family.labels.get(name, name)) in (None, ""):
                raise self._missing(name)
        values = self._tenant.values(self._table, given)
        values["ReferenceId"] = str(record["referenceId"])
        if "EntityType" in self._table.kind.fields:
            values["EntityType"] = "COMPANY"
        if "StatusId" not in values:
            values["StatusId"] = self._tenant.categories["SUCCESS_PLAN_STATUS"].items[0].gsid
        derive(self._tenant, self._table, values, None)
        return str(self._tenant.insert(self._table, values, self._actor)["Gsid"])

    def _update(self, record: Record, lookups: list[Lookup]) -> str:
        reference = str(record.get("referenceId") or "")
        wanted = {"Gsid": record["Gsid"]} if record.get("Gsid") else {"ReferenceId": reference}
        found = self._table.matching(wanted)
        if len(found) != 1:
            raise FieldError(UNKNOWN_GSID, f"Invalid GSID of {self._family.what}", "Gsid", record.get("Gsid"))
        values = self._tenant.values(self._table, self._given(record, lookups))
        derive(self._tenant, self._table, values, found[0])
        self._tenant.update(self._table, found[0], values, self._actor)
        return str(found[0]["Gsid"])

    def _given(self, record: Record, lookups: list[Lookup]) -> Record:
        """Return a record by the names of the object's fields, its lookups resolved."""
        consumed = {column for lookup in lookups for column in lookup.columns} | {"referenceId", "Gsid"}
        given = {
            self._family.labels.get(name, name): raw for name, raw in record.items()
            if name not in consumed and name not in self._family.labels.values()
            and (self._keeps_fields or not name.endswith("__gc"))
        }  # fmt: skip
        return given | resolved(lookups, record)

    def _missing(self, name: str) -> FieldError:
        return FieldError(MISSING, f"Mandatory field is missing for create - {name}", name)
