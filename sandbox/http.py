"""What both vendors' servers share: JSON answers, and a uvicorn protocol that can misbehave on purpose.

`Wire` joins the headers and the body of an answer into one write to the socket, because two small segments on a
kept-alive connection cost clients a delayed acknowledgement and spoil every timing. It also lets a server break
a connection below HTTP: `drop` closes it without a byte, `raw` writes bytes of any shape and then closes.
`Edge` is what stands between the internet and both vendors: it compresses for clients that ask, and tells the time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, cast
from weakref import WeakValueDictionary

import orjson
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_connections: WeakValueDictionary[tuple[Any, Any], Wire] = WeakValueDictionary()


class JSONAnswer(Response):
    """A JSON body written by orjson, with the content type that HubSpot and Salesforce send."""

    media_type = "application/json;charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Return `content` as UTF-8 JSON."""
        return orjson.dumps(content)


class _OneWrite:
    """A transport that collects what is written during one turn of the loop and sends it at once."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop, self._pending = transport, loop, bytearray()

    def write(self, data: bytes) -> None:
        if not self._pending and data:
            self._loop.call_soon(self._flush)
        self._pending += data

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pending:
            self._transport.write(bytes(self._pending))
            self._pending.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Wire(H11Protocol):
    """Uvicorn's HTTP/1.1 protocol with one write an answer; use it as `uvicorn.Config(http=Wire)`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection, so that an application can find it from its request scope."""
        super().connection_made(cast(asyncio.Transport, _OneWrite(transport, self.loop)))
        _connections[(self.server, self.client)] = self

    def shut(self, data: bytes) -> None:
        """Send `data` as it is, then close."""
        if data:
            self.transport.write(data)
            self.transport.close()
        else:
            self.transport.abort()


class Edge:
    """The outermost application of a vendor; serve it with uvicorn's own Date header switched off.

    The Date header is the vendor's time, which may be a virtual one: `now` returns seconds since 1970.
    """

    def __init__(self, app: ASGIApp, now: Callable[[], float]) -> None:
        # The cheapest level: what matters is that clients have to cope with it.
        self._app, self._now = GZipMiddleware(app, minimum_size=1_000, compresslevel=1), now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        await self._app(scope, receive, dated)


def counting(send: Send, by_status: Counter[str]) -> Send:
    """Wrap `send` so that the status of the answer is counted."""

    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            by_status[str(message["status"])] += 1
        await send(message)

    return counted


async def drop(scope: Scope, receive: Receive) -> None:
    """Close the connection of this request without answering a single byte."""
    await raw(scope, receive, b"")


async def raw(scope: Scope, receive: Receive, data: bytes) -> None:
    """Answer this request with exactly `data`, valid HTTP or not, and close; raises LookupError off `Wire`."""
    server, client = scope.get("server"), scope.get("client")
    connection = _connections.get((tuple(server) if server else None, tuple(client) if client else None))
    if connection is None:
        raise LookupError("this request did not come through sandbox.http.Wire; serve the app by sandbox.serve")
    connection.shut(data)
    while (await receive())["type"] != "http.disconnect":
        continue


async def carry_out(app: ASGIApp, scope: Scope, receive: Receive) -> bytes:
    """Run a request with its full effect, keep the answer from the client, and return its body."""
    chunks: list[bytes] = []

    async def keep(message: Message) -> None:
        chunks.append(message.get("body", b""))

    await app(scope, receive, keep)
    return b"".join(chunks)


async def cut(body: bytes, scope: Scope, receive: Receive, send: Send, *, announced: bool) -> None:
    """Answer with the first half of a JSON body; with an `announced` length only parsing tells that it is half."""
    half = body[: len(body) // 2]
    if announced:
        await Response(half, 200, media_type=JSONAnswer.media_type)(scope, receive, send)
        return
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {JSONAnswer.media_type}\r\nconnection: close\r\n\r\n"
    await raw(scope, receive, head.encode() + half)
