"""What is true in a CRM of the sandbox, as the checker needs it: effects, records, refusals, and what was asked.

It is taken from the sandbox's own state, in its process; it travels as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mapping.records import FieldSpec
from sandbox.gainsight.state import GainsightState
from sandbox.hubspot.state import HubSpotState
from sandbox.salesforce.moments import read_stamp
from sandbox.salesforce.state import SalesforceState

HUBSPOT_STREAMS = {"companies": "companies", "deals": "deals", "tickets": "tickets"}
SALESFORCE_STREAMS = {"accounts": "Account", "opportunities": "Opportunity", "cases": "Case", "contracts": "Contract"}
GAINSIGHT_STREAMS = {"companies": "Company"}
BESIDE = "ext_health_metric__gc"
"""The custom object of a tenant that may hold Keepwell's fields, in rows that lead to companies by `LEADS`."""
LEADS = "Company__gc"
STREAMS = {
    "hubspot": HUBSPOT_STREAMS, "salesforce": SALESFORCE_STREAMS, "gainsight": GAINSIGHT_STREAMS,
    "gainsight_beside": GAINSIGHT_STREAMS,
}  # fmt: skip
OBJECTS = {"hubspot": "companies", "salesforce": "Account", "gainsight": "Company", "gainsight_beside": "Company"}
"""What carries accounts, by vendor."""
LIFE = frozenset({"create", "archive", "purge", "restore", "merge"})
"""Actions in a journal by which a record comes or goes."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One entry of a CRM's journal; `ours` when an API client caused it."""

    seq: int
    at: datetime
    action: str
    object: str
    id: str
    property: str | None
    old: object
    new: object
    ours: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may write: when it came, and the properties that its body names, by record."""

    at: datetime
    named: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Truth:
    """One CRM: `specs` are the properties that Keepwell may write there, by name; `modified` are its live records'
    last modifications, by stream; `refused` requests were over its quota; `asked` is None where nobody listened.

    There is one for the accounts of a CRM, and one for each kind of record that Keepwell makes: `makes` is the table of
    the store that knows of them, and their ids are their keys.
    """

    connection: str
    object: str
    specs: Mapping[str, FieldSpec]
    journal: Sequence[Effect]
    modified: Mapping[str, Mapping[str, datetime]]
    refused: int = 0
    asked: Sequence[Asked] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    makes: str = ""

    def sets(self) -> list[Effect]:
        """Effects on the properties that Keepwell may write."""
        here = (one for one in self.journal if one.action == "set" and one.object == self.object)
        return [one for one in here if one.property in self.specs]

    def came_or_went(self, stream: str) -> set[str]:
        """Ids of a stream's records that did not stay as they were seeded."""
        kind = self.kinds[stream]
        life = [one for one in self.journal if one.action in LIFE and one.object == kind]
        return {one.id for one in life} | {str(one.new) for one in life if one.action == "merge"}


def effects(journal: Sequence[Mapping[str, Any]]) -> list[Effect]:
    """A journal as the sandbox serves it."""
    return [
        Effect(
            seq=one["seq"],
            at=_instant(one["time"]),
            action=one["action"],
            object=one["object"],
            id=str(one["id"]),
            property=one["property"],
            old=one["old"],
            new=one["new"],
            ours=str(one["actor"]).startswith("api:"),
        )
        for one in journal
    ]


State = HubSpotState | SalesforceState | GainsightState


def state_of(state: State) -> dict[str, Any]:
    """What a checker asks of a state, as JSON-able data."""
    if isinstance(state, GainsightState):
        return _tenant(state)
    if isinstance(state, HubSpotState):
        stores = {stream: state.portal.stores[kind].live for stream, kind in HUBSPOT_STREAMS.items()}
        return {
            "journal": state.portal.journal.as_json(),
            "refused": state.quota.refused,
            "modified": {
                stream: {str(one.id): one.updated_ms / 1000 for one in live.values()} for stream, live in stores.items()
            },
        }
    tables = {stream: state.org.tables[kind] for stream, kind in SALESFORCE_STREAMS.items() if kind in state.org.tables}
    return {
        "journal": state.journal.as_json(),
        "refused": state.stats.throttled,
        "modified": {
            stream: {
                str(row[table.columns["Id"]]): read_stamp(str(row[table.columns["SystemModstamp"]])).timestamp()
                for row in table.rows.values()
                if not row[table.columns["IsDeleted"]]
            }
            for stream, table in tables.items()
        },
    }


def _tenant(state: GainsightState) -> dict[str, Any]:
    """A tenant as its readers see it: items of picklists by what their labels mean."""
    tenant = state.tenant
    items = {one.gsid: one.label for category in tenant.categories.values() for one in category.items}

    def shown(value: object) -> object:
        return items.get(value, value) if isinstance(value, str) else value

    rows = tenant.tables[BESIDE]
    leads = {str(row["Gsid"]): str(row[LEADS]) for row in (*rows.rows.values(), *(row for _, row in rows.deleted))}
    journal = [
        {**one, "object": "Company", "id": leads.get(one["id"], one["id"]), "old": shown(one["old"]),
         "new": shown(one["new"])}
        for one in tenant.journal.as_json()
        if one["object"] == "company" or (one["object"] == BESIDE and one["action"] == "set")
    ]  # fmt: skip
    modified = {
        str(row["Gsid"]): float(str(row["ModifiedDate"])) / 1000 for row in tenant.tables["company"].rows.values()
    }
    return {"journal": journal, "refused": state.quota.refused, "modified": {"companies": modified}}


def truth_of(
    data: Mapping[str, Any], *, connection: str, specs: Mapping[str, FieldSpec], vendor: str | None = None
) -> Truth:
    """The truth in data that `state_of` gave, perhaps in another process, with what the rig listened to."""
    kind = vendor or connection
    asked = data.get("asked")
    return Truth(
        connection=connection,
        object=OBJECTS[kind],
        specs=specs,
        journal=effects(data["journal"]),
        modified={
            stream: {record_id: datetime.fromtimestamp(at, UTC) for record_id, at in rows.items()}
            for stream, rows in data["modified"].items()
        },
        refused=data["refused"],
        asked=None if asked is None else [Asked(_at(one["at"]), one["named"]) for one in asked],
        kinds=STREAMS[kind],
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _instant(text: str) -> datetime:
    if text.endswith("+0000"):
        return read_stamp(text)
    return datetime.fromisoformat(text)
