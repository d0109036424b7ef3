"""What Salesforce's answers mean, as a table, and the errors that come of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import orjson

from connectors.clock import Clock
from connectors.errors import (
    BadAnswer,
    ConfigError,
    ConnectorError,
    CredentialsError,
    MissingScope,
    QuotaExhausted,
    RetryLater,
)
from connectors.http import Action, Answer, ResponseTable, Rule, retry_after
from connectors.redact import Redactor
from connectors.retry import Throttled

_SESSION_HINT = "Check the user's session policy and the app's OAuth scopes (api)."
_ACCESS_HINT = "Give the integration user 'API Enabled' and access to the objects, for instance by a permission set."
_NO_API_HINT = (
    "Give the integration user 'API Enabled'; when it has that, the organisation's edition has no API: ask Salesforce."
)
_VERSION_HINT = "Set api_version of the connection to a supported one, for instance 62.0."
_QUOTA_HINT = "The quota is a rolling 24 hours; the next scheduled run goes on from here."
_LONG_URL_HINT = "Map fewer fields of this object, or shorten their names."

_LONGEST_WAIT = 120.0  # seconds that an answer may ask us to wait

TABLE = ResponseTable(
    (
        Rule(Action.ACCEPT, ((200, 299),)),
        # Not every 401 is an expired session: a new login does not cure these two, and would be tried for ever.
        Rule(
            Action.FAIL_CREDENTIALS,
            (401,),
            r"not valid for use with the REST API|Connected app is not attached",
            hint=_SESSION_HINT,
        ),
        # A 401 without a word is taken for an expired session: one new login a call is all that it can cost.
        Rule(
            Action.REFRESH_TOKEN,
            (401,),
            r"INVALID_SESSION_ID|InvalidSessionId|session expired|invalid_token|^$",
            hint=_SESSION_HINT,
        ),
        Rule(Action.FAIL_CREDENTIALS, (401,), hint=_SESSION_HINT),
        Rule(Action.WAIT, (403,), r"REQUEST_LIMIT_EXCEEDED.*Concurrent", wait=5.0),
        Rule(Action.STOP_UNTIL_RESET, (403,), r"REQUEST_LIMIT_EXCEEDED", hint=_QUOTA_HINT),
        Rule(
            Action.FAIL_SCOPE,
            (400, 403),
            r"TXN_SECURITY_METERING_ERROR",
            hint="Give the integration user 'Exempt from Transaction Security'.",
        ),
        Rule(Action.FAIL_CREDENTIALS, (403,), r"API_DISABLED_FOR_ORG", hint=_NO_API_HINT),
        Rule(Action.RETRY, (403,), r"API_CURRENTLY_DISABLED", wait=30.0),  # a trouble of theirs, and it passes
        Rule(Action.FAIL_SCOPE, (403,), hint=_ACCESS_HINT),
        Rule(Action.RETRY, (400,), r"QUERY_TIMEOUT|running for too long|REQUEST_RUNNING_TOO_LONG"),
        Rule(
            Action.FAIL_CONFIG,
            (400, 404, 410),
            r"UNSUPPORTED_API_VERSION|InvalidVersion|INVALID_VERSION",
            hint=_VERSION_HINT,
        ),
        Rule(Action.FAIL_CONFIG, (410,), hint=_VERSION_HINT),
        Rule(Action.FAIL_CONFIG, (414, 431), hint=_LONG_URL_HINT),
        Rule(Action.NOT_FOUND, (404,)),
        Rule(Action.WAIT, (429,)),
        Rule(Action.RETRY, (406, 408, 420, (500, 599))),
    )
)


@dataclass(frozen=True, slots=True)
class VendorError:
    """One entry of Salesforce's error array."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class CallRefused(ConnectorError):
    """Salesforce refused a request in its own words, so that it surely was not carried out."""

    def __init__(self, message: str, *, status: int, error: VendorError, hint: str = "") -> None:
        super().__init__(message, hint=hint, sent=False)
        self.status = status
        self.error = error

    @property
    def code(self) -> str:
        """Salesforce's own error code, for instance `INVALID_FIELD`."""
        return self.error.code


