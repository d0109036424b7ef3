"""The login endpoints: OAuth 2.0 with three grants, token revocation, and the old SOAP login."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from html import escape, unescape
from typing import Any, Protocol
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import Response

from sandbox.salesforce.context import answer
from sandbox.salesforce.options import ConnectedApp
from sandbox.salesforce.sessions import Session
from sandbox.salesforce.state import ORG_ID, SalesforceState

LOGIN_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MAX_AHEAD = timedelta(minutes=3)
_SKEW = timedelta(seconds=30)
_LAST_SOAP_VERSION = 64.0
_TAG = r"<(?:\w+:)?{0}(?:\s[^>]*)?>(.*?)</(?:\w+:)?{0}>"


class OAuthError(Exception):
    """A refused login: the two texts of the OAuth error body."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class Grant(Protocol):
    """One way to log in: returns the id of the user, raises OAuthError."""

    def __call__(self, form: dict[str, str]) -> str: ...


@dataclass(slots=True)
class TokenEndpoint:
    """Answers `POST /services/oauth2/token` for one request."""

    state: SalesforceState
    request: Request

    async def respond(self) -> Response:
        """Return a token or a 400 with `error` and `error_description`."""
        form = dict(parse_qsl((await self.request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        grants: dict[str, Grant] = {
            JWT_BEARER: self._jwt,
            "client_credentials": self._client_credentials,
            "password": self._password,
        }
        grant = grants.get(form.get("grant_type", ""), _unsupported)
        try:
            session = self.state.sessions.issue(grant(form))
        except OAuthError as refused:
            return answer({"error": refused.error, "error_description": refused.description}, 400)
        return answer(self._token(session))

    def _token(self, session: Session) -> dict[str, str]:
        return {
            "access_token": session.token,
            "instance_url": instance_url(self.state, self.request),
            "id": f"https://login.salesforce.com/id/{ORG_ID}/{session.user_id}",
            "token_type": "Bearer",
            "scope": "api",
            "signature": base64.b64encode(session.token.encode()[-24:]).decode(),
            "issued_at": str(int(self.state.now().timestamp() * 1000)),
        }

    def _app(self, consumer_key: str | None) -> ConnectedApp:
        for app in self.state.options.apps:
            if app.consumer_key == consumer_key:
                return app
        raise OAuthError("invalid_client_id", "client identifier invalid")

    def _app_with_secret(self, form: dict[str, str]) -> ConnectedApp:
        key, secret = _basic(self.request) or (form.get("client_id"), form.get("client_secret"))
        app = self._app(key)
        if not hmac.compare_digest((secret or "").encode(), app.consumer_secret.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")
        return app

    def _user(self, username: str) -> str:
        try:
            return self.state.user_id(username)
        except LookupError:
            raise OAuthError("invalid_grant", "authentication failure") from None

    def _client_credentials(self, form: dict[str, str]) -> str:
        if (self.request.url.hostname or "") in LOGIN_HOSTS:
            raise OAuthError("invalid_grant", "request not supported on this domain")
        app = self._app_with_secret(form)
        if app.run_as is None:
            raise OAuthError("invalid_grant", "no client credentials user enabled")
        return self._user(app.run_as)

    def _password(self, form: dict[str, str]) -> str:
        self._app_with_secret(form)
        return password_user(self.state, form.get("username", ""), form.get("password", ""))

    def _jwt(self, form: dict[str, str]) -> str:
        assertion = form.get("assertion", "")
        claims = self._unverified(assertion)
        app = self._app(str(claims.get("iss")))
        if app.public_key_pem is None or not _signed(assertion, app.public_key_pem):
            raise OAuthError("invalid_grant", "invalid assertion")
        if str(claims.get("aud", "")).rstrip("/") not in self._audiences():
            raise OAuthError("invalid_grant", "audience is invalid")
        self._check_expiry(claims.get("exp"))
        username = str(claims.get("sub", ""))
        if username.lower() not in {name.lower() for name in app.approved}:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        return self._user(username)

    def _unverified(self, assertion: str) -> dict[str, Any]:
        try:
            return jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise OAuthError("invalid_grant", "invalid assertion") from None

    def _audiences(self) -> set[str]:
        own = f"{self.request.url.scheme}://{self.request.url.netloc}"
        return {*(f"https://{host}" for host in LOGIN_HOSTS), own, instance_url(self.state, self.request)}

    def _check_expiry(self, raw: object) -> None:
        """Accept an `exp` that is at most three minutes ahead; clients send it as a number or as text."""
        try:
            left = timedelta(seconds=float(str(raw)) - self.state.now().timestamp())
        except (ValueError, OverflowError):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if left < -_SKEW:
            raise OAuthError("invalid_grant", "expired authorization code")
        if left > _MAX_AHEAD + _SKEW:
            raise OAuthError("invalid_grant", "assertion expires too far in the future")


def _unsupported(form: dict[str, str]) -> str:
    raise OAuthError("unsupported_grant_type", f"grant type not supported: {form.get('grant_type', '')}")


def instance_url(state: SalesforceState, request: Request) -> str:
    """Return where data calls go: the forced address, or the one this request came to."""
    return state.options.instance_url or f"{request.url.scheme}://{request.url.netloc}"


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return key, secret


def _signed(assertion: str, public_key_pem: str) -> bool:
    """Check the RS256 signature alone; the claims are judged by the org's own clock and rules."""
    skip = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
    try:
        jwt.decode(assertion, public_key_pem, algorithms=["RS256"], options=skip)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return False
    return True


def password_user(state: SalesforceState, username: str, secret: str) -> str:
    """Return the user id behind a password with the security token appended; raises OAuthError."""
    for login in state.options.logins:
        expected = f"{login.password}{login.security_token}".encode()
        if login.username.lower() == username.lower() and hmac.compare_digest(secret.encode(), expected):
            return state.user_id(login.username)
    raise OAuthError("invalid_grant", "authentication failure")


async def soap_login(state: SalesforceState, request: Request) -> Response:
    """Answer the SOAP `login()` call, which ends with API version 64.0."""
    body = (await request.body()).decode("utf-8", "replace")
    version = str(request.path_params["version"])
    if not re.fullmatch(r"\d+\.\d", version) or float(version) > _LAST_SOAP_VERSION:
        message = f"login() is not available in API version {version}; use OAuth"
        return _soap_fault("UNSUPPORTED_API_VERSION", message)
    try:
        user_id = password_user(state, _tag(body, "username"), _tag(body, "password"))
    except OAuthError:
        message = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
        return _soap_fault("INVALID_LOGIN", message)
    session = state.sessions.issue(user_id)
    server = f"{instance_url(state, request)}/services/Soap/u/{version}/{ORG_ID}"
    seconds = int(state.options.token_ttl.total_seconds())
    inner = (
        f"<loginResponse><result><metadataServerUrl>{escape(server)}</metadataServerUrl>"
        f"<passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>{escape(server)}</serverUrl>"
        f"<sessionId>{escape(session.token)}</sessionId><userId>{user_id}</userId><userInfo>"
        f"<organizationId>{ORG_ID}</organizationId><orgHasPersonAccounts>false</orgHasPersonAccounts>"
        f"<organizationMultiCurrency>{str(state.org.multi_currency).lower()}</organizationMultiCurrency>"
        f"<sessionSecondsValid>{seconds}</sessionSecondsValid><userId>{user_id}</userId>"
        "<userTimeZone>Europe/Copenhagen</userTimeZone></userInfo></result></loginResponse>"
    )
    return _soap(200, inner)


def _tag(body: str, name: str) -> str:
    found = re.search(_TAG.format(name), body, re.DOTALL)
    return unescape(found[1].strip()) if found else ""


def _soap_fault(code: str, message: str) -> Response:
    inner = (
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{escape(message)}</faultstring><detail>"
        f'<sf:LoginFault xmlns:sf="urn:fault.partner.soap.sforce.com"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(message)}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
    )
    return _soap(500, inner)


def _soap(status: int, inner: str) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns="urn:partner.soap.sforce.com"><soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>'
    )
    return Response(text, status, media_type="text/xml;charset=UTF-8")
