"""What the configuration says about one HubSpot connection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from connectors.origin import is_local
from connectors.strict import Strict, TimeoutSettings, WebUrl
from connectors.tasks import TaskSettings

ApiVersion = Literal["v3", "2026-03", "2026-09"]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
_REGION = re.compile(r"pat-([a-z]{2,4}[0-9]{1,2})-")
_HOME_REGION = "na1"
_TYPE_IDS = {"companies": "0-2"}
_NUMBER = re.compile(r"[0-9]{1,20}")


class OAuthSettings(Strict):
    """A public app's refresh grant; each secret is given directly or as a file."""

    client_id: str
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    refresh_token: SecretStr | None = None
    refresh_token_file: Path | None = Field(
        default=None, description="read at start; a rotated refresh token is stored here before its first use"
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> OAuthSettings:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give either client_secret or client_secret_file")
        if (self.refresh_token is None) == (self.refresh_token_file is None):
            raise ValueError("give either refresh_token or refresh_token_file")
        return self


class LimitSettings(Strict):
    """Quotas, where they differ from what HubSpot publishes; response headers overrule them."""

    burst_per_10s: int = Field(default=190, ge=1, description="requests of this app in 10 s")
    associations_per_10s: int = Field(default=150, ge=1, description="association requests of this app in 10 s")
    search_per_second: int = Field(default=5, ge=1, description="search requests of the whole portal in 1 s")
    daily: int = Field(
        default=1_000_000, ge=1, description="requests of the whole portal in a day, until a header says"
    )
    reserve: Fraction = Field(default=0.2, description="part of the daily quota that is left to other apps")
    burst_reserve: Fraction = Field(
        default=0.0, description="part of the ten-second limits that is left to what else uses this app's token"
    )


class PullSettings(Strict):
    """How records are read."""

    split_from: int = Field(
        default=500, ge=0, description="records of a stream that a full pull lists before search reads along; 0: never"
    )
    archived_pages: int = Field(
        default=10, ge=1, description="pages of a hundred archived records that one increment reads of each stream"
    )
    full_every_hours: float = Field(
        default=24.0,
        ge=0,
        le=876_000,
        description="how long increments stand in for a full read, which alone shows hard deletes, restores and "
        "calculated values; 0: for ever",
    )
    links_every_hours: float = Field(
        default=24.0,
        ge=0,
        le=876_000,
        description="how long associations are read only of records that changed; 0: for ever",
    )


class HubSpotSettings(Strict):
    """A connection of type `hubspot`: exactly one of access_token, access_token_file and oauth."""

    type: Literal["hubspot"] = "hubspot"
    access_token: SecretStr | None = Field(default=None, description="private-app token or service key")
    access_token_file: Path | None = Field(default=None, description="file with the token; read again after a 401")
    oauth: OAuthSettings | None = None
    base_url: str = "https://api.hubapi.com"
    web_url: WebUrl | None = Field(
        default=None,
        description="where people open the portal; else app.hubspot.com, or that of the region in the access token",
    )
    allow_hosts: tuple[str, ...] = Field(default=(), description="further hosts that a token may be sent to")
    api_version: ApiVersion = Field(default="v3", description="v3 means /crm/v3 with v4 associations")
    limits: LimitSettings = LimitSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    overlap_minutes: float = Field(
        default=10.0, ge=0, description="how far an increment looks back, for search results that arrive late"
    )
    pull: PullSettings = PullSettings()
    property_prefix: str = Field(default="cs_", pattern=r"^[a-z][a-z0-9_]*$")
    property_group: str = Field(default="customer_success", pattern=r"^[a-z][a-z0-9_]*$")
    tasks: TaskSettings = TaskSettings()
    ca_file: Path | None = Field(default=None, description="certificate authorities, instead of the system's")
    proxy: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the address is this machine (a sandbox)."""
        return is_local(self.base_url)

    @model_validator(mode="after")
    def _one_credential(self) -> HubSpotSettings:
        given = [name for name in ("access_token", "access_token_file", "oauth") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of access_token, access_token_file and oauth; found {found}")
        return self

    def record_page(self, identity: str, object_name: str, record_id: str) -> str | None:
        """Where a person opens a record of the portal `identity`; None where nothing leads there, or it is a sandbox.

        The form is the one that HubSpot's own answers have in `url` (`/contacts/PORTAL/record/0-2/ID`).
        """
        kind = _TYPE_IDS.get(object_name)
        known = _NUMBER.fullmatch(identity) and _NUMBER.fullmatch(record_id)
        if kind is None or not known or self.is_local:
            return None
        return f"{self.web_url or self._app()}/contacts/{identity}/record/{kind}/{record_id}"

    def _app(self) -> str:
        """The address of HubSpot's application in the region that the token names."""
        token = self.access_token.get_secret_value() if self.access_token is not None else ""
        region = _REGION.match(token)
        elsewhere = region is not None and region[1] != _HOME_REGION
        return f"https://app-{region[1]}.hubspot.com" if region and elsewhere else "https://app.hubspot.com"
