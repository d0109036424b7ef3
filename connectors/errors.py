"""Every failure a connector raises, grouped by what the caller does next.

    ConnectorError
    ├── ConfigError          the configuration is wrong: tell the user, exit 2
    │   └── SchemaDrift      a property that was asked for is not there (any more)
    ├── CredentialsError     wrong, expired or insufficient credentials: exit 6
    │   └── MissingScope     the token works but may not do this: that feature stops, the rest goes on
    ├── QuotaExhausted       the daily quota is used up: end the run as deferred, exit 75
    ├── RetryLater           the vendor is not able to answer now; every retry was used up
    │   ├── Unreachable      nothing was sent: DNS, refused connection, TLS
    │   └── NotInTime        nothing was sent: it would have left later than it may
    ├── BadAnswer            the vendor answered with something that is not its API (HTML, truncated JSON, …)
    └── RecordRejected       one record was refused; the others are not concerned

`sent` tells whether bytes of a request may have reached the vendor: a write that fails with `sent=True` is
in doubt, one with `sent=False` surely did not happen.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Root of what a connector raises; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "", sent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sent = sent

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ConfigError(ConnectorError):
    """The configuration does not fit the CRM."""


class SchemaDrift(ConfigError):
    """A property or object that the configuration needs is missing in the CRM."""


class CredentialsError(ConnectorError):
    """The CRM does not accept the credentials."""


class MissingScope(CredentialsError):
    """The credentials are valid but not allowed to do this; `scopes` names what is missing."""

    def __init__(self, message: str, *, scopes: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.scopes = scopes


class QuotaExhausted(ConnectorError):
    """The quota is used up until it resets; `resets_in` is in seconds where it is known."""

    def __init__(self, message: str, *, resets_in: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.resets_in = resets_in


class RetryLater(ConnectorError):
    """The CRM cannot answer now; in-call retries are used up; `wait` is in seconds where it is known."""

    def __init__(self, message: str, *, wait: float | None = None, hint: str = "", sent: bool = True) -> None:
        super().__init__(message, hint=hint, sent=sent)
        self.wait = wait


class Unreachable(RetryLater):
    """Nothing was sent: the name does not resolve, the connection is refused or TLS fails."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, sent=False)


class NotInTime(RetryLater):
    """Nothing was sent: the request would have left later than whoever sends it can answer for."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, sent=False)


class BadAnswer(ConnectorError):
    """The answer is not one of the vendor's API: HTML, truncated or malformed JSON, foreign link, wrong count."""


class RecordRejected(ConnectorError):
    """The CRM refused one record; `field` names the property where the vendor said so."""

    def __init__(self, message: str, *, code: str = "", field: str | None = None) -> None:
        super().__init__(message, sent=True)
        self.code = code
        self.field = field
