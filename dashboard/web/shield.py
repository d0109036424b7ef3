"""What holds for every request and answer, whatever the page: known hosts only, own forms only, nothing inline."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Pages hold customers' data: neither a proxy nor the browser keeps them. What may be kept says so itself.
    "cache-control": "no-store",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD"})


class Shield:
    """ASGI middleware around the whole application.

    A page of a foreign name that resolves to this machine (DNS rebinding) is refused by its Host header; `open_paths`
    are asked by machines under whatever name. A request that changes something has to come from a page of our own.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], open_paths: Collection[str], https: bool) -> None:
        self._app = app
        self._hosts = frozenset(map(_plain, hosts)) | LOOPBACK
        self._open_paths = frozenset(open_paths)
        self._extra = dict(HEADERS)
        if https:
            self._extra["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on and complete the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._extra.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = _host(headers.get("host", ""))
        if scope["path"] not in self._open_paths and host not in self._hosts:
            text = "The dashboard is not served under this name. Add it to `dashboard.allowed_hosts` if it should be.\n"
            return PlainTextResponse(text, 421)
        if scope["method"] not in _SAFE and not _own(headers):
            return PlainTextResponse("This request did not come from a page of the dashboard.\n", 403)
        return None


def _own(headers: Headers) -> bool:
    """Whether a browser says that a page of this very origin sends the request; one that says nothing is no browser."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return urlsplit(origin).netloc.casefold() == headers.get("host", "").casefold()
    return site is not None


def _host(header: str) -> str:
    """The name in a Host header, without its port and the brackets of an IPv6 address."""
    try:
        return _plain(urlsplit(f"//{header}").hostname or "")
    except ValueError:
        return ""


def _plain(host: str) -> str:
    """A name in lower case, or an address as it is written shortest; raises ValueError for what is neither."""
    return str(IPv6Address(host)) if ":" in host else host.casefold()
