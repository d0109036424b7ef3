"""Ends an exchange whose response headers never come to an end.

A read timeout starts anew with every byte, and headers are read before anybody can look at the clock. So a timer
shuts the socket when the total time is over; bodies are read in small steps and need no timer.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Timer
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse


def _guarded(base: type[Any], total: float) -> type[Any]:
    class Guarded(base):  # type: ignore[misc]
        def getresponse(self) -> BaseHTTPResponse:
            timer = Timer(total, self._shut)
            timer.daemon = True
            timer.start()
            try:
                answer: BaseHTTPResponse = super().getresponse()
            finally:
                timer.cancel()
            return answer

        def _shut(self) -> None:
            with suppress(OSError, AttributeError):  # closed meanwhile: nothing left to end
                self.sock.shutdown(socket.SHUT_RDWR)

    return Guarded


def guard(manager: PoolManager, total: float) -> None:
    """Let every connection that `manager` opens from now on give up its headers after `total` seconds."""
    plain = type("GuardedPool", (HTTPConnectionPool,), {"ConnectionCls": _guarded(HTTPConnection, total)})
    secure = type("GuardedTLSPool", (HTTPSConnectionPool,), {"ConnectionCls": _guarded(HTTPSConnection, total)})
    manager.pool_classes_by_scheme = {"http": plain, "https": secure}
