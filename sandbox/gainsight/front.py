"""What happens to a request before and after its handler: bookkeeping, latency and faults."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.faults import Fault
from sandbox.gainsight.errors import refusal
from sandbox.gainsight.faults import ERRORS, PAGES
from sandbox.gainsight.people import churn
from sandbox.gainsight.state import GainsightState
from sandbox.http import JSONAnswer, carry_out, counting, cut, drop

CONTROL = "/_sandbox"
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>Gainsight is not available</h1></body></html>"


class Front:
    """The outermost application: everything that does not depend on which resource is asked for."""

    def __init__(self, app: ASGIApp, state: GainsightState) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the control plane passes untouched."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        state, path = self._state, str(scope["path"]).rstrip("/") or "/"
        scope = {**scope, "path": path}
        state.stats.count(scope["method"], path)
        if state.options.latency:
            await asyncio.sleep(state.options.latency)
        fault, counted = state.faults.strike(scope["method"], path), counting(send, state.stats.by_status)
        if fault is None:
            await self._app(scope, receive, counted)
            return
        state.stats.faults += 1
        await self._misbehave(fault, scope, receive, counted)

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "drop":
            await drop(scope, receive)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind == "repeat_rows":
            await self._app({**scope, "repeat_rows": True}, receive, send)
        elif fault.kind == "churn":
            await self._app(scope, receive, send)
            churn(self._state, str(scope["path"]).rpartition("/")[2])
        elif fault.kind == "commit_then_drop":
            await carry_out(self._app, scope, receive)
            await drop(scope, receive)
        elif fault.kind == "commit_then_500":
            await carry_out(self._app, scope, receive)
            await self._scripted("500")(scope, receive, send)
        elif fault.kind in {"truncated_json", "truncated_body"}:
            body = await carry_out(self._app, scope, receive)
            await cut(body, scope, receive, send, announced=fault.kind == "truncated_json")
        else:
            await self._scripted(fault.kind)(scope, receive, send)

    def _scripted(self, kind: str) -> Response:
        if kind in ERRORS:
            error = ERRORS[kind]
            return JSONAnswer(refusal(self._state.request_id(), error), error.status)
        return Response(_PAGE.format(PAGES[kind]), PAGES[kind], media_type="text/html;charset=utf-8")
