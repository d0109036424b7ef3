"""Everything the server remembers: the tenant, who may come in, limits, faults, and what was asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sandbox.faults import FaultScript
from sandbox.gainsight.actor import Actor
from sandbox.gainsight.auth import Gatekeeper
from sandbox.gainsight.bulk import Bulk
from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.quota import Quota
from sandbox.gainsight.seed import fill
from sandbox.gainsight.tenant import Tenant
from sandbox.world.model import World

_ID_IN_PATH = re.compile(r"(?<=/)[0-9A-Z]{36}(?=/|$)")


@dataclass(slots=True)
class Stats:
    """What clients asked for."""

    requests: int = 0
    faults: int = 0
    by_route: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)

    def count(self, method: str, path: str) -> None:
        """Count a request under its route, with ids replaced by a placeholder."""
        self.requests += 1
        self.by_route[f"{method} {_ID_IN_PATH.sub('{id}', path)}"] += 1


class GainsightState:
    """One tenant with its credentials; every server over the same state sees the same records."""

    def __init__(self, options: GainsightOptions, tenant: Tenant, seed: int) -> None:
        self.options, self.tenant, self.stats = options, tenant, Stats()
        self.gate = Gatekeeper(options)
        self.quota = Quota(options.clock)
        self.faults, self.bulk = FaultScript(), Bulk()
        self._dice = Random(seed)

    @classmethod
    def from_world(cls, world: World, options: GainsightOptions | None = None) -> GainsightState:
        """Build the tenant that shows a world; nothing is counted or journalled yet."""
        chosen = options or GainsightOptions()
        tenant = Tenant(lambda: round(chosen.clock() * 1000))
        fill(tenant, world)
        return cls(chosen, tenant, world.seed)

    @property
    def zone(self) -> ZoneInfo:
        """Where filter values without an offset are read."""
        return ZoneInfo(self.options.zone)

    def switch(self, values: Mapping[str, Any]) -> None:
        """Change options of `SWITCHES`."""
        self.options = replace(self.options, **values)
        self.gate.unauthorized_status = self.options.unauthorized_status

    def request_id(self) -> str:
        """Return the id of the next request."""
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    def integration(self, access: str, request_id: str) -> Actor:
        """Return who a client is: its changes are shown as the integration user's."""
        return Actor(f"api:{access}", request_id, self.tenant.integration_user)

    def person(self) -> Actor:
        """Return a person who uses Gainsight by hand."""
        return Actor("user", self.request_id(), self.tenant.person())
