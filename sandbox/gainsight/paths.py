"""Names in queries: a field of the object, or one that lookups lead to, as in `CompanyId__gr.Csm__gr.Email`."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.gainsight.fields import Field
from sandbox.gainsight.tenant import Row, Table, Tenant
from sandbox.journal import Value

_DEEPEST = 2


@dataclass(frozen=True, slots=True)
class Path:
    """The lookups to follow from a row, and the field to take at their end."""

    links: tuple[Field, ...]
    target: Field

    def get(self, tenant: Tenant, row: Row) -> Value:
        """Return the value at the end of the path, None when a lookup is empty or leads to a row that is gone."""
        current: Row | None = row
        for link in self.links:
            current = tenant.find(tenant.tables[str(link.lookup)], current.get(link.name)) if current else None
        return None if current is None else current.get(self.target.name)


def resolve(tenant: Tenant, table: Table, name: object) -> Path | None:
    """Find what a name means on an object, letter case included; None when nothing."""
    if not isinstance(name, str):
        return None
    *steps, last = name.split(".")
    links: list[Field] = []
    kind = table.kind
    for step in steps:
        link = kind.by_path(step)
        if link is None or len(links) == _DEEPEST:
            return None
        links.append(link)
        kind = tenant.tables[str(link.lookup)].kind
    target = kind.fields.get(last)
    return None if target is None else Path(tuple(links), target)
