"""Whole runs against the sandbox: two CRMs, a store, and a person who edits records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import requests

from config.frameworks import load_framework_file
from config.settings import Settings
from mapping.framework import Framework
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from sync.assemble import assemble
from sync.deps import Deps, RunOptions, Timing
from sync.engine import run_sync
from sync.fields import fields_apply
from sync.observers import Recorder
from sync.report import RunReport

TODAY = date(2026, 11, 20)
ROOMY = {"burst_per_10s": 100_000, "associations_per_10s": 100_000, "search_per_second": 1_000}
"""Quotas are the connectors' tests; here they would only cost time."""
BRISK = Timing(deadline=0.2, grace=0.4, lease_ttl=30.0, heartbeat=5.0)


@dataclass(slots=True)
class Rig:
    """The sandbox and the settings of a workspace that uses it."""

    crm: Running
    settings: Settings
    events: Recorder = field(default_factory=Recorder)

    @contextmanager
    def deps(self, **others: Any) -> Iterator[Deps]:
        given = {"timing": BRISK, "sleep": _doze, "framework": _framework(self.settings.framework), **others}
        deps = assemble(self.settings, observer=self.events, **given)
        try:
            yield deps
        finally:
            deps.close()

    def sync(self, options: RunOptions | None = None, **others: Any) -> RunReport:
        with self.deps(**others) as deps:
            return run_sync(deps, options)

    def run(self, work: Callable[[Deps], RunReport], **others: Any) -> RunReport:
        with self.deps(**others) as deps:
            return work(deps)

    def provision(self) -> None:
        with self.deps() as deps:
            fields_apply(deps)

    def person(self, verb: str, *, at: str = "hubspot", **body: Any) -> dict[str, Any]:
        """A person edits, archives or merges a record in one of the CRMs."""
        answer = requests.post(f"{self._url(at)}/_sandbox/{verb}", json=body, timeout=10)
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}

    def fault(self, *, at: str = "hubspot", **fault: Any) -> None:
        """Let a coming request go wrong."""
        requests.post(f"{self._url(at)}/_sandbox/faults", json={"faults": [fault]}, timeout=10).raise_for_status()

    def heal(self, at: str = "hubspot") -> None:
        requests.delete(f"{self._url(at)}/_sandbox/faults", timeout=10).raise_for_status()

    def journal(self, *, at: str = "hubspot", since: int = 0) -> list[dict[str, Any]]:
        """Every effect on records, in order."""
        answer = requests.get(f"{self._url(at)}/_sandbox/journal", params={"since": since}, timeout=10)
        return list(answer.json())

    def ours(self, *, at: str = "hubspot", since: int = 0) -> list[dict[str, Any]]:
        """Effects that an API client had on values."""
        found = self.journal(at=at, since=since)
        return [one for one in found if one["actor"].startswith("api:") and one["action"] == "set"]

    def company(self, record_id: str) -> dict[str, str]:
        """Values of a company as HubSpot has them."""
        return self.crm.hubspot.portal.stores["companies"].live[int(record_id)].values

    def some_company(self, with_property: str = "cs_segment", skip: int = 0) -> str:
        """A live company that shows a value in a property."""
        live = self.crm.hubspot.portal.stores["companies"].live
        found = sorted(one.id for one in live.values() if with_property in one.values)
        return str(found[skip])

    def _url(self, at: str) -> str:
        url = self.crm.hubspot_url if at == "hubspot" else self.crm.salesforce_url
        assert url is not None
        return url


@cache
def _framework(name: str) -> Framework:
    """Loading a framework costs as much as a small run; one of each is enough."""
    return load_framework_file(name)


def _doze(seconds: float) -> None:
    """Sleep as told, but never long: the sandbox has no reason to be slow."""
    import time

    time.sleep(min(seconds, 0.2))


@contextmanager
def rig(
    folder: Path, *, accounts: int = 14, salesforce: bool = False, store: str | None = None, provision: bool = True,
    **options: Any,
) -> Iterator[Rig]:  # fmt: skip
    """A sandbox with a portfolio, and a fresh store for it."""
    asked = options.pop("hubspot_options", HubSpotOptions())
    with running(
        Portfolio(accounts, 7, TODAY),
        salesforce=salesforce,
        state_dir=folder,
        hubspot_options=replace(asked, burst=100_000, searches_per_second=1_000),
        **options,
    ) as crm:
        settings = settings_for(crm, store or f"sqlite:///{folder}/keepwell.db")
        made = Rig(crm, settings)
        if provision:
            made.provision()
        yield made


def settings_for(crm: Running, store: str) -> Settings:
    return Settings(**settings_data(crm, store))


def settings_data(crm: Running, store: str) -> dict[str, Any]:
    """Settings as JSON-able data, which another process can be given."""
    connections: dict[str, Any] = {
        "hubspot": {
            "type": "hubspot",
            "access_token": crm.hubspot_token,
            "base_url": crm.hubspot_url,
            "limits": ROOMY,
        }
    }
    if crm.salesforce_url is not None and crm.salesforce_access is not None:
        access = crm.salesforce_access
        connections["salesforce"] = {
            "type": "salesforce",
            "login_url": crm.salesforce_url,
            "auth": {
                "flow": "jwt",
                "consumer_key": access.consumer_key,
                "username": access.username,
                "private_key_file": str(access.private_key_file),
            },
        }
    return {"store": store, "connections": connections}
