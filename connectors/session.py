"""The `requests` sessions of a connection: own routes only, deadlines forced, bodies capped, no redirects."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from connectors.clock import Clock
from connectors.errors import ConfigError
from connectors.http import Deadline, Timeouts, classify_failure, lower_headers, read_answer
from connectors.watchdog import guard

LARGEST_BODY = 64 * 2**20
"""Bytes of an answer that is read at once; results of bulk jobs are streamed and have no cap."""

_MOST_CONNECTIONS = 32
"""Kept open to a host: each stream that is pulled at the same time holds one, and each result page read ahead."""

Observer = Callable[[Mapping[str, str], datetime], None]
"""Is told every answer's headers (lower-case names) and when its request was sent."""


class RoutedAdapter(HTTPAdapter):
    """Sends to the origins it was given and nowhere else.

    Every address is built as `https://HOST/…`, as simple-salesforce does it; `routes` says which origin a host stands
    for. So a configured address is used as it is, a sandbox on loopback may speak plain http, and a token can never
    reach an origin that was not checked. Thread-safe, as urllib3's pools are.
    """

    def __init__(self, clock: Clock, timeouts: Timeouts, observe: Observer) -> None:
        self._clock = clock
        self._timeouts = timeouts
        super().__init__(max_retries=0, pool_maxsize=_MOST_CONNECTIONS)
        self._observe = observe
        self._routes: dict[str, str] = {}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Open connections that give up endless headers as well; bodies have their own deadline."""
        super().init_poolmanager(*args, **kwargs)
        guard(self.poolmanager, self._timeouts.total)

    def route(self, host: str, origin: str) -> None:
        """Let requests to `https://host` go to `origin`."""
        self._routes[host] = origin

    def send(  # type: ignore[override]  # requests.Session passes everything but the request by name
        self, request: requests.PreparedRequest, **kwargs: Any
    ) -> requests.Response:
        """Send along a route; unless streaming, read the whole body under the total deadline.

        Raises the connector errors of `connectors.http` instead of those of requests and urllib3.
        """
        request.url = self._routed(request.url or "")
        stream = bool(kwargs.pop("stream", False))
        kwargs["timeout"] = (self._timeouts.connect, self._timeouts.read)
        deadline = Deadline(self._clock, self._timeouts.total)
        sent_at = self._clock.now()
        try:
            response = super().send(request, stream=True, **kwargs)
        except (requests.RequestException, OSError) as error:
            raise classify_failure(error) from error
        self._observe(lower_headers(response.headers), sent_at)
        if not stream:
            self._read(response, deadline)
        return response

    def _read(self, response: requests.Response, deadline: Deadline) -> None:
        try:
            answer = read_answer(
                response.status_code,
                response.headers,
                response.raw,
                deadline=deadline,
                cap=LARGEST_BODY,
            )
        except Exception:
            response.close()  # what is left of a broken exchange must not go back to the pool
            raise
        response.raw.release_conn()
        response.raw = io.BytesIO(answer.body)

    def _routed(self, url: str) -> str:
        parts = urlsplit(url)
        origin = self._routes.get(parts.netloc)
        if parts.scheme != "https" or origin is None:
            raise ConfigError(f"A request to {parts.netloc or url!r} was stopped: that host was not checked.")
        target = urlsplit(origin)
        return urlunsplit((target.scheme, target.netloc, parts.path, parts.query, ""))


class _UnledSession(requests.Session):
    """A session that no answer can send elsewhere."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class Sessions:
    """A session for each thread, all over one adapter: requests does not promise that a session can be shared."""

    def __init__(
        self, adapter: RoutedAdapter, *, ca_file: Path | None, proxy: str | None, trust_env: bool = False
    ) -> None:
        self._adapter = adapter
        self._ca_file = ca_file
        self._proxy = proxy
        self._trust_env = trust_env
        self._threads = local()

    def mine(self) -> requests.Session:
        """The session of the thread that asks."""
        found: requests.Session | None = getattr(self._threads, "session", None)
        if found is None:
            found = self._threads.session = self._open()
        return found

    def close(self) -> None:
        """Give the connections of all threads back."""
        self._adapter.close()

    def _open(self) -> requests.Session:
        """A session that knows no other way out than the adapter, and keeps nothing of an answer."""
        session = _UnledSession()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        session.trust_env = self._trust_env
        session.verify = str(self._ca_file) if self._ca_file else True
        if self._proxy:
            session.proxies = {"http": self._proxy, "https": self._proxy}
        session.adapters.clear()
        session.mount("https://", self._adapter)
        return session
