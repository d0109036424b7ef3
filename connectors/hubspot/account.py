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
    """One HubSpot account: its id and its IANA time zone (empty when the token may not know it)."""

    id: str
    zone: str


class Account:
    """Asks once for the portal and remembers it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._portal: Portal | None = None

    def portal(self, client: HubSpotClient, paths: Paths) -> Portal:
        """The portal behind the token; raises `BadAnswer` when HubSpot does not name it."""
        with self._lock:
            if self._portal is None:
                self._portal = _details(client, paths)
                client.quotas.belongs_to(self._portal.id)
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


def _details(client: HubSpotClient, paths: Paths) -> Portal:
    request = Request("GET", paths.account())
    try:
        body = client.read(request)
    except (MissingScope, NotFound):
        found = _from_a_record(client, paths)
        if found is None:
            raise
        return found
    if not body.get("portalId"):
        raise BadAnswer(f"{request.what}: the answer names no portal.", sent=True)
    return Portal(str(body["portalId"]), str(body.get("timeZone") or ""))


def _from_a_record(client: HubSpotClient, paths: Paths) -> Portal | None:
    """The portal as the address of any company tells it: not every token may read the account's details."""
    results = client.read(Request("GET", paths.objects("companies"), (("limit", "1"),))).get("results")
    first = results[0] if isinstance(results, list) and results else {}
    found = _RECORD_URL.search(str(first.get("url", ""))) if isinstance(first, dict) else None
    return Portal(found[1], "") if found else None
