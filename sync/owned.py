"""The properties that Keepwell owns in one CRM: their names there, which of them exist, how values compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.base import Connector
from connectors.errors import MissingScope
from mapping.canonical import canonical
from mapping.fieldmap import FieldMap
from mapping.records import FieldSpec
from sync.errors import InvariantError


@dataclass(frozen=True, slots=True)
class Owned:
    """Writable properties of one connection; `absent` are not there (or have another type) and so are not planned."""

    connection: str
    object_name: str
    stream: str
    by_field: Mapping[str, str]
    specs: Mapping[str, FieldSpec]
    absent: tuple[str, ...]

    def canonical(self, property_name: str, raw: object) -> str | None:
        """Canonical text of a raw value of one of these properties."""
        return canonical(self.specs[property_name], raw)

    @property
    def properties(self) -> tuple[str, ...]:
        """Every property that exists, in the order of the fields."""
        return tuple(self.by_field.values())


def account_stream(field_map: FieldMap) -> str:
    """Name of the stream that carries accounts."""
    for stream in field_map:
        if stream.entity == "account":
            return stream.name
    raise InvariantError("The field map has no stream of accounts.", hint="Add one under `fields`.")


def owned_properties(connector: Connector, field_map: FieldMap, specs: Iterable[FieldSpec]) -> Owned:
    """Ask the CRM which of the writable properties exist; costs a call or two.

    Raises `MissingScope` when the credentials may not look at any of them.
    """
    writable = [spec for spec in specs if spec.writable]
    findings = connector.fields().plan(writable)
    if all(finding.action == "unreadable" for finding in findings):
        raise MissingScope(
            f"{connector.name}: which properties exist cannot be read: {findings[0].detail}",
            hint="Grant the credentials read access to the properties; `keepwell doctor` names what is missing.",
        )
    there = {finding.spec.name: finding.property for finding in findings if finding.action == "exists"}
    return Owned(
        connection=connector.name,
        object_name=connector.account_object,
        stream=account_stream(field_map),
        by_field=there,
        specs={there[spec.name]: spec for spec in writable if spec.name in there},
        absent=tuple(f"{f.property} ({f.action})" for f in findings if f.action != "exists"),
    )
