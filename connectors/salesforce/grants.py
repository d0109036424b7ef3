"""The open session of a connection, shared by all its threads, and the one login that replaces it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from connectors.errors import ConfigError, ConnectorError, CredentialsError
from connectors.salesforce.answers import SessionExpired
from connectors.salesforce.auth import Grant
from connectors.salesforce.settings import SalesforceSettings, TokenAuth


class Grants:
    """Hands out the current grant. However many threads need a new one at a time, one of them logs in.

    The others share what came of it. Credentials that were refused are not tried again: a wrong password that every
    thread tries locks the user out.
    """

    def __init__(self, settings: SalesforceSettings, log_in: Callable[[], Grant]) -> None:
        self._renewable = not isinstance(settings.auth, TokenAuth)
        self._log_in = log_in
        self._lock = Lock()
        self._grant: Grant | None = None
        self._logins = 0
        self._refusal: ConnectorError | None = None

    def known(self) -> Grant | None:
        """The current grant, without a login when there is none."""
        return self._grant

    def current(self) -> Grant:
        """The current grant; logs in when there is none, and raises what a login raises."""
        return self._grant or self._other_than(None)

    def renewed(self, used: Grant, expired: SessionExpired) -> Grant:
        """A grant other than `used`, which Salesforce called expired; raises what a login raises."""
        if not self._renewable:
            raise CredentialsError(
                f"The session is over: {expired.message}",
                hint="A raw token cannot be renewed; give a new one, or use the jwt or client_credentials flow.",
            ) from expired
        return self._other_than(used)

    def _other_than(self, used: Grant | None) -> Grant:
        logins = self._logins
        with self._lock:
            if self._grant is not None and self._grant is not used:
                return self._grant
            waited = self._logins != logins  # for the login of another thread
            if self._refusal is not None and (waited or isinstance(self._refusal, CredentialsError | ConfigError)):
                raise self._refusal
            self._logins += 1
            try:
                self._grant = self._log_in()
            except ConnectorError as refusal:
                self._refusal = refusal
                raise
            self._refusal = None
            return self._grant
