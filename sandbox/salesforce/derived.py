"""Fields that follow from other fields when a record is written, as the standard objects do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.salesforce.errors import RowError
from sandbox.salesforce.fields import Value
from sandbox.salesforce.moments import stamp
from sandbox.salesforce.table import Row, Table

if TYPE_CHECKING:
    from sandbox.salesforce.writes import Writer

Given = frozenset[str]


class Draft:
    """A row being written, by field name, beside what it was."""

    def __init__(self, table: Table, row: Row, before: Row | None) -> None:
        self._table, self._row, self._before = table, row, before

    def __getitem__(self, name: str) -> Value:
        return self._row[self._table.columns[name]]

    def __setitem__(self, name: str, value: Value) -> None:
        self._row[self._table.columns[name]] = value

    def changed(self, name: str) -> bool:
        """Whether the field differs from the stored record; always true for a new one."""
        position = self._table.columns[name]
        return self._before is None or self._before[position] != self._row[position]


def derive(writer: Writer, table: Table, row: Row, before: Row | None, given: Given) -> None:
    """Fill in what the org derives for this object; raises RowError where the combination is invalid."""
    rule = _RULES.get(table.kind.name)
    if rule is not None:
        rule(writer, Draft(table, row, before), given)


def _opportunity(writer: Writer, draft: Draft, given: Given) -> None:
    if not draft.changed("StageName"):
        return
    stages = writer.org.tables["OpportunityStage"]
    name_at = stages.columns["MasterLabel"]
    stage = next((row for row in stages.rows.values() if row[name_at] == draft["StageName"]), None)
    if stage is not None:
        draft["IsClosed"] = stage[stages.columns["IsClosed"]]
        draft["IsWon"] = stage[stages.columns["IsWon"]]
        draft["ForecastCategory"] = stage[stages.columns["ForecastCategory"]]
        if "ForecastCategoryName" not in given:
            draft["ForecastCategoryName"] = stage[stages.columns["ForecastCategoryName"]]
        if "Probability" not in given:
            draft["Probability"] = stage[stages.columns["DefaultProbability"]]
    draft["LastStageChangeDate"] = stamp(writer.now)
    copied = ("StageName", "Amount", "Probability", "CloseDate", "ForecastCategory")
    if "OpportunityHistory" in writer.org.tables:
        row = {"OpportunityId": draft["Id"], **{key: draft[key] for key in copied}}
        writer.add_system_row("OpportunityHistory", row)


def _case(writer: Writer, draft: Draft, _: Given) -> None:
    if not draft["CaseNumber"]:
        draft["CaseNumber"] = f"{len(writer.org.tables['Case'].rows) + 1001:08d}"
    if draft.changed("Status"):
        closed = draft["Status"] == "Closed"
        draft["IsClosed"] = closed
        draft["ClosedDate"] = stamp(writer.now) if closed else None


def _contract(writer: Writer, draft: Draft, _: Given) -> None:
    if not draft["ContractNumber"]:
        draft["ContractNumber"] = f"{len(writer.org.tables['Contract'].rows) + 101:08d}"
    codes = {"In Approval Process": "InApproval", "Activated": "Activated", "Expired": "Activated"}
    draft["StatusCode"] = codes.get(str(draft["Status"]), "Draft")
    if draft.changed("Status") and draft["Status"] == "Activated" and draft["ActivatedDate"] is None:
        draft["ActivatedDate"] = stamp(writer.now)


def _full_name(_writer: Writer, draft: Draft, _: Given) -> None:
    draft["Name"] = " ".join(str(part) for part in (draft["FirstName"], draft["LastName"]) if part)


def _activity(_writer: Writer, draft: Draft, _: Given) -> None:
    what = draft["WhatId"]
    draft["AccountId"] = what if isinstance(what, str) and what.startswith("001") else None


def _task(writer: Writer, draft: Draft, given: Given) -> None:
    _activity(writer, draft, given)
    if draft.changed("Status"):
        closed = draft["Status"] == "Completed"
        draft["IsClosed"] = closed
        draft["CompletedDateTime"] = stamp(writer.now) if closed else None


def _field_permissions(writer: Writer, draft: Draft, _: Given) -> None:
    object_name, field_name = f"{draft['Field']}.".split(".")[:2]
    table = writer.org.tables.get(object_name)
    known = table is not None and field_name in table.kind.fields and draft["SobjectType"] == object_name
    if not known:
        message = f"Field Name: bad value for restricted picklist field: {draft['Field']}"
        raise RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ["Field"])
    if draft["PermissionsEdit"] and not draft["PermissionsRead"]:
        message = f"Permission Edit {draft['Field']} depends on permission(s): Read {draft['Field']}"
        raise RowError("FIELD_INTEGRITY_EXCEPTION", message, ["PermissionsEdit"])


_RULES: dict[str, Callable[[Writer, Draft, Given], None]] = {
    "Opportunity": _opportunity,
    "Case": _case,
    "Contract": _contract,
    "Contact": _full_name,
    "User": _full_name,
    "Event": _activity,
    "Task": _task,
    "FieldPermissions": _field_permissions,
}
