"""Puts the portfolio into the org: the world's facts as Salesforce records, with the gaps a Salesforce org has."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zlib import crc32

from sandbox.salesforce.errors import RowError
from sandbox.salesforce.fields import Value, coerce
from sandbox.salesforce.ids import make_id
from sandbox.salesforce.moments import stamp
from sandbox.salesforce.org import CORPORATE_CURRENCY, RATES, Org
from sandbox.salesforce.seed_accounts import account_values, quirk_fields
from sandbox.salesforce.seed_children import Children
from sandbox.world.ids import salesforce_account_id
from sandbox.world.model import Account, Person, World

Values = dict[str, Value]

STAGES = (
    ("Qualification", False, False, 10, "Pipeline"),
    ("Proposal/Price Quote", False, False, 60, "BestCase"),
    ("Negotiation/Review", False, False, 80, "Forecast"),
    ("Closed Won", True, True, 100, "Closed"),
    ("Closed Lost", True, False, 0, "Omitted"),
)
FORECAST_NAMES = {"BestCase": "Best Case", "Forecast": "Commit"}
_IMPORT_AGE = timedelta(days=3, hours=2)
_IMPORT_SHARE = 4
_SYSTEM_LAG, _QUIET = timedelta(minutes=40), timedelta(minutes=20)


def seed_org(org: Org, world: World, now: datetime, usernames: tuple[str, ...]) -> None:
    """Fill an empty org from a world; every stamp lies in the past of *now*."""
    Seeder(org, world, now).run(usernames)


class Seeder:
    """Writes seeded rows straight into the tables: no journal, no permission checks, stamps of the past."""

    def __init__(self, org: Org, world: World, now: datetime) -> None:
        self.org = org
        self.world = world
        self.now = now
        self.accounts = {account.key: account for account in world.accounts if account.in_salesforce}
        self.admin_id = ""
        self._users: dict[int, str] = {}

    def run(self, usernames: tuple[str, ...]) -> None:
        """Seed everything, setup first because records refer to it."""
        self._setup()
        self._people(usernames)
        for account in self.accounts.values():
            self._account(account)
        accounts = self.org.tables["Account"]
        accounts.next_number = max([account.key for account in self.world.accounts], default=0) + 1
        Children(self).run()

    def add(self, object_name: str, values: Values, *, created: datetime, touched: datetime) -> str:
        """Store one record with its audit fields and return its id; it gets the next id unless it brings one."""
        table = self.org.tables[object_name]
        record_id = str(values.get("Id") or table.new_id())
        touched = min(touched, self.now)
        system = max(touched, min(touched + _SYSTEM_LAG, self.now - _QUIET))
        audit: Values = {
            "Id": record_id,
            "CreatedDate": stamp(min(created, self.now)),
            "CreatedById": self.admin_id,
            "LastModifiedDate": stamp(touched),
            "LastModifiedById": self.admin_id,
            "SystemModstamp": stamp(system if crc32(record_id.encode()) % 7 == 0 else touched),
        }
        known = {name: value for name, value in values.items() if name in table.columns}
        table.put(table.row({**audit, **known}))
        return record_id

    def user(self, key: int | None) -> str:
        """Return the user id of a person; who is unknown or nobody becomes the administrator."""
        return self._users.get(key, self.admin_id) if key is not None else self.admin_id

    def optional_user(self, key: int | None) -> str | None:
        """Return the user id of a person, or None for nobody."""
        return None if key is None else self._users.get(key)

    def touched(self, name: str, created: datetime, latest: datetime) -> datetime:
        """Choose when a record last changed: often in the one second in which an import touched many."""
        imported = (self.now - _IMPORT_AGE).replace(minute=0, second=0, microsecond=0)
        roll = crc32(name.encode())
        newest = min(latest, self.now - timedelta(minutes=30))
        if roll % _IMPORT_SHARE == 0 and imported > max(created, latest):
            return imported
        return max(created, newest - timedelta(seconds=roll % 5_000))

    def final_owner(self, account: Account) -> Account | None:
        """Follow merges to the account that holds the children; None when it is not in this org."""
        seen: set[int] = set()
        current: Account | None = account
        while current is not None and current.merged_into is not None and current.key not in seen:
            seen.add(current.key)
            current = self.accounts.get(current.merged_into)
        return current

    def _setup(self) -> None:
        born = self.now - timedelta(days=2000)
        self.admin_id = make_id("User", 1)
        for order, (label, closed, won, probability, forecast) in enumerate(STAGES, start=1):
            forecast_name = FORECAST_NAMES.get(forecast, forecast)
            values: Values = {
                "MasterLabel": label, "ApiName": label, "IsClosed": closed, "IsWon": won, "SortOrder": order,
                "DefaultProbability": float(probability), "ForecastCategory": forecast,
                "ForecastCategoryName": forecast_name,
            }  # fmt: skip
            self.add("OpportunityStage", values, created=born, touched=born)
        organization: Values = {
            "Name": "Sandbox Org", "IsSandbox": False, "OrganizationType": "Enterprise Edition", "InstanceName": "SBX1",
            "TimeZoneSidKey": "Europe/Copenhagen", "DefaultLocaleSidKey": "en_GB",
        }  # fmt: skip
        self.add("Organization", organization, created=born, touched=born)
        self.add("Group", {"Name": "Support Queue", "DeveloperName": "Support_Queue", "Type": "Queue"},
                 created=born, touched=born)  # fmt: skip
        self.add("Profile", {"Name": "Standard User"}, created=born, touched=born)
        if self.org.multi_currency:
            self._currencies(born)

    def _currencies(self, born: datetime) -> None:
        for iso, rate in RATES.items():
            values: Values = {
                "IsoCode": iso, "ConversionRate": rate, "DecimalPlaces": 0 if iso == "JPY" else 2, "IsActive": True,
                "IsCorporate": iso == CORPORATE_CURRENCY,
            }  # fmt: skip
            self.add("CurrencyType", values, created=born, touched=born)

    def _people(self, usernames: tuple[str, ...]) -> None:
        for number, username in enumerate(usernames, start=1):
            system = Person(-number, "Integration", f"User {number}" if number > 1 else "User", username)
            self._person(system, username)
        for person in self.world.people:
            self._users[person.key] = self._person(person, f"{person.key}.{person.email}")

    def _person(self, person: Person, username: str) -> str:
        born = self.now - timedelta(days=1500)
        values: Values = {
            "Username": username[:80], "FirstName": person.first_name[:40], "LastName": person.last_name[:80],
            "Name": f"{person.first_name} {person.last_name}"[:121], "Email": person.email[:128],
            "IsActive": person.active, "UserType": "Standard", "ProfileId": make_id("Profile", 1),
            "TimeZoneSidKey": "Europe/Copenhagen", "LocaleSidKey": "en_GB",
        }  # fmt: skip
        return self.add("User", values, created=born, touched=self.touched(username, born, born))

    def _account(self, account: Account) -> None:
        values = account_values(account, self.org)
        values["Id"] = salesforce_account_id(account.key)
        values["OwnerId"] = self.user(account.owner)
        values["CSM__c"] = self.optional_user(account.csm)
        values["Executive_Sponsor__c"] = self.optional_user(account.sponsor)
        parent = self.accounts.get(account.parent) if account.parent is not None else None
        values["ParentId"] = salesforce_account_id(parent.key) if parent else None
        winner = self.final_owner(account)
        if account.merged_into is not None:
            values["IsDeleted"] = True
            values["MasterRecordId"] = salesforce_account_id(winner.key) if winner else None
        elif account.archived:
            values["IsDeleted"] = True
        values.update(self._quirks(account))
        latest = datetime.combine(latest_day(account, self.world.today), datetime.min.time(), UTC)
        touched = self.touched(str(values["Id"]), account.created_at, latest)
        self.add("Account", values, created=account.created_at, touched=touched)

    def _quirks(self, account: Account) -> Values:
        """Return the absurd values that the field types can hold; the others cannot exist in this CRM."""
        kind = self.org.tables["Account"].kind
        values: Values = {}
        for name, raw in quirk_fields(account):
            try:
                values[name] = coerce(kind.fields[name], raw, from_csv=True)
            except RowError:
                continue
        return values


def latest_day(account: Account, today: date) -> date:
    """Return the last past day on which something happened to an account."""
    created = account.created_at.date()
    later = (account.usage_as_of, account.value_as_of, account.churned_at)
    return max([created, *(day for day in later if day is not None and day <= today)])
