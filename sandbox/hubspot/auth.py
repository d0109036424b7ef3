"""Bearer tokens, the scopes they carry, and the OAuth refresh grant that makes short-lived ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID
from zlib import crc32

from sandbox.hubspot.clock import Clock, instant
from sandbox.hubspot.errors import ApiError
from sandbox.hubspot.objects import object_type

PRIVATE_TOKEN = "pat-na1-00000000-0000-4000-8000-000000000001"
ALL_SCOPES = frozenset(
    [f"crm.{part}.{kind}.{verb}" for part in ("objects", "schemas") for kind in ("companies", "deals", "contacts")
     for verb in ("read", "write")]
    + ["tickets", "crm.objects.owners.read", "crm.objects.feedback_submissions.read", "oauth"]
)  # fmt: skip
_READ_BY_POST = ("search", "batch/read")
_ENGAGEMENTS = ("meetings", "calls", "emails", "notes", "tasks")
# These have scopes of their own; the sandbox's tokens would carry them wherever they carry the scope of deals.
_PARENT_SCOPES = {"products": "deals", "line_items": "deals", "quotes": "deals"}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token: its name in the journal, its scopes, and when it expires (seconds since 1970)."""

    value: str
    name: str
    scopes: frozenset[str] = ALL_SCOPES
    expires_at: float | None = None

    @property
    def app_id(self) -> int:
        """Return the number of the app that the token belongs to; tokens of one name are of one app."""
        return 1_000_000 + crc32(self.name.encode()) % 9_000_000

    @property
    def oauth(self) -> bool:
        """Say whether this is an OAuth access token, which has no daily headers."""
        return self.expires_at is not None


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The OAuth app that may refresh its tokens."""

    client_id: str = "00000000-0000-4000-8000-00000000c11e"
    client_secret: str = "00000000-0000-4000-8000-0000005ec2e7"
    refresh_token: str = "na1-0000-refresh-0001"
    lifetime: int = 1800
    rotates: bool = False  # each refresh gives a new refresh token, and the one before it is dead


class Gatekeeper:
    """Knows every token of the portal."""

    def __init__(self, clock: Clock, tokens: tuple[Token, ...], app: OAuthApp, portal_id: int) -> None:
        self._clock, self._app, self.portal_id = clock, app, portal_id
        self._tokens = {token.value: token for token in tokens}
        self.refresh_token: str | None = app.refresh_token  # None once it is revoked
        self._issued = 0

    def identify(self, authorization: str | None) -> Token:
        """Return the token of an Authorization header, or raise the 401."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise _unauthenticated("INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports "
                                   "OAuth 2.0 authentication and you can find more details at "
                                   "https://developers.hubspot.com/docs/methods/auth/oauth-overview")  # fmt: skip
        token = self._tokens.get(value.strip())
        if token is None:
            raise expired(0, self._clock())
        if token.expires_at is not None and token.expires_at <= self._clock():
            raise expired(token.expires_at, self._clock())
        return token

    def refresh(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a refresh grant with a new access token, or raise the 400 that says whose fault it is."""
        app = self._app
        if form.get("grant_type") != "refresh_token":
            raise _refused("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")
        if form.get("client_id") != app.client_id:
            raise _refused("invalid_client", "BAD_CLIENT_ID", "missing or invalid client id")
        if form.get("client_secret") != app.client_secret:
            raise _refused("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")
        if self.refresh_token is None or form.get("refresh_token") != self.refresh_token:
            raise _refused("invalid_grant", "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        self._issued += 1
        value = f"CKeepwellSandbox-{UUID(int=self._issued)}"
        self._tokens[value] = Token(value, "oauth", ALL_SCOPES, self._clock() + app.lifetime)
        if app.rotates:
            self.refresh_token = f"{app.refresh_token}-{self._issued}"
        return {"token_type": "bearer", "access_token": value, "refresh_token": self.refresh_token,
                "expires_in": app.lifetime, "hub_id": self.portal_id, "scopes": sorted(ALL_SCOPES)}  # fmt: skip

    def describe(self, value: object) -> dict[str, Any]:
        """Answer which app a private app's token belongs to; an unknown token is answered as an unauthorised one."""
        token = self._tokens.get(str(value))
        if token is None or token.oauth:
            raise expired(0, self._clock())
        return {"userId": 900001, "hubId": self.portal_id, "appId": token.app_id, "scopes": sorted(token.scopes)}

    def introspect(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer what is known of an OAuth access token to the app that it was issued to; others learn nothing."""
        app, token = self._app, self._tokens.get(form.get("token", ""))
        if (form.get("client_id"), form.get("client_secret")) != (app.client_id, app.client_secret):
            raise _refused("invalid_client", "BAD_CLIENT_ID", "missing or invalid client id")
        now = self._clock()
        if token is None or token.expires_at is None or token.expires_at <= now:
            return {"active": False}
        return {"active": True, "app_id": token.app_id, "client_id": app.client_id, "hub_id": self.portal_id,
                "user_id": 900001, "token": token.value, "token_type": "bearer", "token_use": "access_token",
                "expires_in": int(token.expires_at - now), "is_private_distribution": False,
                "scopes": sorted(token.scopes)}  # fmt: skip

    def revoke(self, value: str) -> None:
        """Forget an access or refresh token, as when an admin deletes the private app or uninstalls the public one."""
        self._tokens.pop(value, None)
        if value == self.refresh_token:
            self.refresh_token = None

    def expire(self) -> int:
        """End every OAuth access token now, before its time; returns how many."""
        ended = [token for token in self._tokens.values() if token.expires_at is not None]
        for token in ended:
            self._tokens[token.value] = replace(token, expires_at=self._clock())
        return len(ended)


def expired(expires_at: float, now: float) -> ApiError:
    """Return the 401 of an expired or unknown token."""
    text = f"The OAuth token used to make this call expired {int(now - expires_at)} second(s) ago."
    return _unauthenticated("EXPIRED_AUTHENTICATION", text, {"expire time": [instant(int(expires_at * 1000))]})


def missing_scope(scopes: tuple[str, ...]) -> ApiError:
    """Return the 403 that names the scopes of which one would do."""
    body = {
        "status": "error", "category": "MISSING_SCOPES", "links": {"scopes": "https://developers.hubspot.com/scopes"},
        "message": "This app hasn't been granted all required scopes to make this call. Read more about required "
                   "scopes here: https://developers.hubspot.com/scopes.",
        "errors": [{"message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": list(scopes)}}],
    }  # fmt: skip
    return ApiError(403, body)


def demand(token: Token, method: str, path: str) -> None:
    """Raise the 403 when the token has none of the scopes that a canonical path needs."""
    for scopes in required_scopes(method, path):
        if scopes and not token.scopes.intersection(scopes):
            raise missing_scope(scopes)


def required_scopes(method: str, path: str) -> list[tuple[str, ...]]:
    """Return groups of scopes; of each non-empty group the token needs at least one."""
    parts = path.strip("/").split("/")
    area = "/".join(parts[:3])
    reads = method == "GET" or path.endswith(_READ_BY_POST)
    if area == "crm/v3/owners":
        return [("crm.objects.owners.read",)]
    if area in ("crm/v3/objects", "crm/v3/properties", "crm/v3/pipelines") and len(parts) > 3:
        return [_scopes_of(parts[3], area.rpartition("/")[2], reads=reads)]
    if area in ("crm/v3/associations", "crm/v4/associations") and len(parts) > 4:
        return [_scopes_of(segment, "associations", reads=True) for segment in parts[3:5]]
    if area == "crm/v4/objects" and len(parts) > 6:
        return [_scopes_of(segment, "associations", reads=True) for segment in (parts[3], parts[6])]
    if area == "crm/v3/limits":
        return [tuple(sorted(scope for scope in ALL_SCOPES if scope.startswith("crm.objects.")))]
    return []


def _scopes_of(segment: str, area: str, *, reads: bool) -> tuple[str, ...]:
    kind = object_type(segment)
    if kind is None:
        return ()
    name = "contacts" if kind.name in _ENGAGEMENTS else _PARENT_SCOPES.get(kind.name, kind.name)
    if name == "tickets":
        return ("tickets",)
    if name == "feedback_submissions":
        return ("crm.objects.feedback_submissions.read", "crm.objects.contacts.read")
    objects = tuple(f"crm.objects.{name}.{verb}" for verb in ("read", "write"))
    schemas = tuple(f"crm.schemas.{name}.{verb}" for verb in ("read", "write"))
    if area == "objects":
        return objects[:1] if reads else objects[1:]
    if area == "properties":
        return (schemas[0], *objects) if reads else schemas[1:]
    return objects if area == "associations" else (*objects, *schemas)


def _unauthenticated(category: str, message: str, context: dict[str, list[str]] | None = None) -> ApiError:
    body: dict[str, Any] = {"status": "error", "message": message, "category": category}
    return ApiError(401, body | ({"context": context} if context else {}))


def _refused(error: str, status: str, description: str) -> ApiError:
    return ApiError(400, {"error": error, "error_description": description, "status": status, "message": description})
