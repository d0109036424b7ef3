"""What a connection of type `salesforce` can be told, and what is checked before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.errors import ConfigError
from connectors.origin import check_origin, is_local
from connectors.salesforce.ids import is_id
from connectors.strict import Strict, TimeoutSettings, WebUrl
from connectors.tasks import TaskSettings

VENDOR_HOSTS = ("salesforce.com", "force.com", "salesforce.mil", "cloudforce.com", "sfcrmproducts.cn")
_OLDEST_VERSION = 55.0
_SHARED_LOGINS = frozenset({"login.salesforce.com", "test.salesforce.com"})


class JwtAuth(Strict):
    """JWT bearer: a key pair instead of a secret that travels; the first choice for a schedule.

    `audience` is derived from the login address when it is left out (`test` for sandboxes, else `login`).
    """

    flow: Literal["jwt"]
    consumer_key: SecretStr
    username: str
    private_key_file: Path | None = None
    private_key: SecretStr | None = None
    audience: Literal["login", "test"] | None = None

    @model_validator(mode="after")
    def _one_key(self) -> JwtAuth:
        if (self.private_key_file is None) == (self.private_key is None):
            raise ValueError("give exactly one of private_key_file and private_key")
        return self


class ClientCredentialsAuth(Strict):
    """Client credentials: key and secret of an app with a run-as user; needs the org's My Domain as login_url."""

    flow: Literal["client_credentials"]
    consumer_key: SecretStr
    consumer_secret: SecretStr


class PasswordAuth(Strict):
    """OAuth username-password, for orgs that still allow it; never the SOAP login."""

    flow: Literal["password"]
    consumer_key: SecretStr
    consumer_secret: SecretStr
    username: str
    password: SecretStr
    security_token: SecretStr | None = None


class TokenAuth(Strict):
    """A session that something else opened; it cannot be renewed."""

    flow: Literal["token"]
    access_token: SecretStr
    instance_url: str


Auth = Annotated[JwtAuth | ClientCredentialsAuth | PasswordAuth | TokenAuth, Field(discriminator="flow")]


class PullSettings(Strict):
    """How records are read.

    Whether an object is read by REST or by a Bulk API 2.0 job is decided by what is cheaper (`costs.py`), unless
    `bulk_from` gives a row count for all objects, or `always_bulk` or `never_bulk` names the object.
    `overlap_minutes` are re-read by each increment, because a transaction stamps its rows before it commits them;
    `lag_seconds` keep the newest changes out of a window, for a shorter overlap. `full_every_hours` is how long
    increments may stand in for a full read, which alone sees hard deletes; `formula_every_hours` is the same for
    objects with fields that change without moving the stamp; 0 is for ever. Such fields are told by their description;
    `volatile_fields` (`Account.Region__c`) are others that behave so.
    """

    bulk_from: int | None = Field(default=None, ge=0)
    always_bulk: frozenset[str] = frozenset()
    never_bulk: frozenset[str] = frozenset()
    overlap_minutes: int = Field(default=10, ge=0, le=1440)
    lag_seconds: int = Field(default=0, ge=0, le=3600)
    full_every_hours: int = Field(default=168, ge=0)
    formula_every_hours: int = Field(default=24, ge=0)
    volatile_fields: frozenset[Annotated[str, Field(pattern=r"^\w+\.\w+$")]] = frozenset()
    rest_page: int = Field(default=2000, ge=200, le=2000)
    bulk_page: int = Field(default=50_000, ge=1, le=250_000)
    bulk_parallel: int = Field(default=3, ge=1, le=5)
    rows_a_page: int = Field(default=5000, ge=1, le=10_000)
    job_minutes: int = Field(default=120, ge=1)

    @model_validator(mode="after")
    def _one_way(self) -> PullSettings:
        if both := sorted(self.always_bulk & self.never_bulk):
            raise ValueError(f"{', '.join(both)} cannot be in always_bulk and in never_bulk")
        return self


class MilestoneSettings(Strict):
    """Where milestones are records: `object` is `Task` or a custom object such as `Onboarding_Step__c`.

    `where` is a condition in SOQL for those of its records that are milestones.
    """

    object: str = Field(pattern=r"^[A-Za-z]\w{0,79}$")
    where: str = Field(default="", max_length=1000)


class LimitSettings(Strict):
    """The org's daily API quota; `daily` counts until the first answer tells the real one."""

    daily: int = Field(default=100_000, ge=1)
    reserve: float = Field(default=0.2, ge=0.0, lt=1.0, description="part of the quota that is left to other apps")


class SalesforceSettings(Strict):
    """A connection to one Salesforce org."""

    type: Literal["salesforce"] = "salesforce"
    auth: Auth
    login_url: str = "https://login.salesforce.com"
    web_url: WebUrl | None = Field(
        default=None,
        description="where people open the org; else its My Domain, as login_url or instance_url",
    )
    api_version: str = "62.0"
    allow_hosts: tuple[str, ...] = ()
    trust_env: bool = Field(default=False, description="take proxies and .netrc from the environment")
    ca_file: Path | None = Field(default=None, description="certificate authorities, instead of the system's")
    proxy: str | None = None
    property_prefix: str = Field(default="CS_", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,14}$")
    limits: LimitSettings = LimitSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    permission_set: str = Field(default="Keepwell_Write", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")
    pull: PullSettings = PullSettings()
    tasks: TaskSettings = TaskSettings()
    milestones: MilestoneSettings | None = Field(default=None, description="the object whose records are milestones")

    @field_validator("api_version", mode="before")
    @classmethod
    def _version(cls, value: object) -> str:
        try:
            number = float(str(value).removeprefix("v"))
        except ValueError:
            raise ValueError(f"{value!r} is not an API version such as 62.0") from None
        if not _OLDEST_VERSION <= number < 200 or number != int(number):
            raise ValueError(f"API version {value} is not supported; use {_OLDEST_VERSION} or newer, for instance 62.0")
        return f"{number:.1f}"

    @model_validator(mode="after")
    def _addresses(self) -> SalesforceSettings:
        try:
            check_origin(self.login_url, vendor_hosts=VENDOR_HOSTS, allow_hosts=self.allow_hosts, key="login_url")
            if isinstance(self.auth, TokenAuth):
                key = "auth.instance_url"
                check_origin(self.auth.instance_url, vendor_hosts=VENDOR_HOSTS, allow_hosts=self.allow_hosts, key=key)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if isinstance(self.auth, ClientCredentialsAuth) and urlsplit(self.login_url).hostname in _SHARED_LOGINS:
            raise ValueError(
                "login_url must be the org's own My Domain (https://NAME.my.salesforce.com) for client_credentials"
            )
        return self

    @property
    def home(self) -> str:
        """The configured address that answers first: the login endpoint, or the instance of a ready token."""
        return self.auth.instance_url if isinstance(self.auth, TokenAuth) else self.login_url

    @property
    def is_local(self) -> bool:
        """Whether that address is this machine (a sandbox)."""
        return is_local(self.home)

    def record_page(self, _identity: str, object_name: str, record_id: str) -> str | None:
        """Where a person opens an account; None where the org's own address is not known, or it is this machine."""
        if object_name != "Account" or not is_id(record_id) or self.is_local:
            return None
        home = urlsplit(self.home)
        own = None if home.hostname in _SHARED_LOGINS else f"https://{home.netloc}"
        origin = self.web_url or own
        return f"{origin}/lightning/r/Account/{record_id}/view" if origin is not None else None
