"""Where the bearer token comes from: given, read from a file, or refreshed through OAuth."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Protocol, TextIO

from connectors.clock import Clock
from connectors.errors import ConfigError, CredentialsError, RetryLater
from connectors.http import parse_json
from connectors.hubspot.answers import read_envelope
from connectors.hubspot.paths import Paths
from connectors.hubspot.settings import HubSpotSettings, OAuthSettings
from connectors.hubspot.transport import Request, Transport
from connectors.hubspot.turns import turn
from connectors.redact import Redactor
from connectors.tokens import checked_token, fits_a_header, read_secret_file, secret_or_file

_EARLY = 300.0  # seconds before its end at which a token is renewed: HubSpot does not want a 401 for it
_REVOKED = ("BAD_REFRESH_TOKEN", "invalid_grant", "BAD_HUB", "access_denied")


class TokenSource(Protocol):
    """Gives the token for the next request."""

    def current(self) -> str:
        """A token that should be valid now."""
        ...

    def renew(self, rejected: str) -> bool:
        """After a 401 for `rejected`: whether `current` now gives another one."""
        ...

    def unsaved(self) -> bool:
        """Whether this process holds a secret that replaces the configured one and would be lost with it."""
        ...

    def question(self, paths: Paths) -> Request:
        """The request that asks HubSpot which app the token belongs to; its body carries the token."""
        ...


class StaticToken:
    """A token from the configuration; nothing can be done when it is refused."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def renew(self, rejected: str) -> bool:
        return rejected != self._token

    def unsaved(self) -> bool:
        return False

    def question(self, paths: Paths) -> Request:
        return _about_private(paths, self._token)


