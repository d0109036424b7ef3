"""Notifications in the configuration: mistakes are told with file, line and key, and never with a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.describe import checked, effective, secret_values
from config.errors import ConfigFileError
from config.load import load_settings
from config.settings import Settings

HEAD = "connections: {hubspot: {type: hubspot, access_token: some-token-of-hubspot}}\nnotifications:\n"
SLACK = "    team: {type: slack, webhook_url: https://hooks.slack.com/services/T0/B0/not-for-anybody}\n"
ROUTES = "  routes:\n    - to: [team]\n"
SECRET = "not-for-anybody"


def load(folder: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    path = folder / "keepwell.yaml"
    path.write_text(HEAD + text)
    return load_settings(path, env or {})


def told(folder: Path, text: str) -> str:
    """What is said about a configuration that cannot be used."""
    with pytest.raises(ConfigFileError) as caught:
        checked(load(folder, text))
    said = str(caught.value)
    assert SECRET not in said
    return said.replace(str(folder / "keepwell.yaml"), "FILE")


def channel(text: str) -> str:
    return f"  channels:\n    team: {{{text}}}\n{ROUTES}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (channel("type: slak"), "FILE:4: notifications.channels.team.type: must be one of email, slack, teams, "),
        (channel("webhook_url: x"), "team.type: is required: one of email, slack, teams, webhook."),
        (channel(f"type: slack, webhook_url: 'http://x.example.com/{SECRET}'"), "must begin with https://"),
        (channel(f"type: slack, webhook_url: 'https://a:{SECRET}@x.example.com/'"), "without user name, password"),
        (channel(f"type: slack, webhook_url: 'ftp://x/{SECRET}'"), "must be an https address"),
        (channel("type: slack"), "give either `webhook_url` or `token`"),
        (channel(f"type: slack, token: {SECRET}"), "`token` and `channel` belong together"),
        (channel(f"type: slack, token: {SECRET}, channel: C1, mentions: {{a: anna}}"), "is not a Slack member id"),
        (channel("type: teams, webhook_url: 'https://x.example', mentions: {a: anna}"), "is neither a sign-in name"),
        (channel("type: teams"), "channels.team.webhook_url: is required. Give `webhook_url: ${VARIABLE}`"),
        *((channel(f"type: teams, webhook_url: 'https://x.example.com', proxy: '{wrong}'"), "proxy: must be an address")
          for wrong in (f"u:{SECRET}@proxy:3128", "proxy.example.com:3128", "socks5://p:1", "http://", "http://p:x")),
        (channel("type: teams, webhok_url: x"), "Did you mean `webhook_url`?"),
        (channel("type: webhook, url: 'https://x.example.com', secret: short"), "must be at least 16 characters"),
        (channel("type: webhook, url: 'https://x.example.com', secret: 'whsec_?'"), "is not base64"),
        (channel("type: email, host: h, sender: a@b.c, to: ['a@b.c\\nBcc: d']"), "is not a plain e-mail address"),
        (channel("type: email, host: h, sender: a@b.c, to: [], security: tls"), "to: must not be empty"),
        (channel("type: email, host: h, sender: a@b.c, to: [a@b.c], owner_domains: ['*']"), "is not a domain such as"),
        (channel("type: email, host: h, sender: a@b.c, to: [a@b.c], security: none"), "is for this machine only"),
        (channel("type: email, host: h, sender: a@b.c, to: [a@b.c], username: u"), "belong together"),
        (channel("type: teams, webhook_url: 'https://x.example.com', send: hourly"), "must be immediate, per_run or"),
        (f"  channels:\n{SLACK}", "no route goes to team; add one under `routes`"),
        (f"  channels:\n{SLACK}  routes: [{{to: [tem]}}]", "a route goes to 'tem', but the channels are: team"),
        (f"  channels:\n{SLACK}  routes: [{{to: [team], alerts: none}}]", "sends nothing"),
        (f"  channels:\n{SLACK}  routes: [{{to: [team], alerts: [band_drp]}}]", "no alert 'band_drp'. Did you mean"),
        (f"  channels:\n{SLACK}  routes: [{{to: [team], levels: [P1]}}]", "no level 'P1'. It has L4, L3, L2"),
        (f"  channels:\n{SLACK}  routes: [{{to: [team], segments: [big]}}]", "no segment 'big'. It has strategic, "),
        (f"  channels:\n{SLACK}  routes: [{{to: [team], runs: [slow]}}]", "notifications.routes"),
    ],
)  # fmt: skip
def test_mistakes_are_told(tmp_path: Path, text: str, said: str) -> None:
    assert said in told(tmp_path, text)


def test_secrets_are_masked_and_known_to_the_redactor(tmp_path: Path) -> None:
    settings = load(tmp_path, f"  channels:\n{SLACK}{ROUTES}")
    shown: dict[str, Any] = {entry.key: entry.value for entry in effective(settings)}
    assert shown["notifications.channels.team.webhook_url"] == "***"
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump_json())
    assert {"https://hooks.slack.com/services/T0/B0/not-for-anybody", "/services/T0/B0/not-for-anybody"} <= (
        secret_values(settings)
    ), "a library logs host and path apart"


def test_an_address_can_come_from_a_file_or_a_variable(tmp_path: Path) -> None:
    hook = "https://x.example.com/hook"
    (tmp_path / "hook").write_text(hook + "\n")
    (tmp_path / "hook").chmod(0o600)
    settings = load(tmp_path, channel("type: teams, webhook_url_file: hook"))
    found = settings.notifications.channels["team"]
    assert found.type == "teams"
    assert found.webhook_url.get_secret_value() == hook
    by_variable = {"KEEPWELL_NOTIFICATIONS__CHANNELS__TEAM__WEBHOOK_URL": hook + "2"}
    found = load(tmp_path, channel("type: teams"), by_variable).notifications.channels["team"]
    assert found.type == "teams"
    assert found.webhook_url.get_secret_value() == hook + "2"
