"""A browser without a window: sends a request straight into the application and keeps its cookies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.types import ASGIApp

HOST = "127.0.0.1:8400"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; of headers that are there twice the last one."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(slots=True)
class Client:
    """Asks as a person's browser does: from `peer`, for `host`."""

    app: ASGIApp
    peer: str = "127.0.0.1"
    host: str = HOST
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **headers: str) -> Answer:
        return self._send("GET", address, b"", headers)

    def post(self, address: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """A form of a page of our own, unless the headers say otherwise."""
        given = {"origin": f"http://{self.host}", "sec_fetch_site": "same-origin"} | headers
        return self._send("POST", address, urlencode(form or {}).encode(), given)

    def _send(self, method: str, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        path, _, query = address.partition("?")
        sent = {"host": self.host} | {name.replace("_", "-"): value for name, value in headers.items() if value}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": (self.peer, 50_000), "server": ("127.0.0.1", 8400),
        }  # fmt: skip
        return asyncio.run(self._answer(scope, body))

    async def _answer(self, scope: dict[str, Any], body: bytes) -> Answer:
        status, parts, headers = 0, list[bytes](), dict[str, str]()

        whole = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if whole.is_set():  # the browser stays until it has its answer
                await asyncio.Event().wait()
            whole.set()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    headers[name.decode()] = value.decode()
                    if name == b"set-cookie":
                        self._keep(value.decode())
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return Answer(status, headers, b"".join(parts).decode())

    def _keep(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
