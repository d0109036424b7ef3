"""Logging in: simple-salesforce does the OAuth flows, this module feeds it and explains what comes back."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests

from connectors.errors import BadAnswer, ConfigError, ConnectorError, CredentialsError, RetryLater
from connectors.origin import check_origin, is_loopback
from connectors.redact import Redactor
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.settings import (
    VENDOR_HOSTS,
    ClientCredentialsAuth,
    JwtAuth,
    PasswordAuth,
    SalesforceSettings,
    TokenAuth,
)

LOGIN_HOST = "login-endpoint.salesforce.com"
"""Stand-in for the configured login address: simple-salesforce can only log in at `https://X.salesforce.com`."""

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token and the origin (`https://acme.my.salesforce.com`) it is for.

    `organisation` and `user` are ids, as far as the login told them.
    """

    token: str = field(repr=False)
    origin: str
    organisation: str | None = None
    user: str | None = None

    @property
    def host(self) -> str:
        """Host and port of the origin."""
        return urlsplit(self.origin).netloc


_CURES: tuple[tuple[str, str], ...] = (
    (
        "hasn't approved this consumer",
        "In the app's policy pre-authorise admin approved users, and give the user's profile access to the app.",
    ),
    ("audience", "Set auth.audience to test for a sandbox org and to login for a production org."),
    (
        "expired authorization code",
        "The clock of this machine differs from Salesforce's by more than three minutes; synchronise it.",
    ),
    ("expired access/refresh token", "Approve the app for this user again."),
    (
        "authentication failure",
        "Check user name, password and security token; newer orgs block this flow: use jwt or client_credentials.",
    ),
    ("user is locked", "Unlock the integration user in Setup, then try again."),
    ("inactive user", "Activate the integration user in Setup."),
    (
        "request not supported on this domain",
        "Set login_url to the org's own My Domain, for instance https://acme.my.salesforce.com.",
    ),
    ("no client credentials user enabled", "In the app's client credentials settings choose a Run As user."),
    ("no valid scopes defined", "Select the OAuth scope 'Manage user data via APIs (api)' in the app."),
    ("invalid_client_id", "Check auth.consumer_key; a new app takes up to ten minutes to be known."),
    ("invalid_client", "Check auth.consumer_key and auth.consumer_secret."),
    ("client identifier invalid", "Check auth.consumer_key; a new app takes up to ten minutes to be known."),
    ("invalid assertion", "The key in auth.private_key_file does not belong to the certificate of the app."),
    ("invalid_app_access", "Give the user access to the app in its policies."),
)
_NO_CURE = "Check the auth settings of the connection, and the login history of the user in Setup."


def log_in(settings: SalesforceSettings, session: requests.Session, redact: Redactor) -> Grant:
    """Open a session with the configured flow and check where it leads.

    Raises `CredentialsError` with what to do, `ConfigError` (unreadable key, foreign instance), `RetryLater` with
    `sent=False`: whatever was to be done with the session was not done.
    """
    auth = settings.auth
    if isinstance(auth, TokenAuth):
        token = auth.access_token.get_secret_value()
        redact.add(token)
        return Grant(token, _lower_host(auth.instance_url.strip().rstrip("/")), _organisation(token, ""))
    overheard = _Overheard(session)
    try:
        token, host = _exchange(auth, settings, overheard)
    except ConnectorError as error:
        error.sent = False
        if isinstance(error, RetryLater):
            error.message = f"Logging in to Salesforce failed: {error.message}"
        error.message = redact(error.message)
        error.args = (error.message,)
        raise
    redact.add(token)
    identity = overheard.identity()
    user = identity.rpartition("/")[2]
    return Grant(token, _instance(host, settings), _organisation(token, identity), to18(user) if is_id(user) else None)


class _Overheard:
    """A session that keeps the login's answer, of which simple-salesforce passes on the token and the host only."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._answer: requests.Response | None = None

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Post as the session does."""
        self._answer = self._session.post(*args, **kwargs)
        return self._answer

    def identity(self) -> str:
        """The address in `id`, which ends with the ids of organisation and user; empty without one."""
        answer = self._answer.json() if self._answer is not None else None
        return str(answer.get("id") or "") if isinstance(answer, dict) else ""


def _organisation(token: str, identity: str) -> str | None:
    """Organisation id from the identity address (`…/id/00D…/005…`), or from the token that begins with it."""
    for candidate in (identity.rstrip("/").split("/")[-2:-1] or [""])[0], token.partition("!")[0]:
        if candidate.startswith("00D") and is_id(candidate):
            return to18(candidate)
    return None


