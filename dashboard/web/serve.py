"""Runs the dashboard's server until somebody interrupts it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

from config.dashboard import Dashboard
from dashboard.web.shield import LOOPBACK

SHUTDOWN_SECONDS = 5


class ServeError(Exception):
    """The dashboard cannot be served like that; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def check_exposure(settings: Dashboard, host: str) -> None:
    """Raise ServeError where people could look who nobody knows.

    Another name than this machine's own says that something in front of it hands requests on.
    """
    if settings.authenticates:
        return
    hint = (
        "Add people with `keepwell config hash-password` under `dashboard.users`, name a proxy that knows them under "
        "`dashboard.proxy`, or serve on 127.0.0.1."
    )
    if not is_loopback(host):
        raise ServeError(f"{host} can be reached from other machines, and nobody would have to log in.", hint)
    if foreign := [name for name in settings.allowed_hosts if name.casefold() not in LOOPBACK]:
        raise ServeError(f"People reach the dashboard as {foreign[0]}, and nobody would have to log in.", hint)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.casefold() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises ServeError when it cannot."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        hint = "Choose another one with --host and --port; --port 0 takes one that is free."
        raise ServeError(f"{host}:{port} cannot be served on: {error.strerror or error}.", hint) from None
    return listening


def run(app: ASGIApp, listening: socket.socket, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is told the address first."""
    host, port = listening.getsockname()[:2]
    announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # who is behind a proxy is told by headers that only a trusted one may send (access.py)
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=30,
    )
    uvicorn.Server(config).run(sockets=[listening])
