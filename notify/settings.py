"""What the configuration says about notifications: channels, what goes to which, and when."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.origin import is_loopback

Change = Literal["opened", "escalated", "acknowledged", "resolved"]
RunProblem = Literal["failed", "credentials", "refused", "deferred", "partial", "never_ran"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = get_args(Day)
CHANGES: tuple[Change, ...] = get_args(Change)
RUN_PROBLEMS: tuple[RunProblem, ...] = get_args(RunProblem)

PATTERN_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
PATTERN_WHEN = r"^(immediate|per_run|daily ([01]\d|2[0-3]):[0-5]\d)$"


def _clock_time(value: object) -> object:
    """YAML reads 19:00 without quotation marks as a number of minutes."""
    minutes = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60
    return f"{value // 60:02}:{value % 60:02}" if minutes and isinstance(value, int) else value


def _looks_like(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"must be {what}, not {value!r}")
        return value

    return AfterValidator(check)


LocalTime = Annotated[
    str,
    BeforeValidator(_clock_time),
    _looks_like(PATTERN_TIME, "a time such as 08:30"),
    Field(json_schema_extra={"pattern": PATTERN_TIME, "examples": ["08:30"]}),
]
When = Annotated[
    str,
    _looks_like(PATTERN_WHEN, "immediate, per_run or daily and a time, such as daily 08:30"),
    Field(json_schema_extra={"pattern": PATTERN_WHEN, "examples": ["daily 08:30"]}),
]
_MEMBER = re.compile(r"^[UW][A-Z0-9]{2,}$")
_ENTRA_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_ADDRESS = re.compile(r"^[^\s@<>,;:\"\\]+@[^\s@<>,;:\"\\]+$", re.ASCII)
_DOMAIN = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", re.ASCII | re.IGNORECASE)
_SHORTEST_SECRET = 16


def _receiver(value: SecretStr) -> SecretStr:
    """An address that a message may be sent to; the message of an error never shows it, because it is a secret."""
    try:
        parts = urlsplit(value.get_secret_value().strip())
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not an address such as https://host/path") from None
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password or parts.fragment:
        raise ValueError("must be an https address without user name, password and fragment")
    if parts.scheme != "https" and not is_loopback(host):
        raise ValueError("must begin with https://; plain http is for this machine only")
    return SecretStr(value.get_secret_value().strip())


def _proxy(value: SecretStr) -> SecretStr:
    """The address of a proxy; it may have a password, so that the message of an error does not show it."""
    text = value.get_secret_value().strip()
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be an address such as http://proxy.example.com:3128")
    return SecretStr(text)


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError(f"{value!r} is not a plain e-mail address such as team@example.com")
    return value


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise ValueError(f"{value!r} is not a domain such as example.com")
    return value.lower()


def is_address(text: str) -> bool:
    """Whether a text is a plain e-mail address, and nothing that a mail server would read as more."""
    return _ADDRESS.fullmatch(text) is not None


Receiver = Annotated[SecretStr, AfterValidator(_receiver)]
Proxy = Annotated[SecretStr, AfterValidator(_proxy)]
Address = Annotated[str, AfterValidator(_address)]
Domain = Annotated[str, AfterValidator(_domain)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QuietHours(_Part):
    """When nothing is sent to a channel: it waits, and goes out when they are over. Times are the tenant's."""

    since: LocalTime | None = Field(default=None, description="When they begin, for instance 19:00.")
    until: LocalTime | None = Field(default=None, description="When they end, for instance 07:30.")
    days: tuple[Day, ...] = Field(default=(), description="Days that are quiet from midnight to midnight.")
    critical_passes: bool = Field(default=True, description="Whether what is critical is sent all the same.")

    @model_validator(mode="after")
    def _says_something(self) -> QuietHours:
        if (self.since is None) != (self.until is None):
            raise ValueError("`since` and `until` belong together")
        if self.since is None and not self.days:
            raise ValueError("give `since` and `until`, or `days`")
        if self.since is not None and self.since == self.until:
            raise ValueError("`since` and `until` are the same time; name whole days under `days`")
        if len(set(self.days)) == len(DAYS):
            raise ValueError("with every day quiet nothing would ever be sent")
        return self


class _Channel(_Part):
    send: When = Field(
        default="immediate",
        description="immediate: a message a change; per_run: one for all changes of a run; daily HH:MM: one a day.",
    )
    quiet_hours: QuietHours | None = Field(default=None, description="When nothing is sent; it waits.")
    existing: Literal["skip", "digest"] = Field(
        default="skip",
        description="Alerts that stand when the channel is switched on: not told, or told in one digest.",
    )


class _Web(_Channel):
    proxy: Proxy | None = Field(default=None, description="Address of an HTTP proxy.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the system's.")


