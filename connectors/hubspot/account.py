"""Which portal the credentials lead to, and when its day ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.clock import Clock
from connectors.errors import BadAnswer, MissingScope
from connectors.hubspot.answers import NotFound
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.transport import Request

_RECORD_URL = re.compile(r"/(?:contacts|record)/(\d+)/")


@dataclass(frozen=True, slots=True)
class Portal:
    """One HubSpot account: its id and its IANA time zone; empty where the token may not know them."""

    id: str
    zone: str


class Account:
    """Asks once for the portal and remembers it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._portal: Portal | None = None

    def portal(self, client: HubSpotClient, paths: Paths) -> Portal:
        """The portal behind the token; unknown (without id) when neither the account nor a company tells it."""
        with self._lock:
            if self._portal is None:
                portal = _details(client, paths) or _from_a_record(client, paths)
                if not portal.id:
                    return portal  # asked again later: an empty portal may have a company then
                self._portal = portal
                client.quotas.belongs_to(portal.id)
            return self._portal

    def seconds_to_midnight(self) -> float | None:
        """Seconds until the portal's day, and with it the daily quota, ends; None before the portal is known."""
        if self._portal is None or not self._portal.zone:
            return None
        try:
            zone = ZoneInfo(self._portal.zone)
        except (ZoneInfoNotFoundError, ValueError):
            return None  # a zone that this machine does not know: the reset is then not known either
        now = self._clock.now().astimezone(zone)
        tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), zone)
        return max(0.0, tomorrow.timestamp() - now.timestamp())


def _details(client: HubSpotClient, paths: Paths) -> Portal | None:
    """The account's own answer; None when the token may not have it, or nothing is served there."""
    try:
        body = client.read(Request("GET", paths.account()))
    except (MissingScope, NotFound, BadAnswer):
        return None
    return Portal(str(body["portalId"]), str(body.get("timeZone") or "")) if body.get("portalId") else None


def _from_a_record(client: HubSpotClient, paths: Paths) -> Portal:
    """The portal as the address of any company tells it: not every token may read the account's details."""
    results = client.read(Request("GET", paths.objects("companies"), (("limit", "1"),))).get("results")
    first = results[0] if isinstance(results, list) and results else {}
    found = _RECORD_URL.search(str(first.get("url", ""))) if isinstance(first, dict) else None
    return Portal(found[1] if found else "", "")
