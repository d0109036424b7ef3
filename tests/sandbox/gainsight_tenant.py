"""A served tenant with a clock that tests move, and a client that knows nothing of Keepwell's connectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from sandbox.gainsight.options import ACCESS_KEY, GainsightOptions
from sandbox.gainsight.state import GainsightState
from sandbox.serve import Portfolio, running
from sandbox.world.model import World
from tests.sandbox.hubspot_portal import TODAY, MovableClock

OBJECTS = "/v1/data/objects"
COMPANY = f"{OBJECTS}/Company"


@dataclass
class Tenant:
    """A tenant under test."""

    url: str
    state: GainsightState
    clock: MovableClock
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, key: str | None = ACCESS_KEY, **more: Any) -> requests.Response:
        """Send one request; `key=None` sends none."""
        headers = {**({} if key is None else {"accesskey": key}), **more.pop("headers", {})}
        return self.session.request(method, self.url + path, headers=headers, timeout=10, **more)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def query(self, kind: str, *select: str, **more: Any) -> requests.Response:
        """Ask for rows of an object."""
        return self.post(f"{OBJECTS}/query/{kind}", {"select": list(select), **more})

    def rows(self, kind: str, *select: str, **more: Any) -> list[dict[str, Any]]:
        """Return the rows of a query that has to work."""
        answer = self.query(kind, *select, **more)
        assert answer.json()["result"] is True, answer.text
        return answer.json()["data"]["records"]

    def insert(self, *records: dict[str, Any], kind: str = "Company", **more: Any) -> requests.Response:
        return self.post(f"{OBJECTS}/{kind}", {"records": list(records), **more})

    def update(
        self, *records: dict[str, Any], keys: str = "Gsid", kind: str = "Company", **more: Any
    ) -> requests.Response:
        body = {"records": list(records), **more}
        return self.call("PUT", f"{OBJECTS}/{kind}", params={"keys": keys}, json=body)

    def control(self, verb: str, body: Any = None) -> Any:
        """Do what Gainsight's interface or an administrator would do."""
        answer = self.session.post(f"{self.url}/_sandbox/{verb}", json=body or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def break_next(self, kind: str, **more: Any) -> None:
        """Let the next matching request go wrong."""
        self.control("faults", {"faults": [{"kind": kind, **more}]})

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        return self.session.get(f"{self.url}/_sandbox/journal", params={"since": since}, timeout=10).json()

    def company(self, position: int = 0, **having: Any) -> dict[str, Any]:
        """Return a stored company without spending a call: the one at a position among those with these values."""
        rows = self.state.tenant.tables["company"].rows
        fitting = [row for _, row in sorted(rows.items()) if all(row[name] == value for name, value in having.items())]
        return fitting[position]


def where(name: str, operator: str, *values: Any, key: str = "name") -> dict[str, Any]:
    """Return a `where` of one condition."""
    return {"conditions": [{key: name, "alias": "A", "operator": operator, "value": list(values)}], "expression": "A"}


def refused(answer: requests.Response) -> tuple[int, str]:
    """Return the status and code of an answer that must not be a success."""
    body = answer.json()
    assert body["result"] is False, answer.text
    return answer.status_code, body["errorCode"]


@contextmanager
def tenant(world: World | None = None, accounts: int = 40, **options: Any) -> Iterator[Tenant]:
    """Serve a tenant with the given options of `GainsightOptions`."""
    clock = MovableClock()
    chosen = replace(GainsightOptions(per_minute=100_000, clock=clock), **options)
    shown = world or Portfolio(accounts, seed=3, today=TODAY)
    with running(shown, salesforce=False, with_gainsight=True, gainsight_options=chosen) as handle:
        assert handle.gainsight_url is not None
        assert handle.gainsight is not None
        served = Tenant(handle.gainsight_url, handle.gainsight, clock)
        with served.session:
            yield served
