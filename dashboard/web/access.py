"""Who is looking: anybody on this machine, somebody with a password, or whom a trusted proxy names."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import HTTPConnection

from config.dashboard import Dashboard
from dashboard.web.page import User
from dashboard.web.throttle import Throttle

HERE = User("this machine", "admin")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_ONES_OWN = 64  # bits of an IPv6 address that whoever has it cannot choose
_AT_ONCE = 2  # a check takes 64 MiB
_MOST_ENDED = 10_000


class Access:
    """Knows the users, checks passwords and signs sessions.

    `now` is seconds since 1970, `monotonic` seconds that never go back; both are passed in for tests.
    """

    def __init__(
        self,
        settings: Dashboard,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._now = now
        self._throttle = Throttle(monotonic)
        given = settings.session_secret
        secret = given.get_secret_value() if given is not None else secrets.token_urlsafe(32)
        self._signer = URLSafeSerializer(
            secret, salt="keepwell session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._checking = threading.BoundedSemaphore(_AT_ONCE)
        self._ended: dict[str, float] = {}
        self.cookie = "__Host-keepwell" if settings.https else "keepwell"

    @property
    def open(self) -> bool:
        """Whether nobody has to say who they are."""
        return not self._settings.authenticates

    @property
    def passwords(self) -> bool:
        """Whether there is anybody who could log in with a password."""
        return bool(self._settings.users)

    @property
    def session_seconds(self) -> float:
        """How long a login lasts."""
        return self._settings.session_hours * 3600

    def who(self, request: HTTPConnection) -> User | None:
        """Who is asking; None when that is not known."""
        if self.open:
            return HERE
        return self._by_proxy(request) or self._by_session(request)

    def address(self, request: HTTPConnection) -> str:
        """Where a request comes from; behind the trusted proxy, what that says."""
        peer = request.client.host if request.client is not None else ""
        networks = self._settings.proxy.networks
        if not _inside(peer, networks):
            return peer
        hops = [hop.strip() for value in request.headers.getlist("x-forwarded-for") for hop in value.split(",")]
        return next((hop for hop in reversed(hops) if hop and not _inside(hop, networks)), peer)

    def log_in(self, name: str, password: str, address: str) -> str | float | None:
        """The value of a session's cookie, None for a wrong name or password, or the seconds to wait."""
        guesser = _guesser(address)
        wait = self._throttle.begin(guesser, name)
        if wait > 0:
            return wait
        user = self._settings.users.get(name)
        stored = user.password_hash.get_secret_value() if user is not None else _nobody()
        with self._checking:
            right = _verified(stored, password)
        if user is None or not right:
            return None
        self._throttle.succeeded(guesser, name)
        body = {"user": name, "at": self._now(), "id": secrets.token_urlsafe(12), "key": _fingerprint(stored)}
        return str(self._signer.dumps(body))

    def log_out(self, request: HTTPConnection) -> None:
        """End the session of this request, also for a copy of its cookie."""
        session = self._session(request)
        if session is not None:
            now = self._now()
            self._ended = {key: until for key, until in self._ended.items() if until > now}
            if len(self._ended) < _MOST_ENDED:
                self._ended[session["id"]] = session["at"] + self.session_seconds

    def _by_proxy(self, request: HTTPConnection) -> User | None:
        proxy = self._settings.proxy
        peer = request.client.host if request.client is not None else ""
        if proxy.user_header is None or not _inside(peer, proxy.networks):
            return None
        told = request.headers.getlist(proxy.user_header)
        if len(told) != 1 or not _NAME.fullmatch(told[0]):
            return None
        return User(told[0], "admin" if told[0] in proxy.admins else "viewer")

    def _by_session(self, request: HTTPConnection) -> User | None:
        session = self._session(request)
        if session is None or session["id"] in self._ended:
            return None
        user = self._settings.users.get(session["user"])
        if user is None or session["key"] != _fingerprint(user.password_hash.get_secret_value()):
            return None
        return User(session["user"], user.role)

    def _session(self, request: HTTPConnection) -> dict[str, Any] | None:
        try:
            found = self._signer.loads(request.cookies.get(self.cookie, ""))
        except BadSignature:
            return None
        if not isinstance(found, dict) or found.keys() != {"user", "at", "id", "key"}:
            return None
        return found if 0 <= self._now() - found["at"] < self.session_seconds else None


def hash_password(password: str) -> str:
    """The hash of a password, for `dashboard.users`."""
    return PasswordHasher().hash(password)


@cache
def _nobody() -> str:
    """A hash to check the passwords of unknown names against, which then takes as long as for known ones."""
    return hash_password(secrets.token_urlsafe(16))


def _verified(stored: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _fingerprint(password_hash: str) -> str:
    """Binds a session to the password with which it began: another one ends it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def _inside(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)


def _guesser(address: str) -> str:
    """By what guesses are counted: an address, of IPv6 its network, in which one machine has as many as it likes."""
    found = _parsed(address)
    return str(IPv6Network((found, _ONES_OWN), strict=False)) if isinstance(found, IPv6Address) else address


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """An address; of one that a socket for both kinds shows as IPv6 (`::ffff:10.0.0.7`) the IPv4 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
