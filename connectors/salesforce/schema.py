"""What the org has: objects and their fields as the integration user may see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from connectors.errors import BadAnswer, MissingScope
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient

_ABSENT = frozenset({"NOT_FOUND", "INVALID_TYPE", "INVALID_FIELD"})


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field as `describe` shows it; `values` are the active values of a picklist.

    `length` and `precision` are 0 and `values` empty where they are not told; whether a field may be written then
    shows when it is.
    """

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    updateable: bool = False
    custom: bool = False
    calculated: bool = False
    restricted: bool = False
    unique: bool = False
    values: tuple[str, ...] = ()

    @staticmethod
    def parse(raw: Mapping[str, Any]) -> FieldInfo:
        """Read an entry of describe's `fields`."""
        return FieldInfo(
            name=str(raw["name"]),
            type=str(raw["type"]),
            length=int(raw.get("length") or 0),
            precision=int(raw.get("precision") or 0),
            scale=int(raw.get("scale") or 0),
            updateable=bool(raw.get("updateable", True)),
            custom=bool(raw.get("custom")),
            calculated=bool(raw.get("calculated")),
            restricted=bool(raw.get("restrictedPicklist")),
            unique=bool(raw.get("unique")),
            values=tuple(str(value["value"]) for value in raw.get("picklistValues") or () if value.get("active", True)),
        )


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object with its visible fields by name; field-level security makes the others look absent."""

    name: str
    fields: Mapping[str, FieldInfo]
    queryable: bool = True
    updateable: bool = False
    createable: bool = False

    def has(self, field: str) -> bool:
        """Whether the user sees `field`."""
        return field in self.fields

    def exact(self, field: str) -> str | None:
        """The org's own spelling of a field name, which Salesforce compares without case; None when absent."""
        if field in self.fields:
            return field
        folded = field.casefold()
        return next((name for name in self.fields if name.casefold() == folded), None)


class Schema:
    """Describes objects, each once until it is forgotten, however many threads ask."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._lock = Lock()
        self._known: dict[str, ObjectInfo | None] = {}

    def object(self, name: str) -> ObjectInfo | None:
        """The object, or None when the org lacks it (no licence) or hides it from the user.

        Raises the connector errors of a read.
        """
        with self._lock:
            if name not in self._known:
                self._known[name] = self._describe(name)
            return self._known[name]

    def forget(self, name: str) -> None:
        """Describe `name` anew next time, because it changes or was changed."""
        with self._lock:
            self._known.pop(name, None)

    def wait_until(
        self, name: str, ready: Callable[[ObjectInfo], bool], *, patience: float = 60.0
    ) -> ObjectInfo | None:
        """Describe `name` again and again until `ready`, for at most `patience` seconds; the last description.

        New fields take some seconds to show.
        """
        delay, waited = 0.5, 0.0
        while True:
            self.forget(name)
            info = self.object(name)
            if (info is not None and ready(info)) or waited >= patience:
                return info
            self._client.sleep(delay)
            waited += delay
            delay = min(delay * 2, 8.0)

    def _describe(self, name: str) -> ObjectInfo | None:
        try:
            raw = self._client.get(f"sobjects/{name}/describe")
        except CallRefused as refused:
            if refused.status == 404 or refused.code in _ABSENT:
                return None
            raise
        except MissingScope:
            return None
        try:
            fields = [FieldInfo.parse(entry) for entry in raw["fields"]]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadAnswer(f"The description of {name} is not what Salesforce documents.", sent=True) from error
        return ObjectInfo(
            name=name,
            fields={field.name: field for field in fields},
            queryable=bool(raw.get("queryable", True)),
            updateable=bool(raw.get("updateable", True)),
            createable=bool(raw.get("createable", True)),
        )