STALE_LOCATOR = "INVALID_QUERY_LOCATOR"
"""The pages of a query are kept for two days, and dropped earlier when a user has too many queries open."""


class NotOurs(BadAnswer):
    """An error without one of Salesforce's error texts: a proxy's page, or a resource that the server does not know."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint, sent=True)
        self.status = status


def lacks_resource(error: ConnectorError) -> bool:
    """Whether the server says that it does not have the resource that was asked for, or has it elsewhere."""
    return isinstance(error, (CallRefused, NotOurs)) and error.status in {301, 302, 307, 308, 404, 405, 501}


class QueryTimeout(RetryLater):
    """A query ran for longer than Salesforce lets one; a bulk job may take its time."""


class SessionExpired(CredentialsError):
    """The session is over; one new login may cure it."""


def vendor_error(body: object) -> VendorError | None:
    """The first error of an answer's body in any of the shapes Salesforce uses, or None when it has none."""
    entry = body[0] if isinstance(body, list) and body else body
    if not isinstance(entry, Mapping):
        return None
    for code_key, message_key in _SHAPES:
        if isinstance(entry.get(code_key), str):
            fields = entry.get("fields")
            names = tuple(str(name) for name in fields) if isinstance(fields, list) else ()
            return VendorError(str(entry[code_key]), str(entry.get(message_key) or "").strip(), names)
    return None


_SHAPES = (
    ("errorCode", "message"),  # top level of REST
    ("statusCode", "message"),  # results of a collection
    ("exceptionCode", "exceptionMessage"),  # Bulk
    ("error", "error_description"),  # OAuth
)


def raise_for(answer: Answer, what: str, redact: Redactor, clock: Clock) -> None:
    """Return for an accepted answer, or raise what the answer to `what` (a short description of the call) means."""
    error = _error_of(answer, redact)
    rule = TABLE.judge(answer.status, str(error) if error else "")
    if rule.action is Action.ACCEPT:
        return
    told = f"was refused: {error}" if error else f"was answered with HTTP {answer.status}."
    said = redact(f"Salesforce, {what} {told}")
    asked = retry_after(answer.headers, clock, cap=_LONGEST_WAIT)
    raise _failure(rule, answer.status, error, said, asked if asked is not None else rule.wait)


_PLAIN: Mapping[Action, type[ConnectorError]] = MappingProxyType(
    {
        Action.REFRESH_TOKEN: SessionExpired,
        Action.FAIL_CREDENTIALS: CredentialsError,
        Action.FAIL_SCOPE: MissingScope,
        Action.STOP_UNTIL_RESET: QuotaExhausted,
        Action.FAIL_CONFIG: ConfigError,
    }
)


def _failure(rule: Rule, status: int, error: VendorError | None, said: str, wait: float | None) -> ConnectorError:
    if rule.action is Action.WAIT:
        return Throttled(said, wait=wait)
    if rule.action is Action.RETRY and status == 400:
        return QueryTimeout(said, wait=wait, sent=True)
    if rule.action is Action.RETRY:
        return RetryLater(said, wait=wait, sent=True)
    if rule.action in _PLAIN:
        return _PLAIN[rule.action](said, hint=rule.hint)
    if error is None or 300 <= status < 400:
        return NotOurs(said, status=status, hint="Check login_url and any proxy; redirects are not followed.")
    return CallRefused(said, status=status, error=error, hint=rule.hint)


def _error_of(answer: Answer, redact: Redactor) -> VendorError | None:
    if answer.status < 300:
        return None
    try:
        error = vendor_error(orjson.loads(answer.body))
    except orjson.JSONDecodeError:
        return None  # an HTML page of a proxy or of the edge: the status decides alone
    return replace(error, message=redact(error.message)) if error else None


_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")


def api_usage(header: str | None) -> tuple[int, int] | None:
    """(used, limit) of a `Sforce-Limit-Info` header, whatever else stands in it."""
    found = _USAGE.search(header or "")
    return (int(found[1]), int(found[2])) if found else None
