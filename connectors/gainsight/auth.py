"""How a request proves who sends it: the tenant's access key, or a token of a machine-to-machine key pair."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Protocol

from connectors.clock import Clock
from connectors.errors import BadAnswer, ConfigError, CredentialsError, RetryLater
from connectors.gainsight.settings import GainsightSettings, OAuthSettings
from connectors.http import Answer, parse_json
from connectors.redact import Redactor
from connectors.tokens import checked_token, fits_a_header, read_secret_file, secret_or_file

TOKEN_PATH = "/v1/users/m2m/oauth/token"  # noqa: S105  (an address)
_EARLY = 300.0  # seconds before its end at which a token is renewed
Ask = Callable[[Mapping[str, str], Mapping[str, str]], Answer]
"""Sends headers and a form to the token address and gives the answer; raises `Throttled` and `QuotaExhausted`."""


class Credentials(Protocol):
    """Gives the header for the next request."""

    def current(self) -> str:
        """A secret that should be valid now."""
        ...

    def header(self, secret: str) -> tuple[str, str]:
        """Name and value of the header that carries `secret`."""
        ...

    def renew(self, rejected: str) -> bool:
        """After a refusal of `rejected`: whether `current` now gives another one."""
        ...


class AccessKey:
    """The tenant's key; one in a file is read again after a refusal, so that a new one needs no restart."""

    def __init__(self, key: str, redactor: Redactor, path: Path | None = None) -> None:
        self._path = path
        self._redactor = redactor
        self._lock = Lock()
        self._key = self._checked(key)

    def current(self) -> str:
        return self._key

    def header(self, secret: str) -> tuple[str, str]:
        return "accesskey", secret

    def renew(self, rejected: str) -> bool:
        with self._lock:
            if self._path is not None:
                self._key = self._checked(read_secret_file(self._path, "access_key_file"))
            return self._key != rejected

    def _checked(self, key: str) -> str:
        self._redactor.add(key)
        return checked_token(key, f"access_key_file {self._path}" if self._path else "access_key")


class ClientCredentials:
    """A token of a day that a key pair buys: bought early, and by one thread however many need it."""

    def __init__(self, settings: OAuthSettings, ask: Ask, *, clock: Clock, redactor: Redactor) -> None:
        self._ask = ask
        self._clock = clock
        self._redactor = redactor
        secret = secret_or_file(settings.client_secret, settings.client_secret_file, "client_secret_file")
        pair = base64.b64encode(f"{settings.client_id}:{secret}".encode()).decode()
        for one in (secret, pair):
            redactor.add(one)
        self._authorization = f"Basic {pair}"
        self._lock = Lock()
        self._token = ""
        self._ends = float("-inf")

    def current(self) -> str:
        with self._lock:
            if self._clock.monotonic() >= self._ends:
                self._buy()
            return self._token

    def header(self, secret: str) -> tuple[str, str]:
        return "Authorization", f"Bearer {secret}"

    def renew(self, rejected: str) -> bool:
        with self._lock:
            if self._token == rejected:  # else another thread was faster
                self._buy()
            return self._token != rejected

    def _buy(self) -> None:
        answer = self._ask({"Authorization": self._authorization}, {"grant_type": "client_credentials"})
        if answer.status >= 500:
            raise RetryLater(f"Gainsight cannot give an access token now (status {answer.status}).", sent=False)
        if not 200 <= answer.status < 300:
            raise CredentialsError(
                f"Gainsight gives no access token for this key pair (status {answer.status}).",
                hint="Check oauth.client_id and oauth.client_secret; a pair that was deleted needs a new one.",
            )
        try:
            body = parse_json(answer, "The token address")
        except BadAnswer as error:
            error.sent = False  # what the token was for was not sent
            raise
        token, lifetime = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not fits_a_header(token) or not isinstance(lifetime, (int, float)):
            raise CredentialsError("Gainsight's token answer has no access_token or no expires_in.")
        self._redactor.add(token)
        self._token = token
        self._ends = self._clock.monotonic() + max(lifetime - _EARLY, lifetime / 2)


def credentials(settings: GainsightSettings, ask: Ask, *, clock: Clock, redactor: Redactor) -> Credentials:
    """The credentials that the settings ask for; raises `ConfigError` for a secret that cannot be read or sent."""
    if settings.oauth is not None:
        return ClientCredentials(settings.oauth, ask, clock=clock, redactor=redactor)
    path = settings.access_key_file
    key = secret_or_file(settings.access_key, path, "access_key_file")
    if not key:
        raise ConfigError("The Gainsight access key is empty.", hint="Put the tenant's REST API key into access_key.")
    return AccessKey(key, redactor, path)
