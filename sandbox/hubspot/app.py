"""The portal's front door: versions, tokens, limits, faults and latency, then the routes."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.http import JSONAnswer
from sandbox.hubspot.account_api import AccountApi
from sandbox.hubspot.association_writes_api import AssociationWritesApi
from sandbox.hubspot.associations_api import AssociationsApi
from sandbox.hubspot.auth import Token, demand
from sandbox.hubspot.batch_api import BatchApi
from sandbox.hubspot.breakage import answer_fault
from sandbox.hubspot.call import Call
from sandbox.hubspot.control import ControlApi
from sandbox.hubspot.errors import ApiError, not_found
from sandbox.hubspot.objects_api import ObjectsApi
from sandbox.hubspot.people import PeopleApi
from sandbox.hubspot.properties_api import PropertiesApi
from sandbox.hubspot.state import HubSpotState

MAX_URI = 16_300
_DATED = re.compile(r"/(2026-\d\d)(/|$)")
_ANONYMOUS = Token("", "anonymous", frozenset())
_ASSOCIATION_OBJECT = re.compile(r"/crm/objects/[^/]+/[^/]+/[^/]+/associations/")


def create_app(state: HubSpotState) -> Starlette:
    """Return the ASGI application of one portal; serve it with `sandbox.http.Wire`."""
    apis = (BatchApi(state), ObjectsApi(state), PropertiesApi(state), AssociationsApi(state),
            AssociationWritesApi(state), AccountApi(state), ControlApi(state), PeopleApi(state))  # fmt: skip
    app = Starlette(
        routes=[route for api in apis for route in api.routes()],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
    )
    app.add_middleware(_Gate, state=state)
    app.state.hubspot = state
    return app


def canonical(path: str) -> tuple[str, str]:
    """Return the legacy path that a dated path stands for, and the version that was asked for.

    `/crm/objects/2026-03/deals` is `/crm/v3/objects/deals`; associations become v4.
    """
    found = _DATED.search(path)
    if found is None:
        version = next((part for part in path.split("/") if part in ("v1", "v3", "v4")), "v3")
        return path, version
    version = found.group(1)
    if path.startswith("/oauth/"):
        return path.replace(version, "v3"), version
    if path.startswith("/account-info/"):
        return path.replace(version, "v3"), version
    area = path.split("/")[2] if path.startswith("/crm/") else ""
    number = "v4" if area == "associations" or _ASSOCIATION_OBJECT.match(path) else "v3"
    return path.replace(f"/{area}/{version}", f"/{number}/{area}", 1), version


class _Gate:
    """Everything that happens to a request before it reaches a route."""

    def __init__(self, app: ASGIApp, state: HubSpotState) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the control plane passes untouched."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/"):
            await self._app(scope, receive, send)
            return
        state = self._state
        path, version = canonical(scope["path"].rstrip("/") or "/")
        call = Call(_ANONYMOUS, state.correlation_id(), version)
        state.stats.requests += 1
        state.stats.by_route[_route_name(scope["method"], path)] += 1
        search = path.endswith("/search")
        headers = {"x-hubspot-correlation-id": call.correlation_id}
        out = _counting(send, state, headers)
        if len(scope["path"]) + len(scope.get("query_string", b"")) > MAX_URI:
            await _too_long()(scope, receive, out)
            return
        try:
            if not path.startswith("/oauth/"):
                call = replace(call, token=state.gate.identify(Request(scope).headers.get("authorization")))
                state.quota.take(call.token.value, search=search)
                headers |= state.quota.headers(call.token.value, search=search, oauth=call.token.oauth)
                demand(call.token, scope["method"], path)
        except ApiError as error:
            await _render(error, call.correlation_id)(scope, receive, out)
            return
        await self._latency()
        inner = {**scope, "path": path, "raw_path": path.encode(), "call": call}
        fault = state.faults.strike(scope["method"], path)
        if fault is None:
            await self._app(inner, receive, out)
        else:
            await answer_fault(fault, self._app, inner, receive, out)

    async def _latency(self) -> None:
        median = self._state.options.latency_ms
        if median > 0:
            await asyncio.sleep(self._state.rng.lognormvariate(math.log(median / 1000), 0.25))


def _counting(send: Send, state: HubSpotState, headers: dict[str, str]) -> Send:
    """Wrap `send`: add the headers that every answer has, and count its status."""

    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            state.stats.by_status[str(message["status"])] += 1
            extra = [(name.encode(), value.encode()) for name, value in headers.items()]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return counted


def _route_name(method: str, path: str) -> str:
    return f"{method} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', path)}"


def _too_long() -> Response:
    page = "<html><head><title>414 Request-URI Too Large</title></head><body><h1>414</h1></body></html>"
    return Response(page, 414, media_type="text/html")


def _render(error: ApiError, correlation_id: str) -> Response:
    body: dict[str, Any] = {**error.body, "correlationId": correlation_id}
    return JSONAnswer(body, error.status, error.headers)


async def _api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    call: Call | None = request.scope.get("call")
    return _render(error, call.correlation_id if call else "")


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return await _api_error(request, not_found("resource not found"))
    return await _api_error(request, ApiError(error.status_code, {"status": "error", "message": error.detail}))
