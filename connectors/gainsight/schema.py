"""What a tenant's objects look like: fields with their types, rights and picklist items, described once each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any

from connectors.errors import BadAnswer
from connectors.gainsight.answers import NotFound, RequestRefused
from connectors.gainsight.client import GainsightClient

COMPANY = "Company"
TELLING = 12
"""Characters of an id's beginning that tell one tenant from another; the first four only name the object."""
NUMERIC = frozenset({"NUMBER", "CURRENCY", "PERCENTAGE"})
LISTS = frozenset({"PICKLIST", "MULTISELECTDROPDOWNLIST"})
_STAMPS = ("ModifiedDate", "LastModifiedDate")
_NOT_A_WORD = re.compile(r"[^0-9a-z]+")
_ABSENT = re.compile(r"not found|no such|GSOBJ_1011|GSOBJ_1002", re.IGNORECASE)


def folded(label: str) -> str:
    """A label as it is compared: `Not due`, `not-due` and `not_due` are one."""
    return _NOT_A_WORD.sub("_", label.casefold()).strip("_")


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field as it is described; `items` are the picklist items by id, `active` the labels that may be written.

    `length` and `decimals` are None where they are not told. `lookup` is the name under which a query follows the field
    to a record of the object `target`.
    """

    name: str
    type: str
    label: str = ""
    updateable: bool = False
    nillable: bool = True
    custom: bool = False
    length: int | None = None
    decimals: int | None = None
    items: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    active: tuple[str, ...] = ()
    lookup: str = ""
    target: str = ""

    @staticmethod
    def parse(raw: Mapping[str, Any]) -> FieldInfo:
        """Read an entry of describe's `fields`."""
        meta = raw.get("meta") or {}
        options = [one for one in raw.get("options") or () if isinstance(one.get("label"), str)]
        length, decimals = meta.get("length"), meta.get("decimalPlaces")
        detail = meta.get("lookupDetail") or {}
        led = [str(one.get("objectName") or "") for one in detail.get("lookupObjects") or ()]
        computed = bool(meta.get("readOnly")) or bool(meta.get("formulaField"))
        return FieldInfo(
            name=str(raw["fieldName"]),
            type=str(raw["dataType"]).upper(),
            label=str(raw.get("label") or ""),
            updateable=bool(meta.get("updateable", True)) and not computed,
            nillable=bool(meta.get("nillable", True)),
            custom=meta.get("fieldGroupType") == "CUSTOM",
            length=length if isinstance(length, int) else None,
            decimals=decimals if isinstance(decimals, int) else None,
            items={str(one.get("value")): one["label"] for one in options},
            active=tuple(one["label"] for one in options if one.get("active", True)),
            lookup=str(detail.get("lookupName") or ""),
            target=led[0] if len(led) == 1 else "",
        )

    def item(self, value: str) -> str | None:
        """The label of the active item that `value` means, or None when the picklist has none."""
        exact = [label for label in self.active if label == value]
        alike = [label for label in self.active if folded(label) == folded(value)]
        return next(iter(exact), alike[0] if len(alike) == 1 else None)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object with its fields by name; `prefix` is what the ids of its records begin with, as far as it is told."""

    name: str
    fields: Mapping[str, FieldInfo]
    prefix: str = ""

    def has(self, name: str) -> bool:
        """Whether the object has the field."""
        return name in self.fields

    def exact(self, name: str) -> str | None:
        """The tenant's own spelling of a field name, None when it has none that differs in case only."""
        if self.has(name):
            return name
        return next((one for one in self.fields if one.casefold() == name.casefold()), None)


def stamp_of(info: ObjectInfo) -> str | None:
    """The field that tells when a record was modified last; None for an object without one."""
    return next((name for name in _STAMPS if info.has(name)), None)


class Schema:
    """Describes objects, each once until it is forgotten, however many threads ask."""

    def __init__(self, client: GainsightClient) -> None:
        self._client = client
        self._lock = Lock()
        self._known: dict[str, ObjectInfo | None] = {}

    def object(self, name: str) -> ObjectInfo | None:
        """The object, or None when the tenant lacks it or hides it; raises the connector errors of a read."""
        with self._lock:
            if name not in self._known:
                self._known[name] = self._describe(name)
            return self._known[name]

    def field(self, info: ObjectInfo, name: str) -> FieldInfo | None:
        """The field that `name` means in an object, or in a record that a lookup of it leads to (`Csm__gr.Email`)."""
        lookup, dot, rest = name.partition(".")
        if not dot:
            return info.fields.get(name)
        leader = next((one for one in info.fields.values() if one.lookup == lookup and one.target), None)
        target = self.object(leader.target) if leader is not None else None
        return self.field(target, rest) if target is not None else None

    def forget(self, name: str) -> None:
        """Describe `name` anew next time."""
        with self._lock:
            self._known.pop(name, None)

    def _describe(self, name: str) -> ObjectInfo | None:
        path = f"/v1/meta/services/objects/{name}/describe?ic=false&cl=0&idd=false&ihc=false&piec=false"
        try:
            envelope = self._client.read("GET", path, f"the description of {name}")
        except NotFound:
            return None
        except RequestRefused as refused:
            if _ABSENT.search(refused.envelope.text):
                return None
            raise
        data = envelope.data
        found: Any = data[0] if isinstance(data, list) and data else data
        if envelope.empty or found is None:
            return None
        try:
            fields = [FieldInfo.parse(entry) for entry in found["fields"]]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadAnswer(f"The description of {name} is not what Gainsight documents.", sent=True) from error
        prefix = str(found.get("keyPrefix") or "")
        if name == COMPANY and len(prefix) >= TELLING:
            self._client.known_as(prefix)
        return ObjectInfo(name, {one.name: one for one in fields}, prefix)