class SlackChannel(_Web):
    """A channel in Slack: an incoming webhook, or a bot's token and the channel's id."""

    type: Literal["slack"]
    webhook_url: Receiver | None = Field(default=None, description="Address of an incoming webhook.")
    token: SecretStr | None = Field(default=None, description="Bot token with the scope chat:write.")
    channel: str | None = Field(default=None, description="Id of the channel, for instance C0123456789.")
    api_url: Receiver = Field(
        default=SecretStr("https://slack.com/api"), description="Address of the Web API, for tests."
    )
    mentions: dict[str, str] = Field(
        default_factory=dict,
        description="Whom to mention: an owner's e-mail address, or connection:id, to the Slack member id.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> SlackChannel:
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("give either `webhook_url` or `token`")
        if (self.token is None) != (self.channel is None):
            raise ValueError("`token` and `channel` belong together; a webhook has its channel")
        return self

    @field_validator("mentions")
    @classmethod
    def _members(cls, value: dict[str, str]) -> dict[str, str]:
        for owner, member in value.items():
            if not _MEMBER.fullmatch(member):
                raise ValueError(f"{member!r} (of {owner}) is not a Slack member id such as U012AB3CD")
        return {owner.strip().lower(): member for owner, member in value.items()}


class TeamsChannel(_Web):
    """A channel in Microsoft Teams: the webhook of a Workflow."""

    type: Literal["teams"]
    webhook_url: Receiver = Field(description="Address of the trigger `When a Teams webhook request is received`.")
    mentions: dict[str, str] = Field(
        default_factory=dict,
        description="Whom to mention: an owner's e-mail address, or connection:id, to the sign-in name or object id.",
    )

    @field_validator("mentions")
    @classmethod
    def _people(cls, value: dict[str, str]) -> dict[str, str]:
        for owner, person in value.items():
            if not _ADDRESS.fullmatch(person) and not _ENTRA_ID.fullmatch(person):
                raise ValueError(
                    f"{person!r} (of {owner}) is neither a sign-in name (anna@example.com) nor an object id"
                )
        return {owner.strip().lower(): person for owner, person in value.items()}


class EmailChannel(_Channel):
    """People who get e-mail."""

    type: Literal["email"]
    host: str = Field(min_length=1, description="Name of the SMTP server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is encrypted; none is for this machine only."
    )
    username: str | None = Field(default=None, description="Name to log in with.")
    password: SecretStr | None = Field(default=None, description="Password to log in with.")
    sender: Address = Field(description="Address that the messages come from.")
    to: tuple[Address, ...] = Field(min_length=1, max_length=50, description="Addresses that get the messages.")
    owner_domains: tuple[Domain, ...] = Field(
        default=(), description="Domains whose people get the alerts that they own, in place of `to`."
    )
    ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the system's.")

    @model_validator(mode="after")
    def _safe(self) -> EmailChannel:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("`security: none` is for this machine only; use starttls or tls")
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` belong together")
        return self


class WebhookChannel(_Web):
    """Any program that takes JSON over HTTPS; every message is signed."""

    type: Literal["webhook"]
    url: Receiver = Field(description="Address that gets the messages.")
    secret: SecretStr = Field(description="Key of the signature: whsec_ and base64, or at least 16 characters.")
    authorization: SecretStr | None = Field(default=None, description="Value of the header Authorization.")

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(signing_key(value)) < _SHORTEST_SECRET:
            raise ValueError(f"must be at least {_SHORTEST_SECRET} characters (or bytes after whsec_)")
        return value


def signing_key(secret: SecretStr) -> bytes:
    """The bytes that sign; raises ValueError for `whsec_` with something that is no base64 behind it."""
    text = secret.get_secret_value()
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64") from None


Channel = Annotated[SlackChannel | TeamsChannel | EmailChannel | WebhookChannel, Field(discriminator="type")]
CHANNELS: dict[str, type[BaseModel]] = {
    "email": EmailChannel,
    "slack": SlackChannel,
    "teams": TeamsChannel,
    "webhook": WebhookChannel,
}


class Route(_Part):
    """What goes to some channels: alerts and runs. A key that is left out, or empty, does not narrow."""

    to: tuple[str, ...] = Field(min_length=1, description="Names of channels.")
    alerts: tuple[str, ...] | Literal["none"] = Field(
        default=(), description="Kinds of alerts, as the framework names them; none: only what `runs` says."
    )
    levels: tuple[str, ...] = Field(default=(), description="Escalation levels of the framework.")
    segments: tuple[str, ...] = Field(default=(), description="Segments of the accounts.")
    owners: tuple[str, ...] = Field(
        default=(), description="Roles of the framework (csm, sales), or people: e-mail address, name or connection:id."
    )
    changes: tuple[Change, ...] = Field(default=CHANGES, min_length=1, description="Which changes of an alert.")
    runs: tuple[RunProblem, ...] = Field(default=(), description="Which ways of a run to go wrong, and its recovery.")

    @model_validator(mode="after")
    def _says_something(self) -> Route:
        if self.alerts == "none" and not self.runs:
            raise ValueError("`alerts: none` without `runs` sends nothing")
        return self


class Notifications(_Part):
    """Who hears of alerts and of runs that went wrong."""

    channels: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Channel] = Field(
        default_factory=dict, description="Where news goes, each under a name of your choice; `type` says what it is."
    )
    routes: tuple[Route, ...] = Field(default=(), description="What goes to which channels; all that fit count.")

    @model_validator(mode="after")
    def _names_exist(self) -> Notifications:
        known = ", ".join(sorted(self.channels)) or "none"
        for route in self.routes:
            for name in route.to:
                if name not in self.channels:
                    raise ValueError(f"a route goes to {name!r}, but the channels are: {known}")
        idle = sorted(set(self.channels) - {name for route in self.routes for name in route.to})
        if idle:
            raise ValueError(f"no route goes to {', '.join(idle)}; add one under `routes`")
        return self
