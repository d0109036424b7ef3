"""Writes the first `keepwell.yaml`: short, commented, without secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Flow = Literal["jwt", "client_credentials", "password", "token"]
_FLOW_KEYS: dict[str, dict[str, str]] = {
    "jwt": {
        "consumer_key": "${SALESFORCE_CONSUMER_KEY}",
        "username": "${SALESFORCE_USERNAME}",
        "private_key_file": "salesforce.key.pem",
    },
    "client_credentials": {
        "consumer_key": "${SALESFORCE_CONSUMER_KEY}",
        "consumer_secret": "${SALESFORCE_CONSUMER_SECRET}",
    },
    "password": {
        "consumer_key": "${SALESFORCE_CONSUMER_KEY}",
        "consumer_secret": "${SALESFORCE_CONSUMER_SECRET}",
        "username": "${SALESFORCE_USERNAME}",
        "password": "${SALESFORCE_PASSWORD}",
    },
    "token": {"access_token": "${SALESFORCE_ACCESS_TOKEN}", "instance_url": "${SALESFORCE_INSTANCE_URL}"},
}


@dataclass(frozen=True, slots=True)
class HubSpotStart:
    """What the starter file says about HubSpot."""

    access_token: str = "${HUBSPOT_ACCESS_TOKEN}"  # noqa: S105 - a reference, not a token
    base_url: str = "https://api.hubapi.com"


@dataclass(frozen=True, slots=True)
class SalesforceStart:
    """What the starter file says about Salesforce; `keys` replace the placeholders of the flow."""

    flow: Flow = "jwt"
    login_url: str = "https://login.salesforce.com"
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GainsightStart:
    """What the starter file says about Gainsight; `user` is the GSID of whom it names for our writes, if known."""

    access_key: str = "${GAINSIGHT_ACCESS_KEY}"
    base_url: str = "https://YOURS.gainsightcloud.com"
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Starter:
    """The choices behind a new configuration file; at least one system."""

    hubspot: HubSpotStart | None = None
    salesforce: SalesforceStart | None = None
    gainsight: GainsightStart | None = None
    workspace: str = "default"
    framework: str = "cradle_to_grave"
    timezone: str = "UTC"
    store: str = "sqlite:///keepwell.db"
    rates: dict[str, float] | None = None
    """What one unit of each currency is worth in euros, where the portfolio has several."""

    def text(self) -> str:
        """The file's content."""
        parts = [_HEAD.format(**{name: _quoted(getattr(self, name)) for name in _HEAD_KEYS})]
        if self.hubspot is not None:
            token, url = _quoted(self.hubspot.access_token), _quoted(self.hubspot.base_url)
            parts.append(_HUBSPOT.format(access_token=token, base_url=url))
        if self.salesforce is not None:
            keys = _FLOW_KEYS[self.salesforce.flow] | self.salesforce.keys
            auth = "".join(f"\n      {key}: {_quoted(value)}" for key, value in keys.items())
            login = _quoted(self.salesforce.login_url)
            parts.append(_SALESFORCE.format(flow=self.salesforce.flow, auth=auth, login_url=login))
        if self.gainsight is not None:
            key, url, user = self.gainsight.access_key, self.gainsight.base_url, self.gainsight.user
            parts.append(_GAINSIGHT.format(access_key=_quoted(key), base_url=_quoted(url)))
            parts.append(f"    integration_user: {_quoted(user)}\n" if user else "")
        return "".join(parts) + _TAIL + (_money(self.rates) if self.rates else "")


def write_private(path: Path, text: str, *, replace: bool = False) -> None:
    """Create `path` with mode 0600; raises FileExistsError when it exists and `replace` is false.

    Never follows a link that somebody left in its place, and leaves no part of a file behind when it fails.
    """
    target = path if not replace else path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            target.replace(path)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _quoted(value: str) -> str:
    plain = value.replace("_", "").replace("-", "").replace("/", "").isalnum()
    return value if plain and not value[:1].isdigit() else json.dumps(value)


_HEAD_KEYS = ("workspace", "framework", "timezone", "store")
_HEAD = """\
# Keepwell's configuration. `keepwell config check` shows what counts and where it comes from;
# `keepwell doctor` tries the connections. Secrets stay outside: ${{NAME}} is an environment variable, and any
# secret can be given as a file instead (access_token_file: /run/secrets/hubspot).

workspace: {workspace}                # one company's CRMs and framework; many workspaces can share one store
framework: {framework}        # a shipped framework, or the path of your own
timezone: {timezone}                     # days are counted here, for instance Europe/Copenhagen
store: {store}   # or postgresql://USER:PASSWORD@HOST/DATABASE

connections:
"""
_HUBSPOT = """\
  hubspot:
    type: hubspot
    access_token: {access_token}
    base_url: {base_url}
"""
_SALESFORCE = """\
  salesforce:
    type: salesforce
    login_url: {login_url}
    auth:
      flow: {flow}{auth}
"""
_GAINSIGHT = """\
  gainsight:
    type: gainsight
    base_url: {base_url}
    access_key: {access_key}
"""
_TAIL = """\

# Where your CRM keeps a value that the framework uses, when it is not where Keepwell looks by default:
# fields:
#   hubspot: {companies: {arr: annual_recurring_revenue, go_live_at: go_live_date}}

policy:
  human_edits: hold             # a value that a person changed is left alone and reported; or: reclaim
  guards:
    max_changes: 50%            # a plan that changes more records than this is refused
    max_band_drops: 20%         # so is one that makes the health of more accounts worse than this
    max_shrink: 20%             # and so is a pull that comes back this much smaller than the last one
  quota_reserve: 20%            # share of each API quota that is left for other apps
"""
_MONEY = """\

# Amounts in other currencies are converted into this one, with the last rate on or before the day of a record:
currency: EUR
rates:
"""


def _money(rates: Mapping[str, float]) -> str:
    return _MONEY + "".join(f"  - {{currency: {code}, on: 2000-01-01, rate: {rate}}}\n" for code, rate in rates.items())
