"""A sandbox portal and connections to it, on one virtual clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from connectors.base import StreamMap
from connectors.budget import MemoryBudget
from connectors.hubspot.connector import HubSpotConnector, connect
from connectors.hubspot.settings import HubSpotSettings
from sandbox.faults import Fault
from sandbox.hubspot.journal import Actor
from sandbox.hubspot.state import HubSpotOptions, HubSpotState
from sandbox.serve import Portfolio, Running, running
from tests.unit.connectors.kit import FakeClock

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def shipped_maps() -> dict[str, StreamMap]:
    """The shipped field map as a connector gets it."""
    streams = yaml.safe_load(Path("config/fields/hubspot.yaml").read_text(encoding="utf-8"))
    maps: dict[str, StreamMap] = {}
    for name, stream in streams.items():
        custom: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for unified, source in (stream.get("custom") or {}).items():
            for vendor in _names(source):
                custom[vendor] += (unified,)
        standard = {vendor for source in stream["fields"].values() for vendor in _names(source)}
        maps[name] = StreamMap(stream["entity"], tuple(sorted(standard | custom.keys())), dict(custom))
    return maps


def _names(source: Any) -> set[str]:
    if isinstance(source, str):
        return {source}
    if "property" in source:
        return {source["property"]}
    return set(source.get("first_of", ())) | {name for rule in source.get("rules", ()) for name in rule["when"]}


class Box:
    """One running portal."""

    def __init__(self, served: Running, clock: FakeClock) -> None:
        self.served = served
        self.clock = clock
        self.state: HubSpotState = served.hubspot
        self._open: list[HubSpotConnector] = []

    def settings(self, **given: object) -> HubSpotSettings:
        """Settings of a connection to the portal, by private-app token unless another credential is given."""
        credentials = (
            {"access_token": self.served.hubspot_token} if not {"oauth", "access_token_file"} & given.keys() else {}
        )
        return HubSpotSettings.model_validate({"base_url": self.served.hubspot_url, **credentials, **given})

    def oauth(self) -> dict[str, str]:
        """OAuth settings that the portal accepts."""
        app = self.served.hubspot_oauth
        return {"client_id": app.client_id, "client_secret": app.client_secret, "refresh_token": app.refresh_token}

    def connect(self, maps: Mapping[str, StreamMap] | None = None, **given: object) -> HubSpotConnector:
        """A connection on the portal's clock."""
        connector = connect(
            "hubspot",
            self.settings(**given),
            maps or shipped_maps(),
            budget=MemoryBudget(self.clock, self.clock.sleep),
            clock=self.clock,
            sleep=self.clock.sleep,
            jitter=lambda most: most,
        )
        self._open.append(connector)
        return connector

    def fault(self, kind: str, path: str = "*", *, nth: int = 1, times: int = 1, method: str = "*") -> None:
        """Add a fault to the portal's script."""
        self.state.faults.faults.append(Fault(kind, method, path, nth, times))

    def call_everyone(self) -> None:
        """Log a call with each company: the seeded portfolio has none."""
        hubspot, person = self.state.portal, Actor("user:ada", "corr")
        for company in self.live():
            values = {"hs_call_title": "Check-in", "hs_call_status": "COMPLETED", "hs_call_duration": "61500"}
            call = hubspot.create("calls", values, person)
            hubspot.links.join("calls", call.id, "companies", int(company))

    def live(self, kind: str = "companies") -> list[str]:
        """Ids of the live records, as the portal knows them."""
        return sorted(str(one) for one in self.state.portal.stores[kind].live)

    def close(self) -> None:
        """Close every connection."""
        for connector in self._open:
            connector.close()


@contextmanager
def portal(accounts: int = 60, **options: Any) -> Iterator[Box]:
    """A portal with a seeded portfolio, whose time passes only when somebody sleeps."""
    clock = FakeClock(START)
    chosen = HubSpotOptions(clock=lambda: clock.now().timestamp(), **options)
    with running(Portfolio(accounts, today=START.date()), salesforce=False, hubspot_options=chosen) as served:
        box = Box(served, clock)
        try:
            yield box
        finally:
            box.close()
