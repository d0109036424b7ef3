"""How records look in answers: chosen properties, history, inline associations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.hubspot.call import is_number
from sandbox.hubspot.clock import instant
from sandbox.hubspot.journal import USER
from sandbox.hubspot.links import CHILD_TO_PARENT, PARENT_TO_CHILD, type_ids
from sandbox.hubspot.objects import OBJECT_TYPES, ObjectType
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record, Version

INLINE_ASSOCIATIONS = 100


class Selection:
    """The properties that a request wants: undefined names vanish, system ones always come back, sorted by name."""

    def __init__(self, portal: Portal, kind: ObjectType, names: Iterable[str], history: Iterable[str] = ()) -> None:
        schema = portal.schemas[kind.name]
        self.portal, self.kind = portal, kind.name
        self.history = sorted(set(history) & schema.properties.keys())
        asked = set(names) or set(kind.defaults)
        wanted = (asked & schema.properties.keys()) | {"hs_object_id", kind.created, kind.modified}
        self.names = sorted(wanted)
        self._calculated = sorted(wanted & schema.calculated())

    def properties(self, record: Record, values: Mapping[str, str] | None = None) -> dict[str, str | None]:
        """Return property texts, None for empty ones."""
        stored = record.values if values is None else values
        shown = {name: stored.get(name) for name in self.names}
        for name in self._calculated:
            shown[name] = self.portal.value(self.kind, record, name)
        return shown

    def show(self, record: Record, portal_id: int = 0) -> dict[str, Any]:
        """Return the whole object."""
        body = envelope(record, self.properties(record))
        if self.history:
            body["propertiesWithHistory"] = {name: versions(record, name) for name in self.history}
        if portal_id:
            kind = OBJECT_TYPES[self.kind].type_id
            body["url"] = f"https://app.hubspot.com/contacts/{portal_id}/record/{kind}/{record.id}"
        return body


def envelope(record: Record, properties: Mapping[str, str | None]) -> dict[str, Any]:
    """Wrap properties with the id and instants of their record."""
    body: dict[str, Any] = {
        "id": str(record.id), "properties": properties, "createdAt": instant(record.created_ms),
        "updatedAt": instant(record.updated_ms), "archived": record.archived_ms is not None,
    }  # fmt: skip
    if record.archived_ms is not None:
        body["archivedAt"] = instant(record.archived_ms)
    return body


def written(kind: str, record: Record, names: Iterable[str]) -> dict[str, Any]:
    """Return what a write answers: the changed properties and a few system ones."""
    shape = OBJECT_TYPES[kind]
    shown = {*names, "hs_object_id", shape.created, shape.modified, "hs_object_source"}
    return envelope(record, {name: record.values.get(name) for name in sorted(shown)})


def versions(record: Record, name: str) -> list[dict[str, Any]]:
    """Return the history of one property, newest first."""
    kept: list[Version] = record.history.get(name, [])
    if not kept and name in record.values:
        kept = [(record.created_ms, record.values[name], "IMPORT", None)]
    return [
        {"value": value, "timestamp": instant(moment), "sourceType": source, "sourceId": source_id,
         "sourceLabel": None, "updatedByUserId": _user_id(source, source_id)}
        for moment, value, source, source_id in reversed(kept)
    ]  # fmt: skip


def _user_id(source: str, source_id: str | None) -> int | None:
    number = (source_id or "").removeprefix(USER)
    return int(number) if source == "CRM_UI" and is_number(number) else None


def inline_associations(portal: Portal, kind: str, record: Record, others: Iterable[ObjectType]) -> dict[str, Any]:
    """Return the first 100 associated ids per type, once per association type, and a link when there are more."""
    shown: dict[str, Any] = {}
    for other in others:
        ids = portal.associated(kind, record.id, other.name)
        if not ids:
            continue
        results = [
            {"id": str(identity), "type": name}
            for identity in ids[:INLINE_ASSOCIATIONS]
            for name in _type_names(portal, kind, record.id, other, identity)
        ]
        shown[other.name] = {"results": results}
        if len(ids) > INLINE_ASSOCIATIONS:
            after = str(ids[INLINE_ASSOCIATIONS])
            link = f"https://api.hubapi.com/crm/v3/objects/{kind}/{record.id}/associations/{other.name}?after={after}"
            shown[other.name]["paging"] = {"next": {"after": after, "link": link}}
    return shown


def can_associate(kind: str, other: str) -> bool:
    """Say whether the portal knows associations between two object types."""
    return bool(type_ids(kind, other))


def association_type_names(kind: ObjectType, other: ObjectType) -> dict[str, int]:
    """Return the v3 names of a direction's association types and their ids."""
    base = f"{kind.singular}_to_{other.singular}"
    if kind is other:
        return {"parent_to_child_company": PARENT_TO_CHILD, "child_to_parent_company": CHILD_TO_PARENT}
    known = type_ids(kind.name, other.name)
    return {base if label or len(known) == 1 else f"{base}_unlabeled": number for number, label in known.items()}


def _type_names(portal: Portal, kind: str, record_id: int, other: ObjectType, identity: int) -> list[str]:
    names = {number: name for name, number in association_type_names(OBJECT_TYPES[kind], other).items()}
    return [names[number] for number, _ in portal.links.types(kind, record_id, other.name, identity)]
