"""Objects of the org and short builders for their fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sandbox.salesforce.fields import Field
from sandbox.salesforce.ids import KEY_PREFIXES


@dataclass(slots=True)
class ObjectType:
    """An object: its fields by exact name, in describe order; `fields` grows when an admin adds one."""

    name: str
    label: str
    plural: str
    fields: dict[str, Field] = field(default_factory=dict)
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    replicateable: bool = True
    bulk: bool = True
    name_field: str = "Name"
    _lower: dict[str, str] = field(default_factory=dict)

    @property
    def key_prefix(self) -> str:
        """The three characters with which ids of this object begin."""
        return KEY_PREFIXES[self.name]

    def add(self, added: Iterable[Field]) -> None:
        """Define more fields, keeping the order."""
        for item in added:
            self.fields[item.name] = item
            self._lower[item.name.lower()] = item.name

    def find(self, name: str) -> Field | None:
        """Look a field up regardless of case, as the API does."""
        exact = self._lower.get(name.lower())
        return None if exact is None else self.fields[exact]

    def parent_field(self, relationship: str) -> Field | None:
        """Find the lookup field behind a relationship name such as `Owner`."""
        wanted = relationship.lower()
        return next((f for f in self.fields.values() if f.relationship and f.relationship.lower() == wanted), None)


def text(name: str, label: str, length: int = 255, *, kind: str = "string", nillable: bool = True) -> Field:
    """Build a text-like field."""
    return Field(name, label, kind, length=length, nillable=nillable)


def long_text(name: str, label: str, length: int = 32000) -> Field:
    """Build a long text area."""
    return Field(name, label, "textarea", length=length, filterable=False)


def number(name: str, label: str, precision: int = 18, scale: int = 0, *, kind: str = "double") -> Field:
    """Build a number, currency or percent field; precision counts all digits."""
    return Field(name, label, kind, precision=precision, scale=scale)


def integer(name: str, label: str) -> Field:
    """Build a whole-number field."""
    return Field(name, label, "int")


def currency(name: str, label: str, scale: int = 2) -> Field:
    """Build a currency field of 18 digits."""
    return number(name, label, 18, scale, kind="currency")


def day(name: str, label: str, *, nillable: bool = True) -> Field:
    """Build a date field."""
    return Field(name, label, "date", nillable=nillable)


def instant(name: str, label: str) -> Field:
    """Build a dateTime field."""
    return Field(name, label, "datetime")


def flag(name: str, label: str, *, default: bool = False) -> Field:
    """Build a checkbox, which is never null."""
    return Field(name, label, "boolean", nillable=False, defaulted=True, default=default)


def choice(name: str, label: str, values: Iterable[str], *, restricted: bool = False, nillable: bool = True) -> Field:
    """Build a picklist; an unrestricted one accepts values that are not on it."""
    return Field(name, label, "picklist", length=255, picklist=tuple(values), restricted=restricted, nillable=nillable)


def lookup(name: str, label: str, to: str | tuple[str, ...], relationship: str, *, nillable: bool = True) -> Field:
    """Build a reference to one object, or to one of several."""
    targets = (to,) if isinstance(to, str) else to
    return Field(
        name, label, "reference", length=18, reference_to=targets, relationship=relationship, nillable=nillable
    )


def read_only(item: Field) -> Field:
    """Make a field that only the system writes."""
    return replace(item, createable=False, updateable=False)


def external(item: Field) -> Field:
    """Make a field an external id."""
    return replace(item, external_id=True)


def system_fields(*, deletable: bool = True) -> list[Field]:
    """Return the audit fields that every record has."""
    fields = [
        instant("CreatedDate", "Created Date"),
        lookup("CreatedById", "Created By ID", "User", "CreatedBy"),
        instant("LastModifiedDate", "Last Modified Date"),
        lookup("LastModifiedById", "Last Modified By ID", "User", "LastModifiedBy"),
        instant("SystemModstamp", "System Modstamp"),
    ]
    if deletable:
        fields.insert(0, flag("IsDeleted", "Deleted"))
    return [replace(read_only(item), nillable=False, defaulted=True) for item in fields]


def identity(label: str) -> Field:
    """Return the Id field of an object."""
    return Field(
        "Id", f"{label} ID", "id", length=18, nillable=False, createable=False, updateable=False, defaulted=True
    )


def define(name: str, label: str, plural: str, fields: Iterable[Field], *, deletable: bool = True) -> ObjectType:
    """Build an object from its own fields plus identity and audit fields."""
    built = ObjectType(name, label, plural)
    built.add([identity(label), *fields, *system_fields(deletable=deletable)])
    return built