class FileToken:
    """A token in a file, read again after a 401 so that a rotated secret is picked up without a restart."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._redactor = redactor
        self._lock = Lock()
        self._token = self._read()

    def current(self) -> str:
        return self._token

    def renew(self, rejected: str) -> bool:
        with self._lock:
            self._token = self._read()
            return self._token != rejected

    def unsaved(self) -> bool:
        return False

    def question(self, paths: Paths) -> Request:
        return _about_private(paths, self._token)

    def _read(self) -> str:
        token = read_secret_file(self._path, "access_token_file")
        self._redactor.add(token)
        return checked_token(token, f"access_token_file {self._path}")


class OAuthToken:
    """A short-lived token from a refresh grant: renewed early, by one thread and one process at a time."""

    def __init__(
        self,
        settings: OAuthSettings,
        paths: Paths,
        transport: Transport,
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        redactor: Redactor,
    ) -> None:
        self._path = paths.token()
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._redactor = redactor
        self._client_id = settings.client_id
        self._client_secret = secret_or_file(settings.client_secret, settings.client_secret_file, "client_secret_file")
        self._stored_in = settings.refresh_token_file
        self._refresh_token = secret_or_file(settings.refresh_token, settings.refresh_token_file, "refresh_token_file")
        for secret in (self._client_secret, self._refresh_token):
            redactor.add(secret)
        self._lock = Lock()
        self._rotated = False
        self._token = ""
        self._ends = float("-inf")

    def current(self) -> str:
        with self._lock:
            if self._clock.monotonic() >= self._ends:
                self._refresh()
            return self._token

    def renew(self, rejected: str) -> bool:
        with self._lock:
            if self._token == rejected:  # else another thread was faster
                self._refresh()
            return self._token != rejected

    def unsaved(self) -> bool:
        return self._rotated and self._stored_in is None

    def question(self, paths: Paths) -> Request:
        secrets = (("client_id", self._client_id), ("client_secret", self._client_secret), ("token", self.current()))
        return Request("POST", paths.token_introspection(), form=(*secrets, ("token_type_hint", "access_token")))

    def _refresh(self) -> None:
        """Renew the token; processes that share a `refresh_token_file` take turns, as a rotation kills the old one.

        Whoever comes second finds the new refresh token in the file, because it is stored before the turn ends.
        """
        if self._stored_in is None:
            self._renew_token()
            return
        with turn(self._stored_in, self._sleep) as mine:
            self._refresh_token = read_secret_file(self._stored_in, "refresh_token_file")
            self._redactor.add(self._refresh_token)
            cut_short = mine.cut_short
            mine.begin()
            try:
                self._renew_token()
            except CredentialsError as error:
                if not cut_short:
                    mine.done()
                else:
                    error.message += (
                        f" An earlier process ended, or lost HubSpot's answer, while it renewed the token in "
                        f"{self._stored_in}: HubSpot may have replaced it then, and the new one was never stored."
                    )
                raise
            mine.done()

    def _renew_token(self) -> None:
        form = (
            ("grant_type", "refresh_token"),
            ("client_id", self._client_id),
            ("client_secret", self._client_secret),
            ("refresh_token", self._refresh_token),
        )
        request = Request("POST", self._path, form=form)
        answer = self._transport.send(request, None)
        if answer.status == 429 or answer.status >= 500:
            raise RetryLater(f"HubSpot cannot renew the access token now (status {answer.status}).", sent=False)
        if not 200 <= answer.status < 300:
            envelope = read_envelope(answer)
            raise _refusal(envelope.text if envelope else f"status {answer.status}")
        body = parse_json(answer, request.what)
        token, lifetime = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not fits_a_header(token) or not isinstance(lifetime, (int, float)):
            raise CredentialsError("HubSpot's token answer has no access_token or no expires_in.")
        self._redactor.add(token)
        rotated = body.get("refresh_token")
        if isinstance(rotated, str) and rotated and rotated != self._refresh_token:
            self._keep(rotated)
        self._token = token
        self._ends = self._clock.monotonic() + max(lifetime - _EARLY, lifetime / 2)

    def _keep(self, rotated: str) -> None:
        """Store a rotated refresh token before it is used: a crash must not leave us with a dead one."""
        self._redactor.add(rotated)
        if self._stored_in is not None:
            write_secret_file(self._stored_in, rotated)
        self._refresh_token, self._rotated = rotated, True


def _about_private(paths: Paths, token: str) -> Request:
    return Request("POST", paths.private_token(), body={"tokenKey": token})


def _refusal(text: str) -> CredentialsError:
    if any(word.lower() in text.lower() for word in _REVOKED):
        return CredentialsError(
            "HubSpot does not accept the refresh token any more: the app was removed or its access revoked.",
            hint="Install the app again and put the new refresh token into the configuration.",
        )
    return CredentialsError(
        "HubSpot refused to renew the access token.", hint="Check client_id and client_secret of the connection."
    )


def write_secret_file(path: Path, secret: str) -> None:
    """Replace a secret file as a whole, readable by its owner only; raises `ConfigError`.

    A file that is mounted by itself, as containers do, can only be written over in place.
    """
    try:
        _replace(path, secret)
    except OSError:
        try:
            with path.open("r+", encoding="utf-8") as file:
                _write(file, secret)
        except OSError as error:
            raise ConfigError(
                f"The rotated refresh token cannot be stored in {path} ({error}).",
                hint="Make the file writable and install the app again: the old refresh token may be spent.",
            ) from error


def _replace(path: Path, secret: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            _write(file, secret)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write(file: TextIO, secret: str) -> None:
    file.write(secret)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


def token_source(
    settings: HubSpotSettings,
    paths: Paths,
    transport: Transport,
    *,
    clock: Clock,
    sleep: Callable[[float], None],
    redactor: Redactor,
) -> TokenSource:
    """The token source that the settings ask for."""
    if settings.access_token_file is not None:
        return FileToken(settings.access_token_file, redactor)
    if settings.oauth is not None:
        return OAuthToken(settings.oauth, paths, transport, clock=clock, sleep=sleep, redactor=redactor)
    token = secret_or_file(settings.access_token, None, "access_token_file")
    if not token:
        raise ConfigError("The HubSpot access token is empty.", hint="Put a private-app token into access_token.")
    redactor.add(token)
    return StaticToken(checked_token(token, "access_token"))
