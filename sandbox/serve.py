"""Starts the local CRMs on loopback: inside a process for tests (`running`), or as the command `python -m sandbox`."""

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
from datetime import UTC, date, datetime, timedelta
from datetime import time as daytime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp

from sandbox.clock import Clock
from sandbox.http import Edge, Wire
from sandbox.hubspot.app import create_app as create_hubspot
from sandbox.hubspot.auth import OAuthApp
from sandbox.hubspot.life import live as live_hubspot
from sandbox.hubspot.state import HubSpotOptions, HubSpotState
from sandbox.salesforce_access import SalesforceAccess, start_salesforce
from sandbox.world.generate import generate
from sandbox.world.model import World
from sandbox.world.shape import Shape, shaped

if TYPE_CHECKING:
    from sandbox.gainsight.options import GainsightOptions
    from sandbox.gainsight.state import GainsightState
    from sandbox.salesforce.state import SalesforceState

_START_SECONDS = 15.0
_OPENING = daytime(7)  # after everything that a seeded day holds


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The parameters of a world.

    With `days` it is seeded as of that many days before `today` and lives them: deals close, tickets come and go,
    contracts end, usage moves and people edit. When it is served its time is the machine's: a clock that ran ahead
    would refuse the JWTs of clients, and hide its changes from those that ask for what is older than their now.
    A `shape` takes the place of `accounts`: one CRM with exactly that many records, the other one empty.
    """

    accounts: int = 200
    seed: int = 7
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    days: int = 0
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """Where the CRMs are and how to get in; the states are for tests in the same process."""

    hubspot_url: str
    hubspot_token: str
    hubspot_oauth: OAuthApp
    hubspot: HubSpotState
    salesforce_url: str | None = None
    salesforce_access: SalesforceAccess | None = None
    salesforce: SalesforceState | None = None
    gainsight_url: str | None = None
    gainsight: GainsightState | None = None

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
        if self.gainsight_url and self.gainsight:
            gate = self.gainsight.gate
            body["gainsight"] = {
                "url": self.gainsight_url, "access_key": gate.access_key,
                "oauth": {"client_id": gate.pair.client_id, "client_secret": gate.pair.client_secret},
                "integration_user": self.gainsight.tenant.integration_user,
            }  # fmt: skip
        return body


@contextmanager
def running(
    world: World | Portfolio | None = None, *, hubspot_port: int = 0, salesforce_port: int = 0,
    hubspot_options: HubSpotOptions | None = None, salesforce_options: Any = None, salesforce: bool = True,
    with_gainsight: bool = False, gainsight_port: int = 0, gainsight_options: GainsightOptions | None = None,
    state_dir: Path | None = None,
) -> Iterator[Running]:  # fmt: skip
    """Serve a world, or one generated from a portfolio, until the block ends.

    Ports of 0 are chosen freely. `salesforce=False` leaves Salesforce out; Gainsight is there on demand, or when it is
    given a port. The private key for Salesforce's JWT flow is written below `state_dir`, or below a temporary folder
    that goes away with the block. Raises OSError when a port is taken and RuntimeError when a server does not start.
    """
    history = _History(world if isinstance(world, Portfolio) else Portfolio())
    options = history.dated(hubspot_options or HubSpotOptions())
    with tempfile.TemporaryDirectory(prefix="keepwell-sandbox-") as scratch, _Loop() as loop:
        with _collector_paused():
            shown = world if isinstance(world, World) else history.beginning()
            state = HubSpotState.from_world(shown, options)
            folder = state_dir or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            org = start_salesforce(shown, salesforce_options, folder, history.clock) if salesforce else None
            tenant = history.tenant(shown, gainsight_options) if with_gainsight or gainsight_port else None
            del shown  # a large one weighs more than what is served from it
            history.live(state, org.state if org else None, tenant)
        address = loop.serve(Edge(create_hubspot(state), options.clock), hubspot_port)
        handle = Running(address, options.tokens[0].value, options.oauth, state)
        if org is not None:
            url = loop.serve(Edge(org.app, lambda: org.state.now().timestamp()), salesforce_port)
            handle = replace(handle, salesforce_url=url, salesforce_access=org.access, salesforce=org.state)
        if tenant is not None:
            url = _serve_gainsight(loop, tenant, gainsight_port)
            handle = replace(handle, gainsight_url=url, gainsight=tenant)
        with _collector_blind():
            yield handle


def _serve_gainsight(loop: _Loop, tenant: GainsightState, port: int) -> str:
    from sandbox.gainsight.app import create_app

    return loop.serve(Edge(create_app(tenant), tenant.options.clock), port)


class _History:
    """The days that a portfolio lives before it is served, and the clock that stands in them."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio
        self._first = portfolio.today - timedelta(days=portfolio.days)
        self.clock = Clock()

    def dated(self, options: HubSpotOptions) -> HubSpotOptions:
        """Return options whose clock can stand in the past, unless they bring a clock of their own."""
        return replace(options, clock=self.clock.seconds) if options.clock is time.time else options

    def beginning(self) -> World:
        """Return the world as it was on the first day."""
        if self._portfolio.days:
            self.clock.stand_at(datetime.combine(self._first, _OPENING, UTC))
        if self._portfolio.shape is not None:
            return shaped(self._portfolio.seed, self._portfolio.shape, self._first)
        return generate(self._portfolio.seed, self._portfolio.accounts, self._first)

    def tenant(self, world: World, options: GainsightOptions | None) -> GainsightState:
        """Build the Gainsight tenant of a world, on this clock unless the options bring one of their own."""
        from sandbox.gainsight.options import GainsightOptions
        from sandbox.gainsight.state import GainsightState

        chosen = options or GainsightOptions()
        own = chosen.clock is not time.time
        return GainsightState.from_world(world, chosen if own else replace(chosen, clock=self.clock.seconds))

    def live(self, hubspot: HubSpotState, salesforce: SalesforceState | None, gainsight: GainsightState | None) -> None:
        """Let the days happen in every CRM, then let the clock run."""
        for number in range(self._portfolio.days):
            day = self._first + timedelta(days=number)
            live_hubspot(hubspot.portal, self._portfolio.seed, day, self.clock.stand_at)
            if salesforce is not None:
                from sandbox.salesforce.life import live as live_salesforce

                live_salesforce(salesforce, self._portfolio.seed, day, self.clock.stand_at)
            if gainsight is not None:
                from sandbox.gainsight.life import live as live_gainsight

                live_gainsight(gainsight, self._portfolio.seed, day, self.clock.stand_at)
        self.clock.run()


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
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Stop listening and hang up; uvicorn's own way to end waits for a tenth of a second, twice."""
        open_connections = [one for server, _task in self._servers for one in server.server_state.connections]
        for server, task in self._servers:
            task.cancel()
            for listening in server.servers:
                listening.close()
        for connection in open_connections:
            connection.shutdown()
        await _end_all()
        for connection in open_connections:
            connection.transport.abort()
        await asyncio.sleep(0)  # a closed transport lets go of its socket in the next turn

    def serve(self, app: ASGIApp, port: int) -> str:
        """Serve an application on loopback and return its address once it accepts connections."""
        listener = socket.create_server(("127.0.0.1", port), backlog=256)
        config = uvicorn.Config(
            app, http=Wire, ws="none", lifespan="off", log_config=None, log_level="critical", access_log=False,
            timeout_keep_alive=75, date_header=False,
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


async def _end_all() -> None:
    """Cancel what is still being answered, such as a slow request whose client gave up, and wait for the ends."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
