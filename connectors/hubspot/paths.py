"""Every path of HubSpot's API, made from one version setting.

`v3` is the numbered API with v4 associations; a date such as `2026-03` is the dated API. Parameters, bodies and
schemas are the same, only paths differ.
"""

from __future__ import annotations

from urllib.parse import quote


class Paths:
    """Paths for one API version."""

    def __init__(self, version: str) -> None:
        self._dated = version if version != "v3" else None

    def _api(self, area: str, *parts: str, numbered: str = "v3") -> str:
        tail = "/".join(quote(part, safe="") for part in parts)
        head = f"/crm/{area}/{self._dated}" if self._dated else f"/crm/{numbered}/{area}"
        return f"{head}/{tail}" if tail else head

    def objects(self, kind: str, *parts: str) -> str:
        """List of an object type, one record of it, or one of its batch and search operations."""
        return self._api("objects", kind, *parts)

    def associations(self, source: str, target: str) -> str:
        """Batch read of associations."""
        return self._api("associations", source, target, "batch", "read", numbered="v4")

    def properties(self, kind: str, *parts: str) -> str:
        """Property definitions and groups of an object type."""
        return self._api("properties", kind, *parts)

    def pipelines(self, kind: str) -> str:
        """Pipelines with their stages."""
        return self._api("pipelines", kind)

    def owners(self) -> str:
        """Users who own records."""
        return self._api("owners")

    def account(self) -> str:
        """Which portal a token belongs to, and its time zone."""
        return f"/account-info/{self._dated or 'v3'}/details"

    def token(self) -> str:
        """The OAuth token endpoint."""
        return f"/oauth/{self._dated or 'v3'}/token"

    def token_introspection(self) -> str:
        """What HubSpot knows of an OAuth token, for the app that it was issued to."""
        return f"{self.token()}/introspect"

    def private_token(self) -> str:
        """What HubSpot knows of a private app's token; it has this one path under every version."""
        return "/oauth/v2/private-apps/get/access-token-info"
