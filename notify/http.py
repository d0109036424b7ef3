"""One request to a receiver: deadlines, no redirects, a capped answer, and no secret in what it says about failures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3
from pydantic import SecretStr
from urllib3.util import Timeout

from connectors.clock import Clock
from connectors.errors import ConnectorError
from connectors.http import Answer, Deadline, classify_failure, lower_headers, read_answer, retry_after
from connectors.watchdog import guard
from mapping.notification_life import Later, Lost, Outcome, Refused
from notify.tls import context

CONNECT, READ, TOTAL = 3.0, 8.0, 10.0
"""Seconds to connect, between two reads, and for a whole message."""
LARGEST = 64 * 1024
"""Bytes of an answer that are read: it says whether the message arrived, and nothing else is wanted of it."""
LONGEST_WAIT = 86_400.0
_TEMPORARY = frozenset({408, 425, 429})
_MISDIRECTED = frozenset({401, 403, 404, 405, 407, 410})
"""The address or the key is wrong, which a person can put right: the message is not at fault."""


class Web:
    """Where requests go out: one pool, TLS verified, redirects off."""

    def __init__(self, clock: Clock, *, proxy: SecretStr | None = None, ca_file: Path | None = None) -> None:
        self._clock, self._proxy, self._ca_file = clock, proxy, ca_file
        self._pools: dict[bool, urllib3.PoolManager] = {}

    def _pool(self, url: str) -> urllib3.PoolManager:
        """What connects; certificates, which take a while to read, are read when something is to be verified."""
        secure = url.startswith("https:")
        if secure not in self._pools:
            options: dict[str, Any] = {"retries": False, "maxsize": 2}
            options |= {"ssl_context": context(self._ca_file)} if secure else {}
            proxy = self._proxy
            made = (
                urllib3.PoolManager(**options)
                if proxy is None
                else urllib3.ProxyManager(proxy.get_secret_value(), **options)
            )
            guard(made, TOTAL)
            self._pools[secure] = made
        return self._pools[secure]

    def send(
        self, method: str, url: SecretStr, headers: Mapping[str, str], body: bytes | None, deadline: Deadline
    ) -> Answer | Outcome:
        """The answer to one request, or what its absence means; nothing is raised and nothing names the address."""
        left = deadline.left()
        if left <= 0:
            return Later("there was no time left to send it")
        timeout = Timeout(connect=min(CONNECT, left), read=min(READ, left))
        try:
            pool = self._pool(url.get_secret_value())
        except OSError as error:
            return Later(f"the certificates cannot be read: {error.strerror or error}")
        try:
            response = pool.request(
                method,
                url.get_secret_value(),
                body=body,
                headers={"User-Agent": "keepwell", **headers},
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return _failed(classify_failure(error))
        try:
            return read_answer(response.status, response.headers, response, deadline=deadline, cap=LARGEST)
        except ConnectorError:  # the status is there; a body that does not end, or is too large, is as good as none
            return Answer(response.status, lower_headers(response.headers), b"", proven=False)
        finally:
            response.close()

    def within(self, seconds: float) -> Deadline:
        """A deadline so many seconds from now."""
        return Deadline(self._clock, seconds)

    def judge(self, answer: Answer) -> Outcome:
        """What a status other than 2xx means."""
        said = f"answered {answer.status}"
        if 300 <= answer.status < 400:
            return Later(f"{said}, a redirect, which is not followed; enter the address that it leads to")
        if answer.status in _MISDIRECTED:
            return Later(f"{said}: the address or its key is wrong, or switched off")
        if answer.status >= 500 or answer.status in _TEMPORARY:
            return Later(said, retry_after(answer.headers, self._clock, cap=LONGEST_WAIT))
        return Refused(said)


def _failed(error: ConnectorError) -> Outcome:
    reason = error.message[:1].lower() + error.message[1:].rstrip(".")
    return Lost(reason) if error.sent else Later(reason)
