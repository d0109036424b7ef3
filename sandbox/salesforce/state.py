"""Everything the server remembers: the org, logins, quotas, open cursors and jobs, faults, and the journal."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from sandbox.salesforce.bulk_jobs import IngestJob, QueryJob
from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.faults import Faults
from sandbox.salesforce.ids import make_id
from sandbox.salesforce.journal import Journal
from sandbox.salesforce.options import SalesforceOptions
from sandbox.salesforce.org import Org
from sandbox.salesforce.rules import ValidationRule
from sandbox.salesforce.seed import seed_org
from sandbox.salesforce.sessions import Sessions, Usage
from sandbox.salesforce.soql_run import Answer
from sandbox.salesforce.writes import Writer
from sandbox.world.model import World

Item = TypeVar("Item")
_ID_IN_PATH = re.compile(r"(?<=/)[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?(?=/|$)|(?<=/)0r8[0-9A-Za-z]{15}-\d+")
ORG_ID = make_id("Organization", 1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The rest of a query's rows, held on the server for paging."""

    answer: Answer
    batch: int
    opened_at: datetime
    resource: str


@dataclass(slots=True)
class Stats:
    """Counts for tests and benchmarks."""

    requests: int = 0
    by_route: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    faults: int = 0

    def count(self, method: str, path: str) -> None:
        """Count a request under its route, with ids replaced by a placeholder."""
        self.requests += 1
        self.by_route[f"{method} {_ID_IN_PATH.sub('{id}', path)}"] += 1


class SalesforceState:
    """One org with its logins; every server over the same state sees the same records."""

    def __init__(self, org: Org, options: SalesforceOptions) -> None:
        self.org = org
        self.options = options
        self.journal = Journal()
        self.sessions = Sessions(ORG_ID, options.clock, options.token_ttl)
        self.usage = Usage(options.clock, options.daily_limit, options.used_today)
        self.faults = Faults()
        self.stats = Stats()
        self.query_jobs: dict[str, QueryJob] = {}
        self.ingest_jobs: dict[str, IngestJob] = {}
        self.rules: list[ValidationRule] = []
        self.field_numbers: dict[str, int] = {}
        self.started_at = options.clock()
        self.numbers = count(1)
        self.locator_age = 0  # locators of an earlier age have expired
        self._cursors: dict[str, Cursor] = {}
        self._dice = random.Random(options.seed)
        user_id = self.user_id(options.logins[0].username)
        for token in options.session_ids:
            self.sessions.admit(token, user_id)

    @classmethod
    def from_world(cls, world: World, options: SalesforceOptions | None = None) -> SalesforceState:
        """Build an org that holds the world's Salesforce side."""
        chosen = options or SalesforceOptions()
        org = Org(multi_currency=chosen.multi_currency, with_overrides=chosen.override_fields)
        usernames = tuple(login.username for login in chosen.logins)
        seed_org(org, world, chosen.clock(), usernames)
        for name in chosen.without_objects:
            org.drop_object(name)
        return cls(org, chosen)

    def now(self) -> datetime:
        """Return the org's present instant."""
        return self.options.clock()

    def user_id(self, username: str) -> str:
        """Return the id of the active user with this name; raises LookupError."""
        users = self.org.tables["User"]
        name_at, id_at = users.columns["Username"], users.columns["Id"]
        for row in users.rows.values():
            if str(row[name_at]).lower() == username.lower() and row[users.columns["IsActive"]]:
                return str(row[id_at])
        raise LookupError(f"no active user is called {username}")

    def person(self) -> str:
        """Return the id of an active user who is not one of the API logins."""
        users = self.org.tables["User"]
        logins = {login.username for login in self.options.logins}
        for record_id, row in users.rows.items():
            if row[users.columns["IsActive"]] and row[users.columns["Username"]] not in logins:
                return record_id
        return next(iter(users.rows))

    def writer(self, user_id: str, request_id: str) -> Writer:
        """Return a writer for a client's request or job."""
        return Writer(self.org, self.journal, user_id, self.now(), request_id, locked=self._locked, rules=self.rules)

    def admin(self, user_id: str, request_id: str, *, visible_after: timedelta, silent: bool = False) -> Writer:
        """Return a writer for a person in the control plane; late, or without moving stamps, when asked to be."""
        now = self.now()
        return Writer(
            self.org,
            self.journal,
            user_id,
            now,
            request_id,
            privileged=True,
            visible_at=now + visible_after,
            keep_stamps=silent,
        )

    def _locked(self) -> bool:
        return self.options.lock_rate > 0 and self._dice.random() < self.options.lock_rate

    def open_cursor(self, answer: Answer, batch: int, resource: str) -> str:
        """Keep an answer for paging and return the locator."""
        oldest = self.now() - self.options.locator_ttl
        self._cursors = {name: cursor for name, cursor in self._cursors.items() if cursor.opened_at >= oldest}
        locator = make_id("QueryLocator", next(self.numbers))
        self._cursors[locator] = Cursor(answer, batch, self.now(), resource)
        return locator

    def cursor(self, locator: str) -> Cursor:
        """Return an open cursor; raises ApiError INVALID_QUERY_LOCATOR when unknown or too old."""
        found = self._cursors.get(locator)
        if found is None or self.now() - found.opened_at > self.options.locator_ttl:
            self._cursors.pop(locator, None)
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return found

    def expire_locators(self) -> int:
        """End every locator of a query and of bulk results; returns how many queries were open."""
        ended = len(self._cursors)
        self._cursors.clear()
        self.locator_age += 1
        return ended

    def shuffled(self, items: list[Item]) -> list[Item]:
        """Return the items in another order, the same one for the same seed."""
        mixed = list(items)
        random.Random(self.options.seed + len(items)).shuffle(mixed)
        return mixed
