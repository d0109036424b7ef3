"""The tasks that stand for alerts, as a CRM of the sandbox truly has them: told by their keys, and in neutral words."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mapping.tasks import TASK_KEY, task_fields
from sandbox.gainsight.state import GainsightState
from sandbox.hubspot.state import HubSpotState
from tests.rig.truth import Effect, State, Truth, effects

COMPANY = "company"
_HUBSPOT = {
    "task_subject": "hs_task_subject", "task_account": COMPANY, "task_owner": "hubspot_owner_id",
    "task_due": "hs_timestamp", "task_priority": "hs_task_priority", "task_status": "hs_task_status",
    "task_body": "hs_task_body", TASK_KEY.name: "cs_alert_key",
}  # fmt: skip
_SALESFORCE = {
    "task_subject": "Subject", "task_account": "WhatId", "task_owner": "OwnerId", "task_due": "ActivityDate",
    "task_priority": "Priority", "task_status": "Status", "task_body": "Description", TASK_KEY.name: "CS_Alert_Key__c",
}  # fmt: skip
_GAINSIGHT = {
    "task_subject": "Name", "task_account": "CompanyId", "task_owner": "OwnerId", "task_due": "DueDate",
    "task_priority": "priority", "task_status": "status", "task_body": "Comments", TASK_KEY.name: "CS_Alert_Key__gc",
}  # fmt: skip
_KEPT = {"PriorityId": "priority", "StatusId": "status"}
"""Fields of Gainsight that are kept under another name than they are sent by."""
_WORDS = {
    "NOT_STARTED": "open", "IN_PROGRESS": "in_progress", "COMPLETED": "done", "MEDIUM": "normal", "HIGH": "high",
    "Not Started": "open", "In Progress": "in_progress", "Completed": "done", "Normal": "normal", "High": "high",
    "New": "open", "Work In Progress": "in_progress", "Closed Success": "done", "Medium": "normal",
}  # fmt: skip


def tasks_truth(state: State, connection: str) -> Truth:
    """What happened to tasks that have a key: a `create` for each that was made, then a `set` a value.

    Of those that an API client made without a key only the `create`, under the CRM's own id.
    """
    hubspot = isinstance(state, HubSpotState)
    names, kind = (_HUBSPOT, "tasks") if hubspot else (_SALESFORCE, "Task")
    if isinstance(state, GainsightState):
        names, kind = _GAINSIGHT, "call_to_action"
    specs = {names[spec.name]: spec for spec in task_fields(whole_days=not hubspot)}
    journal = _journal(state)
    # Salesforce gives a task to whoever makes it, unless told otherwise.
    makers = {str(one["actor"]).removeprefix("api:") for one in journal}
    happened = [
        one
        for one in effects(journal)
        if one.object == kind and not (one.action == "create" and one.property == "OwnerId" and one.new in makers)
    ]
    keys = {one.id: str(one.new) for one in happened if one.property == names[TASK_KEY.name] and one.new}
    ours = [replace(one, id=keys[one.id]) for one in happened if one.id in keys]
    told = list(_told(ours, names))
    if isinstance(state, HubSpotState):
        links = {key: state.portal.links.of("tasks", int(own), "companies") for own, key in keys.items()}
        told += [_linked(one, links[one.id]) for one in told if one.action == "create"]
    first = {one.id: one for one in reversed(happened) if one.ours and one.action == "create" and one.id not in keys}
    told += [replace(one, property=None, old=None, new=None) for one in first.values()]
    return Truth(connection, kind, specs, sorted(told, key=lambda one: one.seq), {}, makes="alert_task")


def _journal(state: State) -> list[dict[str, Any]]:
    if isinstance(state, HubSpotState):
        return state.portal.journal.as_json()
    if not isinstance(state, GainsightState):
        return state.journal.as_json()
    items = {one.gsid: one.label for category in state.tenant.categories.values() for one in category.items}

    def shown(name: str | None, value: object) -> object:
        if name == "DueDate" and isinstance(value, int):
            return datetime.fromtimestamp(value / 1000, UTC).date().isoformat()
        return items.get(value, value) if isinstance(value, str) else value

    return [
        {
            **one,
            "property": _KEPT.get(one["property"], one["property"]),
            "old": shown(one["property"], one["old"]),
            "new": shown(one["property"], one["new"]),
        }
        for one in state.tenant.journal.as_json()
    ]


def _told(happened: list[Effect], names: Mapping[str, str]) -> Iterator[Effect]:
    for one in happened:
        if one.property is None or (one.action == "create" and one.property == names[TASK_KEY.name]):
            yield replace(one, property=None, old=None, new=None)
        if one.property in names.values():
            yield replace(one, action="set", old=_neutral(one.old), new=_neutral(one.new))


def _linked(made: Effect, companies: list[int]) -> Effect:
    """An association is in no journal; it is made with its task."""
    return replace(made, action="set", property=COMPANY, new=";".join(map(str, sorted(companies))) or None)


def _neutral(value: object) -> object:
    return _WORDS.get(value, html.unescape(value)) if isinstance(value, str) else value
