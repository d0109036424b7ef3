"""Everything one sandbox portal consists of, put together from a world and options."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID

from sandbox.faults import Fault, FaultScript
from sandbox.hubspot.auth import PRIVATE_TOKEN, Gatekeeper, OAuthApp, Token
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.index import SearchIndex
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.quota import Quota
from sandbox.hubspot.seed import fill
from sandbox.world.model import World


@dataclass(frozen=True, slots=True)
class HubSpotOptions:
    """How strict, slow and broken the portal is; defaults are a Professional portal on a good day."""

    tokens: tuple[Token, ...] = (Token(PRIVATE_TOKEN, "keepwell"),)
    oauth: OAuthApp = field(default_factory=OAuthApp)
    portal_id: int = 4_242_424
    time_zone: str = "Europe/Copenhagen"
    burst: int = 190  # requests in 10 s, per token
    searches_per_second: int = 5
    daily: int = 625_000
    retry_after: bool = False  # send Retry-After with 429
    index_delay: float = 0.0  # seconds until search learns of a write
    ids_as_text: bool = False  # search compares and sorts hs_object_id as text: undocumented
    short_pages: bool = False  # pages shorter than the limit although more follow
    empty_pages: bool = False  # an empty page before each page of a list or search
    total_cap: int = 0  # the largest total that a search admits; 0 tells the truth
    search_body_chars: int = 3_000
    association_page: int = 100
    trace_ids_on_update: bool = True  # whether batch/update honours objectWriteTraceId: undocumented
    required_on_create: dict[str, tuple[str, ...]] = field(default_factory=dict)  # enforced from 2026-09 on
    custom_property_limit: int = 1_000
    latency_ms: float = 0.0  # median
    faults: tuple[Fault, ...] = ()
    clock: Clock = time.time


SWITCHES: dict[str, type | tuple[type, ...]] = {
    "short_pages": bool, "empty_pages": bool, "total_cap": int, "index_delay": (int, float), "portal_id": int,
    "retry_after": bool, "trace_ids_on_update": bool, "association_page": int, "latency_ms": (int, float),
}  # fmt: skip
"""Options that may change while a portal is open, and their types."""


@dataclass(slots=True)
class Stats:
    """What clients asked for."""

    requests: int = 0
    by_route: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)


class HubSpotState:
    """One portal with its limits, tokens, faults and counters."""

    def __init__(self, options: HubSpotOptions, portal: Portal, seed: int) -> None:
        self.options, self.portal, self.stats = options, portal, Stats()
        self.gate = Gatekeeper(options.clock, options.tokens, options.oauth, options.portal_id)
        self.quota = Quota(
            options.clock,
            burst=options.burst,
            searches=options.searches_per_second,
            daily=options.daily,
            zone=options.time_zone,
            retry_after=options.retry_after,
        )
        self.faults = FaultScript(options.faults)
        self.rng = Random(seed)  # shuffles results and draws latencies

    @classmethod
    def from_world(cls, world: World, options: HubSpotOptions | None = None) -> HubSpotState:
        """Build the portal that shows a world; nothing is counted or journalled yet."""
        chosen = options or HubSpotOptions()
        portal = Portal(chosen.clock, SearchIndex(chosen.index_delay, ids_as_text=chosen.ids_as_text))
        fill(portal, world)
        return cls(chosen, portal, world.seed)

    def switch(self, values: Mapping[str, Any]) -> None:
        """Change options of `SWITCHES`; another `portal_id` is another portal that answers."""
        self.options = replace(self.options, **values)
        self.portal.index.delay = self.options.index_delay
        self.gate.portal_id = self.options.portal_id
        self.quota.retry_after = self.options.retry_after

    def correlation_id(self) -> str:
        """Return the id of the next request."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))
