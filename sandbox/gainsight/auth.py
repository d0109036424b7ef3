"""Who may come in: the one access key of the organisation, or a token of the machine-to-machine login."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from itertools import count
from urllib.parse import parse_qsl

from sandbox.gainsight.errors import ApiError, unauthorized
from sandbox.gainsight.options import GainsightOptions, OAuthPair

TOKEN_PATH = "/v1/users/m2m/oauth/token"


class Gatekeeper:
    """Checks the credentials of a call; a new access key makes the old one worthless at once."""

    def __init__(self, options: GainsightOptions) -> None:
        self.access_key = options.access_key
        self.pair = options.oauth
        self.allowed_ips = options.allowed_ips
        self.unauthorized_status = options.unauthorized_status
        self._clock, self._lifetime = options.clock, options.token_seconds
        self._tokens: dict[str, float] = {}
        self._numbers = count(1)

    def identify(self, headers: Mapping[str, str], address: str) -> str:
        """Return the name of the access that a call comes with; raises ApiError."""
        key, bearer = headers.get("accesskey"), headers.get("authorization")
        if key is not None and bearer is not None:
            raise ApiError(400, "GSOBJ_1024", "Invalid authorization headers")
        if key is not None:
            if not _same(key, self.access_key):
                raise unauthorized(self.unauthorized_status)
            if self.allowed_ips is not None and address not in self.allowed_ips:
                raise ApiError(403, "GS_APIG_2402", "IP address not in whitelisted range")
            return "accesskey"
        scheme, _, token = (bearer or "").partition(" ")
        if scheme.lower() != "bearer" or self._tokens.get(token, 0.0) <= self._clock():
            raise unauthorized(self.unauthorized_status)
        return self.pair.client_id

    def issue(self, authorization: str | None, form: bytes) -> dict[str, str | float]:
        """Return a token for the client of a Basic header; raises ApiError 401."""
        fields = dict(parse_qsl(form.decode("utf-8", "replace")))
        if fields.get("grant_type") != "client_credentials" or not self._is_client(authorization):
            raise unauthorized()
        token = f"gst-{next(self._numbers):06d}.sandbox"
        self._tokens[token] = self._clock() + self._lifetime
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(self._lifetime)}

    def expire(self) -> int:
        """End every token before its time and return how many there were."""
        ended = len(self._tokens)
        self._tokens.clear()
        return ended

    def renew(self, secret: str) -> None:
        """Give the client another secret; tokens that it has stay good."""
        self.pair = OAuthPair(self.pair.client_id, secret)

    def _is_client(self, authorization: str | None) -> bool:
        scheme, _, encoded = (authorization or "").partition(" ")
        try:
            client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (
            scheme.lower() == "basic" and _same(client, self.pair.client_id) and _same(secret, self.pair.client_secret)
        )


def _same(given: str, held: str) -> bool:
    return hmac.compare_digest(given.encode(), held.encode())
