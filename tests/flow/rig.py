"""Whole runs against the sandbox: two CRMs, a store, and a person who edits records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from csv import DictReader
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import requests
from sqlalchemy import select

from config.frameworks import load_framework_file
from config.settings import Settings
from mapping.framework import Framework
from sandbox.gainsight.options import GainsightOptions
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from store import Store
from store.budgets import QuotaShelf
from store.tables import quota
from sync.assemble import assemble
from sync.deps import Deps, RunOptions, Timing
from sync.engine import run_sync
from sync.fields import fields_apply
from sync.observers import Recorder
from sync.report import RunReport
from tests.flow import start

TODAY = date(2026, 11, 20)
ZONE = "UTC" if datetime.now(UTC).hour < 12 else "Etc/GMT+12"
"""Where it is the same day as in UTC, and stays it for the hours that a test skips."""
ROOMY = {"burst_per_10s": 100_000, "associations_per_10s": 100_000, "search_per_second": 1_000}
"""Quotas are the connectors' tests; here they would only cost time."""
MANY = 100_000
"""The same for Gainsight's calls of a minute."""
BRISK = Timing(deadline=0.2, grace=0.4, lease_ttl=30.0, heartbeat=5.0)


class Frozen:
    """A clock that stands, so that whatever happens meanwhile is of one moment."""

    def now(self) -> datetime:
        return datetime.combine(TODAY, time(12), UTC)

    def monotonic(self) -> float:
        return monotonic()


@dataclass(slots=True)
class Rig:
    """The sandbox and the settings of a workspace that uses it."""

    crm: Running
    settings: Settings
    events: Recorder = field(default_factory=Recorder)
    first: RunReport = field(init=False)

    @contextmanager
    def deps(self, **others: Any) -> Iterator[Deps]:
        given = {"timing": BRISK, "sleep": _doze, "framework": shipped_framework(self.settings.framework), **others}
        deps = assemble(self.settings, observer=self.events, **given)
        try:
            yield deps
        finally:
            deps.close()

    def stay_today(self) -> None:
        """Have a time zone in which the hours that a test skips do not turn the day."""
        self.settings = self.settings.model_copy(update={"timezone": ZONE})

    def sync(self, options: RunOptions | None = None, **others: Any) -> RunReport:
        with self.deps(**others) as deps:
            return run_sync(deps, options)

    def run(self, work: Callable[[Deps], RunReport], **others: Any) -> RunReport:
        with self.deps(**others) as deps:
            return work(deps)

    def provision(self) -> None:
        with self.deps() as deps:
            fields_apply(deps)
            if "gainsight" in deps.connectors:
                self._add_by_hand(deps)

    def _add_by_hand(self, deps: Deps) -> None:
        """What an admin of Gainsight does with the list of fields that nobody can create by its API."""
        with TemporaryDirectory() as folder:
            (path,) = deps.connectors["gainsight"].fields().export(deps.specs, Path(folder))  # type: ignore[attr-defined]
            wanted = list(DictReader(path.read_text().splitlines()))
        for one in wanted:
            shape = {"length": int(one["length"])} if one["length"] else {}
            options = {"options": one["items"].split("; ")} if one["items"] else {}
            asked = {"object": one["object"], "name": one["field name"], "label": one["label"], "type": one["type"]}
            self.person("field", at="gainsight", **asked, **shape, **options)

    def person(self, verb: str, *, at: str = "hubspot", **body: Any) -> dict[str, Any]:
        """A person edits, archives or merges a record in one of the CRMs."""
        answer = requests.post(f"{self._url(at)}/_sandbox/{verb}", json=body, timeout=60)
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}

    def fault(self, *, at: str = "hubspot", **fault: Any) -> None:
        """Let a coming request go wrong."""
        requests.post(f"{self._url(at)}/_sandbox/faults", json={"faults": [fault]}, timeout=60).raise_for_status()

    def heal(self, at: str = "hubspot") -> None:
        requests.delete(f"{self._url(at)}/_sandbox/faults", timeout=60).raise_for_status()

    def journal(self, *, at: str = "hubspot", since: int = 0) -> list[dict[str, Any]]:
        """Every effect on records, in order."""
        answer = requests.get(f"{self._url(at)}/_sandbox/journal", params={"since": since}, timeout=60)
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
        url = getattr(self.crm, f"{at}_url")
        assert isinstance(url, str)
        return url


@cache
def shipped_framework(name: str) -> Framework:
    """Loading a framework costs as much as a small run; one of each is enough."""
    return load_framework_file(name)


def _doze(seconds: float) -> None:
    """Sleep as told, but never long: the sandbox has no reason to be slow."""
    sleep(min(seconds, 0.2))


def time_passes(store: Store, seconds: int) -> None:
    """All that the store knows of quotas is `seconds` older."""
    shelf, micros = QuotaShelf(store), seconds * 1_000_000
    with store.read() as c:
        keys = [(row.holder, row.name) for row in c.execute(select(quota.c.holder, quota.c.name))]
    with shelf.open(keys) as opened:
        for kept in opened.states.values():
            kept.slots = [[slot[0] - micros, *slot[1:]] for slot in kept.slots]
            kept.resets_at = None if kept.resets_at is None else kept.resets_at - micros
            kept.blocked_until = None


@contextmanager
def rig(
    folder: Path, *, accounts: int = 14, salesforce: bool = False, store: str | None = None, provision: bool = True,
    synced: bool = False, **options: Any,
) -> Iterator[Rig]:  # fmt: skip
    """A sandbox with a portfolio, and a fresh store for it; if `synced`, after a first run, whose report is `first`."""
    like = None if options else (accounts, salesforce)
    asked = options.pop("hubspot_options", HubSpotOptions())
    if options.get("with_gainsight"):
        options.setdefault("gainsight_options", GainsightOptions(per_minute=MANY))
    with running(
        Portfolio(accounts, 7, TODAY),
        salesforce=salesforce,
        state_dir=folder,
        hubspot_options=replace(asked, burst=100_000, searches_per_second=1_000),
        **options,
    ) as crm:
        settings = settings_for(crm, store or f"sqlite:///{folder}/keepwell.db")
        made = Rig(crm, settings)
        if synced:
            made.first = start.synced(made, like)
        elif provision:
            start.provisioned(made, like)
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
    if crm.gainsight_url is not None and crm.gainsight is not None:
        connections["gainsight"] = {
            "type": "gainsight",
            "base_url": crm.gainsight_url,
            "access_key": crm.gainsight.gate.access_key,
            "integration_user": crm.gainsight.tenant.integration_user,
            "limits": {"per_minute": MANY},
        }
    return {"store": store, "connections": connections}
