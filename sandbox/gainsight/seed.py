"""Puts the portfolio into the tenant: every account of it, whichever CRM it is in, with the gaps such imports leave."""

from __future__ import annotations

from datetime import date
from zlib import crc32

from sandbox.gainsight.ids import gsid
from sandbox.gainsight.moments import DAY_MS, day_ms, ms
from sandbox.gainsight.options import INTEGRATION_EMAIL
from sandbox.gainsight.scorecards import scheme_rows
from sandbox.gainsight.seed_companies import company_values
from sandbox.gainsight.seed_work import Work
from sandbox.gainsight.tenant import Row, Tenant
from sandbox.world.model import Account, Person, World

_HOUR_MS = 3_600_000
_TENANT_DAYS = 1_500
_IMPORT_AGE_MS, _IMPORT_SHARE = 74 * _HOUR_MS, 4
_DELETED_WITHIN_DAYS = 20  # so that the log no longer knows of some of them


def fill(tenant: Tenant, world: World) -> None:
    """Fill an empty tenant from a world; every stamp lies in the past."""
    Seeder(tenant, world).run()


class Seeder:
    """Writes seeded rows straight into the tables: no journal, stamps of the past."""

    def __init__(self, tenant: Tenant, world: World) -> None:
        self.tenant, self.world, self.now = tenant, world, tenant.now_ms()
        self.companies = {account.key: gsid("company", account.key) for account in world.accounts}

    def run(self) -> None:
        """Seed everything, people first because records refer to them."""
        self._people()
        born = self.now - _TENANT_DAYS * DAY_MS
        for score, row in scheme_rows().items():
            self.add("scorecard_scheme", score, row, born, born)
        work = Work(self)
        for account in self.world.accounts:
            row = self._company(account)
            if not (account.archived or account.merged_into):
                self._contacts(account)
                work.add(account, row)

    def add(self, object_name: str, key: int | str, values: Row, created: int, touched: int) -> Row:
        """Store one row; an instant that lies ahead becomes the present."""
        table = self.tenant.tables[object_name]
        row: Row = dict.fromkeys(table.kind.fields)
        row |= {
            "Gsid": gsid(object_name, key), "CreatedDate": min(created, self.now),
            table.kind.clock: min(touched, self.now), "CreatedBy": self.tenant.integration_user,
            "ModifiedBy": self.tenant.integration_user, **values,
        }  # fmt: skip
        table.rows[str(row["Gsid"])] = row
        return row

    def item(self, category: str, label: str | None) -> str | None:
        """Return the id of a picklist item."""
        item = self.tenant.categories[category].by_label(label)
        return None if item is None else item.gsid

    def user(self, key: int | None) -> str | None:
        """Return the id of a person of the vendor's staff."""
        return None if key is None else gsid("gsuser", key)

    def touched(self, name: str, created: int, latest: int) -> int:
        """Choose when a record last changed: often in the one millisecond in which an import touched many."""
        imported, roll = (self.now - _IMPORT_AGE_MS) // _HOUR_MS * _HOUR_MS, crc32(name.encode())
        if roll % _IMPORT_SHARE == 0 and imported > max(created, latest):
            return imported
        return max(created, min(latest, self.now - _HOUR_MS) - roll % 5_000_000)

    def _people(self) -> None:
        self.tenant.integration_user = gsid("gsuser", "integration")
        self._person("integration", Person(0, "Integration", "User", INTEGRATION_EMAIL))
        for person in self.world.people:
            self._person(person.key, person)

    def _person(self, key: int | str, person: Person) -> None:
        born = self.now - _TENANT_DAYS * DAY_MS
        values: Row = {
            "Name": f"{person.first_name} {person.last_name}", "FirstName": person.first_name,
            "LastName": person.last_name, "Email": person.email, "SFDCUserName": f"{person.key}.{person.email}",
            "IsActiveUser": person.active, "LicenseType": self.item("License Type", "Full"), "Timezone": "UTC",
        }  # fmt: skip
        self.add("gsuser", key, values, born, born)

    def _company(self, account: Account) -> Row:
        values = company_values(self, account)
        created = ms(account.created_at)
        latest = day_ms(_latest_day(account, self.world.today))
        row = self.add("company", account.key, values, created, self.touched(f"company {account.key}", created, latest))
        self.tenant.account_keys[str(row["Gsid"])] = account.key
        if account.archived or account.merged_into:
            del self.tenant.tables["company"].rows[str(row["Gsid"])]
            at = self.now - (account.key % _DELETED_WITHIN_DAYS) * DAY_MS - _HOUR_MS
            self.tenant.tables["company"].deleted.append((at, row))
        return row

    def _contacts(self, account: Account) -> None:
        created = ms(account.created_at)
        for number, contact in enumerate(account.contacts):
            person: Row = {
                "Name": f"{contact.first_name} {contact.last_name}", "FirstName": contact.first_name,
                "LastName": contact.last_name, "Email": contact.email,
            }  # fmt: skip
            touched = self.touched(f"person {contact.key}", created, created)
            row = self.add("person", contact.key, person, created, touched)
            link: Row = {
                "Person_ID": row["Gsid"], "Company_ID": self.companies[account.key], "Title": contact.title,
                "IsPrimaryCompany": number == 0,
            }  # fmt: skip
            self.add("company_person", contact.key, link, created, touched)


def _latest_day(account: Account, today: date) -> date:
    created = account.created_at.date()
    later = (account.usage_as_of, account.value_as_of, account.churned_at, account.contract_signed_at)
    return max([created, *(day for day in later if day is not None and day <= today)])
