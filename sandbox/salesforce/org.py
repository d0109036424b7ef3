"""The org: its objects with their records, who may see what, and its currencies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sandbox.salesforce.access import Access
from sandbox.salesforce.fields import Field
from sandbox.salesforce.schema import ObjectType, text
from sandbox.salesforce.setup_objects import setup_objects
from sandbox.salesforce.standard import CURRENCIES, business_objects, override_fields
from sandbox.salesforce.table import Table

CORPORATE_CURRENCY = "USD"
RATES = {
    "USD": 1.0, "EUR": 0.9, "GBP": 0.78, "DKK": 6.7, "SEK": 10.4, "NOK": 10.7, "CHF": 0.88, "JPY": 150.0,
    "CAD": 1.36, "AUD": 1.5, "INR": 84.0, "PLN": 3.9, "BRL": 5.4,
}  # fmt: skip
_WITH_CURRENCY = ("Account", "Opportunity", "Contract", "Case", "Contact", "OpportunityHistory")


class Org:
    """All tables by object name, with the schema and permissions that rule them."""

    def __init__(self, *, multi_currency: bool = True, with_overrides: bool = False) -> None:
        self.multi_currency = multi_currency
        kinds = [*business_objects(), *setup_objects(multi_currency=multi_currency)]
        if with_overrides:
            kinds[0].add(override_fields())
        if multi_currency:
            _add_currency(kinds)
        self.tables: dict[str, Table] = {kind.name: Table(kind) for kind in kinds}
        self.access = Access(self.tables)
        self.schema_changed_at: datetime | None = None
        self._names = {name.lower(): name for name in self.tables}

    def find_table(self, name: str) -> Table | None:
        """Look an object up regardless of case."""
        exact = self._names.get(name.lower())
        return None if exact is None else self.tables[exact]

    def add_field(self, object_name: str, added: Field, now: datetime) -> None:
        """Define a custom field; nobody sees it before a permission set grants it."""
        table = self.tables[object_name]
        table.kind.add([added])
        table.add_column(added.name)
        self.access.restrict(object_name, added.name)
        self.schema_changed_at = now

    def drop_object(self, name: str) -> None:
        """Take an object out of the org, as if it were not licensed; lookups to it alone become invisible."""
        dropped = self.tables.pop(name).kind
        del self._names[name.lower()]
        for table in self.tables.values():
            for link in table.kind.fields.values():
                if link.reference_to == (dropped.name,):
                    self.access.restrict(table.kind.name, link.name)

    def targets(self, link: Field) -> list[Table]:
        """Return the tables that a lookup may point to."""
        return [self.tables[name] for name in link.reference_to if name in self.tables]

    def settle(self, now: datetime) -> None:
        """Let the late commits through whose time has come."""
        for table in self.tables.values():
            table.settle(now)

    def child_links(self, kind: ObjectType) -> Iterator[tuple[str, Table, Field]]:
        """Yield (relationship name, child table, lookup field) for the named relationships to an object."""
        for table in self.tables.values():
            for link in table.kind.fields.values():
                if kind.name in link.reference_to and link.name in {"ParentId", f"{kind.name}Id"}:
                    plural = table.kind.plural.replace(" ", "").replace(":", "")
                    yield (f"Child{plural}" if table.kind is kind else plural), table, link

    def exists(self, record_id: str, targets: tuple[str, ...]) -> bool:
        """Whether a live record of one of the objects has this id."""
        for name in targets:
            table = self.tables.get(name)
            row = table.get(record_id) if table else None
            if table is not None and row is not None:
                deleted = table.columns.get("IsDeleted")
                return deleted is None or not row[deleted]
        return False


def _add_currency(kinds: list[ObjectType]) -> None:
    iso = replace(
        text("CurrencyIsoCode", "Currency ISO Code", 3, kind="picklist"),
        picklist=CURRENCIES,
        restricted=True,
        default=CORPORATE_CURRENCY,
        defaulted=True,
    )
    for kind in kinds:
        if kind.name in _WITH_CURRENCY:
            kind.add([iso])
