"""A served org with a clock that tests move, and a client that knows nothing of Keepwell's connectors.

One server runs per module; every test puts a fresh org behind it, so that tests do not see each other's writes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import uvicorn
from requests.adapters import HTTPAdapter
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.http import Edge, Wire
from sandbox.salesforce.app import create_app
from sandbox.salesforce.options import INTEGRATION_USERNAME, SalesforceOptions
from sandbox.salesforce.state import SalesforceState
from sandbox.world.generate import generate
from sandbox.world.model import World

TODAY = date(2026, 11, 22)
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
RAW_TOKEN = "00D-raw-session"
VERSION = "/services/data/v62.0"


@dataclass
class MovableClock:
    """An instant that changes only when told."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclass
class Org:
    """An org under test."""

    url: str
    state: SalesforceState
    clock: MovableClock
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, token: str | None = RAW_TOKEN, **more: Any) -> requests.Response:
        """Send one request; a path that does not begin with a known root is taken below the version."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        rooted = path.startswith(("/services", "/_sandbox", "/id"))
        address = self.url + ("" if rooted else VERSION) + path
        return self.session.request(method, address, headers=headers, timeout=60, **more)

    def get(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params, headers=headers or {})

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def patch(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.call("PATCH", path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def query(self, soql: str, resource: str = "query") -> list[dict[str, Any]]:
        """Return all records of a query."""
        page = self.get(f"/{resource}", q=soql).json()
        records = list(page["records"])
        while not page["done"]:
            page = self.get(page["nextRecordsUrl"]).json()
            records += page["records"]
        return records

    def error(self, soql: str) -> tuple[int, str, str]:
        """Return status, code and message of a query that must fail."""
        response = self.get("/query", q=soql)
        (entry,) = response.json()
        return response.status_code, entry["errorCode"], entry["message"]

    def ids(self, kind: str = "Account", count: int = 3) -> list[str]:
        """Return live ids without spending a request."""
        table = self.state.org.tables[kind]
        gone = table.columns.get("IsDeleted")
        return [key for key, row in sorted(table.rows.items()) if gone is None or not row[gone]][:count]

    def value(self, record_id: str, name: str, kind: str = "Account") -> Any:
        """Return the stored value of a field."""
        table = self.state.org.tables[kind]
        return table.rows[record_id][table.columns[name]]

    def me(self) -> str:
        """Return the id of the integration user."""
        return self.state.user_id(INTEGRATION_USERNAME)


class ToSandbox(HTTPAdapter):
    """Sends what a client addresses to https:// to the sandbox instead, always with a timeout."""

    def __init__(self, base: str) -> None:
        self._base = urlsplit(base)
        super().__init__()

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(str(request.url))
        request.url = urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
        more["timeout"] = more.get("timeout") or (5, 30)
        return super().send(request, **more)


def https_session(org: Org) -> requests.Session:
    """Return a session whose https:// requests end up at the org."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToSandbox(org.url))
    return session


class _Switch:
    """An application whose inside can be exchanged while it is served."""

    inside: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inside(scope, receive, send)


MakeOrg = Callable[..., Org]


@contextmanager
def serving() -> Iterator[MakeOrg]:
    """Serve on a free loopback port; the value makes fresh orgs: `make(accounts=60, **options)`."""
    switch = _Switch()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(switch, http=Wire, ws="none", lifespan="off", log_config=None, date_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.002)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    sessions: list[requests.Session] = []

    def make(accounts: int = 60, world: World | None = None, **options: Any) -> Org:
        clock = MovableClock()
        chosen = SalesforceOptions(clock=clock, **{"session_ids": (RAW_TOKEN,), "bulk_polls": 0, **options})
        state = SalesforceState.from_world(world or generate(7, accounts, TODAY), chosen)
        switch.inside = Edge(create_app(state), lambda: clock().timestamp())
        org = Org(url, state, clock)
        sessions.append(org.session)
        return org

    yield make
    for session in sessions:
        session.close()
    server.should_exit = server.force_exit = True
    thread.join(10)
    listener.close()
