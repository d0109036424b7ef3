"""A process whose sixteen threads read from HubSpot as fast as they may; run by test_hubspot_throttled.py.

Takes the address of the portal, a token, the address of the store and seconds; prints a line of JSON for each request:
when it left and the status of its answer.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from connectors.budget import SharedBudget
from connectors.clock import SystemClock
from connectors.http import Answer
from connectors.hubspot.auth import StaticToken
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.quotas import Quotas
from connectors.hubspot.settings import LimitSettings
from connectors.hubspot.transport import Request, SdkTransport
from connectors.meter import Meter
from connectors.redact import Redactor
from connectors.retry import Retrier
from store import open_store
from store.budgets import QuotaShelf

THREADS = 16
LIMITS = LimitSettings(burst_per_10s=1_000)


class Watched:
    """A transport that notes when each request leaves."""

    def __init__(self, transport: SdkTransport) -> None:
        self.sent: list[tuple[float, int]] = []
        self._transport = transport

    def send(self, request: Request, token: str | None) -> Answer:
        moment = time.time()
        answer = self._transport.send(request, token)
        self.sent.append((moment, answer.status))
        return answer

    def close(self) -> None:
        self._transport.close()


def main(url: str, token: str, store: str, seconds: float) -> None:
    clock = SystemClock()
    wire = Watched(SdkTransport(url, clock=clock))
    opened = open_store(store)
    quotas = Quotas(LIMITS, SharedBudget(QuotaShelf(opened)), credential=token)
    client = HubSpotClient(
        wire,
        StaticToken(token),
        quotas,
        retrier=Retrier(time.sleep),
        clock=clock,
        meter=Meter(),
        redactor=Redactor([token]),
    )
    until = time.time() + seconds

    def read(_: int) -> None:
        while time.time() < until:
            client.read(Request("GET", "/crm/v3/objects/companies", query=(("limit", "1"),)))
            time.sleep(0.2)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, range(THREADS)))
    client.close()
    opened.close()
    for moment, status in wire.sent:
        print(json.dumps([moment, status]))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
