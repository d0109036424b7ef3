"""What happens to a request before and after its handler: faults, latency, address limits and bookkeeping."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.http import carry_out, counting, cut, drop, raw
from sandbox.salesforce.bulk_ingest import carry_out_unattended
from sandbox.salesforce.context import answer
from sandbox.salesforce.faults import ERRORS, PAGES, Fault
from sandbox.salesforce.state import SalesforceState

CONTROL = "/_sandbox"
MAX_URI = 16_384
_COUNT = b"sforce-numberofrecords"
_BAD_MESSAGE = "<h1>Bad Message {0}</h1><pre>reason: {1}</pre>"
_MAINTENANCE = "<html><head><title>{0}</title></head><body>We'll be back soon.</body></html>"


class Front:
    """The outermost application: everything that does not depend on which resource is asked for."""

    def __init__(self, app: ASGIApp, state: SalesforceState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        state, path = self._state, str(scope["path"]).rstrip("/") or "/"
        scope = {**scope, "path": path}
        state.stats.count(scope["method"], path)
        state.org.settle(state.now())
        carry_out_unattended(state)
        if state.options.latency:
            await state.options.sleep(state.options.latency)
        fault = state.faults.strike(scope["method"], path)
        if fault is None:
            await (_oversized(scope) or self._app)(scope, receive, counting(send, state.stats.by_status))
            return
        state.stats.faults += 1
        await self._misbehave(fault, scope, receive, send)

    async def _cut_off(self, scope: Scope, receive: Receive) -> None:
        """Answer with half of the body and no length, so that only its own rules tell that it is not whole."""
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        start, body = sent[0], b"".join(message.get("body", b"") for message in sent[1:])
        lines = [f"HTTP/1.1 {start['status']} OK".encode()]
        lines += [k + b": " + v for k, v in start["headers"] if k.lower() not in {b"content-length", b"connection"}]
        await raw(scope, receive, b"\r\n".join([*lines, b"connection: close", b"", body[: len(body) // 2]]))

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "drop":
            await drop(scope, receive)
        elif fault.kind == "slow":
            await self._state.options.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind == "commit_then_drop":
            await carry_out(self._app, scope, receive)
            await drop(scope, receive)
        elif fault.kind == "wrong_count":
            await self._app(scope, receive, _one_row_more(send))
        elif fault.kind == "cut_off":
            await self._cut_off(scope, receive)
        elif fault.kind in {"truncated_json", "truncated_body"}:
            body = await carry_out(self._app, scope, receive)
            await cut(body, scope, receive, send, announced=fault.kind == "truncated_json")
        else:
            await _scripted(fault)(scope, receive, send)


def _one_row_more(send: Send) -> Send:
    async def miscounted(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(k, str(int(v) + 1).encode() if k == _COUNT else v) for k, v in message["headers"]]
            message = {**message, "headers": headers}
        await send(message)

    return miscounted


def _scripted(fault: Fault) -> Response:
    if fault.kind in ERRORS:
        error = ERRORS[fault.kind]
        return answer(error.body(), error.status)
    if fault.kind in PAGES:
        status = PAGES[fault.kind]
        return Response(_MAINTENANCE.format(status), status, media_type="text/html;charset=utf-8")
    if isinstance(fault.body, str):
        return Response(fault.body, fault.status, media_type="text/html;charset=utf-8")
    return answer(fault.body, fault.status)


def _oversized(scope: Scope) -> Response | None:
    """Return the HTML page of the web server in front, which no JSON parser can read."""
    address = len(scope.get("raw_path") or b"") + 1 + len(scope["query_string"])
    if address > MAX_URI:
        page = _BAD_MESSAGE.format(414, "URI Too Long")
        return Response(page, 414, media_type="text/html;charset=iso-8859-1")
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if address + headers > MAX_URI:
        page = _BAD_MESSAGE.format(431, "Request Header Fields Too Large")
        return Response(page, 431, media_type="text/html;charset=iso-8859-1")
    return None