def _exchange(
    auth: JwtAuth | ClientCredentialsAuth | PasswordAuth, settings: SalesforceSettings, session: _Overheard
) -> tuple[str, str]:
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed
    from simple_salesforce.login import SalesforceLogin

    arguments = _arguments(auth, settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its advice on unapproved apps comes back as an exception anyway
            token, host = SalesforceLogin(session=cast(requests.Session, session), **arguments)
    except SalesforceAuthenticationFailed as error:
        raise _explain(error.code, error.auth_message) from None
    except requests.RequestException as error:
        raise BadAnswer(
            f"The login address did not answer like Salesforce ({type(error).__name__}).",
            hint="Check login_url and any proxy.",
        ) from error
    except AttributeError:
        # simple-salesforce takes instance_url for granted.
        raise BadAnswer(
            "The login was answered without an instance_url.", hint="Check login_url and any proxy."
        ) from None
    if not isinstance(token, str) or not token:
        raise BadAnswer("The login was answered without an access token.", hint="Check login_url and any proxy.")
    return token, str(host)


def _arguments(auth: JwtAuth | ClientCredentialsAuth | PasswordAuth, settings: SalesforceSettings) -> dict[str, Any]:
    login_name = LOGIN_HOST.removesuffix(".salesforce.com")
    arguments: dict[str, Any] = {"consumer_key": auth.consumer_key.get_secret_value()}
    if isinstance(auth, JwtAuth):
        # Here simple-salesforce calls the audience `domain` and the host to talk to `instance_url`.
        arguments |= {
            "username": auth.username,
            "privatekey": _private_key(auth),
            "domain": auth.audience or _audience(settings.login_url),
            "instance_url": login_name,
        }
        return arguments
    arguments |= {"consumer_secret": auth.consumer_secret.get_secret_value(), "domain": login_name}
    if isinstance(auth, PasswordAuth):
        # The security token is part of the password: passed by itself it would choose the SOAP login.
        security_token = auth.security_token.get_secret_value() if auth.security_token else ""
        arguments |= {"username": auth.username, "password": auth.password.get_secret_value() + security_token}
    return arguments


def _audience(login_url: str) -> str:
    host = urlsplit(login_url).hostname or ""
    return "test" if host.startswith("test.") or ".sandbox." in host else "login"


def _private_key(auth: JwtAuth) -> RSAPrivateKey:
    """The key itself, not its text: reading a key proves its primes, which takes longer than a request."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if auth.private_key is not None:
        source, text = "auth.private_key", auth.private_key.get_secret_value()
    else:
        source = f"auth.private_key_file ({auth.private_key_file})"
        try:
            text = auth.private_key_file.read_text(encoding="ascii") if auth.private_key_file else ""
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a PEM text file"
            raise ConfigError(
                f"{source} cannot be read: {reason}.",
                hint="Give the path of the PEM private key, readable by this user.",
            ) from error
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{source} is not an unencrypted PEM private key.", hint="Make one with: openssl genrsa -out key.pem 2048"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"{source} is not an RSA key.", hint="Salesforce takes RS256 only.")
    return key


def _explain(code: object, description: str) -> ConnectorError:
    if isinstance(code, int):  # the answer was no JSON, so simple-salesforce reports its HTTP status
        if code >= 500 or code == 429:
            return RetryLater(f"The login address answered with HTTP {code}.", sent=False)
        return BadAnswer(
            f"The login address answered with HTTP {code} and no JSON.", hint="Check login_url and any proxy."
        )
    said = f"{code}: {description}" if description else str(code)
    lowered = said.lower()
    cure = next((cure for mark, cure in _CURES if mark in lowered), _NO_CURE)
    return CredentialsError(f"Salesforce refused the login ({said}).", hint=cure)


def _instance(host: str, settings: SalesforceSettings) -> str:
    """The origin for data calls; the host comes out of an answer, so it is checked before a token goes there."""
    name = urlsplit(f"//{host}").hostname or ""
    if is_loopback(name) != settings.is_local:
        raise ConfigError(
            f"The login answered with the instance {host!r}, which does not belong to login_url.",
            hint="A server on this machine must answer with an instance_url on this machine, and no other may.",
        )
    scheme = urlsplit(settings.login_url).scheme
    key = "instance_url of the login's answer"
    origin = check_origin(f"{scheme}://{host}", vendor_hosts=VENDOR_HOSTS, allow_hosts=settings.allow_hosts, key=key)
    return _lower_host(origin)


def _lower_host(origin: str) -> str:
    """`scheme://host[:port]` in lower case, without a path: requests writes hosts so, and routes are found by them."""
    parts = urlsplit(origin)
    return f"{parts.scheme}://{parts.netloc.lower()}"
