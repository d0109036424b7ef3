"""A tenant behind a real server, and connections to it whose waiting takes no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import requests

from connectors.base import Page, Stream, StreamMap, Window
from connectors.budget import MemoryBudget, Permit
from connectors.clock import Clock
from connectors.gainsight.connector import GainsightConnector, connect
from connectors.gainsight.settings import GainsightSettings
from connectors.window import QuotaPolicy
from mapping.records import RawRecord
from sandbox.gainsight.app import create_app
from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.state import GainsightState
from sandbox.http import Edge
from tests.contract.salesforce_org import SkippingClock, Switch, shipped_map, world

OWN_FIELDS = (
    {"name": "CS_Health_Score__gc", "type": "NUMBER"},
    {"name": "CS_Health_Coverage__gc", "type": "NUMBER"},
    {"name": "CS_Renewal_Status__gc", "type": "PICKLIST", "options": ["On track", "Due"]},
    {"name": "CS_Health_Reasons__gc", "type": "STRING", "length": 255},
    {"name": "CS_Stage_Entered_On__gc", "type": "DATE"},
    {"name": "CS_Scored_At__gc", "type": "DATETIME"},
)


OBJECT = "ext_health_metric__gc"
TARGET = {"object": OBJECT, "company": "Company__gc"}
"""A custom object of the sandbox that may hold Keepwell's fields."""


@cache
def _switch() -> Switch:
    return Switch("gainsight")


class Told(MemoryBudget):
    """A budget that tells whose quotas were drawn on."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None], holders: set[str] | None) -> None:
        super().__init__(clock, sleep)
        self._holders = holders

    def acquire(self, *policies: QuotaPolicy, cost: int = 1) -> Permit:
        """Draw on `policies`."""
        if self._holders is not None:
            self._holders |= {one.holder for one in policies}
        return super().acquire(*policies, cost=cost)


@dataclass
class Tenant:
    """A running tenant; `connector` opens connections, the other methods are what its people and admins do."""

    url: str
    state: GainsightState
    clock: SkippingClock
    opened: list[GainsightConnector] = field(default_factory=list)

    def connector(
        self, field_map: Mapping[str, StreamMap] | None = None, holders: set[str] | None = None, **changes: Any
    ) -> GainsightConnector:
        """A new connection with the shipped field map, which logs in with a key pair.

        `holders` is told whose quotas it draws on.
        """
        pair = self.state.gate.pair
        auth = {"oauth": {"client_id": pair.client_id, "client_secret": pair.client_secret}}
        if {"access_key", "access_key_file"} & changes.keys():
            auth = {}
        raw = {"base_url": self.url, "integration_user": self.state.tenant.integration_user, **auth, **changes}
        one = connect(
            "gainsight", GainsightSettings.model_validate(raw),
            shipped_map("gainsight") if field_map is None else field_map,
            budget=Told(self.clock, self.clock.sleep, holders), clock=self.clock, sleep=self.clock.sleep,
        )  # fmt: skip
        self.opened.append(one)
        return one

    def post(self, verb: str, body: Any) -> dict[str, Any]:
        """Something that a person or an admin does in the tenant."""
        answer = requests.post(f"{self.url}/_sandbox/{verb}", json=body, timeout=10)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fault(self, kind: str, path: str = "*", **more: Any) -> None:
        """Let a request go wrong."""
        self.post("faults", [{"kind": kind, "path": path, **more}])

    def rows(self, name: str = "company") -> dict[str, dict[str, Any]]:
        """The truth: rows of an object by id."""
        found: dict[str, dict[str, Any]] = self.state.tenant.tables[name].rows
        return found


@contextmanager
def tenant(**options: Any) -> Iterator[Tenant]:
    """A tenant for one test; `options` are the sandbox's."""
    clock = SkippingClock()
    chosen = replace(GainsightOptions(clock=lambda: clock.now().timestamp()), **options)
    state = GainsightState.from_world(world(), chosen)
    _switch().app = Edge(create_app(state), chosen.clock)
    one = Tenant(_switch().url, state, clock)
    one.post("field", {"object": "Company", "fields": list(OWN_FIELDS)})
    try:
        yield one
    finally:
        for connector in one.opened:
            connector.close()


def stream(connector: GainsightConnector, name: str = "companies") -> Stream:
    """A stream of a connector by name."""
    return next(one for one in connector.streams() if one.name == name)


def pull(connector: GainsightConnector, name: str = "companies", window: Window | None = None) -> list[Page]:
    """All pages of a stream."""
    return list(connector.pages(stream(connector, name), window or Window()))


def records(pages: list[Page]) -> dict[str, RawRecord]:
    """The last version of each record of pages."""
    return {record.id: record for page in pages for record in page.records}


def put_aside(one: Tenant) -> None:
    """Move Keepwell's fields from Company to rows of `TARGET`, one for each company."""
    for own in OWN_FIELDS:
        one.post("field", {"object": "Company", "name": own["name"], "remove": True})
    one.post("field", {"object": OBJECT, "fields": list(OWN_FIELDS)})
    for gsid in sorted(one.rows()):
        add_row(one, gsid)


def add_row(one: Tenant, gsid: str) -> str:
    """A rule of the tenant makes a row for a company."""
    values = {TARGET["company"]: gsid, "Measure__gc": "all"}
    return str(one.post("create", {"object": OBJECT, "properties": values})["id"])


def row_of(one: Tenant, gsid: str) -> dict[str, Any]:
    """The row of a company."""
    return next(row for row in one.rows(OBJECT).values() if row[TARGET["company"]] == gsid)
