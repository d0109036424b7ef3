"""A served portal with a clock that tests move, and a client that knows nothing of Keepwell's connectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import requests

from sandbox.hubspot.state import HubSpotOptions, HubSpotState
from sandbox.serve import Portfolio, running
from sandbox.world.model import World

TODAY = date(2026, 11, 22)
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC).timestamp()
OBJECTS = "/crm/v3/objects"


@dataclass
class MovableClock:
    """Seconds since 1970 that pass only when told."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Portal:
    """A portal under test."""

    url: str
    state: HubSpotState
    clock: MovableClock
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, token: str | None = "", **more: Any) -> requests.Response:
        """Send one request; `token=None` sends none."""
        headers = more.pop("headers", {})
        if token is not None:
            headers = {**headers, "Authorization": f"Bearer {token or self.token}"}
        return self.session.request(method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def post_raw(self, path: str, body: Any) -> requests.Response:
        """Send JSON that may hold what only Python's reader knows: NaN, Infinity, numbers of any size."""
        return self.call("POST", path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    def patch(self, path: str, body: Any) -> requests.Response:
        return self.call("PATCH", path, json=body)

    def ids(self, kind: str = "companies", count: int = 100) -> list[str]:
        """Return the first live ids of a type without spending a request."""
        return [str(identity) for identity in sorted(self.state.portal.stores[kind].live)[:count]]

    def break_next(self, kind: str, **more: Any) -> None:
        """Let the next matching request go wrong."""
        answer = self.post("/_sandbox/faults", {"faults": [{"kind": kind, **more}]})
        assert answer.status_code == 201, answer.text


@contextmanager
def portal(world: World | None = None, accounts: int = 40, **options: Any) -> Iterator[Portal]:
    """Serve a portal with the given options of `HubSpotOptions`."""
    clock = MovableClock()
    chosen = replace(HubSpotOptions(burst=100_000, searches_per_second=100_000, clock=clock), **options)
    shown = world or Portfolio(accounts, seed=3, today=TODAY)
    with running(shown, hubspot_options=chosen, salesforce=False) as handle:
        served = Portal(handle.hubspot_url, handle.hubspot, clock, handle.hubspot_token)
        with served.session:
            yield served
