"""Starts both CRMs on loopback: inside a process for tests (`running`), or as the command `python -m sandbox`."""

from __future__ import annotations

import asyncio
import gc
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp

from sandbox.http import Wire
from sandbox.hubspot.app import create_app as create_hubspot
from sandbox.hubspot.auth import OAuthApp
from sandbox.hubspot.state import HubSpotOptions, HubSpotState
from sandbox.salesforce_access import SalesforceAccess, start_salesforce
from sandbox.world.generate import generate
from sandbox.world.model import World

if TYPE_CHECKING:
    from sandbox.salesforce.state import SalesforceState

_START_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The parameters of a world."""

    accounts: int = 200
    seed: int = 7
    today: date = field(default_factory=lambda: datetime.now(UTC).date())


@dataclass(frozen=True, slots=True)
class Running:
    """Where the two CRMs are and how to get in; the states are for tests in the same process."""

    hubspot_url: str
    hubspot_token: str
    hubspot_oauth: OAuthApp
    hubspot: HubSpotState
    salesforce_url: str | None = None
    salesforce_access: SalesforceAccess | None = None
    salesforce: SalesforceState | None = None

    def as_json(self) -> dict[str, Any]:
        """Return addresses and credentials, for a parent process."""
        oauth = self.hubspot_oauth
        body: dict[str, Any] = {
            "hubspot": {
                "url": self.hubspot_url, "access_token": self.hubspot_token,
                "oauth": {"client_id": oauth.client_id, "client_secret": oauth.client_secret,
                          "refresh_token": oauth.refresh_token},
            },
        }  # fmt: skip
        if self.salesforce_url and self.salesforce_access:
            body["salesforce"] = {"url": self.salesforce_url, **self.salesforce_access.as_json()}
        return body


@contextmanager
def running(
    world: World | Portfolio | None = None, *, hubspot_port: int = 0, salesforce_port: int = 0,
    hubspot_options: HubSpotOptions | None = None, salesforce_options: Any = None, salesforce: bool = True,
    state_dir: Path | None = None,
) -> Iterator[Running]:  # fmt: skip
    """Serve a world, or one generated from a portfolio, until the block ends.

    Ports of 0 are chosen freely. `salesforce=False` leaves Salesforce out. The private key for Salesforce's JWT
    flow is written below `state_dir`, or below a temporary folder that goes away with the block. Raises OSError
    when a port is taken and RuntimeError when a server does not start.
    """
    options = hubspot_options or HubSpotOptions()
    with tempfile.TemporaryDirectory(prefix="keepwell-sandbox-") as scratch, _Loop() as loop:
        with _collector_paused():
            shown = _world(world)
            state = HubSpotState.from_world(shown, options)
            folder = state_dir or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            org = start_salesforce(shown, salesforce_options, folder) if salesforce else None
            del shown  # a large one weighs more than what is served from it
        address = loop.serve(create_hubspot(state), hubspot_port)
        handle = Running(address, options.tokens[0].value, options.oauth, state)
        if org is not None:
            url = loop.serve(org.app, salesforce_port)
            handle = replace(handle, salesforce_url=url, salesforce_access=org.access, salesforce=org.state)
        with _collector_blind():
            yield handle


def _world(wanted: World | Portfolio | None) -> World:
    if isinstance(wanted, World):
        return wanted
    portfolio = wanted or Portfolio()
    return generate(portfolio.seed, portfolio.accounts, portfolio.today)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Building a world makes millions of objects and no garbage: collecting would double the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _collector_blind() -> Iterator[None]:
    """What was built stays, so no collection need look at it: with a large world each look costs a second."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Loop:
    """One event loop in a thread that serves any number of applications."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._servers: list[tuple[uvicorn.Server, Any]] = []

    def __enter__(self) -> _Loop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server, _task in self._servers:
            server.should_exit = server.force_exit = True
        for _server, task in self._servers:
            task.result(timeout=_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def serve(self, app: ASGIApp, port: int) -> str:
        """Serve an application on loopback and return its address once it accepts connections."""
        listener = socket.create_server(("127.0.0.1", port), backlog=256)
        config = uvicorn.Config(
            app, http=Wire, ws="none", lifespan="off", log_config=None, log_level="critical", access_log=False,
            timeout_keep_alive=75,
        )  # fmt: skip
        server = uvicorn.Server(config)
        task = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), self._loop)
        self._servers.append((server, task))
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if task.done() or time.monotonic() > deadline:
                reason = task.exception() if task.done() else "no answer in time"
                raise RuntimeError(f"the sandbox did not start on port {port}: {reason}")
            time.sleep(0.005)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
