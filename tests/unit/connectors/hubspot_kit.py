"""A HubSpot connection whose answers come from a function, and a small portal behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from connectors.base import StreamMap
from connectors.budget import MemoryBudget
from connectors.http import Answer
from connectors.hubspot.connector import HubSpotConnector, connect
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.transport import Request
from tests.unit.connectors.kit import FakeClock

TOKEN = "pat-na1-00000000-1111-4222-8333-444444444444"
MAPS = {
    "companies": StreamMap("account", ("name", "arr_property"), {"arr_property": ("arr",)}),
    "deals": StreamMap("deal", ("dealname",)),
}

Handler = Callable[[Request], Answer]


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON answer as the transport gives it."""
    return Answer(status, {"content-type": "application/json", **(headers or {})}, orjson.dumps(body), proven=True)


def refusal(status: int, category: str, message: str = "no", **more: object) -> Answer:
    """An answer with HubSpot's error envelope."""
    return answer({"status": "error", "message": message, "category": category, **more}, status)


def rows(*ids: str, after: str | None = None) -> dict[str, object]:
    """A page of records."""
    body: dict[str, object] = {
        "results": [{"id": one, "properties": {"name": one, "arr_property": None}} for one in ids]
    }
    return body | ({"paging": {"next": {"after": after, "link": "https://evil.example/steal"}}} if after else {})


def definitions(*names: str, **types: str) -> dict[str, object]:
    """An answer of the properties endpoint; positional names are texts."""
    named = {**dict.fromkeys(names, "string"), **types}
    return {"results": [{"name": name, "type": kind, "fieldType": "text"} for name, kind in named.items()]}


class Script:
    """A transport that asks a function and remembers what was sent."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.tokens: list[str | None] = []

    def send(self, request: Request, token: str | None) -> Answer:
        self.requests.append(request)
        self.tokens.append(token)
        return self.handler(request)

    def close(self) -> None:
        self.requests.clear()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


def opened(
    handler: Handler,
    *,
    clock: FakeClock | None = None,
    maps: Mapping[str, StreamMap] = MAPS,
    **settings: object,
) -> tuple[HubSpotConnector, Script, FakeClock]:
    """A connection whose requests `handler` answers."""
    clock, script = clock or FakeClock(), Script(handler)
    given = settings or {"access_token": TOKEN}
    connector = connect(
        "crm",
        HubSpotSettings.model_validate({"type": "hubspot", **given}),
        maps,
        budget=MemoryBudget(clock, clock.sleep),
        clock=clock,
        sleep=clock.sleep,
        transport=script,
        jitter=lambda most: most,
    )
    return connector, script, clock


def routed(**handlers: Handler | object) -> Handler:
    """A handler that picks by the last part of the path, as in `routed(search=…)`; plain values become JSON."""

    def handle(request: Request) -> Answer:
        name = request.path.rpartition("/")[2] if "/properties/" not in request.path else "properties"
        chosen = handlers[name]
        if isinstance(chosen, Answer):
            return chosen
        return chosen(request) if callable(chosen) else answer(chosen)

    return handle
