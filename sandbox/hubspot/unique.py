"""Values that only one live record may hold: properties made with `hasUniqueValue`, and the email of a contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.hubspot.errors import CONFLICT
from sandbox.hubspot.objects import ObjectType
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.hubspot.values import Problem

EMAIL = ("contacts", "email")


def is_unique(portal: Portal, kind: ObjectType, name: str) -> bool:
    """Say whether records can be addressed by this property."""
    prop = portal.schemas[kind.name].properties.get(name)
    return (kind.name, name) == EMAIL or (prop is not None and prop.unique)


class Claims:
    """Who holds which unique value, for one request; rows of a batch see what the rows before them took."""

    def __init__(self, portal: Portal, kind: ObjectType) -> None:
        self._portal, self._kind = portal, kind
        self._holders: dict[str, dict[str, int | None]] = {}

    def problems(self, values: Mapping[str, str], record: Record | None) -> list[Problem]:
        """Claim a row's values for a record, None for one to be made, and return what others hold already."""
        return list(self._clashes(values, record))

    def _clashes(self, values: Mapping[str, str], record: Record | None) -> Iterator[Problem]:
        own = record.id if record is not None else None
        for name, value in values.items():
            if not value or not is_unique(self._portal, self._kind, name):
                continue
            holders = self._held(name)
            if value.lower() in holders and (own is None or holders[value.lower()] != own):
                yield self._clash(name, value, holders[value.lower()])
            else:
                holders[value.lower()] = own

    def _held(self, name: str) -> dict[str, int | None]:
        if name not in self._holders:
            live = self._portal.stores[self._kind.name].live.values()
            self._holders[name] = {text.lower(): record.id for record in live if (text := record.values.get(name))}
        return self._holders[name]

    def _clash(self, name: str, value: str, holder: int | None) -> Problem:
        if (self._kind.name, name) == EMAIL:
            message = f"Contact already exists. Existing ID: {holder}"
            return {"name": name, "code": CONFLICT, "message": message, "existing": str(holder)}
        return {"name": name, "code": "CONFLICTING_UNIQUE_VALUE",
                "message": f"Cannot set {name} to {value}. {holder} already has that value."}  # fmt: skip
