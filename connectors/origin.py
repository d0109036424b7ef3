"""Where a token may be sent: checked once for each configured address, and again for each link in an answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from connectors.errors import BadAnswer, ConfigError


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine; the only place where plain http is accepted."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local(url: str) -> bool:
    """Whether an address is on this machine: the sandbox, or a tunnel to it."""
    return is_loopback(urlsplit(url).hostname or "")


def check_origin(
    url: str, *, vendor_hosts: Iterable[str], allow_hosts: Iterable[str] = (), key: str = "base_url"
) -> str:
    """`url` without trailing slash when a token may be sent there; raises `ConfigError` naming `key` otherwise.

    A vendor host `example.com` also stands for its subdomains; `allow_hosts` are exact names added by the user.
    """
    try:
        parts = urlsplit(url.strip())
        host, _port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ConfigError(f"{key} is not a valid address: {url!r} ({error}).") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{key} must be an http(s) address, not {url!r}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{key} must not carry user name, password, query or fragment.")
    if is_loopback(host):
        return url.strip().rstrip("/")
    if parts.scheme != "https":
        raise ConfigError(f"{key} uses plain http for {host}.", hint="Use https; http is for this machine only.")
    if not _is_allowed(host, vendor_hosts, allow_hosts):
        raise ConfigError(
            f"{key} points to {host}, which is not one of the vendor's hosts.",
            hint="If a token may really be sent there, list the host under allow_hosts of the connection.",
        )
    return url.strip().rstrip("/")


def check_web_url(url: str) -> str:
    """`url` without trailing slash when it can be the address at which people open a CRM: https and a host, no more.

    Nothing is ever sent there; pages link to it. Raises `ConfigError`.
    """
    try:
        parts = urlsplit(url.strip())
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"web_url is not a valid address: {url!r} ({error}).") from error
    extra = (parts.username, parts.password, parts.query, parts.fragment, parts.path.strip("/"))
    if parts.scheme != "https" or not host or any(extra) or not url.isascii():
        hint = "Give what the browser shows up to the first slash, for instance https://app-eu1.hubspot.com."
        raise ConfigError(f"web_url must be https:// and a host, not {url!r}.", hint=hint)
    return f"https://{parts.netloc.lower()}"


def _is_allowed(host: str, vendor_hosts: Iterable[str], allow_hosts: Iterable[str]) -> bool:
    named = {allowed.lower().strip() for allowed in allow_hosts}
    return host in named or any(host == vendor or host.endswith("." + vendor) for vendor in vendor_hosts)


def local_path(link: str, base_url: str, *, prefix: str = "/") -> str:
    """Path and query of a link in an answer, to be asked on our own origin.

    Raises `BadAnswer` when the link is absolute and of another origin, or its path does not start with `prefix`:
    following it would hand the token to a stranger.
    """
    own = urlsplit(base_url)
    try:
        parts = urlsplit(link)
        foreign = bool(parts.scheme or parts.netloc) and _origin(link) != _origin(base_url)
    except ValueError as error:
        raise BadAnswer("The answer has a link that is no address; it was not followed.", sent=True) from error
    if foreign:
        raise BadAnswer(
            f"The answer links to {parts.netloc or parts.scheme}, not to {own.netloc}; the link was not followed.",
            sent=True,
        )
    if not parts.path.startswith(prefix) or parts.path.startswith("//") or ".." in parts.path.split("/"):
        raise BadAnswer(
            f"The answer links to {parts.path!r}, not below {prefix!r}; the link was not followed.", sent=True
        )
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port
