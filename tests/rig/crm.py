"""One CRM of the sandbox for the rig: served from a process of its own, which survives the run that is killed.

The process is a fork of the rig, so that every trial finds the same records without making them again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from sandbox.gainsight.app import create_app as create_gainsight
from sandbox.gainsight.state import GainsightState
from sandbox.http import Edge, Wire
from sandbox.hubspot.app import create_app as create_hubspot
from sandbox.hubspot.auth import Token
from sandbox.hubspot.journal import Actor
from sandbox.hubspot.state import HubSpotOptions, HubSpotState
from sandbox.salesforce.app import create_app as create_salesforce
from sandbox.salesforce.options import SalesforceOptions
from sandbox.salesforce.state import SalesforceState
from sandbox.world.shape import Shape, shaped
from tests.rig import tenant
from tests.rig.clock import SharedClock
from tests.rig.kin import die_with_parent
from tests.rig.truth import BESIDE, LEADS
from tests.rig.watched import Mischief, Vendor, Watched

SECRETS: Mapping[Vendor, str] = {
    "hubspot": "pat-na1-5ca1ab1e-0000-4000-8000-c0ffee00cafe",
    "salesforce": "00D5ca1ab1e0000!canary.session.of.the.rig",
    "gainsight": "5ca1ab1e-c0ffee-canary-key-of-the-rig",
    "gainsight_beside": "5ca1ab1e-c0ffee-canary-key-of-the-rig",
}
"""Credentials that must show nowhere; they open nothing but the rig's own CRMs."""
DAY = date(2026, 11, 20)
SIZE = 6
"""Accounts, deals and tickets each: every path of the code is there with one batch of one page."""
PERSON = Actor("user", "", source_id="900001")


@dataclass
class Crm:
    """A CRM that is ready to be served at `url`, and its clock."""

    vendor: Vendor
    clock: SharedClock
    state: HubSpotState | SalesforceState | GainsightState = field(init=False)
    listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        world = shaped(7, Shape("salesforce" if self.vendor == "salesforce" else "hubspot", SIZE, SIZE, SIZE), DAY)
        if self.vendor == "hubspot":
            tokens = (Token(SECRETS["hubspot"], "keepwell"),)
            options = HubSpotOptions(tokens, burst=10**6, searches_per_second=10**6, clock=self.clock.seconds)
            self.state = HubSpotState.from_world(world, options)
        elif self.vendor in ("gainsight", "gainsight_beside"):
            self.state = tenant.tenant_of(world, self.clock, SECRETS[self.vendor])
            if self.vendor == "gainsight_beside":
                tenant.put_beside(self.state)
        else:
            session = (SECRETS["salesforce"],)
            self.state = SalesforceState.from_world(world, SalesforceOptions(clock=self.clock.now, session_ids=session))
        self.listen()

    def listen(self) -> None:
        """Take an address of one's own; every process that serves from now on answers there."""
        if hasattr(self, "listener"):
            self.listener.close()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def connection(self) -> dict[str, Any]:
        """Settings that connect it."""
        if self.vendor == "hubspot":
            roomy = {"burst_per_10s": 100_000, "associations_per_10s": 100_000, "search_per_second": 1_000}
            token = SECRETS["hubspot"]
            return {"type": "hubspot", "access_token": token, "base_url": self.url, "limits": roomy}
        if isinstance(self.state, GainsightState):
            own: dict[str, Any] = {
                "access_key": SECRETS[self.vendor],
                "integration_user": self.state.tenant.integration_user,
            }
            if self.vendor == "gainsight_beside":
                own["target"] = {"object": BESIDE, "company": LEADS}
            return {"type": "gainsight", "base_url": self.url, "limits": {"per_minute": 100_000}, **own}
        auth = {"flow": "token", "access_token": SECRETS["salesforce"], "instance_url": self.url}
        return {"type": "salesforce", "auth": auth}

    def records(self) -> list[str]:
        """Ids of the records that carry accounts."""
        if isinstance(self.state, HubSpotState):
            return [str(one) for one in sorted(self.state.portal.stores["companies"].live)]
        if isinstance(self.state, GainsightState):
            return sorted(self.state.tenant.tables["company"].rows)
        table = self.state.org.tables["Account"]
        return sorted(one for one, row in table.rows.items() if not row[table.columns["IsDeleted"]])

    def edit(self, record: str, values: Mapping[str, str]) -> None:
        """A person changes a record; one that is gone stays as it is."""
        if record not in self.records():
            return
        if isinstance(self.state, HubSpotState):
            portal = self.state.portal
            portal.write("companies", portal.stores["companies"].live[int(record)], values, PERSON)
            return
        if isinstance(self.state, GainsightState):
            tenant.edit(self.state, record, dict(values))
            return
        writer = self.state.admin(self.state.person(), "edit", visible_after=self.state.options.late_commit)
        writer.update("Account", record, values)
        writer.commit()

    def archive(self, record: str) -> None:
        """A person deletes a record."""
        if record not in self.records():
            return
        if isinstance(self.state, HubSpotState):
            portal = self.state.portal
            portal.archive("companies", portal.stores["companies"].live[int(record)], PERSON)
            return
        if isinstance(self.state, GainsightState):
            tenant.archive(self.state, record)
            return
        writer = self.state.admin(self.state.person(), "edit", visible_after=self.state.options.late_commit)
        writer.delete("Account", record)
        writer.commit()

    def merge(self, record: str, into: str) -> None:
        """A person merges a record into another one; nothing happens when one of them is gone."""
        if not {record, into} <= set(self.records()):
            return
        if isinstance(self.state, HubSpotState):
            portal = self.state.portal
            live = portal.stores["companies"].live
            portal.merge("companies", live[int(into)], live[int(record)], PERSON)
            return
        if isinstance(self.state, GainsightState):
            tenant.archive(self.state, record)
            return
        writer = self.state.admin(self.state.person(), "edit", visible_after=self.state.options.late_commit)
        writer.merge("Account", into, [record])
        writer.commit()

    def app(self) -> ASGIApp:
        """The vendor's web application."""
        if isinstance(self.state, HubSpotState):
            return Edge(create_hubspot(self.state), self.clock.seconds)
        if isinstance(self.state, GainsightState):
            return Edge(create_gainsight(self.state), self.clock.seconds)
        return Edge(create_salesforce(self.state), self.clock.seconds)

    def serve_until(self, pid_fd: int) -> None:
        """Serve in this process until another one has ended."""
        asyncio.run(_serve(Watched(self, self.app()), self.listener, pid_fd))

    def fork(self, mischief: Sequence[Mischief] = ()) -> int:
        """Serve from a new process, which lives until it is killed; returns its process id."""
        child = os.fork()
        if child:
            return child
        try:
            die_with_parent()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            asyncio.run(_serve(Watched(self, self.app(), mischief), self.listener, None))
        finally:
            os._exit(1)


async def _serve(app: ASGIApp, listener: socket.socket, until: int | None) -> None:
    config = uvicorn.Config(app, http=Wire, ws="none", lifespan="off", log_config=None, log_level="critical",
                            access_log=False, timeout_keep_alive=75, date_header=False)  # fmt: skip
    server = uvicorn.Server(config)
    if until is not None:

        def end() -> None:
            server.should_exit = server.force_exit = True

        asyncio.get_running_loop().add_reader(until, end)
    await server.serve(sockets=[listener.dup()])
