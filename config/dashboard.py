"""Settings of `keepwell serve`: who may look, and under which names and addresses the dashboard is reached."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints, field_validator

Role = Literal["viewer", "admin"]
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$")]
_HOST = r"^([A-Za-z0-9]([A-Za-z0-9.-]{0,252})|[0-9a-f:.]{2,45})$"
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,80}$")]
Network = Annotated[str, StringConstraints(min_length=1)]

SHORTEST_SECRET = 32
"""Characters of a secret that signs sessions."""


def _without_brackets(value: object) -> object:
    """An IPv6 address as browsers name it between brackets, whichever way it was written."""
    if not isinstance(value, str) or ":" not in value:
        return value
    try:
        return str(IPv6Address(value.removeprefix("[").removesuffix("]")))
    except AddressValueError:
        raise ValueError(f"{value!r} is no name or address; leave scheme and port out") from None


HostName = Annotated[str, BeforeValidator(_without_brackets), StringConstraints(pattern=_HOST)]
"""A name or an address, an IPv6 one without brackets."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DashboardUser(_Section):
    """Somebody who logs in with a password."""

    password_hash: SecretStr = Field(description="What `keepwell config hash-password` prints.")
    role: Role = Field(default="viewer", description="`viewer` sees accounts and runs, `admin` also the settings.")

    @field_validator("password_hash")
    @classmethod
    def _argon2(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("$argon2id$"):
            raise ValueError("is no hash of a password; `keepwell config hash-password` makes one")
        return value


class TrustedProxy(_Section):
    """A proxy in front of the dashboard that knows who is asking."""

    addresses: tuple[Network, ...] = Field(
        default=(), description="Addresses or networks of the proxy; its headers count from nowhere else."
    )
    user_header: HeaderName | None = Field(
        default=None, description="Header with the name of who is asking; without it people log in with a password."
    )
    admins: tuple[UserName, ...] = Field(default=(), description="Names of those who are admins; others are viewers.")

    @field_validator("addresses")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is no address or network such as 10.0.0.7 or 10.0.0.0/24") from None
        return value

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The addresses as networks."""
        return tuple(ip_network(one) for one in self.addresses)


class Dashboard(_Section):
    """Who may look at the dashboard; without users or a proxy's header it is served on this machine only."""

    allowed_hosts: tuple[HostName, ...] = Field(
        default=(), description="Names under which people reach it; others are refused, this machine's own aside."
    )
    https: bool = Field(
        default=False, description="Whether people reach it by https: cookies are then sent by that way only."
    )
    users: dict[UserName, DashboardUser] = Field(
        default_factory=dict, description="Who logs in with a password: name to `password_hash` and `role`."
    )
    session_secret: SecretStr | None = Field(
        default=None, description="Signs sessions; without it every start makes one, and everybody logs in again."
    )
    session_hours: float = Field(default=12.0, gt=0, le=720, description="How long a login lasts.")
    proxy: TrustedProxy = Field(default_factory=TrustedProxy, description="A proxy in front of the dashboard.")

    @field_validator("session_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"is too short; give it at least {SHORTEST_SECRET} random characters")
        return value

    @property
    def authenticates(self) -> bool:
        """Whether it is known who is asking."""
        return bool(self.users) or (self.proxy.user_header is not None and bool(self.proxy.addresses))
