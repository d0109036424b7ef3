"""Property definitions of one object type, as the properties API shows and changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.hubspot.clock import instant

FIELD_TYPES = {
    "string": ("text", "textarea", "html", "file", "phonenumber", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox", "calculation_equation"),
    "bool": ("booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
}


@dataclass(slots=True)
class Property:
    """One property; `source` is `user` (changeable), `system` (read-only value) or `calculated`."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: list[dict[str, Any]] = field(default_factory=list)
    source: str = "user"
    hubspot_defined: bool = False
    description: str = ""
    display_order: int = -1
    unique: bool = False
    hidden: bool = False
    form_field: bool = False
    owner: bool = False  # the value is the id of an owner
    sensitivity: str = "non_sensitive"
    created_ms: int = 0
    updated_ms: int = 0
    archived_ms: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)  # keys that are stored and given back as they came

    @property
    def read_only(self) -> bool:
        """Say whether writes of the value are refused."""
        return self.source != "user"

    @property
    def values(self) -> list[str]:
        """Return the internal values of the options."""
        return [str(option["value"]) for option in self.options]

    def as_json(self) -> dict[str, Any]:
        """Return the definition as the API shows it."""
        body: dict[str, Any] = {
            "updatedAt": instant(self.updated_ms), "createdAt": instant(self.created_ms), "name": self.name,
            "label": self.label, "type": self.type, "fieldType": self.field_type, "description": self.description,
            "groupName": self.group, "options": self.options, "displayOrder": self.display_order,
            "calculated": self.source == "calculated", "externalOptions": self.owner,
            "archived": self.archived_ms is not None, "hasUniqueValue": self.unique, "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined, "formField": self.form_field,
            "dataSensitivity": self.sensitivity,
            "modificationMetadata": {
                "archivable": not self.hubspot_defined, "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.read_only, "readOnlyOptions": self.hubspot_defined and self.read_only,
            },
        }  # fmt: skip
        if self.owner:
            body["referencedObjectType"] = "OWNER"
        if self.archived_ms is not None:
            body["archivedAt"] = instant(self.archived_ms)
        return body | self.extra


@dataclass(slots=True)
class Group:
    """A named group of properties."""

    name: str
    label: str
    display_order: int = -1
    archived: bool = False
    hubspot_defined: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the group as the API shows it."""
        return {"name": self.name, "label": self.label, "displayOrder": self.display_order, "archived": self.archived}


@dataclass(slots=True)
class Schema:
    """All properties and groups of one object type, archived ones apart."""

    properties: dict[str, Property] = field(default_factory=dict)
    archived: dict[str, Property] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def calculated(self) -> set[str]:
        """Return the names whose values are computed when they are read."""
        return {name for name, prop in self.properties.items() if prop.source == "calculated"}


def option_list(*values: str) -> list[dict[str, Any]]:
    """Build options whose labels are their values in plain words."""
    return [
        {"label": value.replace("_", " ").capitalize(), "value": value, "displayOrder": number, "hidden": False}
        for number, value in enumerate(values)
    ]
